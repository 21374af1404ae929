"""The form: edits a customer or adds one; changes are marked, and kept as a draft until they are saved."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from app.drafts.form_draft import FormDraft
from app.errors import (
    ApiError,
    ConfusableId,
    CustomerExists,
    DockbookError,
    EditConflict,
    IdRefused,
    InvalidId,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    ServerFault,
    TransportError,
)
from app.models.fields import ID_FIELD, WRITABLE_FIELDS
from app.repository.history import SavedChange
from app.repository.writer import SaveObserver
from app.screens.base import BaseScreen
from app.screens.confusable import ConfusableDialog, describe
from app.screens.context import AppContext
from app.screens.duplicate import describe_copy, fields_to_copy
from app.screens.field_choices import FieldChoices
from app.screens.form_dialogs import (
    id_exists_dialog,
    leave_dialog,
    leave_saving_dialog,
    save_unread_dialog,
    take_back_dialog,
)
from app.screens.form_fields import FormFields
from app.screens.left_form import QUOTED_ERRORS, LeftForm
from app.screens.messages import also_editing, notice_level, save_summary
from app.screens.pasted_address import offer_to_spread
from app.screens.styles import STYLES
from app.screens.unconfirmed import note_unconfirmed
from app.text.sanitize import sanitize_id
from app.widgets.form_field import FormField, SafeInput
from app.widgets.key_bar import Place

if TYPE_CHECKING:
    from app.drafts.draft import Draft
    from app.models.customer import Customer
    from app.repository.save_result import SaveResult
    from app.repository.unconfirmed import UnconfirmedWrite


#: The kind of the notices that say that Esc takes pasted lines back.
_TAKE_BACK: Final = "take back"
_CONFIRMING: Final = "dockbook looks for about a minute whether the server stored it."


@dataclass(frozen=True, slots=True)
class FormStart:
    """What a form starts with besides the record: edits, the draft they come from, a conflict to resolve."""

    typed: Mapping[str, str]
    draft: "Draft | None" = None
    conflict: EditConflict | None = None


class FormScreen(BaseScreen[str]):
    """Edits `customer`, or adds a new one if it is `None`; the cursor starts in the field `start`.

    `new_id` is the ID of a new customer; the person knows that it is easily confused with those in `beside`. Its
    fields begin as those of `copy_of`. The result is the ID of an existing customer that the person wants to open
    instead.
    """

    CSS_PATH = [STYLES / "form.tcss"]
    HELP_TEXT = (
        "Enter goes to the next field and never saves, so a scanner can fill a field. What you changed has a • and "
        "shows what it was. A remark with ? is advice: you can save all the same. Up from the first field goes to "
        "the last. F4 offers what other customers have in City, State and Country. An address of several lines that "
        "you paste can be spread over its fields.\n\n"
        "A save first looks what others changed meanwhile. Their changes of other fields are kept. If they changed the "
        "same field, you choose before anything is overwritten. Esc leaves while a save goes on: you see what came of "
        "it where you are then.\n\n"
        "Your text is kept on this machine as a draft, every second, until it is saved or you discard it. It is never "
        "sent by itself."
    )

    FOOTER = ("save", "leave", "restore", "choices")

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
        copy_of: "Customer | None" = None,
    ) -> None:
        super().__init__(context)
        self.customer = customer
        copied = fields_to_copy(copy_of) if copy_of else {}
        self.fields = FormFields(customer, new_id, start_values.typed if start_values else {}, copied)
        self._copy_of = copy_of
        self.choices = FieldChoices(self, self.fields)
        self.draft = FormDraft(context.drafts, start_values.draft if start_values else None)
        self._start = start
        self._start_values = start_values
        self._shown_editors: set[str] = set()
        self._shown_problem: str | None = None
        #: The texts before the current typing, and before lines that came as fast as a paste.
        self._texts_before: Mapping[str, str] = {}
        self._before_lines: Mapping[str, str] | None = None
        #: The IDs that the person knows to be easily confused with the new one.
        self._beside = frozenset(beside)
        self._saving = False
        #: Once the form was left while its save goes on.
        self._left: LeftForm | None = None
        #: The person knows that the record cannot be read again before the next save.
        self._save_unread = False
        #: The save of this form that has not been confirmed yet.
        self._unconfirmed: UnconfirmedWrite | None = None

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
        self.status.legend = "⏎ ↑↓ field · ↑ from the top: last field"
        if self._start_values is not None:
            self.draft.update(self.customer, self.fields.edits)
            if self._start_values.conflict is not None:
                self.run_dialog(partial(self._resolve_conflict, self._start_values.conflict))
        elif self.customer is not None and self.context.drafts is not None:
            self.run_read(self._check_drafts, "drafts")
        if self._copy_of is not None:
            self.header.title = f"Copy of {sanitize_id(self._copy_of.short_id)}"
            self.show_notice(*describe_copy(self._copy_of))

    def on_resize(self) -> None:
        self.call_after_refresh(lambda: self._show_original(self.fields.current))

    def footer_places(self) -> tuple[Place, ...]:
        return self.FOOTER if self.choices.are_there(self.fields.current) else self.FOOTER[:-1]

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
        if problem != self._shown_problem:
            self._shown_problem = problem
            if problem is not None:
                text = f"The draft is NOT SAVED: {problem}. Your text is only on this screen: save it soon."
                self.show_notice(text, "error", "draft not saved")
            elif self.status.has_notice("draft not saved"):
                self.show_notice("The draft is kept again.")
        self._show_other_editors(self.draft.other_editors)

    @on(FormField.Edited)
    def edited(self, event: FormField.Edited) -> None:
        """Save the draft, and count the changes."""
        if self._before_lines is not self._texts_before:
            # Other keys came after the lines.
            self._keep_lines()
        self.status.clear_hint()
        self.draft.update(self.customer, self.fields.edits)
        self._show_original(event.row)
        self.update_status()
        if event.row.field == "zip":
            self.run_read(partial(self.choices.look_up_zip, event.row), "zip")

    @on(FormField.Blurred)
    def left(self, event: FormField.Blurred) -> None:
        """Show hints after a value is typed, not while; the hint for the zip depends on the country."""
        self.fields.update_hint(event.row)
        if event.row.field == "country":
            self.fields.update_hint(self.rows["zip"])
        if event.row.field == ID_FIELD and ID_FIELD in self.rows and event.row.value.strip() and not event.row.errors:
            self.run_read(partial(self._look_up, event.row.value.strip()), "look-up")

    @on(FormField.Entered)
    def entered(self) -> None:
        """Go to the next field; at the last one, say how to save."""
        if self.fields.at_end:
            self.show_hint("This is the last field. Press F10 to save.")
        else:
            self.action_move(1)

    @on(FormField.Focused)
    def reached(self, event: FormField.Focused) -> None:
        """Show the field's keys, and its original value where there is no room for it beside the field."""
        self._show_original(event.row)
        self.show_keys()

    def typing_began(self) -> None:
        self._texts_before = self.fields.texts

    def lines_typed(self, lines: int) -> None:
        """Say that pasted lines went into several fields, and offer to undo that."""
        self._before_lines = self._texts_before
        text = f"{lines} lines came as fast as a paste, one a field. Press Esc to take them all back."
        self.show_notice(text, "warning", _TAKE_BACK)

    @on(SafeInput.LinesPasted)
    def lines_pasted(self, event: SafeInput.LinesPasted) -> None:
        """Offer to spread a pasted address over the fields."""

        def spread(values: Mapping[str, str], notice: str) -> None:
            self._texts_before = self._before_lines = self.fields.texts
            self.fields.set_values(values)
            self.show_notice(f"{notice} Esc takes it back.", kind=_TAKE_BACK)

        offer_to_spread(self, self.fields, event, spread)

    def _keep_lines(self) -> None:
        """Esc does not take pasted lines back any more."""
        self._before_lines = None
        self.status.clear_notice(_TAKE_BACK)

    def action_move(self, step: int) -> None:
        self.fields.move(step)

    def action_restore(self) -> None:
        row = self.fields.current
        row.value = row.original or ""

    def action_choices(self) -> None:
        self.choices.offer(self.fields.current)

    def action_save(self) -> None:
        if self._saving:
            self._show_saving()
        elif self.repository.read_only:
            self.can_write()
        elif self.customer is not None and not self.fields.changes:
            self.show_hint("No changes to save.")
        elif self.customer is None and not self.rows[ID_FIELD].value.strip():
            self.rows[ID_FIELD].set_errors(["Type an ID first. Every customer needs one."])
            self.rows[ID_FIELD].focus_input()
        else:
            self._start_save()

    def action_leave(self) -> None:
        if self._saving:
            self._leave_while_saving()
        elif self._before_lines is not None:
            self._offer_to_take_back(self._before_lines)
        elif not (unsaved := self.unsaved_text()):
            if self.draft.unconfirmed:
                self.draft.leave()
            else:
                self.draft.delete()
            self.dismiss(None)
        else:
            in_doubt = self.repository.is_unconfirmed(self.draft.key)
            self.app.push_screen(leave_dialog(unsaved, in_doubt=in_doubt, draft=self.draft.possible), self._leave)

    def _leave(self, answer: str | None) -> None:
        if answer == "save":
            self.action_save()
        elif answer == "keep":
            self.draft.leave()
            self.dismiss(None)
        elif answer == "discard":
            self.draft.delete()
            self.dismiss(None)

    def _leave_while_saving(self) -> None:
        """Leave; the save goes on, and the outcome is shown on the screen one is on then."""

        def leave(answer: str | None = "leave") -> None:
            if answer == "leave" and self._saving:
                is_new, texts = self.customer is None, self.fields.texts
                short_id = texts[ID_FIELD].strip() if self.customer is None else self.customer.short_id
                self._left = LeftForm(self.app, self.draft, short_id, texts, is_new)
                self.dismiss(None)
                if self._unconfirmed is None:
                    self._left.show_saving()
                else:
                    self.draft.leave()

        if self.draft.possible:
            leave()
        else:
            self.app.push_screen(leave_saving_dialog(), leave)

    def _offer_to_take_back(self, texts: Mapping[str, str]) -> None:
        """Ask whether to undo lines that came as fast as a paste."""
        self._keep_lines()
        changed = ", ".join(row.label for name, row in self.rows.items() if row.value != texts.get(name, row.value))

        def answered(answer: str | None) -> None:
            if answer == "back":
                self.fields.set_values(texts)
                self.show_notice(f"{changed}: as before.")

        self.app.push_screen(take_back_dialog(changed), answered)

    def confirm_write(self, write: "UnconfirmedWrite", saved: "SaveResult") -> bool:
        if self.draft.key != write.key:
            return False
        before = self.customer
        texts = {name: before.value(name) if before is not None else "" for name in WRITABLE_FIELDS}
        self._show_saved(saved, texts | dict(write.body))
        return True

    def set_customer(self, customer: "Customer | None") -> None:
        """Take over the customer that is edited."""
        self.customer = customer
        self.header.title = f"Edit {sanitize_id(customer.short_id)}" if customer else "New customer"
        self._show_original(self.fields.current)
        self.update_status()

    def update_status(self) -> None:
        """Show in the header how many fields are changed, and whether they are kept as a draft."""
        if self._saving:
            return
        count = self.fields.filled
        what = "changed" if self.customer else "filled"
        parts = [f"{count} {what}" if count else "", "draft kept" if self.draft.is_saved else ""]
        self.header.detail = " · ".join(part for part in parts if part)

    async def _look_up(self, short_id: str) -> None:
        """Say early that an ID is taken or similar to another; the save checks again, so errors are ignored here."""
        error, remark = "", ""
        try:
            taken = await self.repository.customer(short_id)
            error = f"This ID exists already: {taken.name or taken.short_id}. Press F10 to open it."
        except DockbookError as failure:
            found = await self.repository.similar_ids(short_id, ask=isinstance(failure, NotFound))
            if found.customers:
                remark = f"{describe(short_id, found.customers)} Press F10 to open it."
        row = self.rows.get(ID_FIELD)
        if row is None or row.value.strip() != short_id:
            return
        if error:
            row.set_errors([error])
        elif remark:
            row.set_hint(remark)

    async def _check_drafts(self) -> None:
        """Mention drafts of this customer that are open elsewhere, and offer an unclaimed one."""
        from app.screens.drafts import find_offer

        if self.customer is None:
            return
        offer = await find_offer(self, self.customer.short_id, self._show_other_editors)
        if offer is not None and not self.unsaved_text() and self.app.screen is self:
            self.app.push_screen(offer, self._resume)

    def _resume(self, draft: "Draft | None") -> None:
        """Continue a draft in this form, based on the record that it was typed over."""
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

    def _show_original(self, row: FormField) -> None:
        self.status.position = f"{row.label} {row.original_note}" if row.original_is_cut else ""

    def _start_save(self) -> None:
        self._saving = True
        self.header.detail = "saving…"
        self.status.clear_notice()
        short_id = "" if self.customer else self.rows[ID_FIELD].value.strip()
        self.run_write(partial(self._save, short_id, self.fields.texts))

    async def _save(self, short_id: str, sent: Mapping[str, str]) -> None:
        """Save what was typed; whatever the server answers, nothing of it is lost."""
        observer = SaveObserver(self.draft.mark_sending, self._show_unconfirmed, self._show_stale_read, self.draft.key)
        saved: SaveResult | None = None
        failure: DockbookError | None = None
        try:
            if self.customer is None:
                values = {name: text for name, text in sent.items() if name != ID_FIELD}
                saved = await self.repository.create(short_id, values, observer, beside=self._beside)
            else:
                base, (unread, self._save_unread) = self.customer, (self._save_unread, False)
                changes = {name: text for name, text in sent.items() if name != ID_FIELD and text != base.value(name)}
                saved = await self.repository.save(base, changes, observer, unseen=unread)
        except DockbookError as error:
            failure = error
        finally:
            self._saving = False
            write, self._unconfirmed = self._unconfirmed, None
        if self._left is not None:
            self._left.report(self.context, write, saved, failure, sent)
        elif saved is not None:
            self._show_saved(saved, sent)
            self.update_status()
        elif failure is not None:
            self.draft.mark_failed(failure)
            self.update_status()
            self.run_dialog(partial(self._handle_failure, failure))

    def _show_saving(self) -> None:
        if self._unconfirmed is None:
            self.show_notice("Saving … please wait. Esc leaves the form: it goes on.")
        else:
            self.show_notice(f"{_CONFIRMING} Press Esc to leave the form.", "warning")

    def _show_unconfirmed(self, write: "UnconfirmedWrite") -> None:
        self._unconfirmed = write
        note_unconfirmed(self.context, write)
        text = f"{write.error.title}: not confirmed. {_CONFIRMING}"
        if self._left is not None:
            self._left.show_unconfirmed(text)
            return
        self.header.detail = "not confirmed, checking…"
        self.show_notice(f"{text} Press Esc to leave the form.", "warning")

    def _show_stale_read(self) -> None:
        if self._left is not None:
            return
        self.show_notice("The server still shows the customer as it was before. Waiting for it…", "warning")

    def _show_saved(self, saved: "SaveResult", sent: Mapping[str, str]) -> None:
        is_new = self.customer is None
        text = save_summary(saved, new=is_new)
        typed_since = any(row.value != sent[name] for name, row in self.rows.items() if name != ID_FIELD)
        if is_new and not typed_since and not any(map(saved.customer.value, WRITABLE_FIELDS)):
            text += " It has an ID only: press F2 on it to add a name."
        change = SavedChange.of(saved, datetime.now().astimezone(), new=is_new, key=self.draft.key)
        self.app.post_message(self.CustomerSaved(saved.customer, text, notice_level(saved), change))
        self.draft.mark_saved(saved.customer)
        self.fields.rebase(saved.customer, sent)
        self.set_customer(saved.customer)
        if typed_since:
            self.draft.update(saved.customer, self.fields.edits)
            self.show_notice(f"{text} The keys you typed while it was saving are not saved.", "warning")
        else:
            self.draft.delete()
            self.call_when_active(self._leave_if_saved)

    def _leave_if_saved(self) -> None:
        """Close after a save, unless something was typed while another screen covered the form."""
        if not self.unsaved_text():
            self.dismiss(None)

    async def _handle_failure(self, error: DockbookError) -> None:
        match error:
            case IdRefused() if self.customer is not None:
                if await self.ask(save_unread_dialog(error)) == "unread":
                    self._save_unread = True
                    self.action_save()
            case ApiError() if error.response.details or isinstance(error, QUOTED_ERRORS):
                self._show_refusal(error)
            case EditConflict() if self.customer is not None:
                await self._resolve_conflict(error)
            case CustomerExists():
                self.rows[ID_FIELD].set_errors(["This ID exists already."])
                answer = await self.ask(id_exists_dialog(error, self._leaving_text))
                self._leave_for(error.short_id if answer == "open" else None)
            case ConfusableId():
                self.status.clear_notice()
                await self._ask_about_confusable(error)
            case InvalidId() | IdRefused() if self.customer is None:
                self.rows[ID_FIELD].set_errors([error.text])
                self.rows[ID_FIELD].focus_input()
            case _:
                self._show_failure(error)

    def _show_failure(self, error: DockbookError) -> None:
        match error:
            case RateLimited():
                self.show_error(error, "Not saved.")
            case OutcomeUnknown():
                self.show_connection(self.repository.connection)
                text = f"{error.title}: {error.text} Your text is kept. Press F10: it looks first, then saves."
                self.show_notice(text, "error")
            case TransportError() | ServerFault():
                self.show_error(error, self._unsent_text)
            case _:
                self.show_error(error)

    @property
    def _unsent_text(self) -> str:
        """What to do about a save that never reached the server."""
        if self.draft.unconfirmed:
            return "The save before is still not confirmed. Press F10: it looks first, then saves."
        return "Not sent. Kept as a draft: press F10 when the server is back." if self.draft.possible else ""

    def _show_refusal(self, error: ApiError) -> None:
        """Show the server's reasons at the fields it names, the others in its own words."""
        if isinstance(error, NotFound) and self.customer is not None:
            kept = " Your text is kept as a draft." if self.draft.is_saved else ""
            self.show_notice(
                f"Not saved: {sanitize_id(self.customer.short_id)} is not on the server any more.{kept} "
                "Esc leaves the form; F6 on the list makes a new customer with this ID.",
                "error",
            )
            return
        elsewhere = self.fields.set_errors(error.response.details)
        marked = len(elsewhere) < sum(map(len, error.response.details.values()))
        quoted = f"Not saved. The server says: “{error.response.message}”"
        what = "Not saved. Please correct the marked fields." if marked else quoted
        self.show_notice(" ".join([what, *elsewhere]), "error")

    async def _resolve_conflict(self, conflict: EditConflict) -> None:
        """Let the person decide about the fields that others changed too, then save."""
        from app.screens.conflict import ConflictScreen

        base = self.customer
        if base is None:
            return
        await self.until_active()
        texts = await self.ask(ConflictScreen(self.context, base, self.fields.changes, conflict))
        theirs = conflict.theirs
        if texts is None:
            for name in conflict.fields:
                self.rows[name].set_errors([f"Changed meanwhile to: {theirs.value(name) or '(empty)'}"])
            self.rows[conflict.fields[0]].focus_input()
            before = "" if conflict.answer_lost else "Nothing was saved. "
            self.show_notice(f"{before}Press F10 again to choose between theirs and yours.", "warning")
            return
        self.fields.rebase(theirs, {name: base.value(name) for name in WRITABLE_FIELDS})
        self.fields.set_values(texts)
        self.set_customer(theirs)
        self.draft.update(theirs, self.fields.edits)
        if self.fields.changes:
            self.action_save()
        else:
            text = f"{sanitize_id(theirs.short_id)} stays as the others left it; nothing was sent."
            self.app.post_message(self.CustomerSaved(theirs, text))
            self.draft.delete()
            self.dismiss(None)

    async def _ask_about_confusable(self, error: ConfusableId) -> None:
        """Name the customers that the new ID is easily confused with, before it is created beside them."""
        dialog = ConfusableDialog(error, self._leaving_text)
        answer = await self.ask(dialog)
        if answer == "create":
            self._beside |= {other.short_id for other in error.others}
            self.action_save()
        else:
            self._leave_for(dialog.chosen(answer))

    @property
    def _leaving_text(self) -> str:
        """What becomes of what is typed when another customer is opened; empty if nothing is typed."""
        if not self.fields.changes:
            return ""
        what = "stays a draft" if self.draft.possible else "is dropped"
        return f"Opening it leaves this form: what you typed here {what}."

    def _leave_for(self, short_id: str | None) -> None:
        """Leave the form to open this customer; without one, go back to the ID."""
        if short_id is None:
            self.rows[ID_FIELD].focus_input()
        else:
            self.draft.leave()
            self.call_when_active(partial(self.dismiss, short_id))
