"""Which columns fit how wide a terminal, and the text of a row in them: the ID is shortened only to the whole width."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from app.models.fields import BY_NAME, ID_FIELD, STATUS
from app.text.sanitize import fit, sanitize, sanitize_id, shorten, timestamp, width
from app.widgets.narrow import is_narrow

if TYPE_CHECKING:
    from app.models.customer import Customer

GAP: Final = 1
_MAX_SHOWN: Final = 1_000  # characters; more than any cell can show
#: Cells from which the status is a word and the state has a column of its own; a terminal of 100 columns has them.
_ROOMY: Final = 97
#: Cells before and behind a row.
_AROUND: Final = 3
#: Cells from which a row of two lines shows another column beside the ID.
_BESIDE: Final = 33
#: Cells that the name gets before the city gets its content.
_NAME_FIRST: Final = 26
#: The columns that get room for their content before all others, and the cells that one long content of another page
#: may keep from those.
_GROW_FIRST: Final = (ID_FIELD, "phone")
_MOST_HELD: Final = 3


class Column(NamedTuple):
    """A column of the table: the field it shows, and the fewest and the most cells it takes.

    `priority` says when it comes by itself: 0 always, then the lower the sooner, once the columns before it have
    room for their content, and `None` only when it is chosen. `also` is a second field that stands behind the first.
    """

    field: str
    narrow: int
    wide: int
    priority: int | None = 0
    also: str = ""

    @property
    def heading(self) -> str:
        """What stands above it; nothing above a sign."""
        return "" if self.is_sign else BY_NAME[self.field].heading

    @property
    def is_sign(self) -> bool:
        """Whether the status is a sign in it, and not a word."""
        return self.wide == 1

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields it shows."""
        return (self.field, self.also) if self.also else (self.field,)


#: In their order on screen.
COLUMNS: Final = (
    Column(ID_FIELD, 12, 24),
    Column("name", 16, 44),
    Column("contact", 12, 24, priority=1),
    Column("address1", 16, 30, priority=None),
    Column("address2", 12, 24, priority=None),
    Column("city", 9, 20),
    Column("state", 3, 12),
    Column("zip", 5, 10, priority=3),
    Column("country", 4, 4, priority=4),
    Column("phone", 12, 20),
    Column("fax", 12, 20, priority=6),
    Column("email", 16, 40, priority=2),
    Column("created", 16, 22, priority=None),
    Column("modified", 16, 22, priority=5),
    Column(STATUS, 12, 12),
)
#: Where there is little room.
_SIGN: Final = Column(STATUS, 1, 1)
_CITY_AND_STATE: Final = Column("city", 9, 24, also="state")
_STATUS_SIGNS: Final = {"discontinued": "×", "unknown": "?"}
#: What `_SIGN` means, for a person who sees it for the first time.
SIGN_LEGEND: Final = "× discontinued"


class ColumnWidth(NamedTuple):
    """A column with the width (cells) it has now."""

    column: Column
    width: int


#: The columns in a line of a row.
Line = tuple[ColumnWidth, ...]


def lines_of_row(cells: int) -> int:
    """Return how many lines a row takes in so many cells, without those before and behind it."""
    return 2 if is_narrow(cells + _AROUND) else 1


def measure(rows: "Iterable[Customer]", before: Mapping[Column, int], *, may_shrink: bool = False) -> dict[Column, int]:
    """Return how many cells the content of each column takes, in these rows or `before`.

    With `may_shrink` the columns that get room first are not held much wider than these rows need.
    """
    needs: dict[Column, int] = {}
    rows = list(rows)
    for column in (*COLUMNS, _CITY_AND_STATE):
        now = max((min(column.wide, width(cell_text(row, column))) for row in rows), default=0)
        held = max(now, before.get(column, 0))
        shrinks = may_shrink and column.field in _GROW_FIRST and held - max(now, column.narrow) > _MOST_HELD
        needs[column] = now if shrinks else held
    return needs


def lay_out(cells: int, needs: Mapping[Column, int], chosen: Collection[str] | None = None) -> tuple[ColumnWidth, ...]:
    """Choose the columns for a terminal this many cells wide; `needs` is what `measure` returned.

    Without a choice the columns of priority 0 are always there; others come only where all have room for their
    content. Of the fields `chosen` those come that fit, from the left, and the ID in any case.
    """
    available = _available(cells, chosen)
    wanted = {column: max(column.narrow, needs.get(column, 0)) for column in available}
    shown = (
        [column for column in available if column.priority == 0] if chosen is None else _of(available, chosen, cells)
    )
    if chosen is None:
        for column in sorted((c for c in available if c.priority), key=lambda c: c.priority or 0):
            if needs.get(column, 0) > 0 and _needed([*shown, column], wanted) <= cells:
                shown.append(column)
        shown.sort(key=available.index)
    widths = {column: column.narrow for column in shown}
    spare = cells - _needed(shown, widths)
    for column, most in _growth(shown):
        step = max(0, min(spare, min(most, wanted[column]) - widths[column]))
        widths[column] += step
        spare -= step
    _distribute(spare, [column for column in shown if column.field != ID_FIELD], widths)
    return tuple(ColumnWidth(column, widths[column]) for column in shown)


def lay_out_lines(cells: int, needs: Mapping[Column, int], chosen: Collection[str] | None = None) -> tuple[Line, ...]:
    """Choose the columns for each line of a row; arguments as in `lay_out`.

    In two lines, the second shows the name, or the first of the fields chosen. The next stands beside the ID.
    """
    if lines_of_row(cells) == 1:
        return (lay_out(cells, needs, chosen),)
    short_id, sign, *others = _available(cells, chosen)
    wanted = [column for column in others if (column.priority == 0 if chosen is None else column.field in chosen)]
    below, *more = wanted or others
    beside = more[0] if more and cells >= _BESIDE else None
    narrow = max(short_id.narrow, min(short_id.wide, needs.get(short_id, 0)))
    rest = cells - narrow - 3 * GAP
    second = (ColumnWidth(below, cells - 1),)
    if beside is None or rest < beside.narrow:
        return (ColumnWidth(short_id, min(narrow, cells - GAP - 1)), ColumnWidth(sign, 1)), second
    return (ColumnWidth(short_id, narrow), ColumnWidth(sign, 1), ColumnWidth(beside, rest)), second


def _available(cells: int, chosen: Collection[str] | None) -> list[Column]:
    """The columns that may be shown; the status is there in any case, because a colour alone must not tell it."""
    as_word = cells >= _ROOMY and (chosen is None or STATUS in chosen)
    columns = [column for column in COLUMNS if column.field != STATUS or as_word]
    if not as_word:
        columns.insert(1, _SIGN)
    if chosen is not None or cells >= _ROOMY:
        return columns
    return [_CITY_AND_STATE if column.field == "city" else column for column in columns if column.field != "state"]


def _of(available: Sequence[Column], chosen: Collection[str], cells: int) -> list[Column]:
    """The columns chosen, as many as fit."""
    shown: list[Column] = []
    needed = -GAP
    for column in available:
        if column.field not in (ID_FIELD, *chosen) and not column.is_sign:
            continue
        needed += GAP + column.narrow
        if shown and needed > cells:
            break
        shown.append(column)
    return shown


def _growth(shown: Sequence[Column]) -> Iterator[tuple[Column, int]]:
    """The columns in the order in which they get room for their content, and the most that each gets then."""
    by_field = {column.field: column for column in shown}
    for field, most in (*((field, 24) for field in _GROW_FIRST), ("name", _NAME_FIRST), ("city", 24)):
        if field in by_field:
            yield by_field[field], most
    yield from ((column, column.wide) for column in shown)


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
    """The row cell by cell; an ID wider than its column takes room from the columns after it, but not from a sign."""
    parts: list[CellText] = []
    borrowed = 0
    for column, cells in layout:
        if column.field == ID_FIELD:
            kept = sum(GAP + 1 for other in layout if other.column.is_sign)
            most = sum(GAP + other.width for other in layout) - GAP - kept
            shown = shorten(sanitize_id(customer.short_id), most) or "(no ID)"
            borrowed = max(0, width(shown) - cells)
            parts.append(CellText(column.field, fit(shown, cells + borrowed), cells + borrowed))
            continue
        if column.is_sign:
            parts.append(CellText(STATUS, _STATUS_SIGNS.get(customer.value(STATUS), " "), 1))
            continue
        room = cells - borrowed
        if room < 1:
            # The whole column and the gap before it are taken.
            borrowed -= cells + GAP
            continue
        borrowed = 0
        parts.append(CellText(column.field, fit(cell_text(customer, column), room), room))
    return parts


def row_text(customer: "Customer", layout: Sequence[ColumnWidth]) -> str:
    """The row as one text."""
    return (" " * GAP).join(part.text for part in row_parts(customer, layout))


def cell_text(customer: "Customer", column: Column) -> str:
    """What a cell of this column says."""
    if column.field == ID_FIELD:
        return sanitize_id(customer.short_id)
    # A value may have millions of characters, and a cell shows the first few.
    values = [customer.value(field)[:_MAX_SHOWN] for field in column.fields]
    if column.field in ("created", "modified"):
        return timestamp(values[0])
    return " ".join(sanitize(value) for value in values if value)


def order_text(sort: str, *, descending: bool) -> str:
    """What stands above rows of two lines; `sort` is empty for the best hits first."""
    return f"Customers by {BY_NAME[sort].label} {_arrow(descending)}" if sort else "Customers"


def heading_text(layout: Sequence[ColumnWidth], sort: str, *, descending: bool) -> str:
    """The headings, with a sign at the column the rows are ordered by."""
    arrow = _arrow(descending)
    parts = []
    for cell in layout:
        heading = cell.column.heading
        if cell.column.field == sort and heading:
            heading = shorten(heading, cell.width - 2) + f" {arrow}" if cell.width > 4 else heading[:2] + arrow
        parts.append(fit(heading, cell.width))
    return (" " * GAP).join(parts)


def _arrow(descending: bool) -> str:
    return "▼" if descending else "▲"


def _needed(columns: Sequence[Column], widths: Mapping[Column, int]) -> int:
    return sum(widths[column] for column in columns) + GAP * (len(columns) - 1)
