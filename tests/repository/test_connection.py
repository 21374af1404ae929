"""The line to the server: when it counts as gone, who waits for it then, and how it is looked for."""

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


@pytest.mark.parametrize("error", [ConnectionFailed("no"), StoreError("no")])
def test_where_nothing_can_be_connected_nobody_waits_any_more(error: DockbookError) -> None:
    line = ConnectionHealth()
    line.record_success()
    line.record_failure(error)
    assert (line.state.live, line.given_up) == (False, True)
    assert line.state.since is not None


@pytest.mark.parametrize("error", [ConnectionLost("cut"), DeadlineExceeded("slow", sent=True), FAULT])
def test_five_failures_in_a_row_are_enough(error: DockbookError) -> None:
    line = ConnectionHealth()
    for times in range(1, 2 * FAILURES):
        if times == FAILURES:
            line.record_success()
        assert not line.given_up
        line.record_failure(error)
    assert line.given_up
    line.record_success()
    assert (line.state, line.given_up) == (ConnectionState(live=True), False)


def test_a_failure_of_a_server_that_is_there_does_not_make_it_gone() -> None:
    line = ConnectionHealth()
    line.record_success()
    line.record_failure(FAULT)
    assert line.state.live


def test_what_a_person_sees_is_told_once_and_its_time_stays() -> None:
    line = ConnectionHealth()
    told: list[ConnectionState] = []
    backs: list[bool] = []
    line.on_change = told.append
    line.on_back = lambda: backs.append(True)
    line.record_success()
    for _ in range(3):
        line.record_failure(ConnectionFailed("no"))
    line.record_success()
    line.record_success()
    assert [link.live for link in told] == [True, False, True]
    assert backs == [True]
    line.mark_suspect()
    line.record_success()
    assert [link.suspect for link in told] == [False, False, False, True, False]
    assert len(backs) == 2, "what is shown is asked for again"


async def test_it_is_looked_for_ever_more_seldom_and_never_with_refused_credentials() -> None:
    line = ConnectionHealth()
    time = FakeClock()
    probes: list[float] = []
    done = asyncio.Event()

    async def probe() -> None:
        probes.append(time.now)
        if len(probes) == 10:
            line.record_auth_failure()
        if len(probes) < 10:
            raise ConnectionFailed("no")

    async def sleep(seconds: float) -> None:
        await time.sleep(seconds)
        if len(probes) == 10 and len(time.slept) > 20:
            done.set()

    line.record_failure(ConnectionFailed("no"))
    pace = Timing(sleep=sleep, random=lambda: 1.0, clock=time.clock)
    looking = asyncio.create_task(probe_until_online(line, probe, pace))
    async with asyncio.timeout(20):
        await done.wait()
    looking.cancel()
    pauses = [after - before for before, after in pairwise(probes)]
    assert pauses == [2, 4, 8, 16, 32, 60, 60, 60, 60]
    assert len(probes) == 10
