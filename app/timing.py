"""Intervals, timeouts and clocks of what runs by itself; tests hand in their own."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import NamedTuple


def local_now() -> datetime:
    """The moment of now, in the zone of this machine."""
    return datetime.now().astimezone()


class Timing(NamedTuple):
    """Seconds, and where they come from."""

    #: Between two syncs.
    interval: float = 45.0
    #: At most this long between two pages of a sync.
    between_pages: float = 0.25
    #: Before the first sync.
    initial_delay: float = 0.5
    #: How long a person waits for the server before the local copy is shown.
    fallback_after: float = 1.5
    #: How long a probe may take.
    probe: float = 5.0
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    random: Callable[[], float] = random.random
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = local_now
