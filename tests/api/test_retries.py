"""What is retried, how often and when, and how `Retry-After` is honoured."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.client import CustomerApi, Deadlines
from app.api.retry import RetryBudget, seconds_to_wait
from app.errors import (
    ConnectionFailed,
    ConnectionLost,
    DockbookError,
    RateLimited,
    ServerFault,
    ServerUnavailable,
)
from app.models.fields import PageRequest
from tests.fakes import ACME, EMPTY_PAGE, FakeClock, ScriptedTransport, client, responses_in_turn

NEVER_MADE = [httpx.ConnectError("refused"), httpx.ConnectTimeout("no answer"), httpx.PoolTimeout("full")]
BROKEN = [
    httpx.ReadError("reset"),
    httpx.WriteError("reset"),
    httpx.ReadTimeout("silent"),
    httpx.WriteTimeout("silent"),
    httpx.RemoteProtocolError("Server disconnected without sending a response."),
    httpx.CloseError("closed"),
]
PASSING = [429, 500, 502, 503, 504]


def error_response(code: int, headers: dict[str, str] | None = None) -> httpx.Response:
    """An error response of the contract's shape."""
    return httpx.Response(code, json={"statusCode": code, "error": "odd", "message": "No."}, headers=headers)


async def read(api: CustomerApi) -> None:
    """Read one customer."""
    await api.get("ACME-CORP")


async def page(api: CustomerApi) -> None:
    """Read a page."""
    await api.list_page(PageRequest())


async def save(api: CustomerApi) -> None:
    """Save a customer."""
    await api.upsert(ACME)


async def discontinue(api: CustomerApi) -> None:
    """Discontinue a customer."""
    await api.discontinue("ACME-CORP")


@pytest.mark.promise("N1")
@pytest.mark.parametrize("call", [read, page])
@pytest.mark.parametrize("fault", [*NEVER_MADE, *BROKEN, *PASSING], ids=repr)
async def test_read_is_tried_three_times(call: Callable[[CustomerApi], Any], fault: Exception | int) -> None:
    transport = ScriptedTransport(
        lambda _: error_response(fault) if isinstance(fault, int) else as_transport_error(fault)
    )
    async with client(transport) as api:
        with pytest.raises(DockbookError):
            await call(api)
    assert len(transport.requests) == 3


@pytest.mark.promise("N1")
@pytest.mark.parametrize("code", [400, 401, 403, 404, 409, 412, 413, 501])
async def test_permanent_refusal_is_not_retried(code: int) -> None:
    transport = ScriptedTransport(lambda _: error_response(code))
    async with client(transport) as api:
        with pytest.raises(DockbookError):
            await read(api)
    assert len(transport.requests) == (2 if code == 401 else 1)


@pytest.mark.promise("N1")
async def test_read_succeeds_after_two_faults() -> None:
    transport = ScriptedTransport(
        responses_in_turn(error_response(503), httpx.ReadError("reset"), httpx.Response(200, json=ACME))
    )
    async with client(transport) as api:
        assert (await api.get("ACME-CORP")).name == "Acme Corporation"


@pytest.mark.promise("N1")
async def test_pauses_double_and_start_longer_when_throttled() -> None:
    time = FakeClock()
    async with client(ScriptedTransport(lambda _: error_response(503)), time=time) as api:
        with pytest.raises(ServerFault):
            await read(api)
    assert time.slept == [0.25, 0.5]
    time = FakeClock()
    async with client(ScriptedTransport(lambda _: error_response(429)), time=time) as api:
        with pytest.raises(RateLimited):
            await read(api)
    assert time.slept == [1.0, 2.0]


@pytest.mark.promise("N1")
async def test_retry_budget_is_shared_by_all_clients() -> None:
    time = FakeClock()
    budget = RetryBudget(5, clock=lambda: 0.0)
    one, other = (
        ScriptedTransport(lambda _: error_response(503)),
        ScriptedTransport(lambda _: httpx.ConnectError("refused")),
    )
    async with client(one, time=time, budget=budget) as first, client(other, time=time, budget=budget) as second:
        for api in (first, second) * 10:
            with pytest.raises(DockbookError):
                await read(api)
    assert len(one.requests) + len(other.requests) == 20 + 5


@pytest.mark.promise("N1")
def test_retry_budget_refills_up_to_its_size() -> None:
    time = FakeClock()
    budget = RetryBudget(2, refill_seconds=5.0, clock=time.clock)
    assert [budget.spend() for _ in range(3)] == [True, True, False]
    time.now += 5.0
    assert [budget.spend() for _ in range(2)] == [True, False]
    time.now += 1e6
    assert [budget.spend() for _ in range(3)] == [True, True, False]


@pytest.mark.promise("N2")
@pytest.mark.parametrize("call", [save, discontinue])
@pytest.mark.parametrize("fault", BROKEN, ids=repr)
async def test_write_that_may_have_arrived_is_not_retried(call: Callable[[CustomerApi], Any], fault: Exception) -> None:
    transport = ScriptedTransport(lambda _: as_transport_error(fault))
    async with client(transport) as api:
        with pytest.raises(ConnectionLost) as caught:
            await call(api)
    assert len(transport.requests) == 1
    assert caught.value.outcome_unknown


@pytest.mark.promise("N2")
@pytest.mark.parametrize("call", [save, discontinue])
@pytest.mark.parametrize("code", [500, 502, 503, 504, 599])
async def test_write_answered_5xx_is_not_retried(call: Callable[[CustomerApi], Any], code: int) -> None:
    transport = ScriptedTransport(lambda _: error_response(code, {"Retry-After": "1"}))
    async with client(transport) as api:
        with pytest.raises(ServerFault) as caught:
            await call(api)
    assert len(transport.requests) == 1
    assert caught.value.outcome_unknown


@pytest.mark.promise("N2")
@pytest.mark.parametrize("fault", NEVER_MADE, ids=repr)
async def test_write_without_connection_is_tried_three_times(fault: Exception) -> None:
    transport = ScriptedTransport(lambda _: as_transport_error(fault))
    async with client(transport) as api:
        with pytest.raises(ConnectionFailed) as caught:
            await save(api)
    assert len(transport.requests) == 3
    assert not caught.value.outcome_unknown


@pytest.mark.promise("N2")
async def test_throttled_write_is_retried_once() -> None:
    transport = ScriptedTransport(
        responses_in_turn(error_response(429, {"Retry-After": "3"}), httpx.Response(201, json=ACME))
    )
    time = FakeClock()
    async with client(transport, time=time) as api:
        await save(api)
    assert time.slept == [4.0]
    transport = ScriptedTransport(lambda _: error_response(429))
    async with client(transport) as api:
        with pytest.raises(RateLimited) as caught:
            await save(api)
    assert len(transport.requests) == 2
    assert not caught.value.outcome_unknown


@pytest.mark.promise("N2")
async def test_write_broken_after_throttling_has_unknown_outcome() -> None:
    transport = ScriptedTransport(responses_in_turn(error_response(429), httpx.ReadError("reset")))
    async with client(transport) as api:
        with pytest.raises(ConnectionLost):
            await save(api)
    assert len(transport.requests) == 2


@pytest.mark.promise("N6")
@pytest.mark.parametrize(
    ("header", "pauses"),
    [("3", [4.0, 5.0]), ("10", [11.0, 12.0]), ("0", [1.0, 2.0]), ("-1", [1.0, 2.0]), ("soon", [1.0, 2.0])],
)
async def test_short_retry_after_is_waited_silently(header: str, pauses: list[float]) -> None:
    time = FakeClock()
    transport = ScriptedTransport(lambda _: error_response(429, {"Retry-After": header}))
    async with client(transport, time=time) as api:
        with pytest.raises(RateLimited):
            await read(api)
    assert time.slept == pauses


@pytest.mark.promise("N6")
@pytest.mark.parametrize("header", ["11", "1e9", "1000000000", "9" * 5000, "Fri, 01 Jan 2100 00:00:00 GMT"])
@pytest.mark.parametrize("code", [429, 503])
async def test_long_retry_after_is_reported_at_once(header: str, code: int) -> None:
    time = FakeClock()
    transport = ScriptedTransport(lambda _: error_response(code, {"Retry-After": header}))
    async with client(transport, time=time) as api:
        with pytest.raises(RateLimited) as caught:
            await read(api)
    assert len(transport.requests) == 1
    assert time.slept == []
    assert caught.value.response.retry_after == (11.0 if header == "11" else 86_400.0)


@pytest.mark.promise("N6")
async def test_retry_after_date_counts_from_response_date() -> None:
    time = FakeClock()
    headers = {"Date": "Fri, 01 Jan 2100 00:00:00 GMT", "Retry-After": "Fri, 01 Jan 2100 00:00:05 GMT"}
    transport = ScriptedTransport(responses_in_turn(error_response(429, headers), httpx.Response(200, json=ACME)))
    async with client(transport, time=time) as api:
        await read(api)
    assert time.slept == [6.0]


@pytest.mark.promise("N6")
async def test_retry_after_holds_back_all_calls() -> None:
    time = FakeClock()
    transport = ScriptedTransport(
        responses_in_turn(error_response(429, {"Retry-After": "30"}), httpx.Response(200, json=EMPTY_PAGE))
    )
    async with client(transport, time=time) as api:
        with pytest.raises(RateLimited):
            await page(api)
        time.now += 10
        with pytest.raises(RateLimited) as caught:
            await page(api)
        assert caught.value.response.retry_after == pytest.approx(20.0)
        assert not caught.value.outcome_unknown
        assert len(transport.requests) == 1
        time.now += 15
        await page(api)
    assert time.slept == [pytest.approx(5.0)]


@pytest.mark.promise("N6")
async def test_call_is_sent_again_after_one_minute() -> None:
    time = FakeClock()
    transport = ScriptedTransport(
        responses_in_turn(error_response(429, {"Retry-After": "1000000"}), httpx.Response(200, json=EMPTY_PAGE))
    )
    async with client(transport, time=time) as api:
        with pytest.raises(RateLimited):
            await page(api)
        time.now += 61
        await page(api)


@pytest.mark.promise("N6")
@pytest.mark.parametrize("later", [1, 40, 55, 59])
async def test_second_call_reports_remaining_wait(later: float) -> None:
    time = FakeClock()
    transport = ScriptedTransport(lambda _: error_response(429, {"Retry-After": "300"}))
    async with client(transport, time=time) as api:
        with pytest.raises(RateLimited):
            await page(api)
        time.now += later
        with pytest.raises(RateLimited) as caught:
            await page(api)
    assert caught.value.response.retry_after == pytest.approx(300 - later)
    assert len(transport.requests) == 1
    assert time.slept == []


@pytest.mark.promise("N6", "N3")
async def test_wait_beyond_deadline_is_reported() -> None:
    time = FakeClock()
    transport = ScriptedTransport(lambda _: error_response(429, {"Retry-After": "7"}))
    async with client(transport, time=time, deadlines=Deadlines(read=5.0)) as api:
        with pytest.raises(RateLimited) as caught:
            await read(api)
    assert caught.value.response.retry_after == 7.0
    assert time.slept == []


@pytest.mark.promise("N1")
async def test_gateway_error_is_retried_then_reported() -> None:
    transport = ScriptedTransport(lambda _: httpx.Response(502, html="<title>Bad gateway</title>"))
    async with client(transport) as api:
        with pytest.raises(ServerUnavailable) as caught:
            await read(api)
    assert len(transport.requests) == 3
    assert caught.value.status == 502


@pytest.mark.promise("N1")
async def test_concurrent_reads_do_not_block_each_other() -> None:
    transport = ScriptedTransport(responses_in_turn(error_response(503), httpx.Response(200, json=ACME)))
    async with client(transport) as api:
        await asyncio.gather(*(read(api) for _ in range(20)))
    assert len(transport.requests) == 21


@pytest.mark.promise("N6")
@given(st.text(), st.none() | st.text())
def test_retry_after_is_never_negative_or_endless(header: str, date: str | None) -> None:
    wait = seconds_to_wait(header, date, datetime(2025, 1, 1, tzinfo=UTC))
    assert wait is None or 0 <= wait <= 86_400


@pytest.mark.promise("N6")
@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("2.5", 2.5),
        (" 7 ", 7.0),
        ("Wed, 01 Jan 2025 00:00:09 GMT", 9.0),
        ("Wed, 01 Jan 2020 00:00:00 GMT", 0.0),
        ("Wed, 01 Jan 2025 00:00:09 -0000", 9.0),
        ("Wed, 99 Jan 2025 00:00:09 GMT", None),
        ("nan", None),
        ("inf", None),
        ("٣", None),
        ("1_0", None),
        ("", None),
    ],
)
def test_retry_after_is_parsed(header: str, wait: float | None) -> None:
    assert seconds_to_wait(header, None, datetime(2025, 1, 1, tzinfo=UTC)) == wait


def as_transport_error(fault: Exception) -> httpx.TransportError:
    """A new error of the same type, because a raised one keeps its traceback."""
    assert isinstance(fault, httpx.TransportError)
    return type(fault)(str(fault))
