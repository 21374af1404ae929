"""All fields of one customer, grouped, with a cursor on one of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Final

from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from app.models.fields import FIELDS, ID_FIELD
from app.text.countries import country_name
from app.text.sanitize import fit, sanitize, sanitize_id, shorten, timestamp, width

if TYPE_CHECKING:
    from rich.style import Style
    from textual import events

    from app.models.customer import Customer

_GROUP_CELLS: Final = 9
_LABEL_CELLS: Final = 11
_INDENT: Final = 2 + _GROUP_CELLS + _LABEL_CELLS
#: Characters of a value, and fields beyond the contract, that are shown; both may come in millions.
_MAX_VALUE: Final = 500
_MOST_UNKNOWN: Final = 100
_MAX_NAME: Final = 60  # cells
_ODDITY_EMPTY: Final = ("null", "missing")


@dataclass(frozen=True, slots=True)
class FieldEntry:
    """A field as shown: `value` is what copying gives, `remark` says what is odd about it."""

    name: str
    group: str
    label: str
    value: str
    shown: str
    remark: str = ""


@dataclass(frozen=True, slots=True)
class _Line:
    entry: int | None
    first: bool = False
    group: str = ""
    label: str = ""
    text: str = ""
    remark: str = ""


class RecordView(Widget, can_focus=True):
    """The record of one customer; long values take more lines, and only enormous ones are shortened."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "record-view--group",
        "record-view--label",
        "record-view--value",
        "record-view--empty",
        "record-view--remark",
        "record-view--cursor",
    }

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Previous field", id="field-up"),
        Binding("down,j", "move(1)", "Next field", id="field-down"),
        Binding("home", "jump(False)", "First field", id="field-first"),
        Binding("end", "jump(True)", "Last field", id="field-last"),
        Binding("pageup", "move(-5)", "Five fields up", id="field-page-up"),
        Binding("pagedown", "move(5)", "Five fields down", id="field-page-down"),
    ]

    cursor: reactive[int] = reactive(0)

    @dataclass
    class Moved(Message):
        """The cursor stands on another field."""

        entry: FieldEntry

    def __init__(self) -> None:
        super().__init__()
        self._entries: list[FieldEntry] = []
        self._lines: list[_Line] = []
        self._top = 0

    @property
    def current(self) -> FieldEntry | None:
        """The field under the cursor."""
        return self._entries[self.cursor] if self.cursor < len(self._entries) else None

    def show(self, customer: "Customer", remarks: Mapping[str, str] = MappingProxyType({})) -> None:
        """Show this customer, with more remarks on fields (by wire name); the cursor stays on the same field."""
        name = self.current.name if self.current else None
        self._entries = list(_entries(customer, remarks))
        names = [entry.name for entry in self._entries]
        self.cursor = names.index(name) if name in names else 0
        self._wrap()
        self.refresh()

    def validate_cursor(self, cursor: int) -> int:
        return max(0, min(cursor, len(self._entries) - 1))

    def watch_cursor(self) -> None:
        self._scroll_to_cursor()
        if self.current is not None:
            self.post_message(self.Moved(self.current))

    def on_resize(self, event: "events.Resize") -> None:
        self._wrap()

    def render_line(self, y: int) -> Strip:
        cells = self.size.width
        index = self._top + y
        if index >= len(self._lines):
            return Strip.blank(cells, self._line_style("value"))
        line = self._lines[index]
        at_cursor = line.entry is not None and line.entry == self.cursor and self.has_focus
        head = "› " if at_cursor and line.first else "  "
        value_look = "empty" if line.text.startswith("–") else "value"
        parts = [
            (head, "cursor"),
            (fit(line.group, _GROUP_CELLS), "group"),
            (fit(line.label, _LABEL_CELLS), "cursor" if at_cursor else "label"),
            (line.text, value_look),
            (f"  ! {line.remark}" if line.remark else "", "remark"),
        ]
        # Measured and padded here: Rich and terminals do not agree on every script.
        used = sum(width(text) for text, _ in parts)
        parts.append((" " * max(0, cells - used), "value"))
        return Strip([Segment(text, self._line_style(part)) for text, part in parts if text], cells)

    def action_move(self, step: int) -> None:
        self.cursor += step

    def action_jump(self, to_end: bool) -> None:
        self.cursor = len(self._entries) - 1 if to_end else 0

    def _line_style(self, part: str) -> "Style":
        return self.get_component_rich_style(f"record-view--{part}")

    def _wrap(self) -> None:
        """Break the entries into lines of the width there is."""
        room = max(10, self.size.width - _INDENT - 1)
        self._lines = []
        group = ""
        for index, entry in enumerate(self._entries):
            if entry.group != group and group:
                self._lines.append(_Line(None))
            remark_cells = len(entry.remark) + 4 if entry.remark else 0
            folded = [line.plain for line in Content(entry.shown).wrap(room)] or [""]
            fits = len(folded) == 1 and Content(entry.shown).cell_length + remark_cells <= room
            for row, text in enumerate(folded):
                self._lines.append(
                    _Line(
                        index,
                        row == 0,
                        entry.group if row == 0 and entry.group != group else "",
                        entry.label if row == 0 else "",
                        text,
                        entry.remark if fits else "",
                    )
                )
            if entry.remark and not fits:
                self._lines += [_Line(index, remark=line.plain) for line in Content(entry.remark).wrap(room - 4)]
            group = entry.group
        self._scroll_to_cursor()

    def _scroll_to_cursor(self) -> None:
        rows = [row for row, line in enumerate(self._lines) if line.entry == self.cursor]
        if not rows or not self.size.height:
            self._top = 0
            return
        first = 0 if self.cursor == 0 else rows[0]
        self._top = min(max(self._top, rows[-1] - self.size.height + 1), first)
        self.refresh()


def _entries(customer: "Customer", remarks: Mapping[str, str]) -> Iterator[FieldEntry]:
    for field in FIELDS:
        value = customer.value(field.name)
        remark = customer.problems.get(field.name, "")
        shown = _shown(field.name, value[:_MAX_VALUE])
        if not value and remark in _ODDITY_EMPTY:
            shown, remark = f"– ({remark})", ""
        remark = "; ".join(filter(None, (remark, _truncation_note(value), sanitize(remarks.get(field.name, "")))))
        yield FieldEntry(field.name, field.group, field.label, value, shown, remark)
    unknown = customer.unknown_fields
    for name, value in islice(unknown.items(), _MOST_UNKNOWN):
        shown = f"{shorten(name, _MAX_NAME)}: {sanitize(value[:_MAX_VALUE]) or '–'}"
        yield FieldEntry(
            name, "More", "", value, shown, "; ".join(filter(None, ("not known to dockbook", _truncation_note(value))))
        )
    if len(unknown) > _MOST_UNKNOWN:
        left = f"{len(unknown) - _MOST_UNKNOWN:,} more fields"
        yield FieldEntry("", "More", "", "", left, "not known to dockbook")


def _truncation_note(value: str) -> str:
    """What to say of a value that is shown only in part."""
    return f"{len(value):,} characters, the first {_MAX_VALUE:,} shown" if len(value) > _MAX_VALUE else ""


def _shown(name: str, value: str) -> str:
    if not value:
        return "–"
    if name == ID_FIELD:
        return sanitize_id(value)
    if name in ("created", "modified"):
        return timestamp(value)
    if name == "country":
        full = country_name(value)
        return f"{sanitize(value)} · {full}" if full else sanitize(value)
    return sanitize(value)
