"""What the terminal should show, cell by cell, read from what Textual writes.

Textual writes its updates in a small language: a place (CUP), looks (SGR), text, line feeds. Nothing else gets in here,
and so nothing else can get out: control characters and other sequences in an update are dropped.
"""

import re
import unicodedata
from typing import Final

from rich.cells import split_graphemes

from app.terminal.sgr import PLAIN, SgrStyle, apply_sgr

#: A cluster of characters and its style. The second half of a wide one is an empty text.
Cell = tuple[str, SgrStyle]
Row = list[Cell]

BLANK: Final[Cell] = (" ", PLAIN)

_TOKEN: Final = re.compile(r"\x1b\[([0-9;]*)([Hm])|([^\x00-\x1f\x7f-\x9f]+)|\n")

#: Where every terminal gives each character one cell: Latin, Greek, Cyrillic, and the signs this program uses itself.
_FIXED_WIDTH: Final = re.compile(
    "[\x20-\x7e\xa0-\xac\xae-\u02ff\u0370-\u0482\u048a-\u052f\u1e00-\u1fff\u2010-\u2015\u2018-\u2027\u2030-\u205e"
    "\u20a0-\u20bf\u2100-\u2319\u231c-\u2328\u232b-\u23ce\u2400-\u2426\u2500-\u25fc]*"
)


def has_fixed_width(text: str) -> bool:
    """Whether all terminals agree on how many cells these characters take: one each."""
    return text.isascii() or _FIXED_WIDTH.fullmatch(text) is not None


class ScreenBuffer:
    """The cells as they should be, and which lines changed since the last look."""

    def __init__(self, columns: int, lines: int) -> None:
        self.columns, self.lines = columns, lines
        self.rows: list[Row] = []
        self.dirty: set[int] = set()
        self.cursor = (0, 0)
        self._style = PLAIN
        self.resize(columns, lines)

    def resize(self, columns: int, lines: int) -> None:
        """Change the size. Cells beyond it are kept: they may come back before anything is written."""
        self.columns, self.lines = columns, lines
        self.rows += [[] for _ in range(lines - len(self.rows))]
        for row in self.rows:
            row += [BLANK] * (columns - len(row))

    def row(self, y: int) -> Row:
        """The cells of a line that can be seen."""
        return self.rows[y][: self.columns]

    def feed(self, update: str) -> None:
        """Apply an update: x and y of the place count from 0, and text beyond the edges is cut off."""
        x, y = self.cursor
        for token in _TOKEN.finditer(update):
            parameters, final, text = token.groups()
            if text is not None:
                cells = cells_of(text, self._style)
                self._put(x, y, cells)
                x += len(cells)
            elif final == "m":
                self._style = apply_sgr(self._style, parameters)
            elif final == "H":
                line, _, column = parameters.partition(";")
                y, x = max(_number(line) - 1, 0), max(_number(column) - 1, 0)
            else:
                x, y = 0, y + 1
        self.cursor = (x, y)

    def _put(self, x: int, y: int, cells: Row) -> None:
        if y >= len(self.rows):
            return
        row = self.rows[y]
        room = len(row) - x
        if room <= 0 or not cells:
            return
        if len(cells) > room:
            # Of a wide character that does not fit there is nothing to see.
            half = cells[room][0] == ""
            cells = cells[:room]
            if half:
                cells[-1] = BLANK
        end = x + len(cells)
        if x and row[x][0] == "":
            row[x - 1] = BLANK
        if end < len(row) and row[end][0] == "":
            row[end] = BLANK
        row[x:end] = cells
        self.dirty.add(y)


def cells_of(text: str, look: SgrStyle) -> Row:
    """The cells that a text takes; a blank whose look cannot be seen is a plain one."""
    blank = (" ", look) if look.seen_on_blanks else BLANK
    if has_fixed_width(text):
        return [blank if character == " " else (character, look) for character in text]
    cells: Row = []
    for start, end, width in split_graphemes(text)[0]:
        cluster = text[start:end]
        # Rich gives spacing marks (Devanagari's vowels) no cell, terminals and `app.text.sanitize` one.
        width += sum(unicodedata.category(character) == "Mc" for character in cluster)
        if width == 0 and cells:
            cells[-1] = (cells[-1][0] + cluster, cells[-1][1])
        elif width:
            cells += [blank if cluster == " " else (cluster, look), *[("", look)] * (width - 1)]
    return cells


def _number(text: str) -> int:
    return int(text) if text else 1
