"""Keeps the mirror: fills it, asks what changed, and reads all customers again now and then."""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from app.errors import (
    BadRequest,
    DockbookError,
    NotAvailable,
    RateLimited,
    ServerFault,
    StoreError,
    TransportError,
    ValidationFailed,
)
from app.mirror.completeness import Marks, Readings
from app.models.fields import KEY, MAX_PAGE_SIZE, PageRequest
from app.timestamps import Newest, any_before, earlier, is_before
from app.timing import Pace

if TYPE_CHECKING:
    from app.mirror.mirror import Mirror
    from app.mirror.state import MirrorState
    from app.models.raw_customer import Records

#: Seconds that are asked for again: changes may be stored later than the moment they bear.
OVERLAP: Final = 600.0

_DAY: Final = 86_400.0
_HOUR: Final = 3_600.0
#: However much a server has to be asked, it is left alone for so many times as long.
_LEISURE: Final = 20
#: Many servers round to the day or the hour; only what is older than this shows that `modifiedSince` is ignored.
_ROUNDING: Final = 36 * _HOUR
#: What a page is taken to cost before one was asked for.
_USUAL_COST: Final = 0.5
#: After a reading this long the changes made meanwhile are asked for, beyond what the overlap brings anyway.
_LONG: Final = OVERLAP / 2
_TRIES: Final = 5
_USUAL_WAIT: Final = 10.0
_LONGEST_WAIT: Final = 300.0
_STRIKES: Final = 2
#: While the mirror is filled it is told after so many pages, and when there are a quarter more, that it has grown.
_FEWEST_PAGES: Final = 3

_REFUSALS: Final = (BadRequest, ValidationFailed, NotAvailable)


class _BegunAnew(Exception):
    """The mirror was lost and is empty now: what was under way is not wanted any more."""


class Keeper:
    """Keeps one mirror.

    `ask` asks the server for a page; `free` waits until the server is there and no person asks it for anything.
    `on_progress` is told the percent while the mirror is filled, and `None` after; `on_change` that the mirror holds
    something else now, and `on_trouble` that it cannot be written.
    """

    def __init__(
        self,
        mirror: "Mirror",
        ask: Callable[[PageRequest, Callable[[], Awaitable[None]]], Awaitable["Records"]],
        free: Callable[[], Awaitable[object]],
        pace: Pace,
        *,
        on_progress: Callable[[int | None], None],
        on_change: Callable[[], None],
        on_trouble: Callable[[StoreError], None],
    ) -> None:
        self._mirror = mirror
        self._ask = ask
        self._free = free
        self._pace = pace
        self._on_progress = on_progress
        self._on_change = on_change
        self._on_trouble = on_trouble
        self._wake = asyncio.Event()
        self._demanded = False
        self._looked_for = False
        self._begun_anew = False
        self._resting = False
        self._sort: str | None = KEY
        self._strikes = 0
        self._usable = True
        self._asking = 0.0
        self._cost: float | None = None
        self._distrusted_until = -math.inf

    @property
    def resting(self) -> bool:
        """Whether it asks for nothing now, and will not at once."""
        return self._resting and not self._wake.is_set()

    def read_all(self) -> None:
        """Read all customers again, now."""
        self._demanded = True
        self._wake.set()

    def begin_anew(self) -> None:
        """The mirror is empty: leave what is under way, and fill it now."""
        self._begun_anew = True
        self._wake.set()

    def look(self) -> None:
        """Ask now what changed; `on_change` is told in any case, for then it is known how fresh the mirror is."""
        self._looked_for = True
        self._wake.set()

    async def keep(self) -> None:
        """Go on for ever."""
        await self._pace.sleep(self._pace.first)
        failures = 0
        while True:
            asking = self._asking
            self._begun_anew = False
            try:
                await self._turn()
            except _BegunAnew:
                self._wake.clear()
                continue
            except DockbookError as error:
                failures += 1
                pause = min(_HOUR, self._pace.interval * 2**failures)
                if isinstance(error, StoreError):
                    self._on_trouble(error)
                if isinstance(error, RateLimited):
                    pause = max(pause, error.wait or 0.0)
                self._resting = True
                # What is missing does not come now, which may be told where it was looked for.
                self._on_change()
            else:
                failures = 0
                if self._looked_for:
                    self._looked_for = False
                    self._on_change()
                pause = max(self._pace.interval, _LEISURE * (self._asking - asking))
            finally:
                self._on_progress(None)
            await self._rest(pause * (0.75 + self._pace.chance() / 2))

    async def _rest(self, seconds: float) -> None:
        """Wait so long, or until somebody wants something."""
        self._resting = True
        waits: set[asyncio.Future[Any]] = {
            asyncio.ensure_future(self._pace.sleep(seconds)),
            asyncio.ensure_future(self._wake.wait()),
        }
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        self._resting = False
        self._wake.clear()

    async def _turn(self) -> None:
        """Do what is due; only the one process that writes the mirror does anything."""
        if not (self._mirror.writer or self._mirror.try_to_write()):
            self._demanded = False
            return
        state = await self._mirror.state()
        due = self._demanded or not state.whole or state.sweep is not None or self._is_due(state)
        if due or not (await self._changes(state) or self._is_early(state)):
            await self._sweep(state)

    def _is_due(self, state: "MirrorState") -> bool:
        """Whether the last whole sweep is a day ago (or, by a clock that was set back, still to come)."""
        if state.swept_at is None:
            return True
        age = self._pace.now() - state.swept_at
        return not timedelta(hours=-1) < age < timedelta(seconds=_DAY)

    def _is_early(self, state: "MirrorState") -> bool:
        """Whether it is too early for another sweep, where nothing else tells what changed."""
        if self._pace.clock() < self._distrusted_until:
            return True
        if state.swept_at is None:
            return False
        cost = _USUAL_COST * math.ceil(state.seen / MAX_PAGE_SIZE) if self._cost is None else self._cost
        age = (self._pace.now() - state.swept_at).total_seconds()
        return 0 <= age < max(self._pace.interval, _LEISURE * cost)

    async def _changes(self, state: "MirrorState") -> bool:
        """Take over what changed since the last time; false when the server cannot be asked for that."""
        since = earlier(state.newest, OVERLAP)
        if since is None or not self._usable:
            return False
        if not await self._take_changes(since, state.newest):
            self._usable = False
            self._strikes += 1
        return self._usable

    async def _take_changes(self, since: str, newest: str) -> bool:
        """Take over what changed since then; false when the answers show that the server does not know.

        Only when all of it has come, the next time begins later: whatever ends this half-way, nothing is passed over.
        """
        readings = Readings()
        readings.begin()
        latest = Newest(self._pace.now())
        changed = 0
        try:
            async for page in self._pages(readings, latest, since):
                if not any_before([row.modified for row in page.rows], since, _ROUNDING):
                    changed += await self._mirror.take(page.rows)
                elif readings.pages == 1 and readings.over and readings.whole:
                    # All customers came on one page, and that is as good as any sweep.
                    sweep = await self._mirror.begin_sweep()
                    changed += await self._mirror.take(page.rows, sweep)
                    await self._end(readings, sweep, latest)
                else:
                    return False
        except _REFUSALS:
            return False
        if changed:
            self._on_change()
        if is_before(latest.text or since, newest):
            # The newest record that is known is not among what changed since before it: so others may be missing too.
            return False
        await self._note(latest)
        return True

    async def _note(self, latest: Newest) -> None:
        state = await self._mirror.state()
        await self._mirror.note_synced(self._pace.now(), state.seen, latest.text)

    async def _sweep(self, state: "MirrorState") -> None:
        """Read all customers: where an unfinished first reading stopped, if that is safe, or from the beginning."""
        asking = self._asking
        shown = self._demanded or not state.whole
        self._demanded = False
        self._usable = self._strikes < _STRIKES
        if state.whole or not state.swept or not await self._resume(state):
            await self._read_all(shown=shown, filling=not state.whole)
        self._cost = self._asking - asking
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
        await self._read_to_the_end(readings, state.sweep, latest, shown=True, filling=True)
        now = await self._mirror.state()
        if readings.shrank or now.seen != readings.total or not await self._take_changes(since, state.newest):
            return False
        await self._mirror.end_sweep(state.sweep, self._pace.now(), drop_missing=False)
        await self._note(latest)
        return True

    async def _read_all(self, *, shown: bool, filling: bool) -> None:
        began = self._pace.clock()
        readings = Readings(Marks())
        latest = Newest(self._pace.now())
        sweep = 0
        while not readings.exhausted:
            sweep = await self._mirror.begin_sweep()
            readings.begin()
            await self._read_to_the_end(readings, sweep, latest, shown=shown, filling=filling)
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

    async def _read_to_the_end(
        self, readings: Readings, sweep: int, latest: Newest, *, shown: bool, filling: bool
    ) -> None:
        told = -1
        grown = 0
        kept = asyncio.create_task(self._mirror.take((), sweep))
        try:
            async for page in self._pages(readings, latest):
                # While one page is written, the next is on its way.
                await kept
                if filling and readings.pages > grown + max(_FEWEST_PAGES, grown // 4):
                    # What a person looks for among them may have come by now.
                    grown = readings.pages
                    self._on_change()
                kept = asyncio.create_task(self._mirror.take(page.rows, sweep))
                # It goes as soon as it is written, not when the next one has come: a page is more than a MiB.
                del page
                percent = min(99, 100 * readings.read // readings.total) if readings.total else 0
                if filling and readings.total is not None and percent != told:
                    await self._mirror.expect(readings.total, latest.text)
                if shown and percent != told and not readings.over:
                    self._on_progress(percent)
                told = percent
        finally:
            await kept

    async def _pages(self, readings: Readings, latest: Newest, since: str | None = None) -> "AsyncIterator[Records]":
        """The pages of one reading, noted in its books."""
        while not readings.over:
            page = await self._page(readings.next_page, since)
            readings.take(page)
            latest.see_all(row.modified for row in page.rows)
            yield page
            del page
            if not readings.over and self._pace.between_pages:
                await self._pace.sleep(self._pace.chance() * self._pace.between_pages)

    async def _page(self, number: int, since: str | None = None) -> "Records":
        """One page of 250, tried again when the server asks to slow down or fails for a moment."""
        throttled = failed = 0
        while True:
            request = PageRequest(number, MAX_PAGE_SIZE, self._sort, "ASC", since)
            await self._free()
            await self._mirror.idle()
            if self._begun_anew:
                raise _BegunAnew
            try:
                return await self._timed(request)
            except RateLimited as error:
                wait = min(_LONGEST_WAIT, _USUAL_WAIT * 2**throttled) if error.wait is None else error.wait
                if wait > _LONGEST_WAIT:
                    # A rest that long can be broken off.
                    raise
                throttled += 1
                await self._pace.sleep(max(1.0, wait))
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

    async def _timed(self, request: PageRequest) -> "Records":
        began = self._pace.clock()
        try:
            return await self._ask(request, self._mirror.idle)
        finally:
            self._asking += self._pace.clock() - began
