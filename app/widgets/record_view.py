"""All fields of one customer, grouped, with a cursor on one of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Final

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from app.models.fields import FIELDS, ID_FIELD
from app.text.countries import country_name
from app.text.sanitize import fit, sanitize, sanitize_id, shorten, timestamp, width
from app.widgets.narrow import is_narrow
from app.widgets.record_layout import (
    GROUP_CELLS,
    LABEL_CELLS,
    MARK_CELLS,
    FieldEntry,
    Line,
    lay_out,
    shows_label,
)

if TYPE_CHECKING:
    from textual import events

    from app.models.customer import Customer

#: Characters of a value, and fields beyond the contract, that are shown; both may come in millions.
_MAX_VALUE: Final = 500
_MOST_UNKNOWN: Final = 100
_MAX_NAME: Final = 60  # cells
_ODDITY_EMPTY: Final = ("null", "missing")
_REVERSE: Final = Style(reverse=True)


class RecordView(Widget, can_focus=True):
    """The record of one customer; long values take more lines, and only enormous ones are shortened."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "record-view--group",
        "record-view--label",
        "record-view--value",
        "record-view--empty",
        "record-view--remark",
        "record-view--mark",
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
    #: Whether there are lines below those that are shown.
    more_below: reactive[bool] = reactive(False, repaint=False)

    @dataclass
    class Moved(Message):
        """The cursor stands on another field."""

        entry: FieldEntry

    def __init__(self) -> None:
        super().__init__()
        self._entries: list[FieldEntry] = []
        self._rows: list[tuple[Line, ...]] = []
        self._top = 0

    @property
    def current(self) -> FieldEntry | None:
        """The field under the cursor."""
        return self._entries[self.cursor] if self.cursor < len(self._entries) else None

    @property
    def label_aside(self) -> str:
        """The label of the field under the cursor, where the record does not show it; always in a narrow one."""
        entry = self.current
        return entry.label if entry and (is_narrow(self.app.size.width) or not shows_label(entry)) else ""

    @property
    def caret_line(self) -> int:
        """The first line of the field under the cursor."""
        heads = (row for row, lines in enumerate(self._rows) if any(self.cursor in line.heads for line in lines))
        return next(heads, 0) - self._top

    def show(self, customer: "Customer", remarks: Mapping[str, str] = MappingProxyType({})) -> None:
        """Show this customer, with more remarks on fields (by wire name); the cursor stays on the same field."""
        name = self.current.name if self.current else None
        self._entries = list(_entries(customer, remarks))
        names = [entry.name for entry in self._entries]
        self.cursor = names.index(name) if name in names else 0
        self._lay_out()
        self.refresh()

    def validate_cursor(self, cursor: int) -> int:
        return max(0, min(cursor, len(self._entries) - 1))

    def watch_cursor(self) -> None:
        self._scroll_to_cursor()
        if self.current is not None:
            self.post_message(self.Moved(self.current))

    def on_resize(self, event: "events.Resize") -> None:
        self._lay_out()

    def render_line(self, y: int) -> Strip:
        cells = self.size.width
        index = self._top + y
        row = self._rows[index] if index < len(self._rows) else ()
        parts: list[tuple[str, Style]] = []
        used = 0
        for column, line in enumerate(row):
            # Measured and padded here: Rich and terminals do not agree on every script.
            start = column * (cells // len(row))
            parts += [(" " * (start - used), self._look("group")), *self._parts(line)]
            used = sum(width(text) for text, _ in parts)
        parts.append((" " * max(0, cells - used), self._look("group")))
        return Strip([Segment(text, style) for text, style in parts if text], cells)

    def action_move(self, step: int) -> None:
        """Move by one field around the ends, or by several up to them."""
        cursor = self.cursor + step
        self.cursor = cursor % max(1, len(self._entries)) if abs(step) == 1 else cursor

    def action_jump(self, to_end: bool) -> None:
        self.cursor = len(self._entries) - 1 if to_end else 0

    def _parts(self, line: Line) -> Iterator[tuple[str, Style]]:
        current = self.cursor if self.has_focus else None
        marked = current in line.heads
        if is_narrow(self.size.width):
            yield "›" if marked else " ", self._look("mark")
        else:
            yield fit(f"  {line.group}", GROUP_CELLS), self._look("group")
            yield fit("›" if marked else "", MARK_CELLS), self._look("mark")
            yield fit(line.label, LABEL_CELLS), self._look("label")
        for run in line.runs:
            style = self._look(run.look)
            if run.entry is not None and run.entry == current and run.look != "remark":
                style += _REVERSE
            yield run.text, style

    def _look(self, part: str) -> Style:
        return self.get_component_rich_style(f"record-view--{part}")

    def _lay_out(self) -> None:
        """Break the entries into lines of the width there is."""
        self._rows = lay_out(self._entries, self.size.width)
        self._scroll_to_cursor()

    def _scroll_to_cursor(self) -> None:
        rows = [row for row, lines in enumerate(self._rows) if any(self._shows_cursor(line) for line in lines)]
        if not rows or not self.size.height:
            self._top = 0
            return
        first = 0 if self.cursor == 0 else rows[0]
        self._top = min(max(self._top, rows[-1] - self.size.height + 1), first)
        self.more_below = self._top + self.size.height < len(self._rows)
        self.refresh()

    def _shows_cursor(self, line: Line) -> bool:
        return self.cursor in line.heads or any(run.entry == self.cursor for run in line.runs)


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
        return f"{sanitize(value)} {full}" if full else sanitize(value)
    return sanitize(value)
