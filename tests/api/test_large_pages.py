"""A page too large for one answer comes in parts, and one record that is too large costs no other its place."""

import pytest

from app.api.client import CustomerApi
from app.api.split_pages import PageSplitter, part_size
from app.errors import ResponseTooLarge
from app.models.fields import PageRequest
from tests.fakes import RawHttpServer, RawReply, client, gzip_bomb, raw_reply, raw_response
from tests.sync_harness import FakeServer, Page

SWOLLEN = raw_response(200, gzip_bomb(33 * 2**20), {"content-encoding": "gzip"})


class Large:
    """A list whose answers hold at most so many customers, none of those in `huge`; `asked` are the sizes."""

    def __init__(self, count: int, most: int, huge: tuple[int, ...] = (), cap: int = 250) -> None:
        self._rows = [{"shortID": f"C{number:04}"} for number in range(count)]
        self._most = most
        self._huge = huge
        self._cap = cap
        self.asked: list[int] = []

    async def ask(self, request: PageRequest) -> Page:
        self.asked.append(request.page_size)
        size = min(request.page_size, self._cap)
        first = (request.page - 1) * size
        numbers = range(first, min(first + size, len(self._rows)))
        if len(numbers) > self._most or any(number in self._huge for number in numbers):
            raise ResponseTooLarge("Too large.")
        more = first + size < len(self._rows)
        value = self._rows[first : first + size]
        pages = -(-len(self._rows) // size)
        totals = {"totalCount": len(self._rows), "pageCount": pages, "hasMore": more}
        return {"value": value, "page": request.page, "pageSize": size, **totals}


async def read_all(large: Large, size: int) -> tuple[list[str], list[str]]:
    """The IDs of all pages of this size, and what was remarked."""
    parts = PageSplitter()
    came: list[str] = []
    remarks: list[str] = []
    page = 1
    while True:
        listed = await parts.page(PageRequest(page, size), large.ask)
        assert listed.body["page"] == page
        came += [row["shortID"] for row in listed.body["value"]]
        remarks += listed.remarks
        if not listed.body["hasMore"]:
            return came, remarks
        assert listed.body["pageSize"] == size
        page += 1


@pytest.mark.promise("N4")
@pytest.mark.parametrize("size", [250, 100, 20, 19])
@pytest.mark.parametrize("most", [1, 7, 60, 249])
async def test_every_customer_arrives_once_in_smaller_parts(size: int, most: int) -> None:
    large = Large(611, most)
    came, remarks = await read_all(large, size)
    assert came == [f"C{number:04}" for number in range(611)]
    assert bool(remarks) == (size > most)
    assert large.asked.count(size) <= 1 or size <= most, "what was too large once is not asked for again"


@pytest.mark.promise("N4")
async def test_oversized_record_is_skipped_and_reported() -> None:
    came, remarks = await read_all(Large(60, 250, huge=(0, 23, 59)), 20)
    assert sorted({f"C{number:04}" for number in range(60)} - {*came}) == ["C0000", "C0023", "C0059"]
    assert sum("1 left out on this page" in remark for remark in remarks) == 3


@pytest.mark.promise("N4")
async def test_server_with_only_oversized_responses_fails_soon() -> None:
    large = Large(60, 0)
    with pytest.raises(ResponseTooLarge):
        await PageSplitter().page(PageRequest(1, 250), large.ask)
    assert large.asked == [250, 125, 25, 5, 1, 1]


@pytest.mark.promise("T6")
async def test_capped_page_is_not_split() -> None:
    large = Large(611, 60, cap=50)
    parts = PageSplitter()
    first = await parts.page(PageRequest(1, 250), large.ask)
    assert len(first.body["value"]) == first.body["pageSize"] == 50, "it fits after all"


def test_part_size_divides_page_evenly() -> None:
    assert [part_size(250, most) for most in (250, 249, 100, 24, 3, 1)] == [250, 125, 50, 10, 2, 1]
    assert [part_size(19, most) for most in (19, 18)] == [19, 1]


@pytest.mark.promise("N4")
async def test_page_over_limit_is_read_in_parts() -> None:
    listing = FakeServer(40)

    def reply(seen: object) -> RawReply:
        import httpx

        request = httpx.Request("GET", f"http://x{seen.target}")  # type: ignore[attr-defined]
        body = listing.page(request)
        return RawReply(iter([SWOLLEN])) if len(body["value"]) > 10 else raw_reply(200, body)

    async with RawHttpServer(reply).serving() as server, client(server.base) as api:
        page = await api.list_page(PageRequest(1, 20))
        assert [len(page.rows), page.total, page.page_size, page.has_more] == [20, 40, 20, True]
        assert page.remarks == ("Answers with 20 customers are too large; now 10 at a time are asked for.",)
        assert len((await api.list_raw(PageRequest(2, 20))).rows) == 20
        assert isinstance(api, CustomerApi)
