"""The server goes away and comes back, under the real program with a mirror."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import httpx
import pytest

from tests.stage import AT_ONCE, Bend, always, answer, stage

Onward = Callable[[], Awaitable[httpx.Response]]


async def hurry(seconds: float) -> None:
    """Short waits are shorter still; the keeper's rest between two turns lasts."""
    await asyncio.sleep(0.005 if seconds < 32 else 3600)


#: Nobody waits for long, and a probe comes at once.
HURRIED = replace(AT_ONCE, patience=0.05, probe=0.05, chance=lambda: 0.0, sleep=hurry)


async def refused(request: httpx.Request, _: Onward) -> httpx.Response:
    raise httpx.ConnectError("refused", request=request)


async def unknown(request: httpx.Request, _: Onward) -> httpx.Response:
    raise httpx.ConnectError("[Errno -2] Name or service not known", request=request)


async def black_hole(request: httpx.Request, _: Onward) -> httpx.Response:
    await asyncio.Event().wait()
    raise AssertionError("nothing wakes it")


async def reset(request: httpx.Request, _: Onward) -> httpx.Response:
    raise httpx.ReadError("reset", request=request)


FAULTS: dict[str, Bend] = {
    "refused": refused,
    "no such name": unknown,
    "black hole": black_hole,
    "reset": reset,
    "502 from a proxy": always(lambda: httpx.Response(502, html="<h1>Bad gateway</h1>")),
    "500": always(lambda: answer(500, {"statusCode": 500, "error": "internal_error", "message": "No."})),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_gone_and_back(fault: str) -> None:
    async with stage(mirror=True, pace=HURRIED) as it:
        it.sees("live · 48")
        it.wire.bend = FAULTS[fault]
        await it.press("f5")
        it.sees("ACME-CORP", "data of", "page 1 of 3")
        it.misses("live")
        await it.until("offline since")
        await it.press("f8")
        it.sees("page 2 of 3", "offline since", "data of")
        first = it.lines[2].split()[1]
        await it.press("enter")
        it.sees(first, "offline since", "data of")
        await it.press("escape")

        await it.store.upsert(first, {"name": "Renamed meanwhile"})
        it.wire.bend = None
        await it.until("live · 48")
        await it.until("Renamed meanwhile")
        it.sees("page 2 of 3")
        it.misses("data of")
