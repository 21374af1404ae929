"""Connection state: when the server counts as gone, who still waits for it, and how it is probed."""

import asyncio
from itertools import pairwise

import pytest

from app.errors import (
    ConnectionFailed,
    ConnectionLost,
    DeadlineExceeded,
    DockbookError,
    ErrorResponse,
    ServerFault,
    StoreError,
)
from app.repository.connection import FAILURES, ConnectionHealth, ConnectionState, probe_until_online
from app.timing import Timing
from tests.fakes import FakeClock

FAULT = ServerFault(ErrorResponse(500, "internal_error", "No.", {}))


@pytest.mark.promise("N7")
@pytest.mark.parametrize("error", [ConnectionFailed("no"), StoreError("no")])
def test_failed_connect_gives_up_at_once(error: DockbookError) -> None:
    health = ConnectionHealth()
    health.record_success()
    health.record_failure(error)
    assert (health.state.live, health.given_up) == (False, True)
    assert health.state.since is not None


@pytest.mark.promise("N7")
@pytest.mark.parametrize("error", [ConnectionLost("cut"), DeadlineExceeded("slow", sent=True), FAULT])
def test_connection_gives_up_after_five_failures_in_a_row(error: DockbookError) -> None:
    health = ConnectionHealth()
    for times in range(1, 2 * FAILURES):
        if times == FAILURES:
            health.record_success()
        assert not health.given_up
        health.record_failure(error)
    assert health.given_up
    health.record_success()
    assert (health.state, health.given_up) == (ConnectionState(live=True), False)


def test_one_server_fault_keeps_connection_live() -> None:
    health = ConnectionHealth()
    health.record_success()
    health.record_failure(FAULT)
    assert health.state.live


@pytest.mark.promise("N7")
def test_state_changes_are_reported_once() -> None:
    health = ConnectionHealth()
    states: list[ConnectionState] = []
    online_events: list[bool] = []
    health.on_change = states.append
    health.on_back = lambda: online_events.append(True)
    health.record_success()
    for _ in range(3):
        health.record_failure(ConnectionFailed("no"))
    health.record_success()
    health.record_success()
    assert [state.live for state in states] == [True, False, True]
    assert online_events == [True]
    health.mark_suspect()
    health.record_success()
    assert [state.suspect for state in states] == [False, False, False, True, False]
    assert len(online_events) == 2, "what is shown is requested again"


@pytest.mark.promise("N7")
async def test_probes_back_off_and_stop_on_rejected_credentials() -> None:
    health = ConnectionHealth()
    clock = FakeClock()
    probes: list[float] = []
    done = asyncio.Event()

    async def probe() -> None:
        probes.append(clock.now)
        if len(probes) == 10:
            health.record_auth_failure()
        if len(probes) < 10:
            raise ConnectionFailed("no")

    async def sleep(seconds: float) -> None:
        await clock.sleep(seconds)
        if len(probes) == 10 and len(clock.slept) > 20:
            done.set()

    health.record_failure(ConnectionFailed("no"))
    timing = Timing(sleep=sleep, random=lambda: 1.0, clock=clock.clock)
    probing = asyncio.create_task(probe_until_online(health, probe, timing))
    async with asyncio.timeout(20):
        await done.wait()
    probing.cancel()
    pauses = [after - before for before, after in pairwise(probes)]
    assert pauses == [2, 4, 8, 16, 32, 60, 60, 60, 60]
    assert len(probes) == 10
