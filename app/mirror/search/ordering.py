"""A page of rows that are known to match, in an order: the order is walked from its nearer end, or they are sorted."""

import json
import sqlite3
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Self

from app.mirror.rows import CorruptRow
from app.models.fields import ID_FIELD

#: Stands in a mask for a row that matches, and for one that does not.
MATCH: Final = b"1"
NO_MATCH: Final = b"0"
#: What it costs, in microseconds, to step over an entry of an index, and to read a row by its number and sort it.
_STEP_COST: Final = 0.08
_SORT_COST: Final = 1.6
_FEW_STEPS: Final = 4_000
#: The part of what it would cost to sort the rows that is spent on walking the order first.
_WALK_BUDGET: Final = 0.25


def order_by(column: str, direction: str) -> str:
    """The clause for an order; ties are broken by the ID."""
    turned = "DESC" if direction == "DESC" else "ASC"
    columns = [column, ID_FIELD, "disambiguator"] if column != ID_FIELD else [ID_FIELD, "disambiguator"]
    return "ORDER BY " + ", ".join(f"{name} {turned}" for name in columns)


def slice_where(
    connection: sqlite3.Connection, where: str, column: str, direction: str, total: int, first: int, count: int
) -> list[int]:
    """At most `count` of the `total` rows that a clause selects, after the first ones."""
    rows = _Slice(direction, total, first, count)
    found = connection.execute(
        f"SELECT rowid FROM customer {where} {order_by(column, rows.direction)} LIMIT ? OFFSET ?",
        (rows.count, rows.first),
    )
    return rows.restore_order(found)


@dataclass(frozen=True, slots=True)
class MatchedRows:
    """All rows that match: how many there are, a mask with a byte for each row of the mirror, and their numbers."""

    total: int
    mask: Callable[[], bytes]
    rowids: Callable[[], Iterable[int]]

    @classmethod
    def of(cls, rowids: Sequence[int], next_rowid: int) -> Self:
        """These rows of a mirror whose next row has this number."""
        return cls(len(rowids), lambda: marked(NO_MATCH * next_rowid, rowids, MATCH), lambda: rowids)

    def without(self, others: Collection[int]) -> Self:
        """The rows except for some of them."""
        if not others:
            return self

        def mask() -> bytes:
            return marked(self.mask(), others, NO_MATCH)

        def rowids() -> Iterable[int]:
            excluded = frozenset(others)
            return (rowid for rowid in self.rowids() if rowid not in excluded)

        return type(self)(self.total - len(others), mask, rowids)

    def slice_by_rowid(self, direction: str, first: int, count: int) -> list[int]:
        """At most `count` rows after the first ones, in the order of their numbers."""
        rowids = [*self.rowids()]
        return (rowids[::-1] if direction == "DESC" else rowids)[first : first + count]

    def slice(
        self, connection: sqlite3.Connection, column: str, direction: str, first: int, count: int, *, index_size: int
    ) -> list[int]:
        """At most `count` rows after the first ones; the order's index has `index_size` entries, 0 without an index."""
        part = _Slice(direction, self.total, first, count)
        if not part.count:
            return []
        order = order_by(column, part.direction)
        steps = int(self.total * _SORT_COST / _STEP_COST)
        walks_all = steps >= index_size
        if not walks_all:
            steps = int(steps * _WALK_BUDGET)
        if index_size and (walks_all or steps > _FEW_STEPS):
            # An inner query with a limit is walked in its order.
            among = "customer" if walks_all else f"(SELECT rowid FROM customer {order} LIMIT {steps})"
            found = connection.execute(
                f"SELECT rowid FROM {among} WHERE substr(?, rowid + 1, 1) = ? {order if walks_all else ''}"
                " LIMIT ? OFFSET ?",
                (self.mask(), MATCH, part.count, part.first),
            ).fetchall()
            if walks_all or len(found) == part.count:
                return part.restore_order(found)
        found = connection.execute(
            "SELECT customer.rowid FROM json_each(?) wanted CROSS JOIN customer ON customer.rowid = wanted.value"
            f" {order} LIMIT ? OFFSET ?",
            (json.dumps(list(self.rowids())), part.count, part.first),
        ).fetchall()
        return part.restore_order(found)


def marked(mask: bytes, rowids: Iterable[int], mark: bytes) -> bytes:
    """The mask with another mark for these rows; raises `CorruptRow` for a row that cannot exist."""
    marks = bytearray(mask)
    last = len(marks) - 1
    sign = mark[0]
    for rowid in rowids:
        if not 0 <= rowid <= last:
            raise CorruptRow
        marks[rowid] = sign
    return bytes(marks)


class _Slice:
    """A part of an order, reached from the end that is nearer."""

    def __init__(self, direction: str, total: int, first: int, count: int) -> None:
        self.count = max(min(count, total - first), 0)
        self._is_reversed = first > total // 2
        self.first = max(total - first - self.count, 0) if self._is_reversed else first
        self.direction = ("ASC" if direction == "DESC" else "DESC") if self._is_reversed else direction

    def restore_order(self, found: Iterable[tuple[int]]) -> list[int]:
        rowids = [rowid for (rowid,) in found]
        return rowids[::-1] if self._is_reversed else rowids
