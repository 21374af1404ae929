"""When a request is sent again: full jitter, at most three tries, and one budget for the whole process."""

import asyncio
import random
import re
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from app.api.responses import ApiResponse
from app.errors import (
    CertificateNotTrusted,
    ClientCertificateRefused,
    ConnectionFailed,
    ConnectionLost,
    ErrorResponse,
    ProxyRefused,
    RateLimited,
)

TRIES: Final = 3
MAX_PAUSE: Final = 20.0
#: Up to this many seconds a wait is silent; the screen counts down a longer one.
MAX_SILENT_WAIT: Final = 10.0

_FIRST_PAUSE: Final = 0.25
_FIRST_PAUSE_THROTTLED: Final = 1.0
#: Errors that do not pass by themselves.
_LASTING: Final = (CertificateNotTrusted, ClientCertificateRefused, ProxyRefused)
_PASSING: Final = frozenset({429, 500, 502, 503, 504})
_MINUTE: Final = 60.0
_A_DAY: Final = 86_400.0
_SECONDS: Final = re.compile(r"\d+(\.\d*)?(e\+?\d+)?", re.ASCII | re.IGNORECASE)


class RetryBudget:
    """A token bucket that all requests of a process share, so that a dead server is not hammered.

    It holds `size` retries and regains one every `refill_seconds`. The first try of a request costs nothing.
    """

    def __init__(
        self, size: int = 10, refill_seconds: float = 5.0, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._size = float(size)
        self._refill_seconds = refill_seconds
        self._clock = clock
        self._left = self._size
        self._counted = clock()

    def spend(self) -> bool:
        """Take one retry; false when none is left."""
        now = self._clock()
        self._left = min(self._size, self._left + (now - self._counted) / self._refill_seconds)
        self._counted = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class RetryPolicy:
    """The one rule for sending again, with everything that takes time or chance handed in."""

    def __init__(
        self,
        budget: RetryBudget | None = None,
        *,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._budget = RetryBudget() if budget is None else budget
        self.sleep = sleep
        self._random = chance

    async def send(
        self,
        attempt: Callable[[], Awaitable[ApiResponse]],
        *,
        write: bool,
        time_left: Callable[[], float],
        tries: int = TRIES,
    ) -> ApiResponse:
        """Repeat the attempt until its response is final, and return that, whatever its status.

        A read is tried again after a connection that failed or broke and after an answer that may pass. A write
        is tried again only when no connection was made, or once when it was throttled: in every other case it
        may have taken effect.
        """
        throttled_before = False
        for tried in range(1, tries):
            try:
                answer = await attempt()
            except (ConnectionFailed, ConnectionLost) as error:
                final = isinstance(error, _LASTING) or (write and error.sent)
                if final or not await self._pause(tried, _FIRST_PAUSE, 0.0, time_left):
                    raise
                continue
            throttled = answer.status == 429
            passing = throttled and not throttled_before if write else answer.status in _PASSING
            throttled_before = throttled_before or throttled
            first = _FIRST_PAUSE_THROTTLED if throttled else _FIRST_PAUSE
            if not passing or not await self._pause(tried, first, answer.retry_after or 0.0, time_left):
                return answer
        return await attempt()

    async def _pause(self, tried: int, first: float, asked: float, time_left: Callable[[], float]) -> bool:
        """Wait before the next attempt; returns false at once if there is to be none."""
        pause = asked + self._random() * min(MAX_PAUSE, first * 2 ** (tried - 1))
        if asked > MAX_SILENT_WAIT or pause >= time_left() or not self._budget.spend():
            return False
        await self.sleep(pause)
        return True


class RetryAfterGate:
    """Until when a server asked not to be asked, so that no other call comes too early while one of them waits.

    After a minute a person may try again, however long it is. Until then all of it is reported,
    so that nothing tries by itself before its end.
    """

    def __init__(self, retries: RetryPolicy, clock: Callable[[], float]) -> None:
        self._retries = retries
        self._clock = clock
        self._until = self._heard_from = clock()

    def observe(self, answer: ApiResponse) -> None:
        """Keep in mind what this answer asks for."""
        if answer.status in (429, 503) and answer.retry_after is not None:
            now = self._clock()
            self._until = max(self._until, now + answer.retry_after)
            self._heard_from = max(self._heard_from, now + min(answer.retry_after, _MINUTE))

    async def wait(self, time_left: float) -> None:
        """Wait until the Retry-After time has passed. Raises RateLimited at once if that is too long."""
        now = self._clock()
        left = self._until - now
        if 0 < left <= min(MAX_SILENT_WAIT, time_left):
            await self._retries.sleep(left)
        elif left > 0 and (now < self._heard_from or left <= MAX_SILENT_WAIT):
            raise RateLimited(ErrorResponse(429, "rate_limited", "", {}, retry_after=left))


def seconds_to_wait(retry_after: str | None, date: str | None, now: datetime) -> float | None:
    """The wait a `Retry-After` asks for, at most a day; `None` when it asks for nothing that makes sense.

    A date counts from the answer's own `Date`, because the clocks of the two machines may differ.
    """
    if retry_after is None:
        return None
    text = retry_after.strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), _A_DAY)
    until = _http_date(text)
    if until is None:
        return None
    since = _http_date(date.strip()) if date else None
    return min(max((until - (since or now)).total_seconds(), 0.0), _A_DAY)


def _http_date(text: str) -> datetime | None:
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, OverflowError, IndexError):
        return None
    return when if when.tzinfo is not None else when.replace(tzinfo=UTC)
