"""Counts of customers by ranges of IDs: the total, and the way to a page far down, without counting every row.

Customers are never deleted, so counts only grow. A range that grows beyond `MAX_RANGE` is split.
"""

from bisect import bisect_right
from itertools import accumulate
from typing import Final, NamedTuple

from app.models.fields import ID_FIELD
from app.service.database.base import Session

MAX_RANGE: Final = 8_000
_HALF: Final = MAX_RANGE // 2


class Position(NamedTuple):
    """Where the customer number `offset` (from 0, by ID) is: `skip` customers after `first_id`."""

    first_id: str
    skip: int


class IdRanges:
    """The ranges of one moment: first IDs and how many customers each has, by ID."""

    def __init__(self, ranges: list[tuple[str, int]]) -> None:
        self._first_ids = [first_id for first_id, _ in ranges]
        #: How many customers come before each range, and in all.
        self._before = [0, *accumulate(customers for _, customers in ranges)]
        self.total = self._before[-1]

    @classmethod
    def read(cls, session: Session) -> "IdRanges":
        """Read them all: one row for every 4,000 to 8,000 customers."""
        return cls(session.execute("SELECT first_id, customers FROM id_range ORDER BY first_id").fetchall())

    def position(self, offset: int) -> Position:
        """Find the customer number `offset`, which is below `total`."""
        index = bisect_right(self._before, offset) - 1
        return Position(self._first_ids[index], offset - self._before[index])


def count_new_customer(session: Session, short_id: str) -> None:
    """Count a customer that this transaction created."""
    while True:
        first = _range_of(session, short_id)
        (customers,) = session.execute(
            "UPDATE id_range SET customers = customers + 1 WHERE first_id = :first RETURNING customers",
            {"first": first},
        ).fetchone()
        # While the UPDATE waited for another transaction, that one may have split the range.
        if _range_of(session, short_id) == first:
            break
        session.execute("UPDATE id_range SET customers = customers - 1 WHERE first_id = :first", {"first": first})
    if customers > MAX_RANGE:
        _split(session, first, customers)


def rebuild(session: Session) -> None:
    """Count everything anew, for example after a bulk load."""
    session.execute("DELETE FROM id_range")
    session.execute(
        f"""INSERT INTO id_range (first_id, customers)
        SELECT CASE WHEN part = 0 THEN '' ELSE min({ID_FIELD}) END, count(*)
        FROM (SELECT {ID_FIELD}, (row_number() OVER (ORDER BY {ID_FIELD}) - 1) / {_HALF} AS part FROM customer) numbered
        GROUP BY part"""
    )
    session.execute("INSERT INTO id_range (first_id, customers) VALUES ('', 0) ON CONFLICT (first_id) DO NOTHING")


def wrong_ranges(session: Session) -> list[str]:
    """The first IDs of ranges whose count is not that of the customers in it."""
    rows = session.execute(
        f"""SELECT first_id, customers, (
            SELECT count(*) FROM customer
            WHERE {ID_FIELD} >= first_id AND (next_id IS NULL OR {ID_FIELD} < next_id)
        ) AS counted
        FROM (
            SELECT first_id, customers, lead(first_id) OVER (ORDER BY first_id) AS next_id FROM id_range
        ) ranges ORDER BY first_id"""
    ).fetchall()
    return [first for first, customers, counted in rows if customers != counted]


def _range_of(session: Session, short_id: str) -> str:
    (first,) = session.execute(
        "SELECT max(first_id) FROM id_range WHERE first_id <= :short_id", {"short_id": short_id}
    ).fetchone()
    return str(first)


def _split(session: Session, first: str, customers: int) -> None:
    (middle,) = session.execute(
        f"SELECT {ID_FIELD} FROM customer WHERE {ID_FIELD} >= :first ORDER BY {ID_FIELD} LIMIT 1 OFFSET :half",
        {"first": first, "half": _HALF},
    ).fetchone()
    session.execute(
        "INSERT INTO id_range (first_id, customers) VALUES (:middle, :rest)",
        {"middle": middle, "rest": customers - _HALF},
    )
    session.execute("UPDATE id_range SET customers = :half WHERE first_id = :first", {"half": _HALF, "first": first})
