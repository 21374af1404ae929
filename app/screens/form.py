"""The form: edit a customer or add one; what changed is marked, and a save goes out once."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.content import Content
from textual.widgets import Static

from app.countries import countries
from app.errors import CustomerExists, DockbookError, EditsOverlap, UnaddressableId, ValidationFailed
from app.fields import BY_NAME, KEY, WRITABLE, WRITABLE_NAMES, Field
from app.screens.advice import advice
from app.screens.choose import Choice, ChooseDialog
from app.screens.dialog import Question
from app.screens.frame import STYLES, Desk, DockScreen
from app.text import visible, visible_id
from app.verdict import Saved
from app.widgets.field import FieldInput, FieldRow

if TYPE_CHECKING:
    from app.models import Customer
    from app.widgets.status import Level


class FormScreen(DockScreen[str]):
    """Edit `customer`, or add a new one when it is `None`; `start` is the field the cursor begins in, and
    `new_id` the ID of a new one.

    The result is an ID to open, when a new customer turned out to exist and the person wants to see it.
    """

    CSS_PATH = [STYLES / "form.tcss"]
    ABOUT = (
        "Enter goes to the next field and never saves, so a scanner can fill a field. What differs from before is "
        "marked with • and shows what it was; remarks with ? are advice, it can be saved all the same. "
        "Saving reads the record again first: what others changed in other fields meanwhile is kept and told; "
        "what they changed in the same field is shown before anything is overwritten."
    )

    BAR = ("save", "choices", "restore", "leave")

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f10,ctrl+s", "save", "Save", id="save", priority=True),
        Binding("f4", "choices", "Choices", id="choices", tooltip="Choices of the field"),
        Binding("f9", "restore", "Put back", id="restore", tooltip="Put back what the field was"),
        Binding("escape,f3,f12", "leave", "Leave", id="leave"),
    ]

    def __init__(self, desk: Desk, customer: "Customer | None", start: str = "", *, new_id: str = "") -> None:
        super().__init__(desk)
        self.customer = customer
        self._start = start
        self._new_id = new_id
        self._saving = False
        self.rows = {field.name: _row(field, customer) for field in WRITABLE}
        self._who = Static(classes="who", markup=False)
        if customer is None:
            self.rows = {KEY: FieldRow(KEY, BY_NAME[KEY].label, new_id, was=None)} | self.rows

    def body(self) -> ComposeResult:
        # Not a scrolling container: those take the arrow keys for themselves once there is something to scroll.
        with Container():
            yield self._who
            yield from self.rows.values()

    def on_mount(self) -> None:
        super().on_mount()
        self._show_who()
        first = KEY if self.customer is None else "name"
        self.rows.get(self._start, self.rows[first]).reach()
        self._tell()

    def unsaved(self) -> str:
        given = {KEY: self._new_id}
        changed = [row.label for name, row in self.rows.items() if row.changed and row.value != given.get(name)]
        if not changed:
            return ""
        who = visible_id(self.customer.short_id) if self.customer else "the new customer"
        return f"{', '.join(changed)} of {who}"

    @property
    def changes(self) -> dict[str, str]:
        """What was typed and differs from the record, by wire name."""
        return {name: row.value for name, row in self.rows.items() if row.changed and name != KEY}

    @on(FieldRow.Edited)
    def edited(self, event: FieldRow.Edited) -> None:
        """Count what is changed."""
        self._tell_before(event.row)
        self._tell()

    @on(FieldRow.Left)
    def left(self, event: FieldRow.Left) -> None:
        """Give advice once a value is typed, not while it is; advice on the zip depends on the country."""
        self._advise(event.row)
        if event.row.field == "country":
            self._advise(self.rows["zip"])
        if event.row.field == KEY and event.row.value.strip():
            self.read(partial(self._look_up, event.row.value.strip()), "look-up")

    @on(FieldRow.Entered)
    def entered(self) -> None:
        """Enter goes on; at the last field it stays and says how to save."""
        rows = list(self.rows.values())
        if self._index() == len(rows) - 1:
            self.say("This is the last field. F10 saves.")
        else:
            self.action_move(1)

    @on(FieldRow.Reached)
    def reached(self, event: FieldRow.Reached) -> None:
        """Show the whole of what the field was: beside it there may be too little room."""
        self._tell_before(event.row)

    @on(FieldInput.PastedLines)
    def pasted(self, event: FieldInput.PastedLines) -> None:
        """Tell that several lines became one."""
        self.say(f"{event.lines} pasted lines were joined into this field.", "warning")

    def action_move(self, step: int) -> None:
        rows = list(self.rows.values())
        rows[(self._index() + step) % len(rows)].reach()

    def action_restore(self) -> None:
        row = self._current()
        row.value = row.was or ""

    def action_choices(self) -> None:
        row = self._current()
        if row.field != "country":
            self.say(f"There is nothing to choose from for {row.label}; Country has choices.")
            return
        choices = [Choice(code, f"{code}  {name}") for code, name in countries()]

        def chosen(code: str | None) -> None:
            if code is not None:
                row.value = code

        self.app.push_screen(ChooseDialog("Country", choices, row.value.strip().upper(), search=True), chosen)

    def action_save(self) -> None:
        if self._saving:
            self.say("Being saved: waiting for the server's answer.")
            return
        if self.repository.read_only:
            self.may_write()
            return
        if self.customer is not None and not self.changes:
            self.say("Nothing is changed, so there is nothing to save.")
            return
        short_id = "" if self.customer else self.rows[KEY].value.strip()
        if self.customer is None and not short_id:
            self.rows[KEY].refuse(["A customer needs an ID."])
            self.rows[KEY].reach()
            return
        self._saving = True
        self.header.detail = "saving…"
        self.status.hush()
        sent = {name: row.value for name, row in self.rows.items()}
        self.write(partial(self._save, short_id, sent))

    def action_leave(self) -> None:
        if self._saving:
            self.say("Being saved: waiting for the server's answer.")
            return
        unsaved = self.unsaved()
        if not unsaved:
            self.dismiss(None)
            return

        def answered(answer: str | None) -> None:
            if answer == "save":
                self.action_save()
            elif answer == "discard":
                self.dismiss(None)

        self.app.push_screen(
            Question(
                "Leave without saving?",
                [f"Not saved: {unsaved}."],
                {"stay": "Stay", "save": "Save", "discard": "Discard"},
            ),
            answered,
        )

    async def _look_up(self, short_id: str) -> None:
        """Tell early that an ID is taken; the save looks again, so a failure here needs no word."""
        try:
            taken = await self.repository.customer(short_id)
        except DockbookError:
            return
        row = self.rows.get(KEY)
        if row is not None and row.value.strip() == short_id:
            row.refuse([f"This ID exists already: {taken.name or taken.short_id}. F10 offers to open it."])

    async def _save(self, short_id: str, sent: Mapping[str, str]) -> None:
        try:
            if self.customer is None:
                saved = await self.repository.create(short_id, {n: v for n, v in sent.items() if n != KEY})
            else:
                changes = {n: v for n, v in sent.items() if v != self.customer.value(n)}
                saved = await self.repository.save(self.customer, changes)
        except DockbookError as error:
            self._saving = False
            self._refused(error)
        else:
            self._saving = False
            self._saved(saved, sent)
        finally:
            self._saving = False
            self._tell()

    def _saved(self, saved: Saved, sent: Mapping[str, str]) -> None:
        text = _told(saved, new=self.customer is None)
        level: Level = "warning" if saved.theirs_kept or saved.stored_otherwise else "info"
        self.app.post_message(self.Written(saved.customer, text, level))
        typed_since = any(row.value != sent[name] for name, row in self.rows.items())
        self._rebase(saved.customer, sent)
        if typed_since:
            self.say(f"{text} What you typed since then is not saved yet.", "warning")
        else:
            self.once_on_top(self._leave_when_nothing_is_left)

    def _leave_when_nothing_is_left(self) -> None:
        """Close after a save, unless something was typed while another screen lay over the form."""
        if not self.unsaved():
            self.dismiss(None)

    def _refused(self, error: DockbookError) -> None:
        match error:
            case ValidationFailed():
                self._show_field_errors(error)
            case EditsOverlap() if self.customer is not None:
                self._rebase(error.theirs, {name: self.customer.value(name) for name in WRITABLE_NAMES})
                for name in error.fields:
                    theirs = error.theirs.value(name)
                    self.rows[name].refuse([f"changed meanwhile to: {theirs or '(empty)'}"])
                self.rows[error.fields[0]].reach()
                self.say_error(error)
            case CustomerExists():
                self.rows[KEY].refuse(["This ID exists already."])
                self.once_on_top(partial(self._offer_existing, error))
            case UnaddressableId() if self.customer is None:
                self.rows[KEY].refuse([error.text])
                self.rows[KEY].reach()
            case _:
                self.say_error(error)

    def _show_field_errors(self, error: ValidationFailed) -> None:
        names = {name.casefold(): name for name in self.rows}
        elsewhere = []
        marked = []
        for field, messages in error.refusal.details.items():
            name = names.get(field.casefold())
            if name is None:
                elsewhere += [f"{field}: {message}" for message in messages]
            else:
                self.rows[name].refuse(messages)
                marked.append(name)
        self.say(" ".join([f"{error.title}, nothing was saved.", error.text, *elsewhere]), "error")
        if marked:
            next(row for name, row in self.rows.items() if name in marked).reach()

    def _offer_existing(self, error: CustomerExists) -> None:
        def answered(answer: str | None) -> None:
            if answer == "open":
                self.once_on_top(partial(self.dismiss, error.short_id))
            else:
                self.rows[KEY].reach()

        lines = [error.text]
        if self.changes:
            lines += ["", "Opening it leaves this form: what you typed here is dropped."]
        self.app.push_screen(
            Question("That ID exists already", lines, {"stay": "Stay", "open": "Open it"}),
            answered,
        )

    def _rebase(self, customer: "Customer", settled: Mapping[str, str]) -> None:
        """Take the server's record as what was before; fields that still hold what is `settled` show it."""
        if self.customer is None:
            self.rows.pop(KEY).remove()
        self.customer = customer
        for name in WRITABLE_NAMES:
            row = self.rows[name]
            row.was = customer.value(name)
            if row.value == settled[name]:
                row.value = row.was
            row.refuse([])
            self._advise(row)
        self._show_who()
        self._tell_before(self._current())
        self._tell()

    def _show_who(self) -> None:
        self.header.title = f"Edit {visible_id(self.customer.short_id)}" if self.customer else "New customer"
        # The header may have to shorten an ID; here it stands whole.
        self._who.display = self.customer is not None
        if self.customer is not None:
            self._who.update(Content.assemble(("   ID         ", "dim"), visible_id(self.customer.short_id)))

    def _advise(self, row: FieldRow) -> None:
        """Only what was typed here is judged."""
        row.warn(advice(row.field, row.value, self.rows["country"].value) if row.changed else "")

    def _tell_before(self, row: FieldRow) -> None:
        known = row.changed and row.was is not None
        self.status.position = f"{row.label} was {visible(row.was or '') or 'empty'}" if known else ""

    def _tell(self) -> None:
        count = sum(row.changed for row in self.rows.values())
        if not self._saving:
            self.header.detail = f"{count} changed" if count and self.customer else ""

    def _index(self) -> int:
        for index, row in enumerate(self.rows.values()):
            if row.has_focus_within:
                return index
        return 0

    def _current(self) -> FieldRow:
        return list(self.rows.values())[self._index()]


def _row(field: Field, customer: "Customer | None") -> FieldRow:
    value = customer.value(field.name) if customer else None
    return FieldRow(field.name, field.label, value or "", was=value)


def _told(saved: Saved, *, new: bool) -> str:
    """What a person should know of a save."""
    who = visible_id(saved.customer.short_id)
    parts = [f"{who} is {'created' if new else 'saved'}."]
    if saved.confirmed:
        parts.append("The answer was lost; the record was read again and has it.")
    for name, value in saved.theirs_kept.items():
        parts.append(f"{BY_NAME[name].label} was changed to {value or '(empty)'} meanwhile; kept.")
    for name, value in saved.stored_otherwise.items():
        parts.append(f"The server stored {BY_NAME[name].label} as {value or '(empty)'}.")
    return " ".join(parts)
