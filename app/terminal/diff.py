"""Knows what the terminal shows, and makes the shortest output that leads from there to what it should show.

Only VT100 sequences are used: places, steps, erasing to the end of a line, looks. A line is erased only in the plain
look, so that it does not matter what a terminal fills with.
"""

from typing import Final

from app.terminal.screen_buffer import BLANK, Cell, Row, ScreenBuffer, has_fixed_width
from app.terminal.sgr import PLAIN, SgrStyle, transition
from app.terminal.too_small import is_too_small, too_small_text

#: Unchanged cells between two changed ones that are written again: a step over them takes as many bytes, or one less.
_SHORT_GAP: Final = 4
#: Blanks at the end of a line that are written rather than erased.
_SHORT_END: Final = 3
#: What it takes to erase a line, in bytes.
_ERASING: Final = 3
#: After this many blanks in a line of ambiguous widths the cursor is positioned again.
_GAP: Final = 2

#: Not a line feed: depending on its settings the kernel turns that into two characters.
_NEXT_LINE: Final = "\x1bE"

CLEAR: Final = "\x1b[m\x1b[H\x1b[2J"


class ScreenDiff:
    """Turns updates into output. What the terminal shows is known from `cleared` on.

    With `for_screens`, a terminal in which no screen has room shows that, and the screen when it has grown.
    """

    def __init__(self, columns: int, lines: int, *, for_screens: bool = False) -> None:
        self._for_screens = for_screens
        self.buffer = ScreenBuffer(columns, lines)
        self._shown: list[Row | None] = [None] * lines
        self._fixed_width = [False] * lines
        self._unknown = set(range(lines))
        self._cursor: tuple[int | None, int] | None = None
        self._style: SgrStyle | None = None
        self._out: list[str] = []
        #: Whether the terminal shows that it is too small, and no screen.
        self._shows_too_small = False

    def cleared(self) -> None:
        """The terminal was sent `CLEAR`: it shows nothing."""
        blank = [BLANK] * self.buffer.columns
        self._shown = [list(blank) for _ in range(self.buffer.lines)]
        self._fixed_width = [True] * self.buffer.lines
        self._unknown = set()
        self._cursor, self._style = (0, 0), PLAIN
        self.buffer.dirty.update(range(self.buffer.lines))

    def forget(self, columns: int, lines: int) -> None:
        """Assume nothing about what the terminal shows; it may have another size, too."""
        self.buffer.resize(columns, lines)
        self._shown = [None] * lines
        self._fixed_width = [False] * lines
        self._unknown = set(range(lines))
        self._cursor = self._style = None
        self._shows_too_small = False

    def output(self) -> str:
        """What brings the terminal from what it shows to what the grid says; empty when nothing differs."""
        size = self.buffer.columns, self.buffer.lines
        if self._for_screens and is_too_small(*size):
            # The screen is kept in the buffer: with another size comes another look at all of it.
            output = "" if self._shows_too_small else CLEAR + too_small_text(*size)
            self._shows_too_small = True
            return output
        self._out = []
        lines = sorted(y for y in self.buffer.dirty | self._unknown if y < self.buffer.lines)
        for y in lines:
            self._paint_line(y)
        self.buffer.dirty.clear()
        self._unknown.clear()
        # Where Textual shows no cursor, it stays where it is.
        x, y = self.buffer.cursor
        if (x, y) != (0, 0):
            self._move(min(x, self.buffer.columns - 1), min(y, self.buffer.lines - 1))
        return "".join(self._out)

    def _paint_line(self, y: int) -> None:
        before, now = self._shown[y], self.buffer.row(y)
        if before == now:
            return
        certain = _all_fixed_width(now)
        if before is None or not (certain and self._fixed_width[y]):
            start = _start_of_changes(before, now) if before is not None else 0
            self._begin_line(y, start)
            self._rewrite_line(y, now, start)
        else:
            self._paint_shortest(y, before, now)
        self._shown[y], self._fixed_width[y] = now, certain

    def _paint_shortest(self, y: int, before: Row, now: Row) -> None:
        """Write what differs, or erase the line first when there is less to write then."""
        start = self._out, self._cursor, self._style
        self._out = []
        blanks = self._write_changes(y, before, now)
        changed = self._out, self._cursor, self._style
        if blanks <= _ERASING:
            self._out = start[0] + self._out
            return
        self._out, self._cursor, self._style = [], start[1], start[2]
        self._begin_line(y)
        self._write_changes(y, [BLANK] * len(now), now)
        if _length(changed[0]) <= _length(self._out):
            out, self._cursor, self._style = changed
        else:
            out = self._out
        self._out = start[0] + out

    def _begin_line(self, y: int, start: int = 0) -> None:
        self._move(start, y)
        self._set_style(PLAIN)
        self._out.append("\x1b[K")

    def _write_changes(self, y: int, before: Row, now: Row) -> int:
        """Write what differs; how many blanks that were: about so many bytes are spared where they are there before."""
        columns = len(now)
        # From here on everything is blank.
        end = columns
        while end and now[end - 1] == BLANK:
            end -= 1
        x = blanks = 0
        while x < end:
            if before[x] == now[x]:
                x += 1
                continue
            start = x
            while x < end and before[x] != now[x]:
                x += 1
            self._move(start, y, now)
            self._write(now[start:x])
            self._cursor = (x if x < columns else None, y)
            blanks += now[start:x].count(BLANK)
        left = [x for x in range(end, columns) if before[x] != BLANK]
        if not left:
            return blanks
        self._move(left[0], y, now)
        if len(left) > _SHORT_END or left[-1] - left[0] >= len(left):
            self._set_style(PLAIN)
            self._out.append("\x1b[K")
        else:
            self._write([BLANK] * len(left))
            self._cursor = (left[-1] + 1 if left[-1] + 1 < columns else None, y)
        return blanks

    def _rewrite_line(self, y: int, now: Row, start: int) -> None:
        """Rewrite an erased line from `start`; after blanks the cursor is positioned, wherever the terminal has it."""
        x = start
        certain = True
        while x < len(now):
            gap = x
            while gap < len(now) and now[gap] == BLANK:
                gap += 1
            if gap == len(now):
                break
            if gap - x >= _GAP and not certain:
                self._cursor = (None, y)
            if gap - x >= _GAP:
                self._move(gap, y, now)
                certain = True
                x = gap
            certain = certain and has_fixed_width(now[x][0])
            self._write(now[x : x + 1])
            x += 1
            self._cursor = (x, y)
        self._cursor = (None, y)

    def _write(self, cells: Row) -> None:
        now, add = self._style, self._out.append
        for cell in cells:
            text, look = cell
            if look is not now and not self._is_as_now(cell):
                self._set_style(look)
                now = look
            add(text)

    def _set_style(self, look: SgrStyle) -> None:
        if look != self._style:
            self._out.append(transition(self._style, look) if self._style is not None else _reset_style(look))
            self._style = look

    def _move(self, x: int, y: int, row: Row | None = None) -> None:
        """Move the cursor the shortest way; `row` is what the line shows, where the cursor passes over it."""
        if self._cursor == (x, y):
            return
        (from_x, from_y), self._cursor = self._cursor or (None, None), (x, y)
        if from_x is not None and from_y == y and row is not None and 0 < x - from_x <= _SHORT_GAP:
            passed = row[from_x:x]
            text = "".join([cell[0] for cell in passed])
            if text.isascii() and all(map(self._is_as_now, passed)):
                self._out.append(text)
                return
        ways = [_place(x, y)]
        if from_y == y:
            ways.append("\r" + (_step(x, "C", "D") if x else ""))
        elif x == 0 and y - 1 == from_y:
            ways.append(_NEXT_LINE)
        if from_x is not None and from_y == y:
            ways.append(_step(x - from_x, "C", "D"))
            if x < from_x <= x + 2:
                ways.append("\b" * (from_x - x))
        elif from_x == x and from_y is not None:
            ways.append(_step(y - from_y, "B", "A"))
        self._out.append(min(ways, key=_bytes))

    def _is_as_now(self, cell: Cell) -> bool:
        """Whether the cell is written without another look."""
        text, look = cell
        if self._style is None:
            return False
        return look == self._style or (text == " " and look == PLAIN and not self._style.seen_on_blanks)


def _start_of_changes(before: Row, now: Row) -> int:
    """Return where a line of ambiguous widths begins to differ: where the cursor was positioned when it was written."""
    start = next(x for x, (was, cell) in enumerate(zip(before, now, strict=True)) if was != cell)
    while start and now[start - _GAP : start] != [BLANK] * _GAP:
        start -= 1
    return start


def _all_fixed_width(row: Row) -> bool:
    return has_fixed_width("".join([text for text, _ in row]))


def _reset_style(look: SgrStyle) -> str:
    return "\x1b[m" + transition(PLAIN, look)


def _place(x: int, y: int) -> str:
    if x == 0:
        return f"\x1b[{y + 1}H" if y else "\x1b[H"
    return f"\x1b[{y + 1};{x + 1}H" if y else f"\x1b[;{x + 1}H"


def _step(by: int, forward: str, back: str) -> str:
    number = "" if abs(by) == 1 else str(abs(by))
    return f"\x1b[{number}{forward if by > 0 else back}"


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def _length(parts: list[str]) -> int:
    return _bytes("".join(parts))
