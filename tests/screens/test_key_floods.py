"""N3, N6, A2: while the server stalls, throttles, refuses or is gone, keys stay live and what was typed stays."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx
import pytest

from tests.harness import Intercept, always, json_response, run_app


def refusing(status: int, code: str, headers: dict[str, str] | None = None) -> Intercept:
    """Everything is refused with this."""
    body = {"statusCode": status, "error": code, "message": "Not now."}
    return always(lambda: json_response(status, body, headers))


async def refused(request: httpx.Request, _: object) -> httpx.Response:
    """Nobody listens."""
    raise httpx.ConnectError("refused", request=request)


async def reset(request: httpx.Request, _: object) -> httpx.Response:
    """The connection breaks once the request is out."""
    raise httpx.ReadError("reset", request=request)


FIRES: dict[str, Intercept] = {
    "429": refusing(429, "rate_limited", {"Retry-After": "12"}),
    "429 for long": refusing(429, "rate_limited", {"Retry-After": "100000"}),
    "401": refusing(401, "unauthorized"),
    "403": refusing(403, "forbidden"),
    "500": refusing(500, "internal_error"),
    "offline": refused,
    "reset": reset,
}


@pytest.mark.promise("N6", "A2")
@pytest.mark.parametrize("name", FIRES)
async def test_editing_continues_through_server_faults(name: str) -> None:
    async with run_app() as dock:
        await dock.press("e", "end", "X", "down")
        dock.transport.intercept = FIRES[name]
        await dock.press(*"Y", "f10")
        dock.sees("Acme CorporationX", "Edit ACME-CORP")
        await dock.press("end", *"Z")
        dock.sees("Acme CorporationX", "YZ")
        if name.startswith("429"):
            # The wait that was asked for is kept by every call, and a test does not sit it out.
            return
        dock.transport.intercept = None
        await dock.press("f10")
        record = await dock.record("ACME-CORP")
        assert record["name"] == "Acme CorporationX"
        assert record["contact"].endswith("YZ")


@pytest.mark.promise("N3")
async def test_keys_work_while_response_is_pending() -> None:
    """The answer comes byte by byte, for as long as the test looks."""
    released = asyncio.Event()

    async def dripping(request: httpx.Request, onward: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
        await released.wait()
        return await onward()

    async with run_app() as dock:
        dock.transport.intercept = dripping
        await dock.press_only("f5")
        await dock.until("loading…")
        await dock.press_only("j", "j")
        assert dock.lines[4].startswith("›")
        await dock.press_only("question_mark")
        dock.sees("Help · Customers")
        await dock.press_only("escape", "e")
        dock.sees("Edit ")
        released.set()
        await dock.settle()
        dock.misses("loading…")
