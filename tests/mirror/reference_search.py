"""A brute-force search that the mirror's search is compared with, and helpers to fill mirrors."""

import re
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

from app.mirror.mirror import Mirror
from app.mirror.rows import TEXT_FIELDS, sqlite_safe
from app.models.customer import Customer
from app.models.fields import ID_FIELD, PageRequest, Period
from app.models.find_query import FIND_FIELDS, FindWord, parse_find
from app.text.folding import as_phone_digits, fold, phone_numbers

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
PAGE = 250


@asynccontextmanager
async def opened(path: Path | None, *, full_text: bool | None = None) -> AsyncIterator[Mirror]:
    """Open a mirror, and close it at the end."""
    mirror = Mirror.open(path, full_text=full_text)
    try:
        yield mirror
    finally:
        await mirror.close()


async def fill(mirror: Mirror, customers: Sequence[Customer], *, drop_missing: bool = True) -> int:
    """Store all customers in one full sync; returns how many rows were written."""
    full_sync = await mirror.begin_full_sync()
    written = 0
    for first in range(0, len(customers), PAGE):
        written += await mirror.upsert(customers[first : first + PAGE], full_sync)
    await mirror.end_full_sync(full_sync, NOW, drop_missing=drop_missing)
    return written


def fill_the_disk(mirror: Mirror) -> None:
    """Make SQLite fail on the next page, as on a full disk."""
    writer = mirror._write.opened
    assert writer is not None
    (pages,) = writer.connection.execute("PRAGMA page_count").fetchone()
    writer.connection.execute(f"PRAGMA max_page_count = {pages}")


class ReferenceSearch:
    """Searches customers by checking each of them."""

    def __init__(self, customers: Iterable[Customer]) -> None:
        self._rows = [
            (
                customer,
                "\n".join(" ".join(fold(customer.value(name)).split()) for name in TEXT_FIELDS),
                [*phone_numbers(fold(customer.phone)), *phone_numbers(fold(customer.fax))],
            )
            for customer in customers
        ]
        self._last: tuple[object, list[tuple[Customer, str]]] = (None, [])

    def find(self, request: PageRequest) -> list[Customer]:
        """All matches of the request, in order, ignoring its page."""
        prefix = parse_find(request.find).plain_text
        found = self._matches(request)
        if request.sort is None and prefix:
            found.sort(key=lambda row: (*_rank(row[1].split("\n"), prefix), row[0].short_id))
        elif request.sort in (None, ID_FIELD):
            found.sort(
                key=lambda row: row[0].short_id, reverse=request.sort is not None and request.direction == "DESC"
            )
        else:
            column = request.sort
            found.sort(key=lambda row: (_key(row[0], column), row[0].short_id), reverse=request.direction == "DESC")
        return [customer for customer, _ in found]

    def words(self) -> Counter[str]:
        """Every word, cut at punctuation, and how many customers hold it."""
        return Counter(chain(*({*re.findall(r"\w+", fields)} for _, fields, _ in self._rows)))

    def _matches(self, request: PageRequest) -> list[tuple[Customer, str]]:
        key = (request.find, request.status, request.period)
        if self._last[0] != key:
            query = parse_find(request.find)
            self._last = (
                key,
                [
                    (customer, fields)
                    for customer, fields, numbers in self._rows
                    if request.status in ("all", customer.status)
                    and customer.status not in query.without
                    and is_in_period(customer, request.period)
                    and all(
                        _is_in_field(word, customer) if word.field else _holds(word.text, fields, numbers)
                        for word in query.words
                    )
                ],
            )
        return [*self._last[1]]


def is_in_period(customer: Customer, period: Period) -> bool:
    """Whether the customer was added or changed then, by the calendar of this machine."""
    if not period:
        return True
    try:
        moment = datetime.fromisoformat(customer.created if "new" in period else customer.modified)
    except ValueError:
        return False
    day = (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment).astimezone().date()
    today = datetime.now().astimezone().date()
    return day == today if "today" in period else day <= today and day.isocalendar()[:2] == today.isocalendar()[:2]


def _is_in_field(word: FindWord, customer: Customer) -> bool:
    values = {column: fold(customer.value(column)) for column in FIND_FIELDS[word.field]}
    return any(
        _holds(word.text, value, [*phone_numbers(value)] if column in ("phone", "fax") else [])
        for column, value in values.items()
    )


async def check_found(mirror: Mirror, reference: ReferenceSearch, request: PageRequest) -> None:
    """Check a page of the mirror, and its counts, against the reference; near misses only where nothing matches."""
    expected = reference.find(request)
    page = await mirror.page(request)
    assert page.origin is not None
    if page.origin.suggestions:
        assert not expected, request
        return
    first = (request.page - 1) * request.page_size
    found = [row.short_id for row in page.rows]
    assert found == [row.short_id for row in expected[first : first + request.page_size]], request
    assert page.has_more == (len(expected) > first + request.page_size), request
    assert page.total is not None
    if page.origin.total_is_minimum:
        assert page.total <= len(expected), request
        assert await mirror.count(request) == len(expected), request
    else:
        assert page.total == len(expected), request


def _holds(word: str, fields: str, numbers: Sequence[str]) -> bool:
    digits = word if word.isdigit() else as_phone_digits(word)
    return word in fields or (bool(digits) and any(digits in number for number in numbers))


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
