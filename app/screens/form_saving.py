"""Saving a form: once at a time, told step by step, and nothing typed is lost whatever the server answers."""

from collections.abc import Collection, Mapping
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from app.errors import (
    ApiError,
    BadRequest,
    Conflict,
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
    ValidationFailed,
)
from app.models.fields import ID_FIELD, WRITABLE_FIELDS
from app.repository.history import SavedChange
from app.repository.save_result import SaveResult
from app.repository.writer import SaveObserver
from app.screens.confusable import ConfusableDialog
from app.screens.dialogs import ConfirmDialog
from app.screens.messages import level_of, save_summary
from app.screens.unconfirmed import note, report_saved, report_unconfirmed
from app.text.sanitize import sanitize_id

if TYPE_CHECKING:
    from app.repository.unconfirmed import UnconfirmedWrite
    from app.screens.form import FormScreen

_LOOKING: Final = "dockbook looks for about a minute whether the server stored it."


#: Refusals whose reason is shown in the server's own words.
_REFUSALS: Final = (BadRequest, ValidationFailed, Conflict, NotFound)


class FormSave:
    """The save of one form; `beside` are IDs that a new one may be easily taken for: the person knows.

    While it is looked up whether a save without a clear answer was carried out, the form can be left; what comes of it
    is then told on whatever screen there is.
    """

    def __init__(self, form: "FormScreen", beside: Collection[str]) -> None:
        self._form = form
        self._beside = frozenset(beside)
        self.saving = False
        #: Whether the person knows that the record cannot be read again before the next save.
        self._unseen = False
        self._unconfirmed: UnconfirmedWrite | None = None
        self._left = False

    def start(self) -> None:
        """Save what is typed, unless that cannot be or is being done already."""
        form = self._form
        if self.saving:
            self._say_wait()
            return
        if form.repository.read_only:
            form.can_write()
            return
        if form.customer is not None and not form.fields.changes:
            form.show_notice("Nothing is changed, so there is nothing to save.")
            return
        short_id = "" if form.customer else form.rows[ID_FIELD].value.strip()
        if form.customer is None and not short_id:
            form.rows[ID_FIELD].set_errors(["A customer needs an ID."])
            form.rows[ID_FIELD].focus_input()
            return
        self.saving = True
        form.header.detail = "saving…"
        form.status.clear_notice()
        form.run_write(partial(self._save, short_id, form.fields.texts))

    def leave(self) -> None:
        """Leave the form while its save is being looked for; one that is on its way cannot be called back."""
        form = self._form
        if self._unconfirmed is None:
            self._say_wait()
        elif form.draft.possible:
            self._leave()
        else:

            def answered(answer: str | None) -> None:
                if answer == "leave" and self._unconfirmed is not None:
                    self._leave()

            form.app.push_screen(
                ConfirmDialog(
                    "Leave before it is known whether it was saved?",
                    ["No drafts are kept here: what you typed goes with the form. dockbook goes on looking for it."],
                    {"stay": "Stay", "leave": "Leave"},
                ),
                answered,
            )

    def confirm(self, write: "UnconfirmedWrite", saved: SaveResult) -> None:
        """Take over that an earlier save of this form was carried out after all."""
        before = self._form.customer
        texts = {name: before.value(name) if before is not None else "" for name in WRITABLE_FIELDS}
        self._saved(saved, texts | dict(write.body))

    def resolve_conflict(self, overlap: EditConflict) -> None:
        """Have the person decide about the fields that somebody else changed too, then save."""
        self._form.call_when_active(partial(self._ask_which, overlap))

    def _say_wait(self) -> None:
        if self._unconfirmed is None:
            self._form.show_notice("Saving … please wait.")
        else:
            self._form.show_notice(f"{_LOOKING} Esc leaves the form meanwhile.", "warning")

    def _leave(self) -> None:
        self._left = True
        self._form.draft.leave()
        self._form.dismiss(None)

    async def _save(self, short_id: str, sent: Mapping[str, str]) -> None:
        form = self._form
        onlooker = SaveObserver(form.draft.mark_sending, self._is_unconfirmed, self._lags, form.draft.key)
        try:
            if form.customer is None:
                values = {n: v for n, v in sent.items() if n != ID_FIELD}
                saved = await form.repository.create(short_id, values, onlooker, beside=self._beside)
            else:
                changes = {n: v for n, v in sent.items() if n != ID_FIELD and v != form.customer.value(n)}
                unseen, self._unseen = self._unseen, False
                saved = await form.repository.save(form.customer, changes, onlooker, unseen=unseen)
        except DockbookError as error:
            self.saving = False
            if self._left and self._unconfirmed is not None:
                report_unconfirmed(form.app, form.context, self._unconfirmed.short_id, self._unconfirmed.key, error)
            else:
                form.draft.mark_failed(error)
                self._refused(error)
        else:
            self.saving = False
            if self._left and self._unconfirmed is not None:
                report_saved(form.app, form.context, self._unconfirmed, saved)
            else:
                self._saved(saved, sent)
        finally:
            self.saving = False
            self._unconfirmed = None
            if not self._left:
                form.update_status()

    def _is_unconfirmed(self, write: "UnconfirmedWrite") -> None:
        self._unconfirmed = write
        note(self._form.context, write)
        self._form.header.detail = "not confirmed, checking…"
        self._form.show_notice(
            f"{write.error.title}: not confirmed. {_LOOKING} Esc leaves the form meanwhile.", "warning"
        )

    def _lags(self) -> None:
        self._form.show_notice("The server still shows an older record. Waiting for it to catch up…", "warning")

    def _saved(self, saved: SaveResult, sent: Mapping[str, str]) -> None:
        form = self._form
        new = form.customer is None
        text = save_summary(saved, new=new)
        change = SavedChange.of(saved, datetime.now().astimezone(), new=new, key=form.draft.key)
        form.app.post_message(form.CustomerSaved(saved.customer, text, level_of(saved), change))
        typed_since = any(row.value != sent[name] for name, row in form.rows.items() if name != ID_FIELD)
        form.draft.mark_saved(saved.customer)
        form.fields.rebase(saved.customer, sent)
        form.set_customer(saved.customer)
        if typed_since:
            form.draft.update(saved.customer, form.fields.edits)
            form.show_notice(f"{text} The keys you typed while it was saving are not saved.", "warning")
        else:
            form.draft.delete()
            form.call_when_active(self._leave_when_nothing_is_left)

    def _leave_when_nothing_is_left(self) -> None:
        """Close after a save, unless something was typed while another screen lay over the form."""
        if not self._form.unsaved_text():
            self._form.dismiss(None)

    def _refused(self, error: DockbookError) -> None:
        form = self._form
        match error:
            case IdRefused() if form.customer is not None:
                form.call_when_active(partial(self._ask_unseen, error))
            case ApiError() if error.response.details or isinstance(error, _REFUSALS):
                self._show_refusal(error)
            case EditConflict() if form.customer is not None:
                self.resolve_conflict(error)
            case CustomerExists():
                form.rows[ID_FIELD].set_errors(["This ID exists already."])
                form.call_when_active(partial(self._offer_existing, error))
            case ConfusableId():
                form.status.clear_notice()
                form.call_when_active(partial(self._ask_beside, error))
            case InvalidId() | IdRefused() if form.customer is None:
                form.rows[ID_FIELD].set_errors([error.text])
                form.rows[ID_FIELD].focus_input()
            case RateLimited():
                form.show_error(error, "Nothing was saved.")
            case OutcomeUnknown():
                form.show_connection(form.repository.connection)
                form.show_notice(
                    f"{error.title}: {error.text} Your text is kept. F10 looks first, then saves.", "error"
                )
            case TransportError() | ServerFault():
                form.show_error(error, self._what_to_do())
            case _:
                form.show_error(error)

    def _what_to_do(self) -> str:
        """What to do about a save that never reached the server."""
        if self._form.draft.unconfirmed:
            return "The save before is still not confirmed. Save again: it looks first."
        return "Not sent, kept as a draft: save again when the server is back." if self._form.draft.possible else ""

    def _show_refusal(self, error: ApiError) -> None:
        """Show what the server has against the save: at the fields it names, and in its own words."""
        form = self._form
        if isinstance(error, NotFound) and form.customer is not None:
            form.show_notice(self._gone(form.customer.short_id), "error")
            return
        elsewhere = form.fields.set_errors(error.response.details)
        marked = len(elsewhere) < sum(map(len, error.response.details.values()))
        quoted = f"Not saved. The server says: “{error.response.message}”"
        form.show_notice(
            " ".join(["Not saved. Please correct the marked fields." if marked else quoted, *elsewhere]), "error"
        )

    def _gone(self, short_id: str) -> str:
        """What to do about a customer that the server does not know any more."""
        kept = " Your text is kept as a draft." if self._form.draft.is_saved else ""
        return (
            f"Not saved: {sanitize_id(short_id)} is not on the server any more.{kept} "
            "Esc leaves the form; F6 on the list makes a new customer with this ID."
        )

    def _ask_unseen(self, error: IdRefused) -> None:
        """Name the risk of a save before which the record cannot be read again."""
        form = self._form

        def answered(answer: str | None) -> None:
            if answer == "save":
                self._unseen = True
                self.start()

        lines = [
            error.text,
            "If somebody else changed this customer since the list was read, saving overwrites that unseen.",
        ]
        form.app.push_screen(
            ConfirmDialog("Save without looking first?", lines, {"stay": "Cancel", "save": "Save all the same"}),
            answered,
        )

    def _ask_which(self, overlap: EditConflict) -> None:
        from app.screens.conflict import ConflictScreen

        form = self._form
        if form.customer is None:
            return

        def decided(texts: Mapping[str, str] | None) -> None:
            if texts is None:
                for name in overlap.fields:
                    theirs = overlap.theirs.value(name)
                    form.rows[name].set_errors([f"changed meanwhile to: {theirs or '(empty)'}"])
                form.rows[overlap.fields[0]].focus_input()
                before = "" if overlap.answer_lost else "Nothing was saved. "
                form.show_notice(f"{before}Save again to decide between theirs and yours.", "warning")
            else:
                self._apply_resolution(overlap, texts)

        form.app.push_screen(ConflictScreen(form.context, form.customer, form.fields.changes, overlap), decided)

    def _apply_resolution(self, overlap: EditConflict, texts: Mapping[str, str]) -> None:
        form = self._form
        before = form.customer
        untouched = {} if before is None else {name: before.value(name) for name in WRITABLE_FIELDS}
        form.fields.rebase(overlap.theirs, untouched)
        form.fields.set_values(texts)
        form.set_customer(overlap.theirs)
        form.draft.update(overlap.theirs, form.fields.edits)
        if form.fields.changes:
            self.start()
        else:
            who = sanitize_id(overlap.theirs.short_id)
            form.app.post_message(
                form.CustomerSaved(overlap.theirs, f"{who} stays as the others left it; nothing was sent.")
            )
            form.draft.delete()
            form.dismiss(None)

    def _offer_existing(self, error: CustomerExists) -> None:
        form = self._form

        def answered(answer: str | None) -> None:
            if answer == "open":
                self._leave_for(error.short_id)
            else:
                form.rows[ID_FIELD].focus_input()

        lines = [error.text, *(["", self._leaving] if self._leaving else [])]
        form.app.push_screen(
            ConfirmDialog("That ID exists already", lines, {"stay": "Stay", "open": "Open it"}),
            answered,
        )

    def _ask_beside(self, error: ConfusableId) -> None:
        """Name those the new ID is easily taken for, before it is created beside them."""
        form = self._form
        question = ConfusableDialog(error, self._leaving)

        def answered(answer: str | None) -> None:
            short_id = question.chosen(answer)
            if short_id is not None:
                self._leave_for(short_id)
            elif answer == "create":
                self._beside |= {other.short_id for other in error.others}
                self.start()
            else:
                form.rows[ID_FIELD].focus_input()

        form.app.push_screen(question, answered)

    @property
    def _leaving(self) -> str:
        """What becomes of what is typed when another customer is opened; empty where nothing is."""
        if not self._form.fields.changes:
            return ""
        what = "stays a draft" if self._form.draft.possible else "is dropped"
        return f"Opening it leaves this form: what you typed here {what}."

    def _leave_for(self, short_id: str) -> None:
        """Leave the form to open this customer."""
        self._form.draft.leave()
        self._form.call_when_active(partial(self._form.dismiss, short_id))
