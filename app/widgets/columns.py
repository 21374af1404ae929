"""Which columns fit how wide a terminal, and the text of a row in them: the ID is never shortened."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from app.fields import BY_NAME, KEY
from app.text import fit, shorten, timestamp, visible, visible_id, width

if TYPE_CHECKING:
    from app.models import Customer

GAP: Final = 1


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table: the field it shows, and between which widths (cells) it is readable.

    `rank` tells when it comes: 0 always, then the lower the sooner a wider terminal shows it.
    """

    field: str
    narrow: int
    wide: int
    rank: int = 0

    @property
    def heading(self) -> str:
        """What stands above it."""
        return BY_NAME[self.field].heading


#: In their order on screen.
COLUMNS: Final = (
    Column(KEY, 12, 24),
    Column("name", 18, 44),
    Column("contact", 16, 24, rank=1),
    Column("city", 11, 20),
    Column("state", 3, 5),
    Column("zip", 8, 10, rank=3),
    Column("country", 4, 4, rank=2),
    Column("phone", 14, 18),
    Column("fax", 14, 18, rank=6),
    Column("email", 24, 36, rank=4),
    Column("modified", 16, 18, rank=5),
    Column("active", 12, 12),
)


@dataclass(frozen=True, slots=True)
class Cell:
    """A column with the width (cells) it has now."""

    column: Column
    width: int


def lay_out(cells: int, id_width: int) -> tuple[Cell, ...]:
    """Choose the columns for a terminal this many cells wide; `id_width` is what the IDs shown need."""
    id_width = max(COLUMNS[0].narrow, min(id_width, COLUMNS[0].wide))
    narrow = {column: id_width if column.field == KEY else column.narrow for column in COLUMNS}
    chosen = [column for column in COLUMNS if column.rank == 0]
    for column in sorted((c for c in COLUMNS if c.rank), key=lambda c: c.rank):
        if _needed([*chosen, column], narrow) > cells:
            break
        chosen.append(column)
    chosen.sort(key=COLUMNS.index)
    spare = cells - _needed(chosen, narrow)
    widths = dict(narrow)
    while spare < 0 and len(chosen) > 1:
        spare += narrow[chosen.pop()] + GAP
    growing = [column for column in chosen if column.field != KEY and column.wide > widths[column]]
    while spare > 0 and growing:
        for column in list(growing):
            if spare <= 0:
                break
            # The name takes what is spare twice as fast: it is what people read.
            step = min(2 if column.field == "name" else 1, spare, column.wide - widths[column])
            widths[column] += step
            spare -= step
            if widths[column] >= column.wide:
                growing.remove(column)
    return tuple(Cell(column, widths[column]) for column in chosen)


def row_text(customer: "Customer", layout: Sequence[Cell]) -> str:
    """The row as one text; an ID wider than its column takes room from the columns after it."""
    parts: list[str] = []
    borrowed = 0
    for cell in layout:
        if cell.column.field == KEY:
            shown = visible_id(customer.short_id) or "(no ID)"
            borrowed = max(0, width(shown) - cell.width)
            parts.append(fit(shown, cell.width + borrowed))
            continue
        room = cell.width - borrowed
        if room < 1:
            # The whole column and the gap before it are taken.
            borrowed -= cell.width + GAP
            continue
        borrowed = 0
        parts.append(fit(cell_text(customer, cell.column.field), room))
    return (" " * GAP).join(parts)


def cell_text(customer: "Customer", field: str) -> str:
    """What a cell of this field says."""
    value = customer.value(field)
    return timestamp(value) if field in ("created", "modified") else visible(value)


def heading_text(layout: Sequence[Cell], sort: str, *, descending: bool) -> str:
    """The headings, with a sign at the column the rows are ordered by."""
    arrow = "▼" if descending else "▲"
    parts = []
    for cell in layout:
        heading = cell.column.heading
        if cell.column.field == sort:
            heading = shorten(heading, cell.width - 2) + f" {arrow}" if cell.width > 4 else heading[:2] + arrow
        parts.append(fit(heading, cell.width))
    return (" " * GAP).join(parts)


def _needed(columns: Sequence[Column], narrow: dict[Column, int]) -> int:
    return sum(narrow[column] for column in columns) + GAP * (len(columns) - 1)
