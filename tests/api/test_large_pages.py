"""A page that is too large is read in parts; an oversized record affects no other."""

import httpx
import pytest

from app.api.client import CustomerApi
from app.api.split_pages import PageSplitter, part_size
from app.errors import ResponseTooLarge
from app.models.fields import PageRequest
from tests.fakes import RawHttpServer, RawReply, RawRequest, client, gzip_bomb, raw_reply, raw_response
from tests.sync_harness import FakeServer, Page

OVERSIZED = raw_response(200, gzip_bomb(33 * 2**20), {"content-encoding": "gzip"})


class SizeLimitedServer:
    """A server that returns at most `limit` customers a response, and none of those in `huge`."""

    def __init__(self, count: int, limit: int, huge: tuple[int, ...] = (), cap: int = 250) -> None:
        self._rows = [{"shortID": f"C{number:04}"} for number in range(count)]
        self._limit = limit
        self._huge = huge
        self._cap = cap
        self.requested_sizes: list[int] = []

    async def fetch(self, request: PageRequest) -> Page:
        self.requested_sizes.append(request.page_size)
        size = min(request.page_size, self._cap)
        first = (request.page - 1) * size
        numbers = range(first, min(first + size, len(self._rows)))
        if len(numbers) > self._limit or any(number in self._huge for number in numbers):
            raise ResponseTooLarge("Too large.")
        more = first + size < len(self._rows)
        value = self._rows[first : first + size]
        pages = -(-len(self._rows) // size)
        totals = {"totalCount": len(self._rows), "pageCount": pages, "hasMore": more}
        return {"value": value, "page": request.page, "pageSize": size, **totals}


async def read_all(list_server: SizeLimitedServer, size: int) -> tuple[list[str], list[str]]:
    """Read all pages of this size; returns the IDs and the remarks."""
    parts = PageSplitter()
    short_ids: list[str] = []
    remarks: list[str] = []
    page = 1
    while True:
        listed = await parts.page(PageRequest(page, size), list_server.fetch)
        assert listed.body["page"] == page
        short_ids += [row["shortID"] for row in listed.body["value"]]
        remarks += listed.remarks
        if not listed.body["hasMore"]:
            return short_ids, remarks
        assert listed.body["pageSize"] == size
        page += 1


@pytest.mark.promise("N4")
@pytest.mark.parametrize("size", [250, 100, 20, 19])
@pytest.mark.parametrize("limit", [1, 7, 60, 249])
async def test_every_customer_arrives_once_in_smaller_parts(size: int, limit: int) -> None:
    list_server = SizeLimitedServer(611, limit)
    short_ids, remarks = await read_all(list_server, size)
    assert short_ids == [f"C{number:04}" for number in range(611)]
    assert bool(remarks) == (size > limit)
    assert list_server.requested_sizes.count(size) <= 1 or size <= limit, (
        "a size that was too large is not requested again"
    )


@pytest.mark.promise("N4")
async def test_oversized_record_is_skipped_and_reported() -> None:
    short_ids, remarks = await read_all(SizeLimitedServer(60, 250, huge=(0, 23, 59)), 20)
    assert sorted({f"C{number:04}" for number in range(60)} - {*short_ids}) == ["C0000", "C0023", "C0059"]
    assert sum("1 missing on this page" in remark for remark in remarks) == 3


@pytest.mark.promise("N4")
async def test_server_with_only_oversized_responses_fails_soon() -> None:
    list_server = SizeLimitedServer(60, 0)
    with pytest.raises(ResponseTooLarge):
        await PageSplitter().page(PageRequest(1, 250), list_server.fetch)
    assert list_server.requested_sizes == [250, 125, 25, 5, 1, 1]


@pytest.mark.promise("T6")
async def test_capped_page_is_not_split() -> None:
    list_server = SizeLimitedServer(611, 60, cap=50)
    parts = PageSplitter()
    first = await parts.page(PageRequest(1, 250), list_server.fetch)
    assert len(first.body["value"]) == first.body["pageSize"] == 50, "a capped page is small enough"


def test_part_size_divides_page_evenly() -> None:
    assert [part_size(250, limit) for limit in (250, 249, 100, 24, 3, 1)] == [250, 125, 50, 10, 2, 1]
    assert [part_size(19, limit) for limit in (19, 18)] == [19, 1]


@pytest.mark.promise("N4")
async def test_page_over_limit_is_read_in_parts() -> None:
    pages = FakeServer(40)

    def reply(request: RawRequest) -> RawReply:
        body = pages.page(httpx.Request("GET", f"http://x{request.target}"))
        return RawReply(iter([OVERSIZED])) if len(body["value"]) > 10 else raw_reply(200, body)

    async with RawHttpServer(reply).serving() as server, client(server.base) as api:
        page = await api.list_page(PageRequest(1, 20))
        assert [len(page.rows), page.total, page.page_size, page.has_more] == [20, 40, 20, True]
        assert page.remarks == ("The server's answers are too large: dockbook now asks for 10 customers at a time.",)
        assert len((await api.list_raw(PageRequest(2, 20))).rows) == 20
        assert isinstance(api, CustomerApi)
