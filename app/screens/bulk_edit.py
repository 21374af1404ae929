"""Changing all marked customers: one field set in each, or each discontinued; and undoing what was set together."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from textual import events
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Input, Static

from app.models.fields import BY_NAME, MAX_FIELD_LENGTH, STATUS, WRITABLE
from app.repository.bulk import BulkResult, discontinue
from app.repository.history import SavedChange
from app.screens.bulk_progress import BulkJob, BulkScreen, count_customers
from app.screens.dialogs import BY_HAND, ConfirmDialog, Dialog
from app.screens.hints import input_hint
from app.screens.select_dialog import Choice, SelectDialog
from app.text.sanitize import sanitize, sanitize_id, shorten
from app.widgets.form_field import SafeInput
from app.widgets.line_limit import fold_all

if TYPE_CHECKING:
    from app.models.customer import Customer
    from app.repository.save_result import SaveResult
    from app.repository.writer import SaveObserver
    from app.screens.base import BaseScreen

#: Called with what came of each customer.
Done = Callable[[Sequence[BulkResult]], None]

#: So many are changed together at most: all of them can be undone.
MOST_AT_ONCE: Final = 500
_MOST_NAMED: Final = 3
_STAY_MARKED: Final = "The others stay marked."
_VALUE_CELLS: Final = 30


class NewValueDialog(Dialog[str]):
    """Asks for the new value of a field; Enter answers with it, also if it is empty."""

    KEYS = "⏎ go on · Esc cancel"
    SCANS_IN_FIELDS = False

    def __init__(self, label: str, count: int) -> None:
        super().__init__(f"{label} of {count_customers(count)}")

    def compose_body(self) -> ComposeResult:
        yield SafeInput("", "empty: clear the field")
        yield Static("You see what changes before anything is saved.", classes="lines", markup=False)

    def on_mount(self) -> None:
        self.query_one(SafeInput).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if len(event.value) > MAX_FIELD_LENGTH:
            self.remark(f"Too long: {len(event.value)} characters. At most {MAX_FIELD_LENGTH} · Esc cancel")
        else:
            self.dismiss(event.value)


class DiscontinueAllDialog(Dialog[bool]):
    """Asks for the number of customers, typed, before all of them are discontinued; no scan or paste answers."""

    KEYS = "⏎ discontinue · Esc keep"
    SCANS_IN_FIELDS = False

    def __init__(self, customers: "Sequence[Customer]", skipped: "Sequence[Customer]") -> None:
        super().__init__(f"Discontinue {count_customers(len(customers))}?")
        self._count = len(customers)
        self._names = _names(customers)
        if skipped:
            already = f"{'is' if len(skipped) == 1 else 'are'} already discontinued"
            self._names += f"\n{_names(skipped)} {already} and skipped."
        self._last_key_at = self._key_before_at = float("-inf")

    def compose_body(self) -> ComposeResult:
        yield Static(classes="lines")
        yield SafeInput("")

    def on_mount(self) -> None:
        self.query_one(SafeInput).focus()

    def on_resize(self) -> None:
        warning = "They cannot be made active again from here."
        ask = f"Type {self._count} to discontinue {count_customers(self._count)}:"
        lines = fold_all([self._names, warning], self.cells, self.lines_for_body() - 1, ask)
        self.query_one(".lines", Static).update(Content("\n").join(lines))

    @property
    def takes_pasted_text(self) -> bool:
        return False

    def note_key(self, event: events.Key) -> None:
        self._key_before_at, self._last_key_at = self._last_key_at, event.time

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if self._last_key_at - self._key_before_at < BY_HAND:
            self.remark("Too fast for a hand: press ⏎ again")
        elif event.value.strip() == str(self._count):
            self.dismiss(True)
        else:
            self.remark(f"Type {self._count}, then ⏎ · Esc keep")


def ask_field(screen: "BaseScreen[Any]", customers: "Sequence[Customer]", done: Done) -> None:
    """Ask which field is set in these customers and to what, show what changes, and save each."""
    if len(customers) > MOST_AT_ONCE:
        _refuse(screen, len(customers))
        return

    def chosen(field: str | None) -> None:
        if field is not None:
            dialog = NewValueDialog(BY_NAME[field].label, len(customers))
            screen.app.push_screen(dialog, partial(_ask_to_set, screen, customers, field, done=done))

    choices = [Choice(field.name, field.label) for field in WRITABLE]
    title = f"Set which field in {count_customers(len(customers))}?"
    screen.app.push_screen(SelectDialog(title, choices, "", search=True), chosen)


def ask_discontinue(screen: "BaseScreen[Any]", customers: "Sequence[Customer]", done: Done) -> None:
    """Ask for the number of these customers, and discontinue those that are not discontinued already."""
    active = [customer for customer in customers if customer.active is not False]
    if not active:
        which = "The marked customer is" if len(customers) == 1 else f"All {len(customers):,} marked customers are"
        screen.show_hint(f"{which} already discontinued.")
        return
    if len(active) > MOST_AT_ONCE:
        _refuse(screen, len(active))
        return

    def answered(answer: bool | None) -> None:
        if answer:
            write = partial(discontinue, screen.repository)
            words = ("Discontinuing", "Discontinued:", "discontinued", _STAY_MARKED)
            _start(
                screen,
                BulkJob(*words, undoable=False, field=STATUS, customers=active, write=write, change=_discontinued),
                done,
            )

    skipped = [customer for customer in customers if customer.active is False]
    screen.app.push_screen(DiscontinueAllDialog(active, skipped), answered)


def ask_undo_all(screen: "BaseScreen[Any]", changes: Sequence[SavedChange]) -> None:
    """Ask whether to undo changes that were made together, and undo each as any other save."""
    # In the order in which they were made.
    changes = changes[::-1]
    of_customer = {change.customer.short_id: change for change in changes}
    fields = dict.fromkeys(name for change in changes for name in change.old)
    field = next(iter(fields))
    label = BY_NAME[field].label

    async def undo(customer: "Customer", observer: "SaveObserver") -> "SaveResult":
        return await screen.repository.save(customer, of_customer[customer.short_id].old, observer)

    def change(saved: "SaveResult", key: str) -> SavedChange:
        screen.context.history.mark_undone(of_customer[saved.customer.short_id])
        return SavedChange.of(saved, _now(), undone=True, key=key)

    def answered(answer: str | None) -> None:
        if answer == "undo":
            words = (f"Undoing {label}", f"{label} is as before in", "put back", "Press u to try the others again.")
            _start(screen, BulkJob(*words, undoable=False, field=field, customers=customers, write=undo, change=change))

    customers = [change.customer for change in changes]
    lines = [
        _names(customers),
        f"{label} goes back to: {_counted(change.old[field] for change in changes)}",
        "What someone else changed since then is not overwritten.",
    ]
    title = f"Undo the save of {count_customers(len(changes))}?"
    screen.app.push_screen(ConfirmDialog(title, lines, {"keep": "Cancel", "undo": "Undo all"}), answered)


def _ask_to_set(
    screen: "BaseScreen[Any]", customers: "Sequence[Customer]", field: str, value: str | None, *, done: Done
) -> None:
    """Show how many customers change and from what; then save each."""
    if value is None:
        return
    label = BY_NAME[field].label
    changing = [customer for customer in customers if customer.value(field) != value]
    if not changing:
        screen.show_hint(f"{label} is already {_quoted(value)} in all {len(customers):,}.")
        return
    names = _names(changing)
    lines = [
        f"{label} becomes {_quoted(value)} in {names}.",
        f"Now: {_counted(customer.value(field) for customer in changing)}",
    ]
    if len(changing) < len(customers):
        lines.append(f"{len(customers) - len(changing):,} of the marked have it already.")
    hint = input_hint(field, value, value if field == "country" else "")
    if hint:
        lines.append(f"? {hint}")

    async def save(customer: "Customer", observer: "SaveObserver") -> "SaveResult":
        return await screen.repository.save(customer, {field: value}, observer)

    def answered(answer: str | None) -> None:
        if answer == "set":
            words = (f"Setting {label}", f"{label} is {_quoted(value)} in", "saved", _STAY_MARKED)
            _start(
                screen, BulkJob(*words, undoable=True, field=field, customers=changing, write=save, change=_saved), done
            )

    title = f"Set {label} in {count_customers(len(changing))}?"
    screen.app.push_screen(ConfirmDialog(title, lines, {"keep": "Cancel", "set": f"Set {len(changing):,}"}), answered)


def _start(screen: "BaseScreen[Any]", job: BulkJob, done: Done = lambda _results: None) -> None:
    screen.status.clear_notice()

    def ended(results: list[BulkResult] | None) -> None:
        done(results or [])

    screen.app.push_screen(BulkScreen(screen.context, job), ended)


def _saved(saved: "SaveResult", key: str) -> SavedChange:
    return SavedChange.of(saved, _now(), key=key)


def _discontinued(saved: "SaveResult", key: str) -> SavedChange:
    return SavedChange(_now(), "discontinued", saved.customer, key=key)


def _refuse(screen: "BaseScreen[Any]", count: int) -> None:
    screen.show_hint(f"{count:,} are marked. At most {MOST_AT_ONCE} are changed at once.")


def _names(customers: "Sequence[Customer]") -> str:
    """The first IDs, and how many more there are."""
    names = [sanitize_id(customer.short_id) for customer in customers[:_MOST_NAMED]]
    more = len(customers) - len(names)
    if more:
        return f"{', '.join(names)} and {more:,} more"
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def _counted(values: Iterable[str]) -> str:
    """The most frequent values and in how many customers each stands: `555-0100 in 4, (empty) in 3, others in 2`."""
    counts = Counter(values)
    first = counts.most_common(_MOST_NAMED)
    parts = [f"{_quoted(value)} in {count:,}" for value, count in first]
    rest = counts.total() - sum(count for _, count in first)
    return ", ".join([*parts, *([f"others in {rest:,}"] if rest else [])])


def _quoted(value: str) -> str:
    return shorten(sanitize(value), _VALUE_CELLS) if value else "(empty)"


def _now() -> datetime:
    return datetime.now().astimezone()
