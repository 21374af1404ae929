"""What filling the mirror and keeping it fresh costs beyond reading the pages: `python -m tests.bench.filling`.

Everything against the embedded service in this process, in one run; ratios are what counts.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import cycle
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import httpx

from app.api.client import CustomerApi
from app.mirror.mirror import Mirror
from app.models.fields import PageRequest
from app.repository.repository import CustomerRepository
from app.repository.source import CustomerSource
from app.service.app import create_app
from app.service.credentials import Credentials
from app.service.sample.generator import load_sample
from app.service.store import Store
from app.timing import Timing
from app.tui.run import SWITCH
from tests.bench.mirror import TYPED, typing
from tests.harness import URL, FaultyTransport

DELTA = 250
_FEWEST_KEYS = 300
#: Seconds: the most between two keys of a quick typist, typing without changes, between two checks of the event loop.
_BETWEEN_KEYS = 0.025
_QUIET = 0.1
_TICK = 0.001


class SyncBench:
    """A sync with a service in this process; it asks for changes only when `sync` is called."""

    def __init__(self, store: Store, mirror: Mirror) -> None:
        self.store = store
        self.mirror = mirror
        credentials = Credentials()
        self._issued = credentials.issue(frozenset({130, 131}))
        self.transport = FaultyTransport(
            httpx.ASGITransport(create_app(store, credentials), raise_app_exceptions=False)
        )
        self.resting = asyncio.Event()
        self._wake = asyncio.Event()
        self._typing = cycle(typing(TYPED[:8]))
        self._rng = Random(1)  # noqa: S311  # the same each time
        timing = Timing(initial_delay=0.0, between_pages=0.0, sleep=self._sleep)
        self.repository = CustomerRepository(
            CustomerSource(self.connect, timing, on_close=store.close, open_mirror=lambda: mirror)
        )

    async def connect(self) -> CustomerApi:
        """Create an API client."""
        return CustomerApi(URL, self._issued.client_id, self._issued.client_secret, transport=self.transport)

    async def _sleep(self, seconds: float) -> None:
        if seconds > 1.0:
            self.resting.set()
            await self._wake.wait()
            self._wake.clear()

    async def sync(self) -> tuple[float, float, int]:
        """Run one sync; returns its seconds, the longest block of the event loop, and its requests."""
        before = len(self.transport.requests)
        self.resting.clear()
        self._wake.set()
        began = time.perf_counter()
        blocked = asyncio.create_task(longest_block())
        await self.resting.wait()
        took = time.perf_counter() - began
        blocked.cancel()
        return took, await blocked, len(self.transport.requests) - before

    async def change(self, contact: str) -> None:
        """Change 250 customers on the server."""
        page = await self.mirror.page(PageRequest(1, DELTA))
        for row in page.rows:
            await self.store.upsert(row.short_id, {"contact": contact})

    async def keep_typing(self, times: list[float]) -> None:
        """Continue typing, and note how long each key waits for its rows."""
        for request in self._typing:
            began = time.perf_counter()
            await self.repository.page(request)
            times.append(time.perf_counter() - began)
            # A steady rhythm would always hit the same step of a change.
            await asyncio.sleep(self._rng.random() * _BETWEEN_KEYS)

    @asynccontextmanager
    async def typing(self, times: list[float]) -> AsyncIterator[None]:
        """Type until the block ends."""
        typist = asyncio.create_task(self.keep_typing(times))
        try:
            yield
        finally:
            typist.cancel()
            await asyncio.wait({typist})


async def fetch_all(bench: SyncBench, customers: int) -> float:
    """The seconds it takes to fetch and parse all pages."""
    api = await bench.connect()
    await api.list_page(PageRequest())
    began = time.perf_counter()
    for number in range(1, -(-customers // DELTA) + 1):
        await api.list_page(PageRequest(number, DELTA))
    took = time.perf_counter() - began
    await api.close()
    return took


async def measure_keys(bench: SyncBench) -> tuple[list[float], list[float]]:
    """How long keys wait without changes and while changes arrive, in turns, so that other load affects both."""
    quiet: list[float] = []
    busy: list[float] = []
    while len(busy) < _FEWEST_KEYS:
        await bench.change(f"Changed again {len(busy)}")
        await bench.mirror.wait_indexed()
        async with bench.typing(quiet):
            await asyncio.sleep(_QUIET)
        async with bench.typing(busy):
            await bench.sync()
    return quiet, busy


async def measure(customers: int, folder: Path) -> None:
    """Fetch all pages; fill a mirror; sync when nothing changed, and when 250 customers did; type meanwhile."""
    store = Store.open(None)
    await asyncio.to_thread(load_sample, store, customers, lambda _done, _total: None)
    bench = SyncBench(store, await asyncio.to_thread(Mirror.open, folder / "mirror.sqlite3"))
    before = await fetch_all(bench, customers)
    background = asyncio.create_task(bench.repository.run_background())
    await bench.repository.page(PageRequest(page_size=20))
    began = time.perf_counter()
    await bench.resting.wait()
    filling = time.perf_counter() - began
    # The speed of a machine varies.
    fetching = (before + await fetch_all(bench, customers)) / 2
    _print(f"{customers:,} customers: fetched and parsed in {fetching:.1f} s, mirrored in {filling:.1f} s")
    _print(f"  filling ÷ fetching: {filling / fetching:.2f}  (must be ≤ 1.5)")
    await bench.mirror.wait_indexed()
    # The first sync may bring customers created within the last ten minutes of the sample.
    await bench.sync()
    for what, limit in (("nothing", ""), (str(DELTA), " (must be ≤ 200)")):
        if limit:
            await bench.change("Changed")
        took, blocked, requests = await bench.sync()
        _print(f"  {what} changed: {requests} request(s), {took * 1000:.0f} ms{limit}, still {blocked * 1000:.0f} ms")
    quiet, busy = await measure_keys(bench)
    _print(
        f"  a key waits for its rows (half, 95 of 100): {_text(quiet)} in peace;"
        f" {_text(busy)} while {DELTA} changes come"
    )
    await bench.repository.close()
    await asyncio.wait({background})


async def longest_block() -> float:
    """The longest block of the event loop until this is cancelled, in seconds."""
    longest = 0.0
    last = time.perf_counter()
    try:
        while True:
            await asyncio.sleep(_TICK)
            now = time.perf_counter()
            longest, last = max(longest, now - last - _TICK), now
    except asyncio.CancelledError:
        return longest


def _text(times: list[float]) -> str:
    times.sort()
    middle, most = (times[int(len(times) * part)] * 1000 for part in (0.5, 0.95))
    return f"{middle:.1f}, {most:.1f} ms of {len(times)} keys"


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.filling", description=__doc__)
    parser.add_argument("customers", type=int, nargs="?", default=100_000)
    # Like the program.
    sys.setswitchinterval(SWITCH)
    with TemporaryDirectory() as folder:
        asyncio.run(measure(parser.parse_args().customers, Path(folder)))


if __name__ == "__main__":
    main()
