"""The offer of a draft: the unsaved text, the record it was typed over, and the record now."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from app.drafts.draft import Draft, DraftChanged
from app.errors import DockbookError, NotFound
from app.models.fields import BY_NAME, ID_FIELD, STATUS, WRITABLE_FIELDS
from app.repository.merge import status_changed
from app.screens.base import BaseScreen
from app.screens.comparison import ComparisonScreen
from app.screens.context import AppContext
from app.screens.dialogs import ConfirmDialog
from app.screens.messages import changed_by_others, draft_subject, field_list, relative_time
from app.screens.unconfirmed import resolve_draft
from app.storage.files import os_error_text
from app.widgets.comparison_view import ComparisonRow

if TYPE_CHECKING:
    from app.models.customer import Customer

_NOT_READ = "The customer cannot be read now: the last column is not known."


class DraftOfferScreen(ComparisonScreen[Draft]):
    """Offers `draft`; the result is the draft that this session has claimed, or nothing."""

    HELP_TEXT = (
        "A draft is text that you typed and did not save. It is kept on this machine. Resume opens the form with it; "
        "when you save, you see what others changed meanwhile. Discard removes it. Later keeps it: press w on the "
        "list to see your drafts. Nothing is sent from here."
    )

    TAKES_SCANS = True
    HEADINGS = ("Before", "  You typed", "  Server now")
    SHORT_HEADINGS = ("Before", "Typed", "Server")
    FOOTER = ("resume", "discard", "leave")

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,f2,e", "resume", "Resume", id="resume", tooltip="Open the form with this draft"),
        Binding("delete,d", "discard", "Discard", id="discard", tooltip="Remove the draft"),
        Binding("escape,f3,q,f12", "leave", "Later", id="leave", tooltip="Keep the draft for later"),
    ]

    def __init__(self, context: AppContext, draft: Draft) -> None:
        super().__init__(context)
        self.draft = draft
        self._now: Customer | None = None
        self._saved = False

    def on_mount(self) -> None:
        super().on_mount()
        self.header.title = f"Draft · {draft_subject(self.draft)}"
        self._show_state()
        self.run_read(self._load_current, "record")

    def action_resume(self) -> None:
        if self._saved:
            self.dismiss(None)
        elif self.can_write():
            self.run_blocking_action(self._resume, "take")

    def action_discard(self) -> None:
        def answered(answer: str | None) -> None:
            if answer == "discard":
                self.run_blocking_action(self._discard, "take")

        self.app.push_screen(
            ConfirmDialog(
                "Discard this draft?",
                [f"{field_list(self.draft.shown_fields)} of {draft_subject(self.draft)}. It is removed for good."],
                {"keep": "Keep", "discard": "Discard"},
            ),
            answered,
        )

    def action_leave(self) -> None:
        self.context.draft_offer_postponed.add(self.draft.id)
        self.dismiss(None)

    async def _resume(self) -> None:
        taken = await self._claim()
        if taken is not None:
            self.call_when_active(partial(self.dismiss, taken))

    async def _discard(self) -> None:
        taken = await self._claim()
        if taken is not None and self.context.drafts is not None:
            self.context.drafts.delete(taken)
            self.call_when_active(self.dismiss)

    async def _claim(self) -> Draft | None:
        drafts = self.context.drafts
        if drafts is None:
            return None
        try:
            taken = await drafts.claim(self.draft)
        except DraftChanged as moved:
            self.draft = moved.now
            self._show_state()
            self.show_notice(
                "Someone went on with this draft in another window. This is how it is now: choose again.", "warning"
            )
            return None
        except OSError as error:
            self.show_notice(f"The draft cannot be opened: {os_error_text(error)}.", "error")
            return None
        if taken is None:
            self.show_notice("Someone has opened or removed this draft in another window.", "warning")
        return taken

    async def _load_current(self) -> None:
        """Read the record as it is now, and find out what came of a write without a response."""
        draft = self.draft
        resolve_draft(self, draft)
        short_id = draft.short_id or draft.shown_fields.get(ID_FIELD, "").strip()
        if not short_id:
            self.set_footnote()
            return
        try:
            self._now = await self.repository.customer(short_id)
        except NotFound:
            self.set_footnote(f"There is no customer {short_id} on the server now.")
        except DockbookError as error:
            self.set_footnote(f"{_NOT_READ} {error.title}.")
            self._show_state()
            return
        self._show_state()

    def apply_saved(self, message: BaseScreen.CustomerSaved) -> None:
        """What was not confirmed was carried out after all: unless something is left of it, the draft is gone."""
        drafts = self.context.drafts
        if message.change is not None and message.change.key == self.draft.id and drafts is not None:
            left = next((draft for draft in drafts.unclaimed if draft.id == self.draft.id), None)
            self._saved = left is None
            self._now = message.customer
            self.draft = left or self.draft
            self._show_state()

    def _show_state(self) -> None:
        draft, now = self.draft, datetime.now().astimezone()
        what = {
            "editing": "and did not save it.",
            "sending": "and saved it, but the save is not confirmed yet.",
            "not sent": "but the server could not be reached. It was not sent.",
        }[draft.state]
        if self._saved:
            what = "and saved it. The server has it."
        who = draft_subject(draft)
        verb = f"changed {field_list(draft.shown_fields)} of" if draft.base is not None else "began"
        self.set_intro(f"You {verb} {who} {relative_time(draft.changed, now)} {what}")
        self.view.show(self._rows())
        moved, base = self._moved(), self.draft.base_customer()
        notes = [f"Changed by others meanwhile: {', '.join(moved)}."] if moved else []
        if base is not None and self._now is not None and status_changed(base, self._now):
            notes += changed_by_others(self._now, {STATUS: self._now.status})
        if notes:
            self.set_footnote(*notes)

    def _rows(self) -> Sequence[ComparisonRow]:
        names = [name for name in (ID_FIELD, *WRITABLE_FIELDS) if name in self.draft.shown_fields]
        base = self.draft.base_customer()
        rows = []
        for name in names:
            was = base.value(name) if base else ""
            now = self._now.value(name) if self._now else None
            typed = self.draft.shown_fields[name]
            marked = now is not None and base is not None and now not in (was, typed)
            rows.append(ComparisonRow(name, BY_NAME[name].label, (was, typed, now), 1, marked))
        return rows

    def _moved(self) -> Sequence[str]:
        """What others changed in fields that were not typed in."""
        base, now = self.draft.base_customer(), self._now
        if base is None or now is None:
            return []
        return [
            f"{BY_NAME[name].label} ({base.value(name) or 'empty'} → {now.value(name) or 'empty'})"
            for name in WRITABLE_FIELDS
            if name not in self.draft.shown_fields and base.value(name) != now.value(name)
        ]
