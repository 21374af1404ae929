"""The fields of the form: what they were, what is typed, and what is said about it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from textual.app import ComposeResult
from textual.containers import Container
from textual.content import Content
from textual.widgets import Static

from app.models.fields import BY_NAME, ID_FIELD, WRITABLE, WRITABLE_FIELDS, Field
from app.screens.field_errors import behind_label, in_labels, too_long
from app.screens.hints import input_hint
from app.text.sanitize import sanitize_id
from app.widgets.form_field import FormField
from app.widgets.narrow import is_narrow

if TYPE_CHECKING:
    from app.models.customer import Customer


#: What is said beside the fields of a new customer while they are empty.
_EXPECTED: Final = {ID_FIELD: "needed", "name": "usual"}
_SHORT_LABELS: Final = {"address2": "Addr. 2"}


class FormFields(Container):
    """One field below the other for `customer`, or for a new one with the ID `new_id` when it is `None`.

    `typed` are edits to start with; `copied` too, but they count only once something else is typed.
    Not a scrolling container: those take the arrow keys for themselves once there is something to scroll.
    """

    def __init__(
        self, customer: "Customer | None", new_id: str, typed: Mapping[str, str], copied: Mapping[str, str]
    ) -> None:
        super().__init__()
        self._customer = customer
        self._new_id = new_id
        self._copied = copied
        self._who = Static(classes="who", markup=False)
        self.rows = {field.name: _row(field, customer, {**copied, **typed}) for field in WRITABLE}
        if customer is None:
            self.rows = {ID_FIELD: _row(BY_NAME[ID_FIELD], None, {ID_FIELD: new_id} | dict(typed))} | self.rows

    def compose(self) -> ComposeResult:
        yield self._who
        yield from self.rows.values()

    def on_resize(self) -> None:
        self._show_who()

    @property
    def current(self) -> FormField:
        """The field the cursor is in."""
        return list(self.rows.values())[self._index]

    @property
    def at_end(self) -> bool:
        """Whether the cursor is in the last field."""
        return self._index == len(self.rows) - 1

    @property
    def texts(self) -> dict[str, str]:
        """What stands in the fields now, by wire name."""
        return {name: row.value for name, row in self.rows.items()}

    @property
    def changes(self) -> dict[str, str]:
        """What was typed and differs from the record, by wire name."""
        return {name: row.value for name, row in self.rows.items() if row.changed and name != ID_FIELD}

    @property
    def filled(self) -> int:
        """How many fields are changed; of a new customer, how many hold something."""
        own_id = ID_FIELD in self.rows and bool(self.rows[ID_FIELD].value.strip())
        return len(self.changes) + own_id

    @property
    def edits(self) -> dict[str, str]:
        """The changes, and the ID of a new customer, which counts once anything is typed with it."""
        own_id = self.rows[ID_FIELD].value if ID_FIELD in self.rows else ""
        if own_id == self._new_id:
            if self.changes == self._copied:
                return {}
            return {ID_FIELD: own_id} | self.changes if own_id else self.changes
        return {ID_FIELD: own_id} | self.changes

    def move(self, step: int) -> None:
        """Move by this many fields, around the ends."""
        rows = list(self.rows.values())
        rows[(self._index + step) % len(rows)].focus_input()

    def set_values(self, typed: Mapping[str, str]) -> None:
        """Type these texts."""
        for name, text in typed.items():
            if name in self.rows:
                self.rows[name].value = text

    def update_hint(self, row: FormField) -> None:
        """Say what looks odd, or cannot be saved; only what was typed here is judged."""
        row.set_hint(input_hint(row.field, row.value, self.rows["country"].value) if row.changed else "")
        if row.changed and not row.errors and (problem := too_long(row.field, row.value)):
            row.set_errors([problem])

    def set_errors(self, details: Mapping[str, Sequence[str]]) -> list[str]:
        """Show a server's messages at their fields; returns those for fields that are not here."""
        names = {name.casefold(): name for name in self.rows}
        elsewhere = []
        marked = []
        for field, messages in details.items():
            name = names.get(field.casefold())
            if name is None:
                elsewhere += [behind_label(field, message, "") for message in messages]
            else:
                row = self.rows[name]
                row.set_errors(list(dict.fromkeys(in_labels(name, message, row.value) for message in messages)))
                marked.append(name)
        if marked:
            next(row for name, row in self.rows.items() if name in marked).focus_input()
        return elsewhere

    def rebase(self, customer: "Customer", unchanged_if: Mapping[str, str]) -> None:
        """Take the server's record as what was before; fields that still hold what is in `unchanged_if` show it."""
        if ID_FIELD in self.rows:
            if self.current.field == ID_FIELD:
                self.rows["name"].focus_input()
            self.rows.pop(ID_FIELD).remove()
        self._customer = customer
        self._new_id, self._copied = "", {}
        for name in WRITABLE_FIELDS:
            row = self.rows[name]
            row.original = customer.value(name)
            if row.value == unchanged_if.get(name):
                row.value = row.original
            row.set_errors([])
            self.update_hint(row)
        self._show_who()

    @property
    def _index(self) -> int:
        for index, row in enumerate(self.rows.values()):
            if row.has_focus_within:
                return index
        return 0

    def _show_who(self) -> None:
        # The header may have to shorten an ID; here it stands whole.
        self._who.display = self._customer is not None
        if self._customer is not None:
            label = " ID      " if is_narrow(self.size.width) else "   ID         "
            self._who.update(Content.assemble((label, "dim"), sanitize_id(self._customer.short_id)))


def _row(field: Field, customer: "Customer | None", typed: Mapping[str, str]) -> FormField:
    value = customer.value(field.name) if customer else None
    return FormField(
        field.name,
        field.label,
        typed.get(field.name, value or ""),
        was=value,
        short_label=_SHORT_LABELS.get(field.name, ""),
        expected=_EXPECTED.get(field.name, "") if customer is None else "",
    )
