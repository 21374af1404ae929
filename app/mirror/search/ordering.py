"""A page of rows that are known to match, in an order: the order is walked from its nearer end, or they are sorted."""

import json
import sqlite3
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Final, Self

from app.mirror.row_checksum import DamagedRow
from app.mirror.search.result_cache import MATCH, NO_MATCH
from app.models.fields import ID_FIELD

#: What it costs, in microseconds, to step over an entry of an index, and to read a row by its number and sort it.
_PASS: Final = 0.08
PICK: Final = 1.6
_FEW_STEPS: Final = 4_000
#: The part of what it would cost to sort them that is ventured on a walk.
_VENTURE: Final = 0.25


def order_by(column: str, direction: str) -> str:
    """The clause for an order; ties are broken by the ID."""
    turned = "DESC" if direction == "DESC" else "ASC"
    columns = [column, ID_FIELD, "odd"] if column != ID_FIELD else [ID_FIELD, "odd"]
    return "ORDER BY " + ", ".join(f"{name} {turned}" for name in columns)


def page_of_rows(
    connection: sqlite3.Connection, where: str, column: str, direction: str, total: int, first: int, count: int
) -> list[int]:
    """So many rows of those that a clause names, of which there are `total`, after the first ones."""
    rows = _Part(direction, total, first, count)
    found = connection.execute(
        f"SELECT place FROM customer {where} {order_by(column, rows.direction)} LIMIT ? OFFSET ?",
        (rows.count, rows.first),
    )
    return rows.turned(found)


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of which all is known: how many they are, a mask that tells for each row whether it is one, and which."""

    total: int
    mask: Callable[[], bytes]
    places: Callable[[], Iterable[int]]

    def without(self, others: Collection[int]) -> Self:
        """The rows but for some of them."""
        if not others:
            return self

        def mask() -> bytes:
            return marked(self.mask(), others, NO_MATCH)

        def places() -> Iterable[int]:
            left_out = frozenset(others)
            return (place for place in self.places() if place not in left_out)

        return type(self)(self.total - len(others), mask, places)

    def page(
        self,
        connection: sqlite3.Connection,
        column: str,
        direction: str,
        first: int,
        count: int,
        *,
        walk: int,
        crowd: bool = False,
    ) -> list[int]:
        """So many rows after the first ones; `walk` is how many there are in the order, 0 where it has no index.

        When they `crowd` at its far end it is walked only where sorting them would take longer than all of it.
        """
        part = _Part(direction, self.total, first, count)
        order = order_by(column, part.direction)
        most = int(self.total * PICK / _PASS)
        whole = most >= walk
        if not whole:
            most = int(most * _VENTURE)
        if walk and part.count and (whole or (most > _FEW_STEPS and not crowd)):
            # An inner query with a limit is walked in its order.
            among = "customer" if whole else f"(SELECT place FROM customer {order} LIMIT {most})"
            found = connection.execute(
                f"SELECT place FROM {among} WHERE substr(?, place + 1, 1) = ? {order if whole else ''}"
                " LIMIT ? OFFSET ?",
                (self.mask(), MATCH, part.count, part.first),
            ).fetchall()
            if whole or len(found) == part.count:
                return part.turned(found)
        found = connection.execute(
            f"SELECT place FROM json_each(?) wanted CROSS JOIN customer ON place = wanted.value {order}"
            " LIMIT ? OFFSET ?",
            (json.dumps(list(self.places())), part.count, part.first),
        ).fetchall()
        return part.turned(found)


def marked(mask: bytes, places: Iterable[int], mark: bytes) -> bytes:
    """The mask with another mark for these rows; raises `DamagedRow` for one that cannot be."""
    marks = bytearray(mask)
    last = len(marks) - 1
    for place in places:
        if not 0 <= place <= last:
            raise DamagedRow
        marks[place] = mark[0]
    return bytes(marks)


class _Part:
    """A part of an order, reached from the end that is nearer."""

    def __init__(self, direction: str, total: int, first: int, count: int) -> None:
        self.count = max(min(count, total - first), 0)
        self._turned = first > total // 2
        self.first = max(total - first - self.count, 0) if self._turned else first
        self.direction = ("ASC" if direction == "DESC" else "DESC") if self._turned else direction

    def turned(self, found: Iterable[tuple[int]]) -> list[int]:
        places = [place for (place,) in found]
        return places[::-1] if self._turned else places
