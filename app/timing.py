"""How often and how hard a server is asked by itself, and by which clock."""

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
    """Seconds, and where they come from.

    `interval` lies between two looks for changes, up to `between_pages` between two pages, `first` before the first;
    `patience` is how long a person waits for the server while there is a mirror, `probe` how long a probe may take.
    """

    interval: float = 45.0
    between_pages: float = 0.25
    initial_delay: float = 0.5
    fallback_after: float = 1.5
    probe: float = 5.0
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    random: Callable[[], float] = random.random
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = local_now
