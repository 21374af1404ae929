"""Values side by side, field by field: before, theirs, yours."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from app.text.sanitize import fit, sanitize, shorten, width
from app.widgets.narrow import is_narrow

if TYPE_CHECKING:
    from rich.style import Style
    from textual import events

_GAP: Final = 2
_SIGNS: Final = 2  # before the label: the cursor, and the mark of a row


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """One row: what it is about, and a value a column (`None` where it is not known).

    `chosen` is the column that counts; `marked` says that this row wants attention.
    """

    name: str
    label: str
    values: tuple[str | None, ...]
    chosen: int | None = None
    marked: bool = False


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of a row: a text for each column, or in a narrow terminal the label, or the text of one `column`."""

    row: int
    first: bool
    cells: tuple[str, ...]
    column: int | None = None


class ComparisonView(Widget, can_focus=True):
    """Rows of values under headings; in a narrow terminal below each other, behind `short_headings`.

    Long values take more lines, nothing is shortened.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "comparison-view--heading",
        "comparison-view--label",
        "comparison-view--value",
        "comparison-view--chosen",
        "comparison-view--mark",
        "comparison-view--cursor",
    }

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Previous row", id="compared-up"),
        Binding("down,j", "move(1)", "Next row", id="compared-down"),
        Binding("home", "move(-999)", "First row", id="compared-first"),
        Binding("end", "move(999)", "Last row", id="compared-last"),
        Binding("pageup", "move(-5)", "Five rows up", id="compared-page-up"),
        Binding("pagedown", "move(5)", "Five rows down", id="compared-page-down"),
    ]

    cursor: reactive[int] = reactive(0)

    @dataclass
    class Moved(Message):
        """The cursor stands on another row."""

        row: ComparisonRow

    def __init__(self, headings: Sequence[str], label_cells: int = 11, short_headings: Sequence[str] = ()) -> None:
        super().__init__()
        self._headings = tuple(headings)
        self._short_headings = [heading.strip() for heading in short_headings or headings]
        self._label_cells = label_cells
        self._rows: tuple[ComparisonRow, ...] = ()
        self._lines: list[_Line] = []
        self._top = 0

    @property
    def rows(self) -> Sequence[ComparisonRow]:
        """What is compared."""
        return self._rows

    @property
    def current(self) -> ComparisonRow | None:
        """The row under the cursor."""
        return self._rows[self.cursor] if self.cursor < len(self._rows) else None

    @property
    def caret_line(self) -> int:
        """The first line of the current row."""
        return (
            self._head + next((row for row, line in enumerate(self._lines) if line.row == self.cursor), 0) - self._top
        )

    def show(self, rows: Sequence[ComparisonRow]) -> None:
        """Show these rows; the cursor stays where it is."""
        self._rows = tuple(rows)
        self.cursor = self.cursor
        self._wrap()
        self.refresh()

    def validate_cursor(self, cursor: int) -> int:
        return max(0, min(cursor, len(self._rows) - 1))

    def watch_cursor(self) -> None:
        self._scroll_to_cursor()
        if self.current is not None:
            self.post_message(self.Moved(self.current))

    def on_resize(self, _event: "events.Resize") -> None:
        self._wrap()

    def render_line(self, y: int) -> Strip:
        cells = self.size.width
        if y < self._head:
            texts = ["", *self._headings]
            return self._strip([(self._joined(texts), "heading")], cells)
        index = self._top + y - self._head
        if index >= len(self._lines):
            return Strip.blank(cells, self._line_style("value"))
        line = self._lines[index]
        row = self._rows[line.row]
        at_cursor = line.row == self.cursor and self.has_focus
        if is_narrow(cells):
            return self._strip(self._stacked_parts(line, row, at_cursor), cells)
        label = fit(row.label if line.first else "", self._label_cells)
        parts = [
            ("›" if at_cursor and line.first else " ", "cursor"),
            ("!" if row.marked and line.first else " ", "mark"),
            (label, "cursor" if at_cursor else "label"),
        ]
        for column, text in enumerate(line.cells):
            chosen = row.chosen == column
            sign = "✓ " if chosen and line.first else "  "
            parts.append((sign, "chosen"))
            parts.append((fit(text, self._room), "chosen" if chosen else "value"))
        return self._strip(parts, cells)

    def _stacked_parts(self, line: _Line, row: ComparisonRow, at_cursor: bool) -> list[tuple[str, str]]:
        """The parts of a line that has the label, or one value, to itself."""
        if line.column is None:
            sign = "!" if row.marked else " "
            text = shorten(row.label, self.size.width - _SIGNS - 1)
            return [("›" if at_cursor else " ", "cursor"), (sign, "mark"), (text, "cursor" if at_cursor else "label")]
        chosen = row.chosen == line.column
        heading = self._short_headings[line.column] if line.first else ""
        sign = "✓ " if chosen and line.first else "  "
        value = (line.cells[0], "chosen" if chosen else "value")
        return [("  ", "value"), (sign, "chosen"), (fit(heading, self._heading_cells) + " ", "label"), value]

    def action_move(self, step: int) -> None:
        self.cursor += step

    @property
    def _head(self) -> int:
        """The lines of headings above the rows."""
        return 0 if is_narrow(self.size.width) else 1

    @property
    def _heading_cells(self) -> int:
        return max(map(width, self._short_headings), default=0)

    @property
    def _room(self) -> int:
        """The cells of one value."""
        if is_narrow(self.size.width):
            return max(6, self.size.width - _SIGNS - 2 - self._heading_cells - 2)
        columns = max(1, len(self._headings))
        return max(6, (self.size.width - _SIGNS - self._label_cells - 1) // columns - _GAP)

    def _joined(self, texts: Sequence[str]) -> str:
        head, *rest = texts
        return " " * _SIGNS + fit(head, self._label_cells) + "".join("  " + fit(text, self._room) for text in rest)

    def _strip(self, parts: Sequence[tuple[str, str]], cells: int) -> Strip:
        strip = Strip([Segment(text, self._line_style(part)) for text, part in parts if text])
        return strip.adjust_cell_length(cells, self._line_style("value"))

    def _line_style(self, part: str) -> "Style":
        return self.get_component_rich_style(f"comparison-view--{part}")

    def _wrap(self) -> None:
        """Break the values into lines of the width there is."""
        self._lines = []
        for index, row in enumerate(self._rows):
            columns = [self._wrapped(value) for value in row.values]
            if is_narrow(self.size.width):
                self._lines.append(_Line(index, True, ()))
                self._lines += [
                    _Line(index, number == 0, (text,), column)
                    for column, texts in enumerate(columns)
                    for number, text in enumerate(texts)
                ]
                continue
            for number in range(max(len(column) for column in columns)):
                cells = tuple(column[number] if number < len(column) else "" for column in columns)
                self._lines.append(_Line(index, number == 0, cells))
        self._scroll_to_cursor()

    def _wrapped(self, value: str | None) -> list[str]:
        if value is None:
            return ["?"]
        return [line.plain for line in Content(sanitize(value) or "–").wrap(self._room)] or ["–"]

    def _scroll_to_cursor(self) -> None:
        room = self.size.height - self._head
        lines = [number for number, line in enumerate(self._lines) if line.row == self.cursor]
        if lines and room > 0:
            self._top = min(max(self._top, lines[-1] - room + 1), lines[0])
        else:
            self._top = 0
        self.refresh()
