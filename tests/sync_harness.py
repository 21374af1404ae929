"""A fake server with faults, and a repository that mirrors it on a fake clock."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from app.api.client import CustomerApi
from app.mirror.mirror import Mirror
from app.models.fields import PageRequest
from app.repository.repository import CustomerRepository
from app.repository.source import CustomerSource
from app.timing import Timing
from tests.fakes import CallbackListener, FakeClock, ScriptedTransport, client

Page = dict[str, Any]
Fault = Callable[[Page, httpx.Request], Page | httpx.Response]
START = datetime(2026, 2, 1, 8, 0)  # noqa: DTZ001 - as the spec's examples, without a zone


class FakeServer:
    """A server of customers. `fault` may change a page; `on_response` runs after each response."""

    def __init__(self, count: int, *, max_page_size: int = 250) -> None:
        self.now = START
        self.max_page_size = max_page_size
        #: Otherwise it ignores that it is asked to.
        self.sorts_by_modified = True
        self.records: dict[str, dict[str, Any]] = {}
        self.fault: Fault = lambda page, _: page
        self.on_response: Callable[[int], None] = lambda _: None
        self.requests: list[httpx.Request] = []
        self.written: Callable[[datetime], str] = datetime.isoformat
        for number in range(count):
            self.set(f"C{number:05}", "new")

    def set(self, short_id: str, name: str) -> None:
        """Write a customer, one minute later."""
        self.now += timedelta(minutes=1)
        self.records[short_id] = {
            "shortID": short_id,
            "name": name,
            "active": True,
            "modified": self.written(self.now),
        }

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Return a page, or one customer."""
        self.requests.append(request)
        if not request.url.path.endswith("/All"):
            row = self.records.get(request.url.path.rpartition("/")[2])
            return httpx.Response(200, json=row) if row else httpx.Response(404, json={"error": "not_found"})
        response = self.fault(self.page(request), request)
        self.on_response(len(self.requests))
        return response if isinstance(response, httpx.Response) else httpx.Response(200, json=response)

    def page(self, request: httpx.Request, *, since: str | None = "", size: int = 0) -> Page:
        """The correct page; without `since` of all customers."""
        number = int(request.url.params["page"])
        size = size or min(int(request.url.params["pageSize"]), self.max_page_size)
        if since == "":
            since = request.url.params.get("modifiedSince")
        rows = [self.records[short_id] for short_id in sorted(self.records)]
        if self.sorts_by_modified and request.url.params.get("sort") == "modified":
            rows.sort(key=lambda row: str(row["modified"]))
        if since is not None:
            # Many servers compare the texts.
            rows = [row for row in rows if row["modified"] >= since]
        more = number * size < len(rows)
        value = rows[(number - 1) * size : number * size]
        return {"value": value, "totalCount": len(rows), "page": number, "pageSize": size, "hasMore": more}


@dataclass
class Clock(FakeClock):
    """A clock whose long sleeps end only when the test continues them."""

    def __init__(self) -> None:
        super().__init__()
        self.resting = asyncio.Event()
        self.go_on = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        """A long sleep is the sync's pause between two runs; all others take no time."""
        if seconds < REST_SECONDS:
            await super().sleep(seconds)
            return
        self.slept.append(seconds)
        self.resting.set()
        await self.go_on.wait()
        self.go_on.clear()
        self.now += seconds


REST_SECONDS = 600.0


@dataclass
class SyncHarness:
    """A repository that mirrors a fake server."""

    server: FakeServer
    repository: CustomerRepository
    mirror: Mirror
    clock: Clock
    api: CustomerApi
    percents: list[int | None] = field(default_factory=list)
    changes: int = 0
    today: datetime = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

    def changed(self) -> None:
        """Count a change of the mirror."""
        self.changes += 1

    async def rest(self) -> None:
        """Wait until the sync pauses."""
        async with asyncio.timeout(20):
            await self.clock.resting.wait()

    async def turn(self, *, whole: bool = False) -> int:
        """Run the next sync three hours later, or a full sync; returns the number of requests."""
        before = len(self.server.requests)
        self.clock.resting.clear()
        if whole:
            await self.repository.request_full_sync()
        else:
            self.today += timedelta(hours=3)
            self.clock.go_on.set()
        await self.rest()
        return len(self.server.requests) - before

    async def stored(self) -> dict[str, str]:
        """The names of all customers in the mirror, by ID."""
        page = await self.mirror.page(PageRequest(page_size=10_000))
        return {row.short_id: row.name for row in page.rows}

    def expected(self) -> dict[str, str]:
        """The names of all customers of the server, by ID."""
        return {short_id: row["name"] for short_id, row in self.server.records.items()}


@asynccontextmanager
async def run_sync(
    server: FakeServer, *, path: Path | None = None, first: bool = True, full_text: bool | None = None
) -> AsyncIterator[SyncHarness]:
    """Mirror the server, and wait until the first sync is done."""
    clock = Clock()
    async with client(ScriptedTransport(server), time=clock) as api:

        async def connect() -> CustomerApi:
            return api

        mirror = await asyncio.to_thread(partial(Mirror.open, path, full_text=full_text))
        it: SyncHarness
        timing = Timing(
            interval=2 * REST_SECONDS,
            between_pages=0.25,
            initial_delay=0.0,
            fallback_after=20.0,  # real seconds: a busy machine must not make the server suspect
            sleep=clock.sleep,
            random=lambda: 0.5,
            clock=clock.clock,
            now=lambda: it.today,
        )
        repository = CustomerRepository(CustomerSource(connect, timing, open_mirror=lambda: mirror))
        it = SyncHarness(server, repository, mirror, clock, api)
        repository.listen(CallbackListener(lambda state: it.percents.append(state.mirror_percent), it.changed))
        background = asyncio.create_task(repository.run_background())
        await repository.page(PageRequest(page_size=20, sort=None))
        if first:
            await it.rest()
        try:
            yield it
        finally:
            await repository.close()
            if not background.cancelled():
                background.result()
