"""Reads for a person's eyes: from the server when it answers in time, or else from the mirror, marked as such."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from app.errors import (
    AnswerTooLarge,
    ConnectionFailed,
    DockbookError,
    IdRefused,
    NoToken,
    ServerFault,
    SettingsError,
    StoreError,
    TransportError,
    Unauthorized,
)

if TYPE_CHECKING:
    from app.mirror.mirror import Mirror
    from app.mirror.state import MirrorState
    from app.models.customer import Customer, Origin, Page
    from app.models.fields import PageRequest
    from app.repository.connection_state import Line
    from app.repository.prefetch import Prefetch
    from app.timing import Pace

Result = TypeVar("Result")

#: After these the mirror answers in the server's stead.
_AWAY: Final = (TransportError, ServerFault, StoreError, SettingsError, NoToken, Unauthorized)

_FRESH: Final = 5.0  # seconds an answer that came late is still what the server has


class Sighting(NamedTuple):
    """A customer to look at: the server's record just now, or with an `origin` the mirror's."""

    customer: "Customer"
    origin: "Origin | None" = None


class Reading:
    """Asks the server and, when that takes longer than a person's patience or fails, the mirror.

    `fetch` and `find` ask the server for a page and for a customer. `on_fresh` is called when the server's answer came
    after all, and `on_away` with the error for which the mirror answers.
    """

    def __init__(
        self,
        fetch: Callable[["PageRequest"], Coroutine[Any, Any, "Page"]],
        find: Callable[[str], Coroutine[Any, Any, "Customer"]],
        prefetch: "Prefetch",
        line: "Line",
        pace: "Pace",
        *,
        on_fresh: Callable[[], None],
        on_away: Callable[[DockbookError], None],
    ) -> None:
        self._fetch = fetch
        self._find = find
        self._prefetch = prefetch
        self._line = line
        self._pace = pace
        self._on_fresh = on_fresh
        self._on_away = on_away
        self._late: asyncio.Task[Page] | None = None
        self._looking: dict[str, asyncio.Task[Customer]] = {}
        self._seen: dict[str, tuple[float, Customer]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._awaited: Counter[asyncio.Task[Any]] = Counter()

    async def page(self, request: "PageRequest", mirror: "Mirror | None", *, fresh: bool) -> "Page":
        """The page, of the server or of the mirror; with `fresh` the server is asked even if it was away just now."""
        if fresh:
            self._prefetch.drop()
        state = None if mirror is None else await self._state(mirror)
        if mirror is None or state is None or not state.seen:
            return await self._live(request)
        awaited = self._late is not None and self._line.down.is_set()
        if not fresh and (self._line.offline or awaited):
            beyond = (
                f"The copy on this machine holds only {state.seen:,} customers so far, and page {request.page:,} "
                "lies beyond them."
            )
            return await self._kept(request, mirror, ConnectionFailed(beyond))
        if self._late is not None:
            # Whatever holds that one up, the next is likely to be answered sooner.
            self._late.cancel()
        if not fresh and state.whole and self._line.link.live is None:
            # The first rows are there before the client is even imported.
            page = await mirror.page(request)
            self._let_come(request, self._start(self._live(request)))
            return page
        asked = self._start(self._live(request))
        if not await self._came(asked, self._pace.patience):
            page = await mirror.page(request)
            if page.rows or state.whole:
                self._let_come(request, asked)
                return page
            # The mirror is not filled so far.
            await self._came(asked, None)
        try:
            return asked.result()
        except _AWAY as error:
            self._doubt_after(error)
            page = await self._kept(request, mirror, error)
            self._on_away(error)
            return page

    async def _state(self, mirror: "Mirror") -> "MirrorState | None":
        """What the mirror holds; a mirror that cannot be read is none, and the server is asked all the same."""
        try:
            return await mirror.state()
        except StoreError:
            return None

    def _doubt_after(self, error: DockbookError) -> None:
        """Look for the server, unless it is certain that it is there."""
        if not isinstance(error, AnswerTooLarge):
            self._line.doubted()

    async def _kept(self, request: "PageRequest", mirror: "Mirror", error: DockbookError) -> "Page":
        """The page as the mirror has it; the error where that ends before it does."""
        page = await mirror.page(request)
        if not page.rows and page.origin is not None and page.origin.as_of is None:
            raise error
        return page

    async def _live(self, request: "PageRequest") -> "Page":
        page = await self._prefetch.take(request)
        if page is None:
            page = await self._fetch(request)
        self._prefetch.go_ahead(request, page)
        return page

    def _let_come(self, request: "PageRequest", asked: "asyncio.Task[Page]") -> None:
        """Wait for the server's answer in the background; it replaces what the mirror said."""

        def came(task: "asyncio.Task[Page]") -> None:
            if self._late is task:
                self._late = None
            if task.cancelled():
                return
            error = task.exception()
            if error is None:
                self._prefetch.hold(request, task.result())
                self._on_fresh()
            elif isinstance(error, _AWAY):
                self._on_away(error)
            elif isinstance(error, DockbookError):
                # Whoever asks again is told.
                self._on_fresh()
            else:
                raise error

        self._line.doubted()
        self._late = asked
        asked.add_done_callback(came)

    async def sight(self, short_id: str, mirror: "Mirror | None", *, fresh: bool = False) -> Sighting:
        """The customer to be looked at, from the mirror where the server does not answer in time."""
        kept = None if mirror is None else await mirror.customer(short_id)
        if mirror is None or kept is None:
            return Sighting(await self._find_unknown(short_id, known=mirror is not None))
        came_at, seen = self._seen.pop(short_id, (0.0, None))
        if seen is not None and self._pace.clock() - came_at <= _FRESH:
            return Sighting(seen)
        asked = self._looking.get(short_id)
        if asked is not None and (asked.cancelling() or self._line.up.is_set()):
            asked.cancel()
            asked = None
        if asked is None:
            if self._line.offline and not fresh:
                return Sighting(kept, await self._origin(mirror))
            asked = self._looking[short_id] = self._start(self._find(short_id))
            asked.add_done_callback(partial(self._looked, short_id))
        if not await self._came(asked, self._pace.patience):
            self._line.doubted()
            asked.add_done_callback(partial(self._sighted_late, short_id))
            return Sighting(kept, await self._origin(mirror))
        try:
            return Sighting(asked.result())
        except IdRefused:
            if fresh:
                raise
            return Sighting(kept, await self._origin(mirror))
        except _AWAY as error:
            self._doubt_after(error)
            self._on_away(error)
            return Sighting(kept, await self._origin(mirror))

    async def _find_unknown(self, short_id: str, *, known: bool) -> "Customer":
        """The customer from the server; where others are `known`, nobody waits long for one that is away."""
        asked = self._start(self._find(short_id))
        if not await self._came(asked, self._pace.patience if known and self._line.offline else None):
            asked.cancel()
            raise ConnectionFailed(f"{short_id} is not among the customers known here, and the server does not answer.")
        return asked.result()

    def ask(self, probe: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Ask the server in the background whether it is there; why it is not is told."""

        def asked(task: "asyncio.Task[None]") -> None:
            error = None if task.cancelled() else task.exception()
            if isinstance(error, DockbookError):
                self._on_away(error)
            elif error is not None:
                raise error

        self._start(probe()).add_done_callback(asked)

    def _looked(self, short_id: str, asked: "asyncio.Task[Customer]") -> None:
        if self._looking.get(short_id) is asked:
            del self._looking[short_id]

    def _sighted_late(self, short_id: str, asked: "asyncio.Task[Customer]") -> None:
        if not asked.cancelled() and asked.exception() is None:
            self._seen[short_id] = (self._pace.clock(), asked.result())
            self._on_fresh()

    def drop(self) -> None:
        """Forget what came late: it may be from before a write."""
        self._seen.clear()

    async def _origin(self, mirror: "Mirror") -> "Origin":
        from app.models.customer import Origin

        state = await mirror.state()
        return Origin(state.synced_at, state.seen, state.expected)

    def _start(self, work: Coroutine[Any, Any, Result]) -> "asyncio.Task[Result]":
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _came(self, asked: "asyncio.Task[Result]", patience: float | None) -> bool:
        """Whether it is done within so many seconds; whoever stops waiting for it earlier, as the last, ends it."""
        self._awaited[asked] += 1
        try:
            await asyncio.wait({asked}, timeout=patience)
        except asyncio.CancelledError:
            if self._awaited[asked] == 1:
                asked.cancel()
            raise
        finally:
            self._awaited[asked] -= 1
            if not self._awaited[asked]:
                del self._awaited[asked]
        return asked.done()

    async def close(self) -> None:
        """Wait for nothing any more."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
