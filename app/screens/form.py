"""The form: edit a customer or add one; what changed is marked, and kept as a draft until it is saved."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from app.drafts.form_draft import FormDraft
from app.errors import DockbookError, EditConflict, NotFound
from app.models.fields import ID_FIELD
from app.screens.base import BaseScreen
from app.screens.confusable import describe
from app.screens.context import AppContext
from app.screens.dialogs import ConfirmDialog
from app.screens.form_fields import FormFields
from app.screens.form_saving import FormSave
from app.screens.messages import also_editing
from app.screens.select_dialog import Choice, SelectDialog
from app.screens.styles import STYLES
from app.text.countries import countries
from app.text.sanitize import sanitize, sanitize_id
from app.widgets.form_field import FormField

if TYPE_CHECKING:
    from app.drafts.draft import Draft
    from app.models.customer import Customer
    from app.repository.save_result import SaveResult
    from app.repository.unconfirmed import UnconfirmedWrite


@dataclass(frozen=True, slots=True)
class FormStart:
    """What a form may begin with besides the record: texts typed, the draft they are from, a conflict to settle."""

    typed: Mapping[str, str]
    draft: "Draft | None" = None
    conflict: EditConflict | None = None


class FormScreen(BaseScreen[str]):
    """Edit `customer`, or add a new one when it is `None`; `start` is the field the cursor begins in, and
    `new_id` the ID of a new one. That it is easily taken for one of those in `beside` is known.

    The result is an ID to open, when a new customer turned out to exist, or one with an ID like it, and the person
    wants to see that one.
    """

    CSS_PATH = [STYLES / "form.tcss"]
    HELP_TEXT = (
        "Enter goes to the next field and never saves, so a scanner can fill a field. What differs from before is "
        "marked with • and shows what it was; remarks with ? are advice, it can be saved all the same. "
        "Saving reads the record again first: what others changed in other fields meanwhile is kept and told; "
        "what they changed in the same field is shown before anything is overwritten. "
        "What you type is kept as a draft on this machine within a second, until it is saved or you discard it; "
        "it is never sent by itself."
    )

    FOOTER = ("save", "choices", "restore", "leave")

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f10,ctrl+s", "save", "Save", id="save", priority=True),
        Binding("f4", "choices", "Choices", id="choices", tooltip="Choices of the field"),
        Binding("f9", "restore", "Put back", id="restore", tooltip="Put back what the field was"),
        Binding("escape,f3,f12", "leave", "Leave", id="leave"),
    ]

    def __init__(
        self,
        context: AppContext,
        customer: "Customer | None",
        start: str = "",
        *,
        new_id: str = "",
        beside: Collection[str] = (),
        start_values: FormStart | None = None,
    ) -> None:
        super().__init__(context)
        self.customer = customer
        self.fields = FormFields(customer, new_id, start_values.typed if start_values else {})
        self.draft = FormDraft(context.drafts, start_values.draft if start_values else None)
        self._start = start
        self._start_values = start_values
        self._shown_editors: set[str] = set()
        self._told_problem: str | None = None
        #: What stood in the fields before the typing under way, and before lines that came as fast as a paste.
        self._texts_before: Mapping[str, str] = {}
        self._before_lines: Mapping[str, str] | None = None
        self._saving = FormSave(self, beside)

    @property
    def rows(self) -> Mapping[str, FormField]:
        """The fields by wire name."""
        return self.fields.rows

    def compose_body(self) -> ComposeResult:
        yield self.fields

    def on_mount(self) -> None:
        super().on_mount()
        first = ID_FIELD if self.customer is None else "name"
        self.rows.get(self._start, self.rows[first]).focus_input()
        self.set_customer(self.customer)
        if self._start_values is not None:
            self.draft.update(self.customer, self.fields.edits)
            if self._start_values.conflict is not None:
                self._saving.resolve_conflict(self._start_values.conflict)
        elif self.customer is not None and self.context.drafts is not None:
            self.run_read(self._check_drafts, "drafts")

    def unsaved_text(self) -> str:
        names = self.fields.edits
        changed = [row.label for name, row in self.rows.items() if name in names]
        if not changed:
            return ""
        who = sanitize_id(self.customer.short_id) if self.customer else "the new customer"
        return f"{', '.join(changed)} of {who}"

    @property
    def draft_is_saved(self) -> bool:
        return self.draft.is_saved

    def update_drafts(self) -> None:
        super().update_drafts()
        self.update_status()
        problem = self.context.drafts.problem if self.context.drafts else None
        if problem != self._told_problem:
            self._told_problem = problem
            if problem is not None:
                text = f"The draft is NOT SAVED: {problem}. What you typed is only on this screen."
                self.show_notice(text, "error", "draft not saved")
            elif self.status.has_notice("draft not saved"):
                self.show_notice("The draft is kept again.")
        self._show_other_editors(self.draft.other_editors)

    @on(FormField.Edited)
    def edited(self, event: FormField.Edited) -> None:
        """Keep it as a draft, and count what is changed."""
        if self._before_lines is not self._texts_before:
            # Something else was typed since the lines came.
            self._before_lines = None
        self.draft.update(self.customer, self.fields.edits)
        self._tell_before(event.row)
        self.update_status()

    @on(FormField.Blurred)
    def left(self, event: FormField.Blurred) -> None:
        """Give advice once a value is typed, not while it is; advice on the zip depends on the country."""
        self.fields.update_hint(event.row)
        if event.row.field == "country":
            self.fields.update_hint(self.rows["zip"])
        if event.row.field == ID_FIELD and ID_FIELD in self.rows and event.row.value.strip():
            self.run_read(partial(self._look_up, event.row.value.strip()), "look-up")

    @on(FormField.Entered)
    def entered(self) -> None:
        """Enter goes on; at the last field it stays and says how to save."""
        if self.fields.at_end:
            self.show_notice("This is the last field. F10 saves.")
        else:
            self.action_move(1)

    @on(FormField.Focused)
    def reached(self, event: FormField.Focused) -> None:
        """Show the whole of what the field was where there is too little room for it beside the field."""
        self._tell_before(event.row)

    def typing_began(self) -> None:
        self._texts_before = self.fields.texts

    def lines_typed(self, lines: int) -> None:
        """Say that a text of several lines went over several fields, and offer to take it back."""
        self._before_lines = self._texts_before
        self.show_notice(f"{lines} lines arrived as fast as a paste, one a field. Esc takes them all back.", "warning")

    def action_move(self, step: int) -> None:
        self.fields.move(step)

    def action_restore(self) -> None:
        row = self.fields.current
        row.value = row.original or ""

    def action_choices(self) -> None:
        row = self.fields.current
        if row.field != "country":
            self.show_notice(f"There is nothing to choose from for {row.label}; Country has choices.")
            return
        choices = [Choice(code, f"{code}  {name}") for code, name in countries()]

        def chosen(code: str | None) -> None:
            if code is not None:
                row.value = code

        self.app.push_screen(SelectDialog("Country", choices, row.value.strip().upper(), search=True), chosen)

    def action_save(self) -> None:
        self._saving.start()

    def action_leave(self) -> None:
        if self._saving.saving:
            self._saving.leave()
            return
        if self._before_lines is not None:
            self._offer_to_take_back(self._before_lines)
            return
        unsaved = self.unsaved_text()
        if not unsaved:
            if self.draft.unconfirmed:
                self.draft.leave()
            else:
                self.draft.delete()
            self.dismiss(None)
            return

        def answered(answer: str | None) -> None:
            if answer == "save":
                self.action_save()
            elif answer == "keep":
                self.draft.leave()
                self.dismiss(None)
            elif answer == "discard":
                self.draft.delete()
                self.dismiss(None)

        in_doubt = self.repository.is_unconfirmed(self.draft.key)
        keep = {"keep": "Keep as draft"} if self.draft.possible else {}
        self.app.push_screen(
            ConfirmDialog(
                "Leave before it is confirmed?" if in_doubt else "Leave without saving?",
                [f"{'Not confirmed' if in_doubt else 'Not saved'}: {unsaved}."],
                {"stay": "Stay", "save": "Save", **keep, "discard": "Discard"},
            ),
            answered,
        )

    def _offer_to_take_back(self, texts: Mapping[str, str]) -> None:
        """Ask whether lines that came as fast as a paste are to go from the fields again."""
        self._before_lines = None
        changed = [row.label for name, row in self.rows.items() if name in texts and row.value != texts[name]]

        def answered(answer: str | None) -> None:
            if answer == "back":
                self.fields.set_values(texts)
                self.show_notice(f"{', '.join(changed)}: as before.")

        self.app.push_screen(
            ConfirmDialog(
                "Take the pasted lines back?",
                [f"They changed {', '.join(changed)}."],
                {"keep": "Keep them", "back": "Take them back"},
            ),
            answered,
        )

    def confirm_write(self, write: "UnconfirmedWrite", saved: "SaveResult") -> bool:
        if self.draft.key != write.key:
            return False
        self._saving.confirm(write, saved)
        return True

    def set_customer(self, customer: "Customer | None") -> None:
        """Show whose form it is, after that changed."""
        self.customer = customer
        self.header.title = f"Edit {sanitize_id(customer.short_id)}" if customer else "New customer"
        self._tell_before(self.fields.current)
        self.update_status()

    def update_status(self) -> None:
        """Say in the header how much is changed, and whether it is kept."""
        if self._saving.saving:
            return
        count = len(self.fields.changes)
        parts = [f"{count} changed" if count and self.customer else "", "draft kept" if self.draft.is_saved else ""]
        self.header.detail = " · ".join(part for part in parts if part)

    async def _look_up(self, short_id: str) -> None:
        """Say early that an ID is taken, or like another; the save looks again, so a failure here needs no word."""
        error, remark = "", ""
        try:
            taken = await self.repository.customer(short_id)
            error = f"This ID exists already: {taken.name or taken.short_id}. F10 offers to open it."
        except DockbookError as failure:
            found = await self.repository.similar_ids(short_id, ask=isinstance(failure, NotFound))
            if found.customers:
                remark = f"{describe(short_id, found.customers)} F10 offers to open it."
        row = self.rows.get(ID_FIELD)
        if row is None or row.value.strip() != short_id:
            return
        if error:
            row.set_errors([error])
        elif remark:
            row.set_hint(remark)

    async def _check_drafts(self) -> None:
        """Tell of drafts of this customer: those open elsewhere, and one that was left."""
        from app.screens.drafts import offer_of

        if self.customer is None:
            return
        offer = await offer_of(self, self.customer.short_id, self._show_other_editors)
        if offer is not None and not self.unsaved_text() and self.app.screen is self:
            self.app.push_screen(offer, self._resume)

    def _resume(self, draft: "Draft | None") -> None:
        """Go on with a draft in this form, on the record as it was read then."""
        base = draft.base_customer() if draft is not None else None
        if draft is None or base is None:
            return
        self.draft = FormDraft(self.context.drafts, draft)
        self.fields.rebase(base, self.fields.texts)
        self.set_customer(base)
        self.fields.set_values(draft.edits)

    def _show_other_editors(self, rivals: "tuple[Draft, ...]") -> None:
        for rival in rivals:
            if rival.session not in self._shown_editors:
                self._shown_editors.add(rival.session)
                self.show_notice(also_editing(rival, datetime.now().astimezone()), "warning")

    def _tell_before(self, row: FormField) -> None:
        self.status.position = f"{row.label} was {sanitize(row.original or '')}" if row.original_is_cut else ""
