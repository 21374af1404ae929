"""The mirror on servers that change and servers that lie: right in the end, after few requests."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.models.fields import PageRequest
from app.timestamps import HighWaterMark, is_before, subtract_seconds
from tests.fakes import CallbackListener
from tests.sync_harness import FakeServer, Lie, Page, run_sync


async def test_it_fills_itself_and_then_asks_once_and_rewrites_nothing() -> None:
    async with run_sync(FakeServer(1000)) as it:
        assert await it.stored() == it.expected()
        assert len(it.server.requests) == 1 + 1 + 4, "the page a person looks at, the next one ahead, and the filling"
        assert {25, 50, 75} <= set(it.percents)
        assert it.percents[-1] is None
        it.server.set("C00500", "changed")
        it.server.set("NEW", "added")
        it.changes = 0
        assert (await it.turn(), it.changes) == (1, 1)
        assert await it.stored() == it.expected()
        assert (await it.turn(), it.changes) == (1, 1)
        assert it.server.requests[-1].url.params["modifiedSince"] == subtract_seconds(
            it.server.records["NEW"]["modified"], 600
        )


async def test_what_is_looked_for_grows_while_it_fills_itself() -> None:
    async with run_sync(FakeServer(10_000), first=False) as it:
        counts: list[asyncio.Task[int | None]] = []

        def look() -> None:
            counts.append(asyncio.create_task(it.mirror.count(PageRequest(find="c0"))))

        it.repository.listen(CallbackListener(data=look))
        await it.rest()
        found = [total for total in await asyncio.gather(*counts) if total is not None]
        assert found == sorted(found)
        assert len({*found}) >= 4
        assert found[-1] == 10_000
        assert len(counts) <= 15, "not after every page"


async def test_what_is_gone_is_dropped_by_a_whole_sweep_on_demand_or_a_day_later() -> None:
    async with run_sync(FakeServer(600)) as it:
        del it.server.records["C00007"]
        await it.turn()
        assert "C00007" in await it.stored()
        assert await it.turn(whole=True) == 3
        assert await it.stored() == it.expected()
        del it.server.records["C00008"]
        it.today += timedelta(hours=25)
        assert await it.turn() == 3
        assert await it.stored() == it.expected()


def refused(page: Page, request: httpx.Request) -> Page | httpx.Response:
    if "sort" not in request.url.params:
        return page
    return httpx.Response(400, json={"error": "bad_request", "message": "No such column."})


LIES: dict[str, Lie] = {
    "none": lambda page, _: page,
    "always more": lambda page, _: page | {"hasMore": True},
    "never more": lambda page, _: page | {"hasMore": False},
    "no total": lambda page, _: page | {"totalCount": None},
    "no total, no word of more": lambda page, _: page | {"totalCount": -1, "hasMore": "yes"},
    "a wrong number of pages": lambda page, _: page | {"pageCount": 1},
    "the sort is ignored": lambda page, _: page | {"value": page["value"][::-1]},
    "the sort is refused": refused,
    "too large a total": lambda page, _: page | {"totalCount": page["totalCount"] + 3},
    "too small a total": lambda page, _: page | {"totalCount": page["totalCount"] - 1},
    "the total of a page": lambda page, _: page | {"totalCount": len(page["value"])},
    "rubbish for dates": lambda page, _: page | {"value": [row | {"modified": "soon"} for row in page["value"]]},
    "no dates": lambda page, _: page | {"value": [row | {"modified": None} for row in page["value"]]},
}


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("most", [250, 100])
async def test_a_liars_mirror_is_right_all_the_same(lie: str, most: int) -> None:
    listing = FakeServer(600, max_page_size=most)
    listing.fault = LIES[lie]
    async with run_sync(listing) as it:
        assert await it.stored() == it.expected()
        listing.set("C00300", "changed")
        listing.set("NEW", "added")
        del listing.records["C00007"]
        await it.turn(whole=True)
        assert await it.stored() == it.expected()
        assert len(listing.requests) <= 2 + 2 * 3 * (600 // most + 4)


@pytest.mark.parametrize("most", [250, 2000])
async def test_a_server_that_ignores_modified_since_is_read_whole_and_not_too_often(most: int) -> None:
    listing = FakeServer(3000, max_page_size=most)
    listing.fault = lambda page, request: listing.page(request, since=None)
    async with run_sync(listing) as it:
        for number in range(3):
            listing.set("C00300", f"changed {number}")
            del listing.records[f"C0000{number}"]
            await it.turn()
            assert await it.stored() == it.expected()
        assert len(listing.requests) <= 3 + 4 * (12 + 1)


async def test_where_all_customers_are_on_one_page_a_server_may_ignore_modified_since() -> None:
    listing = FakeServer(100)
    listing.now += timedelta(days=20)
    listing.set("C00050", "lately")
    listing.fault = lambda page, request: listing.page(request, since=None)
    async with run_sync(listing) as it:
        del listing.records["C00007"]
        listing.set("C00051", "changed")
        assert await it.turn() == 1
        assert await it.stored() == it.expected()


async def test_a_server_whose_changes_lack_what_is_known_to_have_changed_is_not_believed() -> None:
    listing = FakeServer(600)

    def nothing_changes(page: Page, request: httpx.Request) -> Page:
        return (
            page | {"value": [], "totalCount": 0, "hasMore": False} if "modifiedSince" in request.url.params else page
        )

    listing.fault = nothing_changes
    async with run_sync(listing) as it:
        listing.set("C00300", "changed")
        assert await it.turn() == 1 + 3
        assert await it.stored() == it.expected()


async def test_a_server_that_repeats_its_first_page_costs_nobody_a_customer() -> None:
    listing = FakeServer(600)
    async with run_sync(listing) as it:
        first = {"value": [listing.records[f"C{number:05}"] for number in range(250)]}
        listing.fault = lambda page, _: page | first
        assert await it.turn(whole=True) <= 10
        assert await it.stored() == it.expected(), "what did not come was not proven gone"
        listing.fault = lambda page, _: page
        await it.turn(whole=True)
        assert await it.stored() == it.expected()


@pytest.mark.parametrize("retry_after", ["30", "3", None])
async def test_being_asked_to_slow_down_in_the_middle_it_waits_and_goes_on(retry_after: str | None) -> None:
    listing = FakeServer(1000)
    throttled = 0

    def lie(page: Page, request: httpx.Request) -> Page | httpx.Response:
        nonlocal throttled
        if request.url.params["page"] != "3" or request.url.params["pageSize"] != "250" or throttled == 3:
            return page
        throttled += 1
        headers = {} if retry_after is None else {"Retry-After": retry_after}
        return httpx.Response(429, json={"error": "rate_limited"}, headers=headers)

    listing.fault = lie
    async with run_sync(listing) as it:
        assert await it.stored() == it.expected()
        assert len(listing.requests) == 2 + 4 + 3, "nothing was read twice"
        if retry_after == "30":
            assert it.clock.slept.count(30.0) == 3


async def test_one_request_at_a_time_and_a_persons_first() -> None:
    listing = FakeServer(2000)
    order: list[str] = []

    def lie(page: Page, request: httpx.Request) -> Page:
        order.append(request.url.params["pageSize"])
        return page

    listing.fault = lie
    async with run_sync(listing, first=False) as it:
        while order.count("250") < 2:
            await it.repository.customer("C00001")
        async with it.repository._server.client() as api:
            before = order.count("250")
            for _ in range(20):
                await api.get("C00001")
            assert order.count("250") <= before + 1, "only what was on its way already"
        await it.rest()
        assert await it.stored() == it.expected()


async def test_a_sweep_that_was_cut_short_goes_on_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "mirror"
    listing = FakeServer(1000)

    def gone(page: Page, request: httpx.Request) -> Page | httpx.Response:
        late = request.url.params["pageSize"] == "250" and int(request.url.params["page"]) > 3
        return httpx.Response(500, json={"error": "internal_error"}) if late else page

    listing.fault = gone
    async with run_sync(listing, path=path) as it:
        assert len(await it.stored()) == 750
    listing.fault = lambda page, _: page
    listing.set("C00002", "changed between the two")
    listing.requests.clear()
    async with run_sync(listing, path=path) as it:
        assert await it.stored() == it.expected()
        asked = [request.url.params["page"] for request in listing.requests if request.url.params["pageSize"] == "250"]
        assert asked[:3] == ["1", "3", "4"], "the last page that came is read again"
        assert len(asked) == 3 + 4, "and then what changed within a day, which here is everything"


async def test_two_share_one_mirror_and_one_of_them_writes(tmp_path: Path) -> None:
    listing = FakeServer(600)
    async with run_sync(listing, path=tmp_path / "mirror") as writer:
        other = FakeServer(600)
        async with run_sync(other, path=tmp_path / "mirror") as reader:
            assert (writer.mirror.writer, reader.mirror.writer) == (True, False)
            assert len(other.requests) == 2, "it reads what the other one writes"
            assert await reader.stored() == writer.expected()
            await writer.repository.close()
            other.set("C00300", "changed")
            await reader.turn()
            assert reader.mirror.writer
            assert (await reader.stored())["C00300"] == "changed"


Schedule = list[tuple[str, int]]


@settings(max_examples=40, deadline=None)
@given(
    count=st.integers(0, 30),
    most=st.sampled_from([4, 250]),
    steps=st.lists(st.tuples(st.sampled_from("+-=tws"), st.integers(0, 40)), max_size=25),
    during=st.lists(st.tuples(st.sampled_from("+-="), st.integers(0, 40)), max_size=25),
)
async def test_whatever_happens_in_the_end_the_mirror_is_the_server(
    count: int, most: int, steps: Schedule, during: Schedule
) -> None:
    listing = FakeServer(count, max_page_size=most)

    def happen(kind: str, number: int) -> None:
        short_id = f"C{number:05}"
        if kind == "-":
            listing.records.pop(short_id, None)
        elif kind == "+" or (kind == "=" and short_id in listing.records):
            listing.set(short_id, f"{kind}{listing.now:%H%M}")

    def meanwhile(_: int) -> None:
        if during:
            happen(*during.pop())

    listing.move = meanwhile
    async with run_sync(listing) as it:
        for kind, number in steps:
            if kind == "t":
                await it.turn()
            elif kind == "w":
                await it.turn(whole=True)
            elif kind == "s" and f"C{number:05}" in listing.records:
                await it.repository.customer(f"C{number:05}")
            else:
                happen(kind, number)
        during.clear()
        await it.turn()
        assert it.expected().items() <= (await it.stored()).items()
        await it.turn(whole=True)
        assert await it.stored() == it.expected()
        assert len(listing.requests) <= 10 + (len(steps) + 3) * 3 * (2 * 20 + 10)


@pytest.mark.parametrize(
    ("text", "before"),
    [
        ("2024-11-02T14:22:00", "2024-11-02T14:12:00"),
        ("2024-11-02T14:22:00Z", "2024-11-02T14:12:00Z"),
        ("2024-11-02T00:02:00.5+02:00", "2024-11-01T23:52:00+02:00"),
        ("2024-11-02", "2024-11-01T23:50:00"),
        ("0001-01-01T00:01:00", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_ten_minutes_earlier_is_written_as_the_server_writes(text: str, before: str | None) -> None:
    assert subtract_seconds(text, 600) == before


def test_the_newest_is_found_among_rubbish_and_what_cannot_be_yet() -> None:
    newest = HighWaterMark(datetime.fromisoformat("2026-03-01T12:00:00+00:00"))
    newest.add_all(
        ["", "soon", "9999-12-31T23:59:59", "2026-03-01T10:00:00", "2026-03-01T11:30:00+02:00", "0001-01-01"]
    )
    assert newest.text == "2026-03-01T10:00:00"
    assert is_before("2026-03-01T11:30:00+02:00", newest.text)
    assert not is_before("soon", newest.text)


async def test_a_wait_of_hours_can_be_broken_off() -> None:
    listing = FakeServer(600)
    busy = httpx.Response(429, json={"error": "rate_limited"}, headers={"Retry-After": "7200"})
    listing.fault = lambda page, request: busy if request.url.params["page"] == "2" else page
    async with run_sync(listing) as it:
        assert it.clock.slept[-1] >= 7200
        listing.fault = lambda page, _: page
        # A minute is all that a person is kept from asking.
        it.clock.now += 61
        await it.turn(whole=True)
        assert await it.stored() == it.expected()
