"""The row at which something begins is found on a server that only has pages, in a bounded number of requests."""

from collections.abc import Callable, Sequence

import pytest

from app.models.customer import Page
from app.models.fields import Direction, PageRequest
from app.repository.server_position import find_on_server
from tests.customers import customer

IDS = [f"C-{number:05}" for number in range(0, 20_000, 2)]


class SortedPages:
    """A server of customers with these IDs; `total` makes another number of how many there are."""

    def __init__(self, ids: Sequence[str], total: Callable[[int], int | None] = lambda count: count) -> None:
        self._ids = ids
        self._total = total(len(ids))
        self.requests = 0

    async def fetch(self, request: PageRequest) -> Page:
        self.requests += 1
        ids = sorted(self._ids, reverse=request.direction == "DESC")
        first = (request.page - 1) * request.page_size
        rows = tuple(customer(one) for one in ids[first : first + request.page_size])
        size = request.page_size
        return Page(rows=rows, total=self._total, page=request.page, page_size=size, page_count=None, has_more=None)


@pytest.mark.parametrize(
    ("typed", "direction", "first", "row"),
    [
        ("C-00000", "ASC", "C-00000", 0),
        ("a", "ASC", "C-00000", 0),
        ("c-10001", "ASC", "C-10002", 5_001),
        ("c-1", "ASC", "C-10000", 5_000),
        ("C-19998", "ASC", "C-19998", 9_999),
        ("z", "ASC", "C-19998", 9_999),
        ("c-1", "DESC", "C-19998", 0),
        ("c-10001", "DESC", "C-10000", 4_999),
        ("c-0000", "DESC", "C-00008", 9_995),
        ("a", "DESC", "C-00000", 9_999),
    ],
)
async def test_row_is_found_by_halving(typed: str, direction: Direction, first: str, row: int) -> None:
    server = SortedPages(IDS)
    found = await find_on_server(server.fetch, PageRequest(page_size=20, direction=direction), typed)
    assert found is not None
    assert (found.rows[0].short_id, found.first) == (first, row)
    assert server.requests <= 12


@pytest.mark.promise("T6")
@pytest.mark.parametrize("total", [lambda _: 10**9, lambda count: count // 3, lambda _: 0])
@pytest.mark.parametrize("typed", ["a", "c-10001", "z"])
async def test_wrong_totals_end_the_search(total: Callable[[int], int], typed: str) -> None:
    server = SortedPages(IDS[:500], total)
    await find_on_server(server.fetch, PageRequest(page_size=20), typed)
    assert server.requests <= 30


async def test_without_total_rows_or_order_nothing_is_found() -> None:
    assert await find_on_server(SortedPages(IDS, lambda _: None).fetch, PageRequest(), "c") is None
    assert await find_on_server(SortedPages([]).fetch, PageRequest(), "c") is None
    assert await find_on_server(SortedPages(IDS).fetch, PageRequest(sort=None), "c") is None
    assert await find_on_server(SortedPages(IDS).fetch, PageRequest(sort="active"), "c") is None
    assert await find_on_server(SortedPages(IDS).fetch, PageRequest(), "  ") is None
