"""How many page turns need no waiting, on a slow server: `python -m tests.bench.paging [--json]`."""

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass

import httpx

from app.api.client import CustomerApi
from app.models.fields import PageRequest
from app.repository.repository import CustomerRepository
from app.repository.source import CustomerSource
from app.service.app import create_app
from app.service.credentials import Credentials
from app.service.sample.generator import load_sample
from app.service.store import Store
from tests.harness import URL, FaultyTransport, Forward

ROWS = 20
ANSWER_SECONDS = 0.3
#: Seconds between two turns: paging as fast as possible, skimming, and reading a page of twenty rows.
PACES = (0.5, 1.0, 2.0)


@dataclass(frozen=True)
class PagingResult:
    """The turns at one pace, and how many of them were served from prefetched pages."""

    seconds_a_page: float
    turns: int
    served: int
    requests: int

    @property
    def share(self) -> float:
        """The share of turns that needed no waiting."""
        return self.served / self.turns


async def turn_pages(
    turns: int, seconds_a_page: float, answer_seconds: float, sleep: Callable[[float], Awaitable[object]]
) -> PagingResult:
    """Turn `turns` pages forwards."""
    store = Store.open(None)
    load_sample(store, (turns + 1) * ROWS, lambda _done, _total: None)
    credentials = Credentials()
    issued = credentials.issue(frozenset({130}))
    transport = FaultyTransport(httpx.ASGITransport(create_app(store, credentials), raise_app_exceptions=False))
    answered: set[str] = set()

    async def delay(request: httpx.Request, forward: Forward) -> httpx.Response:
        await sleep(answer_seconds)
        response = await forward()
        answered.add(request.url.params["page"])
        return response

    transport.intercept = delay

    async def connect() -> CustomerApi:
        return CustomerApi(URL, issued.client_id, issued.client_secret, transport=transport)

    repository = CustomerRepository(CustomerSource(connect, on_close=store.close))
    served = 0
    try:
        await repository.page(PageRequest(page_size=ROWS))
        for number in range(2, turns + 2):
            await sleep(seconds_a_page)
            served += str(number) in answered
            page = await repository.page(PageRequest(number, ROWS))
            if len(page.rows) != ROWS:
                raise RuntimeError(f"page {number} has {len(page.rows)} rows")
    finally:
        await repository.close()
    return PagingResult(seconds_a_page, turns, served, len(transport.requests))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.paging", description=__doc__)
    parser.add_argument("--turns", type=int, default=40)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    results = [asyncio.run(turn_pages(arguments.turns, pace, ANSWER_SECONDS, asyncio.sleep)) for pace in PACES]
    if arguments.json:
        sys.stdout.write(json.dumps([asdict(result) for result in results]) + "\n")
        return
    sys.stdout.write(f"a server that takes {ANSWER_SECONDS:g} s an answer\n")
    for result in results:
        sys.stdout.write(
            f"a page every {result.seconds_a_page:g} s: {result.served} of {result.turns} turns "
            f"({result.share:.0%}) waited for nothing, {result.requests} requests\n"
        )


if __name__ == "__main__":
    main()
