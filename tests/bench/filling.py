"""What filling the mirror and keeping it fresh costs beyond reading the pages: `python -m tests.bench.filling`.

Everything against the embedded service in this process, in one run; ratios are what counts.
"""

import argparse
import asyncio
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from app.api.client import CustomerApi
from app.fields import PageRequest
from app.local.mirror import Mirror
from app.pace import Pace
from app.repository import Repository
from app.service.credentials import Credentials
from app.service.sample import load_sample
from app.service.store import Store
from app.service.web import create_app
from tests.stage import URL, Wire

DELTA = 250


async def measure(customers: int, folder: Path) -> None:
    """Fetch all pages; fill a mirror; look for changes when there are none, and when there are 250."""
    store = Store.open(None)
    await asyncio.to_thread(load_sample, store, customers, lambda _done, _total: None)
    credentials = Credentials()
    issued = credentials.issue(frozenset({130, 131}))
    wire = Wire(httpx.ASGITransport(create_app(store, credentials), raise_app_exceptions=False))

    async def connect() -> CustomerApi:
        return CustomerApi(URL, issued.client_id, issued.client_secret, transport=wire)

    api = await connect()
    await api.list_page(PageRequest())
    began = time.perf_counter()
    for number in range(1, -(-customers // 250) + 1):
        await api.list_page(PageRequest(number, 250))
    fetching = time.perf_counter() - began
    await api.close()

    mirror = await asyncio.to_thread(Mirror.open, folder / "mirror.sqlite3")
    # No look for changes by itself: each is asked for below.
    rest = asyncio.Event()
    wake = asyncio.Event()

    async def sleep(seconds: float) -> None:
        if seconds > 1.0:
            rest.set()
            await wake.wait()
            wake.clear()

    pace = Pace(first=0.0, between_pages=0.0, sleep=sleep)
    repository = Repository(connect, on_close=store.close, open_mirror=lambda: mirror, pace=pace)
    keeping = asyncio.create_task(repository.keep())
    await repository.page(PageRequest(page_size=20))
    began = time.perf_counter()
    await rest.wait()
    filling = time.perf_counter() - began
    _say(f"{customers:,} customers: fetched and parsed in {fetching:.1f} s, mirrored in {filling:.1f} s")
    _say(f"  filling ÷ fetching: {filling / fetching:.2f}  (must be ≤ 1.5)")

    async def turn() -> tuple[float, float, int]:
        """Let the keeper look for changes: seconds it took, the longest the loop stood still, requests."""
        before = len(wire.seen)
        rest.clear()
        wake.set()
        began = last = time.perf_counter()
        longest = 0.0
        while not rest.is_set():
            await asyncio.sleep(0)
            now = time.perf_counter()
            longest, last = max(longest, now - last), now
        return time.perf_counter() - began, longest, len(wire.seen) - before

    await mirror.tended()
    # The first look may bring what was made within the last ten minutes of the sample.
    await turn()
    took, longest, requests = await turn()
    _say(
        f"  nothing changed: {requests} request(s), {took * 1000:.0f} ms, the loop stood still {longest * 1000:.0f} ms"
    )
    page = await mirror.page(PageRequest(1, DELTA))
    for row in page.rows:
        await store.upsert(row.short_id, {"contact": "Changed"})
    took, longest, requests = await turn()
    _say(
        f"  {DELTA} changed: {requests} request(s), {took * 1000:.0f} ms (must be ≤ 200), still {longest * 1000:.0f} ms"
    )
    await repository.close()
    await asyncio.wait({keeping})


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def main() -> None:
    """Measure and tell."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.filling", description=__doc__)
    parser.add_argument("customers", type=int, nargs="?", default=100_000)
    with TemporaryDirectory() as folder:
        asyncio.run(measure(parser.parse_args().customers, Path(folder)))


if __name__ == "__main__":
    main()
