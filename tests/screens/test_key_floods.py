"""While the server stalls, throttles, refuses or is gone, keys work and typed text stays."""

import asyncio

import httpx
import pytest

from tests.harness import Forward, Intercept, always, json_response, run_app


def refuse_all(status: int, code: str, headers: dict[str, str] | None = None) -> Intercept:
    """An intercept that refuses every request."""
    body = {"statusCode": status, "error": code, "message": "Not now."}
    return always(lambda: json_response(status, body, headers))


async def refuse_connection(request: httpx.Request, _: object) -> httpx.Response:
    """Refuse the connection."""
    raise httpx.ConnectError("refused", request=request)


async def reset_connection(request: httpx.Request, _: object) -> httpx.Response:
    """Break the connection after the request is sent."""
    raise httpx.ReadError("reset", request=request)


FAULTS: dict[str, Intercept] = {
    "429": refuse_all(429, "rate_limited", {"Retry-After": "12"}),
    "429 for long": refuse_all(429, "rate_limited", {"Retry-After": "100000"}),
    "401": refuse_all(401, "unauthorized"),
    "403": refuse_all(403, "forbidden"),
    "500": refuse_all(500, "internal_error"),
    "offline": refuse_connection,
    "reset": reset_connection,
}


@pytest.mark.promise("N6", "A2")
@pytest.mark.parametrize("name", FAULTS)
async def test_editing_continues_through_server_faults(name: str) -> None:
    async with run_app() as it:
        await it.press("e", "end", "X", "down")
        it.transport.intercept = FAULTS[name]
        await it.press(*"Y", "f10")
        it.sees("Acme CorporationX", "Edit ACME-CORP")
        await it.press("end", *"Z")
        it.sees("Acme CorporationX", "YZ")
        if name.startswith("429"):
            # Every call would wait for `Retry-After`, which is too long for a test.
            return
        it.transport.intercept = None
        await it.press("f10")
        record = await it.record("ACME-CORP")
        assert record["name"] == "Acme CorporationX"
        assert record["contact"].endswith("YZ")


@pytest.mark.promise("N3")
async def test_keys_work_while_response_is_pending() -> None:
    released = asyncio.Event()

    async def wait_for_release(request: httpx.Request, forward: Forward) -> httpx.Response:
        await released.wait()
        return await forward()

    async with run_app() as it:
        it.transport.intercept = wait_for_release
        await it.press_only("f5")
        await it.until("loading…")
        await it.press_only("j", "j")
        assert it.lines[4].startswith("›")
        await it.press_only("question_mark")
        it.sees("Help · Customers")
        await it.press_only("escape", "e")
        it.sees("Edit ")
        released.set()
        await it.settle()
        it.misses("loading…")
