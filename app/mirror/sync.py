"""Synchronises the mirror: downloads all customers, then asks for changes, and downloads all again daily."""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from itertools import pairwise
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
from app.mirror.completeness import CompactSeenMap, PaginationAudit
from app.models.fields import ID_FIELD, MAX_PAGE_SIZE, PageRequest
from app.timestamps import HighWaterMark, any_older, is_before, subtract_seconds
from app.timing import Timing

if TYPE_CHECKING:
    from app.mirror.mirror import Mirror
    from app.mirror.state import MirrorState
    from app.models.raw_customer import RawPage

#: Seconds of overlap: a change may be stored later than its timestamp says.
OVERLAP: Final = 600.0

_DAY: Final = 86_400.0
_HOUR: Final = 3_600.0
#: Rest at least this many times as long as the last sync took.
_DUTY_CYCLE: Final = 20
#: Many servers round to the day or the hour; only older rows show that `modifiedSince` is ignored.
_ROUNDING: Final = 36 * _HOUR
#: The assumed seconds for a page, before the first one.
_USUAL_COST: Final = 0.5
#: After a download this long, ask for the changes made meanwhile.
_LONG: Final = OVERLAP / 2
_TRIES: Final = 5
_USUAL_WAIT: Final = 10.0
_LONGEST_WAIT: Final = 300.0
_MAX_MODIFIED_SINCE_FAILURES: Final = 2
#: While the mirror is filled, report its growth after this many pages, and then at each quarter more.
_FEWEST_PAGES: Final = 3

_REFUSALS: Final = (BadRequest, ValidationFailed, NotAvailable)


class _Restarted(Exception):
    """The mirror was lost and is empty now: abandon the download in progress."""


class MirrorSync:
    """Keeps one mirror in step with the server.

    `fetch` asks the server for a page; `wait_until_idle` waits until the server is there and no person
    asks it for anything.
    `on_progress` gets the percentage while the mirror is filled, and `None` after; `on_change` is called when it holds
    something else now, and `on_trouble` that it cannot be written.
    """

    def __init__(
        self,
        mirror: "Mirror",
        fetch: Callable[[PageRequest], Awaitable["RawPage"]],
        wait_until_idle: Callable[[], Awaitable[object]],
        timing: Timing,
        *,
        on_progress: Callable[[int | None], None],
        on_change: Callable[[], None],
        on_trouble: Callable[[StoreError], None],
    ) -> None:
        self._mirror = mirror
        self._fetch = fetch
        self._wait_until_idle = wait_until_idle
        self._timing = timing
        self._on_progress = on_progress
        self._on_change = on_change
        self._on_trouble = on_trouble
        self._wake = asyncio.Event()
        self._full_sync_requested = False
        self._sync_requested = False
        self._restarted = False
        self._is_resting = False
        self._sort: str | None = ID_FIELD
        self._modified_since_failures = 0
        self._modified_since_works = True
        self._asking = 0.0
        self._cost: float | None = None
        self._no_full_sync_before = -math.inf

    @property
    def is_resting(self) -> bool:
        """Whether it is waiting for its next turn."""
        return self._is_resting and not self._wake.is_set()

    def request_full_sync(self) -> None:
        """Download all customers again, now."""
        self._full_sync_requested = True
        self._wake.set()

    def restart(self) -> None:
        """Abandon the download in progress and fill the empty mirror now."""
        self._restarted = True
        self._wake.set()

    def request_sync(self) -> None:
        """Ask for changes now; `on_change` is called in any case, because the age of the mirror changes."""
        self._sync_requested = True
        self._wake.set()

    async def run(self) -> None:
        """Run until cancelled."""
        await self._timing.sleep(self._timing.initial_delay)
        failures = 0
        while True:
            asking = self._asking
            self._restarted = False
            try:
                await self.sync_once()
            except _Restarted:
                self._wake.clear()
                continue
            except DockbookError as error:
                failures += 1
                pause = min(_HOUR, self._timing.interval * 2**failures)
                if isinstance(error, StoreError):
                    self._on_trouble(error)
                if isinstance(error, RateLimited):
                    pause = max(pause, error.wait or 0.0)
                self._is_resting = True
                # The rest does not come now: a search may have to say so.
                self._on_change()
            else:
                failures = 0
                if self._sync_requested:
                    self._sync_requested = False
                    self._on_change()
                pause = max(self._timing.interval, _DUTY_CYCLE * (self._asking - asking))
            finally:
                self._on_progress(None)
            await self._sleep_or_wake(pause * (0.75 + self._timing.random() / 2))

    async def _sleep_or_wake(self, seconds: float) -> None:
        """Wait this long, or until a sync is requested."""
        self._is_resting = True
        waits: set[asyncio.Future[Any]] = {
            asyncio.ensure_future(self._timing.sleep(seconds)),
            asyncio.ensure_future(self._wake.wait()),
        }
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        self._is_resting = False
        self._wake.clear()

    async def sync_once(self) -> None:
        """Do what is due, if this process writes the mirror."""
        if not (self._mirror.writer or self._mirror.try_to_write()):
            self._full_sync_requested = False
            return
        state = await self._mirror.state()
        due = self._full_sync_requested or not state.complete or state.full_sync is not None or self._is_due(state)
        if due or not (await self._incremental_sync(state) or self._is_early(state)):
            await self._full_sync(state)

    def _is_due(self, state: "MirrorState") -> bool:
        """Whether the last full sync was a day ago, or seems to be in the future because the clock was set back."""
        if state.full_sync_at is None:
            return True
        age = self._timing.now() - state.full_sync_at
        return not timedelta(hours=-1) < age < timedelta(seconds=_DAY)

    def _is_early(self, state: "MirrorState") -> bool:
        """Whether it is too early for another full sync on a server without `modifiedSince`."""
        if self._timing.clock() < self._no_full_sync_before:
            return True
        if state.full_sync_at is None:
            return False
        cost = _USUAL_COST * math.ceil(state.row_count / MAX_PAGE_SIZE) if self._cost is None else self._cost
        age = (self._timing.now() - state.full_sync_at).total_seconds()
        return 0 <= age < max(self._timing.interval, _DUTY_CYCLE * cost)

    async def _incremental_sync(self, state: "MirrorState") -> bool:
        """Take over the changes since the last sync; false if the server cannot report them."""
        since = subtract_seconds(state.newest, OVERLAP)
        if since is None or not self._modified_since_works:
            return False
        if not await self._apply_changes(since, state.newest):
            self._modified_since_works = False
            self._modified_since_failures += 1
        return self._modified_since_works

    async def _apply_changes(self, since: str, newest: str) -> bool:
        """Take over the changes since then; false if the responses show that the server ignores `modifiedSince`.

        Only when all of it has come, the next time begins later: whatever ends this half-way, nothing is passed over.
        """
        readings = PaginationAudit()
        readings.begin()
        latest = HighWaterMark(self._timing.now())
        changed = 0
        try:
            async for page in self._pages(readings, latest, since):
                if not any_older([row.modified for row in page.rows], since, _ROUNDING):
                    changed += await self._mirror.upsert(page.rows)
                    if readings.pages == 1 and not readings.finished:
                        walked = await self._walk_by_modified(since, latest, readings.total)
                        if walked is not None:
                            changed += walked
                            break
                elif readings.pages == 1 and readings.finished and readings.is_complete:
                    # All customers came on one page: as good as a full sync.
                    sweep = await self._mirror.begin_full_sync()
                    changed += await self._mirror.upsert(page.rows, sweep)
                    await self._end(readings, sweep, latest)
                else:
                    return False
        except _REFUSALS:
            return False
        if changed:
            self._on_change()
        if is_before(latest.text or since, newest):
            # The newest known record is missing among the changes since before it: others may be missing too.
            return False
        await self._note(latest)
        return True

    async def _walk_by_modified(self, since: str, latest: HighWaterMark, total: int | None) -> int | None:
        """Take over many changes in the order in which they were made; `None` if the server does not sort by that.

        Only first pages are asked for, each since the last change of the page before: they are cheap for the server
        however many there are, and a customer that changes meanwhile only moves to a later page.
        """
        changed = 0
        mark = since
        for _ in range(2 * math.ceil((total or 0) / MAX_PAGE_SIZE) + 2):
            try:
                page = await self._page(1, mark, sort="modified")
            except _REFUSALS:
                return None
            moments = [row.modified for row in page.rows]
            if any(is_before(later, earlier) for earlier, later in pairwise([mark, *moments])):
                return None
            latest.add_all(moments)
            changed += await self._mirror.upsert(page.rows)
            if not page.has_more:
                return changed
            if not moments or not is_before(mark, moments[-1]):
                # More customers than a page has the same time.
                return None
            mark = moments[-1]
        return None

    async def _note(self, latest: HighWaterMark) -> None:
        state = await self._mirror.state()
        await self._mirror.note_synced(self._timing.now(), state.row_count, latest.text)

    async def _full_sync(self, state: "MirrorState") -> None:
        """Download all customers, from where an unfinished first download stopped if that is safe."""
        asking = self._asking
        shown = self._full_sync_requested or not state.complete
        self._full_sync_requested = False
        self._modified_since_works = self._modified_since_failures < _MAX_MODIFIED_SINCE_FAILURES
        if state.complete or not state.rows_this_sync or not await self._resume_full_sync(state):
            await self._download_all(shown=shown, filling=not state.complete)
        self._cost = self._asking - asking
        self._on_change()

    async def _resume_full_sync(self, state: "MirrorState") -> bool:
        """Resume a first download that was interrupted; false if it has to start again.

        It counts only when the mirror then holds as many customers as the server counts, and when what changed since
        the day before it was cut short could be asked for.
        """
        since = subtract_seconds(state.newest, _DAY + OVERLAP)
        if state.full_sync is None or since is None:
            return False
        latest = HighWaterMark(self._timing.now(), state.newest)
        first = await self._page(1)
        await self._mirror.upsert(first.rows)
        given = len(first.rows)
        if first.total is None or given == 0 or state.rows_this_sync <= given:
            return False
        readings = PaginationAudit(CompactSeenMap())
        # The last page is downloaded again: it may not have been stored completely.
        readings.begin(skipped=state.rows_this_sync // given - 1, size=given)
        await self._download_pages(readings, state.full_sync, latest, shown=True, filling=True)
        now = await self._mirror.state()
        if readings.shrank or now.row_count != readings.total or not await self._apply_changes(since, state.newest):
            return False
        await self._mirror.end_full_sync(state.full_sync, self._timing.now(), drop_missing=False)
        await self._note(latest)
        return True

    async def _download_all(self, *, shown: bool, filling: bool) -> None:
        began = self._timing.clock()
        readings = PaginationAudit(CompactSeenMap())
        latest = HighWaterMark(self._timing.now())
        sweep = 0
        while not readings.should_stop:
            sweep = await self._mirror.begin_full_sync()
            readings.begin()
            await self._download_pages(readings, sweep, latest, shown=shown, filling=filling)
            if readings.is_complete or readings.count_is_wrong:
                break
        took = self._timing.clock() - began
        since = subtract_seconds(latest.text, took + OVERLAP)
        if took > _LONG and since is not None and self._modified_since_works:
            self._modified_since_works = await self._apply_changes(since, latest.text)
        await self._end(readings, sweep, latest)
        if not (readings.is_complete or readings.count_is_wrong):
            self._no_full_sync_before = self._timing.clock() + max(_HOUR, _DUTY_CYCLE * took)

    async def _end(self, readings: PaginationAudit, sweep: int, latest: HighWaterMark) -> None:
        await self._mirror.end_full_sync(sweep, self._timing.now(), drop_missing=readings.is_authoritative)
        expected = readings.different if readings.is_authoritative else readings.total
        await self._mirror.note_synced(self._timing.now(), expected, latest.text)

    async def _download_pages(
        self, readings: PaginationAudit, sweep: int, latest: HighWaterMark, *, shown: bool, filling: bool
    ) -> None:
        reported = -1
        grown = 0
        kept = asyncio.create_task(self._mirror.upsert((), sweep))
        try:
            async for page in self._pages(readings, latest):
                # The next page is requested while this one is written.
                await kept
                if filling and readings.pages > grown + max(_FEWEST_PAGES, grown // 4):
                    # The page may contain what a person is searching.
                    grown = readings.pages
                    self._on_change()
                kept = asyncio.create_task(self._mirror.upsert(page.rows, sweep))
                # Free the page as soon as it is written: it takes more than a MiB.
                del page
                percent = min(99, 100 * readings.read // readings.total) if readings.total else 0
                if filling and readings.total is not None and percent != reported:
                    await self._mirror.set_expected_total(readings.total, latest.text)
                if shown and percent != reported and not readings.finished:
                    self._on_progress(percent)
                reported = percent
        finally:
            await kept

    async def _pages(
        self, readings: PaginationAudit, latest: HighWaterMark, since: str | None = None
    ) -> "AsyncIterator[RawPage]":
        """Yield the pages of one pass, checked by the audit."""
        while not readings.finished:
            page = await self._page(readings.next_page, since)
            readings.add(page)
            latest.add_all(row.modified for row in page.rows)
            yield page
            del page
            if not readings.finished and self._timing.between_pages:
                await self._timing.sleep(self._timing.random() * self._timing.between_pages)

    async def _page(self, number: int, since: str | None = None, *, sort: str | None = None) -> "RawPage":
        """Return one page of 250; repeat the request if the server is busy or fails for a moment."""
        throttled = failed = 0
        while True:
            request = PageRequest(number, MAX_PAGE_SIZE, sort or self._sort, "ASC", since)
            await self._wait_until_idle()
            if self._restarted:
                raise _Restarted
            try:
                return await self._timed(request)
            except RateLimited as error:
                wait = min(_LONGEST_WAIT, _USUAL_WAIT * 2**throttled) if error.wait is None else error.wait
                if wait > _LONGEST_WAIT:
                    # A wait this long can be interrupted.
                    raise
                throttled += 1
                await self._timing.sleep(max(1.0, wait))
            except _REFUSALS:
                # The contract does not say which columns a server sorts by, not even the ID.
                if sort is not None or self._sort is None:
                    raise
                self._sort = None
            except (TransportError, ServerFault):
                failed += 1
                if failed == _TRIES:
                    raise
                await self._timing.sleep(self._timing.random() * 2**failed)

    async def _timed(self, request: PageRequest) -> "RawPage":
        began = self._timing.clock()
        try:
            return await self._fetch(request)
        finally:
            self._asking += self._timing.clock() - began
