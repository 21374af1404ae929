"""Synchronisation converges on changing servers and on servers with faults, in few requests."""

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
from tests.sync_harness import FakeServer, Fault, Page, run_sync


@pytest.mark.promise("T7")
async def test_sync_fills_mirror_then_requests_changes_only() -> None:
    async with run_sync(FakeServer(1000)) as it:
        assert await it.stored() == it.expected()
        assert len(it.server.requests) == 1 + 1 + 4, "the page shown, the prefetched one, and the fill"
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


async def test_search_results_grow_during_fill() -> None:
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


@pytest.mark.promise("T7")
async def test_full_sync_drops_deleted_customers() -> None:
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


def refuse_sort(page: Page, request: httpx.Request) -> Page | httpx.Response:
    if "sort" not in request.url.params:
        return page
    return httpx.Response(400, json={"error": "bad_request", "message": "No such column."})


SERVER_FAULTS: dict[str, Fault] = {
    "none": lambda page, _: page,
    "always more": lambda page, _: page | {"hasMore": True},
    "never more": lambda page, _: page | {"hasMore": False},
    "no total": lambda page, _: page | {"totalCount": None},
    "no total, no word of more": lambda page, _: page | {"totalCount": -1, "hasMore": "yes"},
    "a wrong number of pages": lambda page, _: page | {"pageCount": 1},
    "the sort is ignored": lambda page, _: page | {"value": page["value"][::-1]},
    "the sort is refused": refuse_sort,
    "too large a total": lambda page, _: page | {"totalCount": page["totalCount"] + 3},
    "too small a total": lambda page, _: page | {"totalCount": page["totalCount"] - 1},
    "the total of a page": lambda page, _: page | {"totalCount": len(page["value"])},
    "rubbish for dates": lambda page, _: page | {"value": [row | {"modified": "soon"} for row in page["value"]]},
    "no dates": lambda page, _: page | {"value": [row | {"modified": None} for row in page["value"]]},
}


@pytest.mark.promise("T6", "T7")
@pytest.mark.parametrize("fault", SERVER_FAULTS)
@pytest.mark.parametrize("max_page_size", [250, 100])
async def test_sync_converges_on_server_with_wrong_totals(fault: str, max_page_size: int) -> None:
    server = FakeServer(600, max_page_size=max_page_size)
    server.fault = SERVER_FAULTS[fault]
    async with run_sync(server) as it:
        assert await it.stored() == it.expected()
        server.set("C00300", "changed")
        server.set("NEW", "added")
        del server.records["C00007"]
        await it.turn(whole=True)
        assert await it.stored() == it.expected()
        assert len(server.requests) <= 2 + 2 * 3 * (600 // max_page_size + 4)


@pytest.mark.promise("T7")
@pytest.mark.parametrize("max_page_size", [250, 2000])
async def test_sync_copes_with_ignored_modified_since(max_page_size: int) -> None:
    server = FakeServer(3000, max_page_size=max_page_size)
    server.fault = lambda page, request: server.page(request, since=None)
    async with run_sync(server) as it:
        for number in range(3):
            server.set("C00300", f"changed {number}")
            del server.records[f"C0000{number}"]
            await it.turn()
            assert await it.stored() == it.expected()
        assert len(server.requests) <= 3 + 4 * (12 + 1)


@pytest.mark.promise("T7")
async def test_one_page_server_may_ignore_modified_since() -> None:
    server = FakeServer(100)
    server.now += timedelta(days=20)
    server.set("C00050", "lately")
    server.fault = lambda page, request: server.page(request, since=None)
    async with run_sync(server) as it:
        del server.records["C00007"]
        server.set("C00051", "changed")
        assert await it.turn() == 1
        assert await it.stored() == it.expected()


@pytest.mark.promise("T7")
async def test_sync_detects_missing_changes() -> None:
    server = FakeServer(600)

    def nothing_changes(page: Page, request: httpx.Request) -> Page:
        return (
            page | {"value": [], "totalCount": 0, "hasMore": False} if "modifiedSince" in request.url.params else page
        )

    server.fault = nothing_changes
    async with run_sync(server) as it:
        server.set("C00300", "changed")
        assert await it.turn() == 1 + 3
        assert await it.stored() == it.expected()


@pytest.mark.promise("T6", "T7")
async def test_sync_keeps_rows_when_first_page_repeats() -> None:
    server = FakeServer(600)
    async with run_sync(server) as it:
        first = {"value": [server.records[f"C{number:05}"] for number in range(250)]}
        server.fault = lambda page, _: page | first
        assert await it.turn(whole=True) <= 10
        assert await it.stored() == it.expected(), "a row that did not arrive is not proven to be deleted"
        server.fault = lambda page, _: page
        await it.turn(whole=True)
        assert await it.stored() == it.expected()


@pytest.mark.promise("N6")
@pytest.mark.parametrize("retry_after", ["30", "3", None])
async def test_throttled_sync_waits_and_resumes(retry_after: str | None) -> None:
    server = FakeServer(1000)
    throttled = 0

    def fault(page: Page, request: httpx.Request) -> Page | httpx.Response:
        nonlocal throttled
        if request.url.params["page"] != "3" or request.url.params["pageSize"] != "250" or throttled == 3:
            return page
        throttled += 1
        headers = {} if retry_after is None else {"Retry-After": retry_after}
        return httpx.Response(429, json={"error": "rate_limited"}, headers=headers)

    server.fault = fault
    async with run_sync(server) as it:
        assert await it.stored() == it.expected()
        assert len(server.requests) == 2 + 4 + 3, "nothing was read twice"
        if retry_after == "30":
            assert it.clock.slept.count(30.0) == 3


async def test_sync_yields_to_foreground_calls() -> None:
    server = FakeServer(2000)
    order: list[str] = []

    def fault(page: Page, request: httpx.Request) -> Page:
        order.append(request.url.params["pageSize"])
        return page

    server.fault = fault
    async with run_sync(server, first=False) as it:
        while order.count("250") < 2:
            await it.repository.customer("C00001")
        async with it.repository._server.client() as api:
            before = order.count("250")
            for _ in range(20):
                await api.get("C00001")
            assert order.count("250") <= before + 1, "only the request in flight"
        await it.rest()
        assert await it.stored() == it.expected()


@pytest.mark.promise("T7")
async def test_interrupted_full_sync_resumes(tmp_path: Path) -> None:
    path = tmp_path / "mirror"
    server = FakeServer(1000)

    def fail_late_pages(page: Page, request: httpx.Request) -> Page | httpx.Response:
        beyond_page_3 = request.url.params["pageSize"] == "250" and int(request.url.params["page"]) > 3
        return httpx.Response(500, json={"error": "internal_error"}) if beyond_page_3 else page

    server.fault = fail_late_pages
    async with run_sync(server, path=path) as it:
        assert len(await it.stored()) == 750
    server.fault = lambda page, _: page
    server.set("C00002", "changed between the two")
    server.requests.clear()
    async with run_sync(server, path=path) as it:
        assert await it.stored() == it.expected()
        pages = [request.url.params["page"] for request in server.requests if request.url.params["pageSize"] == "250"]
        assert pages[:3] == ["1", "3", "4"], "the last page received is read again"
        assert pages[3:] == ["1"] * 6, "then the changes of one day, here of all customers: the first page, and a walk"


@pytest.mark.promise("T7")
@pytest.mark.parametrize(("sorts", "expected"), [(True, ["1"] * 6), (False, ["1", "1", "2", "3", "4"])])
async def test_many_changes_are_asked_for_in_their_order(sorts: bool, expected: list[str]) -> None:
    server = FakeServer(1000)
    server.sorts_by_modified = sorts
    async with run_sync(server) as it:
        for number in reversed(range(1000)):
            server.set(f"C{number:05}", "changed")
        server.requests.clear()
        server.on_response = lambda count: server.set("C00000", f"while it is asked {count}") if count < 4 else None
        await it.turn()
        asked = [request.url.params for request in server.requests]
        assert [params["page"] for params in asked] == expected
        assert all("modifiedSince" in params for params in asked)
        await it.turn()
        assert await it.stored() == it.expected()


@pytest.mark.promise("T7")
async def test_more_changes_of_one_moment_than_a_page_has_all_arrive() -> None:
    server = FakeServer(1000)
    async with run_sync(server) as it:
        moment = server.written(server.now + timedelta(minutes=1))
        for record in server.records.values():
            record |= {"modified": moment, "name": "imported"}
        await it.turn()
        assert await it.stored() == it.expected()


@pytest.mark.promise("T7")
async def test_two_sessions_share_mirror_with_one_writer(tmp_path: Path) -> None:
    server = FakeServer(600)
    async with run_sync(server, path=tmp_path / "mirror") as writer:
        other = FakeServer(600)
        async with run_sync(other, path=tmp_path / "mirror") as reader:
            assert (writer.mirror.writer, reader.mirror.writer) == (True, False)
            sizes = {request.url.params["pageSize"] for request in other.requests}
            assert "250" not in sizes, "it reads what the other session writes"
            assert await reader.stored() == writer.expected()
            await writer.repository.close()
            other.set("C00300", "changed")
            await reader.turn()
            assert reader.mirror.writer
            assert (await reader.stored())["C00300"] == "changed"


Schedule = list[tuple[str, int]]


@pytest.mark.promise("T7")
@settings(max_examples=40, deadline=None)
@given(
    count=st.integers(0, 30),
    max_page_size=st.sampled_from([4, 250]),
    steps=st.lists(st.tuples(st.sampled_from("+-=tws"), st.integers(0, 40)), max_size=25),
    concurrent_changes=st.lists(st.tuples(st.sampled_from("+-="), st.integers(0, 40)), max_size=25),
)
async def test_sync_converges_for_any_schedule(
    count: int, max_page_size: int, steps: Schedule, concurrent_changes: Schedule
) -> None:
    server = FakeServer(count, max_page_size=max_page_size)

    def change(kind: str, number: int) -> None:
        short_id = f"C{number:05}"
        if kind == "-":
            server.records.pop(short_id, None)
        elif kind == "+" or (kind == "=" and short_id in server.records):
            server.set(short_id, f"{kind}{server.now:%H%M}")

    def change_meanwhile(_: int) -> None:
        if concurrent_changes:
            change(*concurrent_changes.pop())

    server.on_response = change_meanwhile
    async with run_sync(server) as it:
        for kind, number in steps:
            if kind == "t":
                await it.turn()
            elif kind == "w":
                await it.turn(whole=True)
            elif kind == "s" and f"C{number:05}" in server.records:
                await it.repository.customer(f"C{number:05}")
            else:
                change(kind, number)
        concurrent_changes.clear()
        await it.turn()
        assert it.expected().items() <= (await it.stored()).items()
        await it.turn(whole=True)
        assert await it.stored() == it.expected()
        assert len(server.requests) <= 10 + (len(steps) + 3) * 3 * (2 * 20 + 10)


@pytest.mark.promise("T7")
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
def test_overlap_keeps_timestamp_format(text: str, before: str | None) -> None:
    assert subtract_seconds(text, 600) == before


@pytest.mark.promise("T7")
def test_high_water_mark_ignores_invalid_and_future_times() -> None:
    newest = HighWaterMark(datetime.fromisoformat("2026-03-01T12:00:00+00:00"))
    newest.add_all(
        ["", "soon", "9999-12-31T23:59:59", "2026-03-01T10:00:00", "2026-03-01T11:30:00+02:00", "0001-01-01"]
    )
    assert newest.text == "2026-03-01T10:00:00"
    assert is_before("2026-03-01T11:30:00+02:00", newest.text)
    assert not is_before("soon", newest.text)


@pytest.mark.promise("T7", "N6")
async def test_full_sync_request_ends_long_wait() -> None:
    server = FakeServer(600)
    busy = httpx.Response(429, json={"error": "rate_limited"}, headers={"Retry-After": "7200"})
    server.fault = lambda page, request: busy if request.url.params["page"] == "2" else page
    async with run_sync(server) as it:
        assert it.clock.slept[-1] >= 7200
        server.fault = lambda page, _: page
        # After a minute, requests are sent again.
        it.clock.now += 61
        await it.turn(whole=True)
        assert await it.stored() == it.expected()


@pytest.mark.parametrize("full_text", [True, False])
async def test_missing_fts5_is_reported_once(full_text: bool) -> None:
    notices: list[str] = []
    async with run_sync(FakeServer(3), first=False, full_text=full_text) as it:
        it.repository.listen(CallbackListener(data=it.changed, notice=notices.append))
        await it.rest()
        await it.turn()
    assert notices == ([] if full_text else ["The SQLite of this Python has no FTS5: find takes longer."])
