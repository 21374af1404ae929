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
from app.screens.confusable import ConfusableQuestion
from app.screens.dialogs import Question
from app.screens.messages import level_of, told
from app.screens.unconfirmed import note, report_open, report_saved
from app.text.sanitize import sanitize_id

if TYPE_CHECKING:
    from app.repository.unconfirmed import UnconfirmedWrite
    from app.screens.form import FormScreen

_LOOKING: Final = "dockbook looks for about a minute whether the server stored it."


#: Refusals whose reason is shown in the server's own words.
_REFUSALS: Final = (BadRequest, ValidationFailed, Conflict, NotFound)


class SavingForm:
    """The save of one form; `beside` are IDs that a new one may be easily taken for: the person knows.

    While it is looked up whether a save without a clear answer was carried out, the form can be left; what comes of it
    is then told on whatever screen there is.
    """

    def __init__(self, form: "FormScreen", beside: Collection[str]) -> None:
        self._form = form
        self._beside = frozenset(beside)
        self.going_on = False
        #: Whether the person knows that the record cannot be read again before the next save.
        self._unseen = False
        self._unconfirmed: UnconfirmedWrite | None = None
        self._left = False

    def start(self) -> None:
        """Save what is typed, unless that cannot be or is being done already."""
        form = self._form
        if self.going_on:
            self._say_wait()
            return
        if form.repository.read_only:
            form.may_write()
            return
        if form.customer is not None and not form.fields.changes:
            form.say("Nothing is changed, so there is nothing to save.")
            return
        short_id = "" if form.customer else form.rows[ID_FIELD].value.strip()
        if form.customer is None and not short_id:
            form.rows[ID_FIELD].refuse(["A customer needs an ID."])
            form.rows[ID_FIELD].reach()
            return
        self.going_on = True
        form.header.detail = "saving…"
        form.status.hush()
        form.write(partial(self._save, short_id, form.fields.texts))

    def leave(self) -> None:
        """Leave the form while its save is being looked for; one that is on its way cannot be called back."""
        form = self._form
        if self._unconfirmed is None:
            self._say_wait()
        elif form.keeping.possible:
            self._leave()
        else:

            def answered(answer: str | None) -> None:
                if answer == "leave" and self._unconfirmed is not None:
                    self._leave()

            form.app.push_screen(
                Question(
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

    def settle(self, overlap: EditConflict) -> None:
        """Have the person decide about the fields that somebody else changed too, then save."""
        self._form.once_on_top(partial(self._ask_which, overlap))

    def _say_wait(self) -> None:
        if self._unconfirmed is None:
            self._form.say("Saving … please wait.")
        else:
            self._form.say(f"{_LOOKING} Esc leaves the form meanwhile.", "warning")

    def _leave(self) -> None:
        self._left = True
        self._form.keeping.leave()
        self._form.dismiss(None)

    async def _save(self, short_id: str, sent: Mapping[str, str]) -> None:
        form = self._form
        onlooker = SaveObserver(form.keeping.mark_sending, self._is_unconfirmed, self._lags, form.keeping.key)
        try:
            if form.customer is None:
                values = {n: v for n, v in sent.items() if n != ID_FIELD}
                saved = await form.repository.create(short_id, values, onlooker, beside=self._beside)
            else:
                changes = {n: v for n, v in sent.items() if n != ID_FIELD and v != form.customer.value(n)}
                unseen, self._unseen = self._unseen, False
                saved = await form.repository.save(form.customer, changes, onlooker, unseen=unseen)
        except DockbookError as error:
            self.going_on = False
            if self._left and self._unconfirmed is not None:
                report_open(form.app, form.desk, self._unconfirmed.short_id, self._unconfirmed.key, error)
            else:
                form.keeping.mark_failed(error)
                self._refused(error)
        else:
            self.going_on = False
            if self._left and self._unconfirmed is not None:
                report_saved(form.app, form.desk, self._unconfirmed, saved)
            else:
                self._saved(saved, sent)
        finally:
            self.going_on = False
            self._unconfirmed = None
            if not self._left:
                form.tell()

    def _is_unconfirmed(self, write: "UnconfirmedWrite") -> None:
        self._unconfirmed = write
        note(self._form.desk, write)
        self._form.header.detail = "not confirmed, checking…"
        self._form.say(f"{write.error.title}: not confirmed. {_LOOKING} Esc leaves the form meanwhile.", "warning")

    def _lags(self) -> None:
        self._form.say("The server still shows an older record. Waiting for it to catch up…", "warning")

    def _saved(self, saved: SaveResult, sent: Mapping[str, str]) -> None:
        form = self._form
        new = form.customer is None
        text = told(saved, new=new)
        change = SavedChange.of(saved, datetime.now().astimezone(), new=new, key=form.keeping.key)
        form.app.post_message(form.Written(saved.customer, text, level_of(saved), change))
        typed_since = any(row.value != sent[name] for name, row in form.rows.items() if name != ID_FIELD)
        form.keeping.mark_saved(saved.customer)
        form.fields.rebase(saved.customer, sent)
        form.take_over(saved.customer)
        if typed_since:
            form.keeping.update(saved.customer, form.fields.typed)
            form.say(f"{text} The keys you typed while it was saving are not saved.", "warning")
        else:
            form.keeping.delete()
            form.once_on_top(self._leave_when_nothing_is_left)

    def _leave_when_nothing_is_left(self) -> None:
        """Close after a save, unless something was typed while another screen lay over the form."""
        if not self._form.unsaved():
            self._form.dismiss(None)

    def _refused(self, error: DockbookError) -> None:
        form = self._form
        match error:
            case IdRefused() if form.customer is not None:
                form.once_on_top(partial(self._ask_unseen, error))
            case ApiError() if error.response.details or isinstance(error, _REFUSALS):
                self._show_refusal(error)
            case EditConflict() if form.customer is not None:
                self.settle(error)
            case CustomerExists():
                form.rows[ID_FIELD].refuse(["This ID exists already."])
                form.once_on_top(partial(self._offer_existing, error))
            case ConfusableId():
                form.status.hush()
                form.once_on_top(partial(self._ask_beside, error))
            case InvalidId() | IdRefused() if form.customer is None:
                form.rows[ID_FIELD].refuse([error.text])
                form.rows[ID_FIELD].reach()
            case RateLimited():
                form.say_error(error, "Nothing was saved.")
            case OutcomeUnknown():
                form.show_link(form.repository.connection)
                form.say(f"{error.title}: {error.text} Your text is kept. F10 looks first, then saves.", "error")
            case TransportError() | ServerFault():
                form.say_error(error, self._what_to_do())
            case _:
                form.say_error(error)

    def _what_to_do(self) -> str:
        """What to do about a save that never reached the server."""
        if self._form.keeping.unconfirmed:
            return "The save before is still not confirmed. Save again: it looks first."
        return "Not sent, kept as a draft: save again when the server is back." if self._form.keeping.possible else ""

    def _show_refusal(self, error: ApiError) -> None:
        """Show what the server has against the save: at the fields it names, and in its own words."""
        form = self._form
        if isinstance(error, NotFound) and form.customer is not None:
            form.say(self._gone(form.customer.short_id), "error")
            return
        elsewhere = form.fields.refuse(error.response.details)
        marked = len(elsewhere) < sum(map(len, error.response.details.values()))
        quoted = f"Not saved. The server says: “{error.response.message}”"
        form.say(" ".join(["Not saved. Please correct the marked fields." if marked else quoted, *elsewhere]), "error")

    def _gone(self, short_id: str) -> str:
        """What to do about a customer that the server does not know any more."""
        kept = " Your text is kept as a draft." if self._form.keeping.is_saved else ""
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
            Question("Save without looking first?", lines, {"stay": "Cancel", "save": "Save all the same"}), answered
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
                    form.rows[name].refuse([f"changed meanwhile to: {theirs or '(empty)'}"])
                form.rows[overlap.fields[0]].reach()
                before = "" if overlap.answer_lost else "Nothing was saved. "
                form.say(f"{before}Save again to decide between theirs and yours.", "warning")
            else:
                self._take_decisions(overlap, texts)

        form.app.push_screen(ConflictScreen(form.desk, form.customer, form.fields.changes, overlap), decided)

    def _take_decisions(self, overlap: EditConflict, texts: Mapping[str, str]) -> None:
        form = self._form
        before = form.customer
        untouched = {} if before is None else {name: before.value(name) for name in WRITABLE_FIELDS}
        form.fields.rebase(overlap.theirs, untouched)
        form.fields.fill(texts)
        form.take_over(overlap.theirs)
        form.keeping.update(overlap.theirs, form.fields.typed)
        if form.fields.changes:
            self.start()
        else:
            who = sanitize_id(overlap.theirs.short_id)
            form.app.post_message(form.Written(overlap.theirs, f"{who} stays as the others left it; nothing was sent."))
            form.keeping.delete()
            form.dismiss(None)

    def _offer_existing(self, error: CustomerExists) -> None:
        form = self._form

        def answered(answer: str | None) -> None:
            if answer == "open":
                self._leave_for(error.short_id)
            else:
                form.rows[ID_FIELD].reach()

        lines = [error.text, *(["", self._leaving] if self._leaving else [])]
        form.app.push_screen(
            Question("That ID exists already", lines, {"stay": "Stay", "open": "Open it"}),
            answered,
        )

    def _ask_beside(self, error: ConfusableId) -> None:
        """Name those the new ID is easily taken for, before it is created beside them."""
        form = self._form
        question = ConfusableQuestion(error, self._leaving)

        def answered(answer: str | None) -> None:
            short_id = question.chosen(answer)
            if short_id is not None:
                self._leave_for(short_id)
            elif answer == "create":
                self._beside |= {other.short_id for other in error.others}
                self.start()
            else:
                form.rows[ID_FIELD].reach()

        form.app.push_screen(question, answered)

    @property
    def _leaving(self) -> str:
        """What becomes of what is typed when another customer is opened; empty where nothing is."""
        if not self._form.fields.changes:
            return ""
        what = "stays a draft" if self._form.keeping.possible else "is dropped"
        return f"Opening it leaves this form: what you typed here {what}."

    def _leave_for(self, short_id: str) -> None:
        """Leave the form to open this customer."""
        self._form.keeping.leave()
        self._form.once_on_top(partial(self._form.dismiss, short_id))
