"""The offer of a draft: what was typed and not saved, beside the record as it was and as it is now."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from app.drafts.draft import Draft, DraftChanged
from app.errors import DockbookError, NotFound
from app.models.fields import BY_NAME, ID_FIELD, STATUS, WRITABLE_FIELDS
from app.repository.merge import status_changed
from app.screens.base import DockScreen
from app.screens.comparison import ReviewScreen
from app.screens.context import Desk
from app.screens.dialogs import Question
from app.screens.messages import changed_by_others, labels, when, who_is_drafted
from app.screens.unconfirmed import look_for
from app.storage.files import os_error_text
from app.widgets.comparison_view import Compared

if TYPE_CHECKING:
    from app.models.customer import Customer

_NOT_READ = "The server's record cannot be read now, so the last column is not known."


class DraftOfferScreen(ReviewScreen[Draft]):
    """Offers `draft`; the result is the draft as it was taken up, or nothing."""

    ABOUT = (
        "What was typed and not saved, as it was kept on this machine. Resume opens the form with it, on the record "
        "as it was read then, so that a save finds out what others changed meanwhile. Discard removes it. Later keeps "
        "it: Drafts in the palette has it. Nothing is sent from here."
    )

    TAKES_SCANS = True
    HEADINGS = ("As it was", "  You typed", "  On the server now")
    BAR = ("resume", "discard", "leave")

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,f2,e", "resume", "Resume", id="resume", tooltip="Open the form with it"),
        Binding("delete,d", "discard", "Discard", id="discard", tooltip="Remove the draft"),
        Binding("escape,f3,q,f12", "leave", "Later", id="leave", tooltip="Keep it for later"),
    ]

    def __init__(self, desk: Desk, draft: Draft) -> None:
        super().__init__(desk)
        self.draft = draft
        self._now: Customer | None = None
        self._saved = False

    def on_mount(self) -> None:
        super().on_mount()
        self.header.title = f"Draft · {who_is_drafted(self.draft)}"
        self._tell()
        self.read(self._look, "record")

    def action_resume(self) -> None:
        if self._saved:
            self.dismiss(None)
        elif self.may_write():
            self.act(self._resume, "take")

    def action_discard(self) -> None:
        def answered(answer: str | None) -> None:
            if answer == "discard":
                self.act(self._discard, "take")

        self.app.push_screen(
            Question(
                "Discard this draft?",
                [f"{labels(self.draft.shown_fields)} of {who_is_drafted(self.draft)}: removed for good."],
                {"keep": "Keep", "discard": "Discard"},
            ),
            answered,
        )

    def action_leave(self) -> None:
        self.desk.postponed.add(self.draft.id)
        self.dismiss(None)

    async def _resume(self) -> None:
        taken = await self._take()
        if taken is not None:
            self.once_on_top(partial(self.dismiss, taken))

    async def _discard(self) -> None:
        taken = await self._take()
        if taken is not None and self.desk.drafts is not None:
            self.desk.drafts.delete(taken)
            self.once_on_top(self.dismiss)

    async def _take(self) -> Draft | None:
        drafts = self.desk.drafts
        if drafts is None:
            return None
        try:
            taken = await drafts.claim(self.draft)
        except DraftChanged as moved:
            self.draft = moved.now
            self._tell()
            self.say("Another session went on with this draft. This is how it is now: choose again.", "warning")
            return None
        except OSError as error:
            self.say(f"The draft cannot be opened: {os_error_text(error)}.", "error")
            return None
        if taken is None:
            self.say("Another session has opened or removed this draft meanwhile.", "warning")
        return taken

    async def _look(self) -> None:
        """Read the record as it is now, and find out what came of a write that got no answer."""
        draft = self.draft
        look_for(self, draft)
        short_id = draft.short_id or draft.shown_fields.get(ID_FIELD, "").strip()
        if not short_id:
            self.tell_after()
            return
        try:
            self._now = await self.repository.customer(short_id)
        except NotFound:
            self.tell_after(f"There is no customer {short_id} on the server now.")
        except DockbookError as error:
            self.tell_after(f"{_NOT_READ} {error.title}.")
            self._tell()
            return
        self._tell()

    def show_written(self, message: DockScreen.Written) -> None:
        """What was not confirmed was carried out after all: unless something is left of it, the draft is gone."""
        drafts = self.desk.drafts
        if message.change is not None and message.change.key == self.draft.id and drafts is not None:
            left = next((draft for draft in drafts.unclaimed if draft.id == self.draft.id), None)
            self._saved = left is None
            self._now = message.customer
            self.draft = left or self.draft
            self._tell()

    def _tell(self) -> None:
        draft, now = self.draft, datetime.now().astimezone()
        what = {
            "editing": "and did not save.",
            "sending": "and saved it, but the save is not confirmed so far.",
            "not sent": "but the server could not be reached: not sent.",
        }[draft.state]
        if self._saved:
            what = "and saved it: the server has it."
        who = who_is_drafted(draft)
        verb = f"changed {labels(draft.shown_fields)} of" if draft.base is not None else "typed"
        self.tell_before(f"You {verb} {who} {when(draft.changed, now)} {what}")
        self.view.show(self._rows())
        moved, base = self._moved(), self._base()
        told = [f"Changed by others meanwhile: {', '.join(moved)}."] if moved else []
        if base is not None and self._now is not None and status_changed(base, self._now):
            told += changed_by_others(self._now, {STATUS: self._now.status})
        if told:
            self.tell_after(*told)

    def _rows(self) -> Sequence[Compared]:
        names = [name for name in (ID_FIELD, *WRITABLE_FIELDS) if name in self.draft.shown_fields]
        base = self._base()
        rows = []
        for name in names:
            was = base.value(name) if base else ""
            now = self._now.value(name) if self._now else None
            typed = self.draft.shown_fields[name]
            marked = now is not None and base is not None and now not in (was, typed)
            rows.append(Compared(name, BY_NAME[name].label, (was, typed, now), 1, marked))
        return rows

    def _moved(self) -> Sequence[str]:
        """What others changed in fields that were not typed in."""
        base, now = self._base(), self._now
        if base is None or now is None:
            return []
        return [
            f"{BY_NAME[name].label} ({base.value(name) or 'empty'} → {now.value(name) or 'empty'})"
            for name in WRITABLE_FIELDS
            if name not in self.draft.shown_fields and base.value(name) != now.value(name)
        ]

    def _base(self) -> "Customer | None":
        from app.screens.drafts import base_of

        return base_of(self.draft)
