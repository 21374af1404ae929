"""Which columns fit how wide a terminal, and the text of a row in them: the ID is never shortened."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from app.models.fields import BY_NAME, ID_FIELD
from app.text.sanitize import fit, sanitize, sanitize_id, shorten, timestamp, width

if TYPE_CHECKING:
    from app.models.customer import Customer

GAP: Final = 1
_MAX_SHOWN: Final = 1_000  # characters; more than any cell can show


class Column(NamedTuple):
    """A column of the table: the field it shows, and its widths in cells: just readable, comfortable, and enough.

    `rank` tells when it comes by itself: 0 always, then the lower the sooner, once the columns before it are
    comfortable, and `None` only when it is chosen.
    """

    field: str
    narrow: int
    comfortable: int
    wide: int
    priority: int | None = 0

    @property
    def heading(self) -> str:
        """What stands above it."""
        return BY_NAME[self.field].heading


#: In their order on screen.
COLUMNS: Final = (
    Column(ID_FIELD, 12, 16, 24),
    Column("name", 16, 24, 44),
    Column("contact", 16, 16, 24, priority=1),
    Column("address1", 16, 20, 30, priority=None),
    Column("address2", 12, 16, 24, priority=None),
    Column("city", 9, 12, 20),
    Column("state", 3, 4, 6),
    Column("zip", 8, 8, 10, priority=3),
    Column("country", 4, 4, 4, priority=2),
    Column("phone", 12, 15, 18),
    Column("fax", 12, 15, 18, priority=6),
    Column("email", 24, 26, 36, priority=4),
    Column("created", 16, 16, 18, priority=None),
    Column("modified", 16, 16, 18, priority=5),
    Column("active", 12, 12, 12),
)


class ColumnWidth(NamedTuple):
    """A column with the width (cells) it has now."""

    column: Column
    width: int


def lay_out(cells: int, id_width: int, chosen: Collection[str] | None = None) -> tuple[ColumnWidth, ...]:
    """Choose the columns for a terminal this many cells wide; `id_width` is what the IDs shown would like.

    Without a choice the columns of rank 0 are always there: where they are too wide together, the ID's column gives
    way first (a long ID then takes room in its own row), and the name's last. Of the fields `chosen` those come that
    fit, from the left, and the ID in any case.
    """
    widths = {column: column.narrow for column in COLUMNS}
    key = COLUMNS[0]
    shown = _by_priority() if chosen is None else _of(chosen, cells)
    spare = cells - _needed(shown, widths)
    widths[key] += max(0, min(id_width - key.narrow, key.wide - key.narrow, spare))
    comfortable = {column: max(column.comfortable, widths[column]) for column in COLUMNS}
    if chosen is None:
        for column in sorted((c for c in COLUMNS if c.priority), key=lambda c: c.priority or 0):
            if _needed([*shown, column], comfortable) > cells:
                break
            shown.append(column)
        shown.sort(key=COLUMNS.index)
    if spare >= 0 and _needed(shown, comfortable) <= cells:
        widths = comfortable
    spare = cells - _needed(shown, widths)
    _distribute(spare, [column for column in shown if column is not key], widths)
    return tuple(ColumnWidth(column, widths[column]) for column in shown)


def _by_priority() -> list[Column]:
    return [column for column in COLUMNS if column.priority == 0]


def _of(chosen: Collection[str], cells: int) -> list[Column]:
    """The columns chosen, as many as fit."""
    shown: list[Column] = []
    needed = -GAP
    for column in COLUMNS:
        if column.field != ID_FIELD and column.field not in chosen:
            continue
        needed += GAP + column.narrow
        if shown and needed > cells:
            break
        shown.append(column)
    return shown


def _distribute(spare: int, columns: Sequence[Column], widths: dict[Column, int]) -> None:
    """Give spare cells to the columns that can use them; the name gets them twice as fast, people read it."""
    growing = [column for column in columns if column.wide > widths[column]]
    while spare > 0 and growing:
        for column in list(growing):
            step = min(2 if column.field == "name" else 1, spare, column.wide - widths[column])
            widths[column] += step
            spare -= step
            if widths[column] >= column.wide:
                growing.remove(column)


class CellText(NamedTuple):
    """A piece of a row: the field it shows (empty for a remark), its text, padded, and its width in cells."""

    field: str
    text: str
    width: int


def row_parts(customer: "Customer", layout: Sequence[ColumnWidth]) -> list[CellText]:
    """The row cell by cell; an ID wider than its column takes room from the columns after it."""
    parts: list[CellText] = []
    borrowed = 0
    for cell in layout:
        field = cell.column.field
        if field == ID_FIELD:
            shown = sanitize_id(customer.short_id) or "(no ID)"
            borrowed = max(0, width(shown) - cell.width)
            parts.append(CellText(field, fit(shown, cell.width + borrowed), cell.width + borrowed))
            continue
        room = cell.width - borrowed
        if room < 1:
            # The whole column and the gap before it are taken.
            borrowed -= cell.width + GAP
            continue
        borrowed = 0
        parts.append(CellText(field, fit(cell_text(customer, field), room), room))
    return parts


def row_text(customer: "Customer", layout: Sequence[ColumnWidth]) -> str:
    """The row as one text."""
    return (" " * GAP).join(part.text for part in row_parts(customer, layout))


def cell_text(customer: "Customer", field: str) -> str:
    """What a cell of this field says."""
    # A value may have millions of characters, and a cell shows the first few.
    value = customer.value(field)[:_MAX_SHOWN]
    return timestamp(value) if field in ("created", "modified") else sanitize(value)


def heading_text(layout: Sequence[ColumnWidth], sort: str, *, descending: bool) -> str:
    """The headings, with a sign at the column the rows are ordered by."""
    arrow = "▼" if descending else "▲"
    parts = []
    for cell in layout:
        heading = cell.column.heading
        if cell.column.field == sort:
            heading = shorten(heading, cell.width - 2) + f" {arrow}" if cell.width > 4 else heading[:2] + arrow
        parts.append(fit(heading, cell.width))
    return (" " * GAP).join(parts)


def _needed(columns: Sequence[Column], widths: dict[Column, int]) -> int:
    return sum(widths[column] for column in columns) + GAP * (len(columns) - 1)
