"""Limits of how often a client may ask: a rate with a burst, and a lock after failures."""

import math
from collections import OrderedDict, deque
from collections.abc import Hashable
from typing import Final

from app.service.errors import rate_limited

#: So many keys are remembered; the one that was not seen for the longest time is forgotten.
_MAX_KEYS: Final = 4096


class RateLimit:
    """A leaky bucket for each key: after a pause, as many at once as the rate allows in `burst_seconds`."""

    def __init__(self, per_second: float, burst_seconds: float) -> None:
        self._rate = per_second
        self._size = per_second * burst_seconds
        #: For each key how full the bucket was, and when.
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str, now: float, cost: float = 1.0) -> None:
        """Count a request of this cost at `now` (seconds). Raises `RateLimited` when the bucket is full."""
        if math.isinf(self._rate):
            return
        filled, since = self._buckets.get(key, (0.0, now))
        filled = max(0.0, filled - max(0.0, now - since) * self._rate) + cost
        if filled > self._size:
            raise rate_limited(max(1, math.ceil((filled - self._size) / self._rate)))
        self._buckets[key] = (filled, now)
        self._buckets.move_to_end(key)
        if len(self._buckets) > _MAX_KEYS:
            self._buckets.popitem(last=False)


class FailureLimit:
    """Locks a key for the rest of the window after too many failures in it."""

    def __init__(self, failures: int, window: float) -> None:
        self._most = failures
        self._window = window
        self._failures: OrderedDict[Hashable, deque[float]] = OrderedDict()

    def check(self, key: Hashable, now: float) -> None:
        """Raise `RateLimited` while the key is locked."""
        failures = self._failures.get(key)
        if failures is None:
            return
        while failures and failures[0] <= now - self._window:
            failures.popleft()
        if len(failures) >= self._most:
            raise rate_limited(max(1, math.ceil(failures[0] + self._window - now)))

    def record_failure(self, key: Hashable, now: float) -> None:
        """Count a failure."""
        self._failures.setdefault(key, deque(maxlen=self._most)).append(now)
        self._failures.move_to_end(key)
        if len(self._failures) > _MAX_KEYS:
            self._failures.popitem(last=False)

    def record_success(self, key: Hashable) -> None:
        """Forget the failures."""
        self._failures.pop(key, None)
