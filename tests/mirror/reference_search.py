"""Mirrors with customers in them, and what they should find, worked out the plain way."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from app.mirror.mirror import Mirror
from app.mirror.rows import sqlite_safe
from app.mirror.search.terms import SEARCHED
from app.models.customer import Customer
from app.models.fields import ID_FIELD, PageRequest
from app.text.folding import as_phone_digits, fold, phone_numbers, split_words

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
PAGE = 250


@asynccontextmanager
async def opened(path: Path | None) -> AsyncIterator[Mirror]:
    """A mirror, closed in the end."""
    mirror = Mirror.open(path)
    try:
        yield mirror
    finally:
        await mirror.close()


async def fill(mirror: Mirror, customers: Sequence[Customer], *, drop_missing: bool = True) -> int:
    """Take all customers in one sweep; tells how many rows were written."""
    sweep = await mirror.begin_full_sync()
    written = 0
    for first in range(0, len(customers), PAGE):
        written += await mirror.upsert(customers[first : first + PAGE], sweep)
    await mirror.end_full_sync(sweep, NOW, drop_missing=drop_missing)
    return written


def fill_the_disk(mirror: Mirror) -> None:
    """From now on SQLite finds no room for another page, as on a full disk."""
    writing = mirror._write.opened
    assert writing is not None
    (pages,) = writing.connection.execute("PRAGMA page_count").fetchone()
    writing.connection.execute(f"PRAGMA max_page_count = {pages}")


class Plainly:
    """The same customers without any index."""

    def __init__(self, customers: Iterable[Customer]) -> None:
        self._rows = [
            (
                customer,
                "\n".join(" ".join(fold(customer.value(name)).split()) for name in SEARCHED),
                [*phone_numbers(fold(customer.phone)), *phone_numbers(fold(customer.fax))],
            )
            for customer in customers
        ]

    def find(self, request: PageRequest) -> list[Customer]:
        """All that a request without paging should give, in order."""
        words = split_words(request.find)
        head = " ".join(fold(request.find).split())
        found = [
            (customer, fields)
            for customer, fields, numbers in self._rows
            if request.status in ("all", customer.status)
            and all(
                word in fields
                or (
                    not word.isdigit()
                    and as_phone_digits(word)
                    and any(as_phone_digits(word) in number for number in numbers)
                )
                or (word.isdigit() and any(word in number for number in numbers))
                for word in words
            )
        ]
        if request.sort is None and head:
            found.sort(key=lambda row: (*_rank(row[1].split("\n"), head), row[0].short_id))
        elif request.sort in (None, ID_FIELD):
            found.sort(
                key=lambda row: row[0].short_id, reverse=request.sort is not None and request.direction == "DESC"
            )
        else:
            column = request.sort
            found.sort(key=lambda row: (_key(row[0], column), row[0].short_id), reverse=request.direction == "DESC")
        return [customer for customer, _ in found]


def _key(customer: Customer, column: str) -> object:
    if column == "active":
        return {None: 0, False: 1, True: 2}[customer.active]
    return sqlite_safe(customer.value(column))


def _rank(fields: Sequence[str], head: str) -> tuple[int, str]:
    short_id, name = fields[:2]
    if short_id == head:
        return 0, ""
    if name == head:
        return 1, ""
    if short_id.startswith(head):
        return 2, short_id
    return (3, name) if name.startswith(head) else (4, "")
