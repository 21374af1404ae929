"""Keeps the mirror: fills it, asks what changed, reads all customers again now and then; and looks for a lost server."""

import asyncio
import math
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from app.errors import (
    BadRequest,
    DockbookError,
    NotAvailable,
    RateLimited,
    ServerFault,
    TransportError,
    ValidationFailed,
)
from app.fields import KEY, MAX_PAGE_SIZE, PageRequest
from app.link import Line, local_now
from app.moments import Newest, earlier, is_before
from app.readings import Marks, Readings

if TYPE_CHECKING:
    from app.local.mirror import Mirror, MirrorState
    from app.models import Customer, Page

#: Seconds that are asked for again: changes may be stored later than the moment they bear.
OVERLAP: Final = 600.0

_DAY: Final = 86_400.0
_HOUR: Final = 3_600.0
#: However much a server has to be asked, it is left alone for so many times as long.
_LEISURE: Final = 20
#: Many servers round to the day or the hour; only what is older than this shows that `modifiedSince` is ignored.
_ROUNDING: Final = 36 * _HOUR
#: More changes than this are not held in memory: everything is read again.
_MOST_CHANGES: Final = 2_500
#: After a reading this long the changes made meanwhile are asked for, beyond what the overlap brings anyway.
_LONG: Final = OVERLAP / 2
_TRIES: Final = 5
_USUAL_WAIT: Final = 10.0
_LONGEST_WAIT: Final = 300.0
_STRIKES: Final = 2
_PROBE_PAUSES: Final = (1.0, 60.0)

_REFUSALS: Final = (BadRequest, ValidationFailed, NotAvailable)


@dataclass(frozen=True, slots=True)
class Pace:
    """How often and how hard a server is asked in the background, in seconds, and by which clock.

    `interval` lies between two looks for changes, up to `between_pages` between two pages, `first` before the first;
    `patience` is how long a person waits for the server while there is a mirror, `probe` how long a probe may take.
    """

    interval: float = 45.0
    between_pages: float = 0.25
    first: float = 0.5
    patience: float = 1.5
    probe: float = 5.0
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    chance: Callable[[], float] = random.random
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = local_now


class Keeper:
    """Keeps one mirror.

    `ask` asks the server for a page when nobody else does, and waits while the server is away; `on_progress` is told
    the percent while the mirror is filled, and `None` after; `on_change` that the mirror holds something else now.
    """

    def __init__(
        self,
        mirror: "Mirror",
        ask: Callable[[PageRequest], Awaitable["Page"]],
        pace: Pace,
        *,
        on_progress: Callable[[int | None], None],
        on_change: Callable[[], None],
    ) -> None:
        self._mirror = mirror
        self._ask = ask
        self._pace = pace
        self._on_progress = on_progress
        self._on_change = on_change
        self._wake = asyncio.Event()
        self._demanded = False
        self._sort: str | None = KEY
        self._strikes = 0
        self._usable = True
        self._cost: float | None = None
        self._distrusted_until = -math.inf

    def read_all(self) -> None:
        """Read all customers again, now."""
        self._demanded = True
        self._wake.set()

    async def keep(self) -> None:
        """Go on for ever."""
        await self._pace.sleep(self._pace.first)
        failures = 0
        while True:
            began = self._pace.clock()
            try:
                await self._turn()
            except (DockbookError, TimeoutError) as error:
                failures += 1
                pause = min(_HOUR, self._pace.interval * 2**failures)
                if isinstance(error, RateLimited):
                    pause = max(pause, error.wait or 0.0)
            else:
                failures = 0
                pause = max(self._pace.interval, _LEISURE * (self._pace.clock() - began))
            finally:
                self._on_progress(None)
            await self._rest(pause * (0.75 + self._pace.chance() / 2))

    async def _rest(self, seconds: float) -> None:
        """Wait so long, or until somebody wants something."""
        waits = {asyncio.ensure_future(self._pace.sleep(seconds)), asyncio.ensure_future(self._wake.wait())}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        self._wake.clear()

    async def _turn(self) -> None:
        """Do what is due; only the one process that writes the mirror does anything."""
        if not (self._mirror.writer or self._mirror.try_to_write()):
            self._demanded = False
            return
        state = await self._mirror.state()
        if self._demanded or not state.whole or state.sweep is not None or self._is_due(state):
            await self._sweep(state)
        elif not await self._changes(state) and self._may_sweep(state):
            await self._sweep(state)

    def _is_due(self, state: "MirrorState") -> bool:
        """Whether the last whole sweep is a day ago (or, by a clock that was set back, still to come)."""
        if state.swept_at is None:
            return True
        age = self._pace.now() - state.swept_at
        return not timedelta(hours=-1) < age < timedelta(seconds=_DAY)

    def _may_sweep(self, state: "MirrorState") -> bool:
        """Whether the last whole sweep is long enough ago, where nothing else tells what changed."""
        if self._pace.clock() < self._distrusted_until:
            return False
        if state.swept_at is None or self._cost is None:
            return True
        age = (self._pace.now() - state.swept_at).total_seconds()
        return not 0 <= age < max(self._pace.interval, _LEISURE * self._cost)

    async def _changes(self, state: "MirrorState") -> bool:
        """Take over what changed since the last time; false when the server cannot be asked for that."""
        since = earlier(state.newest, OVERLAP)
        if since is None or not self._usable:
            return False
        began = self._pace.clock()
        if not await self._take_changes(since, state.newest):
            self._usable = False
            self._strikes += 1
            if self._cost is None:
                self._cost = (self._pace.clock() - began) * math.ceil(state.seen / MAX_PAGE_SIZE)
            return False
        return True

    async def _take_changes(self, since: str, newest: str) -> bool:
        """Take over what changed since then; false when the answers show that the server does not know.

        They are kept only when all have come, oldest first: whatever ends this half-way, nothing is passed over.
        """
        readings = Readings()
        readings.begin()
        latest = Newest(self._pace.now())
        rows: list[Customer] = []
        while not readings.over:
            try:
                page = await self._page(readings.next_page, since)
            except _REFUSALS:
                return False
            rows += readings.take(page)
            for row in page.rows:
                latest.see(row.modified)
            if any(is_before(row.modified, since, _ROUNDING) for row in page.rows):
                if not (readings.over and readings.whole):
                    return False
                # Everything came on one page, and that is as good as any sweep.
                await self._end(readings, await self._taken(rows), latest)
                return True
            if len(rows) > _MOST_CHANGES:
                return False
        if is_before(latest.text or since, newest):
            # The newest record that is known is not among what changed since before it: so others may be missing too.
            return False
        rows.sort(key=lambda row: row.modified)
        changed = 0
        for start in range(0, len(rows), MAX_PAGE_SIZE):
            changed += await self._mirror.take(rows[start : start + MAX_PAGE_SIZE])
        await self._note(latest)
        if changed:
            self._on_change()
        return True

    async def _taken(self, rows: "list[Customer]") -> int:
        sweep = await self._mirror.begin_sweep()
        await self._mirror.take(rows, sweep)
        return sweep

    async def _note(self, latest: Newest) -> None:
        state = await self._mirror.state()
        await self._mirror.note_synced(self._pace.now(), state.seen, latest.text)

    async def _sweep(self, state: "MirrorState") -> None:
        """Read all customers: where an unfinished first reading stopped, if that is safe, or from the beginning."""
        began = self._pace.clock()
        shown = self._demanded or not state.whole
        self._demanded = False
        self._usable = self._strikes < _STRIKES
        if state.whole or not state.swept or not await self._resume(state):
            await self._read_all(shown=shown)
        self._cost = self._pace.clock() - began
        self._on_change()

    async def _resume(self, state: "MirrorState") -> bool:
        """Go on with a first reading that was cut short; false when it has to begin anew.

        It counts only when the mirror then holds as many customers as the server counts, and when what changed since
        the day before it was cut short could be asked for.
        """
        since = earlier(state.newest, _DAY + OVERLAP)
        if state.sweep is None or since is None:
            return False
        latest = Newest(self._pace.now(), state.newest)
        first = await self._page(1)
        await self._mirror.take(first.rows)
        given = len(first.rows)
        if first.total is None or given == 0 or state.swept <= given:
            return False
        readings = Readings(Marks())
        # The last page that came is read again: it may not have been kept whole.
        readings.begin(skipped=state.swept // given - 1, size=given)
        await self._read_to_the_end(readings, state.sweep, latest, shown=True)
        now = await self._mirror.state()
        if readings.shrank or now.seen != readings.total or not await self._take_changes(since, state.newest):
            return False
        await self._mirror.end_sweep(state.sweep, self._pace.now(), drop_missing=False)
        await self._note(latest)
        return True

    async def _read_all(self, *, shown: bool) -> None:
        began = self._pace.clock()
        readings = Readings(Marks())
        latest = Newest(self._pace.now())
        sweep = 0
        while not readings.exhausted:
            sweep = await self._mirror.begin_sweep()
            readings.begin()
            await self._read_to_the_end(readings, sweep, latest, shown=shown)
            if readings.whole or readings.confirmed:
                break
        took = self._pace.clock() - began
        since = earlier(latest.text, took + OVERLAP)
        if took > _LONG and since is not None and self._usable:
            self._usable = await self._take_changes(since, latest.text)
        await self._end(readings, sweep, latest)
        if not (readings.whole or readings.confirmed):
            self._distrusted_until = self._pace.clock() + max(_HOUR, _LEISURE * took)

    async def _end(self, readings: Readings, sweep: int, latest: Newest) -> None:
        await self._mirror.end_sweep(sweep, self._pace.now(), drop_missing=readings.exact)
        expected = readings.different if readings.exact else readings.total
        await self._mirror.note_synced(self._pace.now(), expected, latest.text)

    async def _read_to_the_end(self, readings: Readings, sweep: int, latest: Newest, *, shown: bool) -> None:
        told = -1
        while not readings.over:
            page = await self._page(readings.next_page)
            await self._mirror.take(page.rows, sweep)
            total_before = readings.total
            readings.take(page)
            for row in page.rows:
                latest.see(row.modified)
            if readings.total is not None and readings.total != total_before:
                await self._mirror.expect(readings.total)
            percent = min(99, 100 * readings.read // max(readings.total or 1, 1)) if readings.total else 0
            if shown and percent != told and not readings.over:
                self._on_progress(percent)
                told = percent
            if not readings.over and self._pace.between_pages:
                await self._pace.sleep(self._pace.chance() * self._pace.between_pages)

    async def _page(self, number: int, since: str | None = None) -> "Page":
        """One page of 250, tried again when the server asks to slow down or fails for a moment."""
        throttled = failed = 0
        while True:
            request = PageRequest(number, MAX_PAGE_SIZE, self._sort, "ASC", since)
            try:
                return await self._ask(request)
            except RateLimited as error:
                throttled += 1
                wait = error.wait if error.wait is not None else _USUAL_WAIT * 2**throttled
                await self._pace.sleep(max(1.0, min(wait, _LONGEST_WAIT) if error.wait is None else wait))
            except _REFUSALS:
                # Which columns can be sorted by is not in the contract, not even the ID.
                if self._sort is None:
                    raise
                self._sort = None
            except (TransportError, ServerFault):
                failed += 1
                if failed == _TRIES:
                    raise
                await self._pace.sleep(self._pace.chance() * 2**failed)


async def look_for_server(line: Line, probe: Callable[[], Awaitable[object]], pace: Pace) -> None:
    """Whenever the server is away, ask whether it is back, ever more seldom; never with credentials it refused."""
    first, longest = _PROBE_PAUSES
    while True:
        await line.down.wait()
        pause = first
        while line.down.is_set():
            if line.link.refused:
                await line.up.wait()
                break
            await pace.sleep(pause * (0.5 + pace.chance() / 2))
            pause = min(longest, 2 * pause)
            if line.down.is_set():
                try:
                    await probe()
                except DockbookError:
                    # What it taught is known to the line already.
                    continue
