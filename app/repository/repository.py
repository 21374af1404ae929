"""What the screens may ask for; the one place that knows client and mirror."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from app.errors import ConfusableId, DockbookError, InvalidId, NotFound, StoreError
from app.models.fields import PageRequest
from app.repository.connection import ServerConnection
from app.repository.connection_state import ConnectionHealth, ConnectionState, probe_until_online
from app.repository.prefetch import Prefetch
from app.repository.reader import CustomerRead, CustomerReader
from app.repository.save_result import SaveResult
from app.repository.unconfirmed import UnconfirmedWrite
from app.repository.writer import CONFIRM_DELAYS, CustomerWriter, SaveObserver
from app.text.confusables import is_similar, similarity, spellings
from app.timestamps import is_before
from app.timing import Timing

if TYPE_CHECKING:
    from app.api.client import CustomerApi
    from app.mirror.mirror import Mirror
    from app.mirror.snapshot import ListSnapshot
    from app.mirror.state import MirrorState
    from app.mirror.sync import MirrorSync
    from app.models.customer import Candidates, Customer, Page
    from app.models.raw_customer import RawPage

Result = TypeVar("Result")

#: `fallback`: the server does not answer, and the local copy is shown instead; true only until it answers again.
NoticeKind = Literal["fallback"] | None

__all__ = ["ConnectionState", "CustomerRead", "CustomerRepository", "FullSyncRequest", "MirrorOutlook", "NoticeKind"]

#: Whether all customers are read again: now, once the server is back, by the dockbook that keeps the copy, or not.
FullSyncRequest = Literal["now", "later", "elsewhere", "never"]

#: When those that are missing in the copy of all customers come: they are being read, or are once the server answers,
#: by another dockbook, not by themselves, or never, as there is no copy.
MirrorOutlook = Literal["coming", "waiting", "elsewhere", "stopped", "never"]


class CustomerRepository:
    """Customers, asked for and written; errors are those of `app.errors`.

    `connect` makes the client when the first call needs it, so that nothing waits for it before the first paint;
    `on_close` runs after the client is closed. With `read_only` nothing is ever written. `open_mirror` opens the
    mirror, blocking; without it there is none. `has_mirror` tells whether one was kept before, and `glimpse` reads a
    page from its file without opening it. `mend` says where the credentials of this run come from.

    `on_link` is told when the state of the line changes, `on_fresh` that what is shown from the mirror should be asked
    for again, `on_note` what a person should know at once, and `on_saved` that a write which was not confirmed, and
    which nobody waits for any more, was carried out after all.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable["CustomerApi"]],
        *,
        read_only: bool = False,
        on_close: Callable[[], Awaitable[None]] | None = None,
        confirm_delays: Sequence[float] = CONFIRM_DELAYS,
        open_mirror: Callable[[], "Mirror"] | None = None,
        has_mirror: Callable[[], bool] = lambda: True,
        snapshot: Callable[[PageRequest], "ListSnapshot | None"] | None = None,
        timing: Timing | None = None,
        credentials_hint: str = "",
    ) -> None:
        self._on_close = on_close
        self._read_only = read_only
        self._write_epoch = 0
        self._timing = timing or Timing()
        self._health = ConnectionHealth(self._timing.now)
        self._health.on_change = self._link_changed
        self._health.on_back = self._back_online
        self._server = ServerConnection(connect, self._health, self._timing, credentials_hint)
        self._prefetch = Prefetch(self._page_from_server, self._timing.clock)
        self._writer = CustomerWriter(
            self._server.client,
            self.customer,
            self._invalidate_reads,
            read_only=read_only,
            confirm_delays=confirm_delays,
        )
        self._reader = CustomerReader(
            self._page_from_server,
            self.customer,
            self._prefetch,
            self._health,
            self._timing,
            on_fresh=self._data_changed,
            on_away=self._announce_fallback,
        )
        self._open_mirror = open_mirror
        self._has_mirror = has_mirror
        self._snapshot = snapshot
        self._opening: asyncio.Task[Mirror] | None = None
        self._notes_shown = 0
        self._sync: MirrorSync | None = None
        self._full_sync_requested = False
        self._background_task: asyncio.Task[Any] | None = None
        self._writer.unconfirmed.on_saved = self._saved_after_all
        self._first_page_done = asyncio.Event()
        self._fallback_announced = False
        self._mirror_error_shown = False
        self.on_connection: Callable[[ConnectionState], None] = lambda _link: None
        self.on_data_changed: Callable[[], None] = lambda: None
        self.on_notice: Callable[[str, NoticeKind], None] = lambda _text, _kind: None
        self.on_saved: Callable[[UnconfirmedWrite, SaveResult], None] = lambda _write, _saved: None

    @property
    def connection(self) -> ConnectionState:
        """How the line to the server is."""
        return self._health.state

    @property
    def read_only_reason(self) -> str | None:
        """Why nothing can be written, or `None` when it can."""
        return self._writer.read_only_reason

    @property
    def read_only(self) -> bool:
        """Whether writing was switched off on purpose."""
        return self._read_only

    @property
    def writing(self) -> bool:
        """Whether a write is on its way."""
        return self._writer.busy

    @property
    def unconfirmed(self) -> bool:
        """Whether there is a write of which it is not known whether it was carried out."""
        return any(self._writer.unconfirmed)

    def is_unconfirmed(self, key: str) -> bool:
        """Whether that is so of the write with this key."""
        return any(write.key == key for write in self._writer.unconfirmed)

    def clock(self) -> float:
        """Seconds, by the clock that tells how old a page is."""
        return self._timing.clock()

    def retry_permission(self) -> None:
        """Let writing be tried again: the permission may have been given meanwhile."""
        self._writer.retry_permission()

    def snapshot(self, request: PageRequest) -> "ListSnapshot | None":
        """The page as this machine had it last, to be looked at until `page` has it; blocks for some milliseconds."""
        return None if self._snapshot is None else self._snapshot(request)

    async def page(self, request: PageRequest, *, fresh: bool = False, ahead: bool = True) -> "Page":
        """One page of all customers [contract, "Paging"], or of those a narrowed request means.

        It may have been fetched ahead; with `fresh` the server is asked now. Without `ahead` its neighbours are not
        fetched ahead, and only the server answers: whoever reads page after page needs no help. A page with an
        `origin` is the mirror's: of a narrowed request, for which `fresh` has the server asked what changed, or because
        the server does not answer; `on_fresh` tells when to ask again.
        """
        if request.needs_mirror:
            if fresh:
                self._check_for_changes()
            return await self._page_from_mirror(request)
        try:
            if not ahead:
                self._prefetch.clear()
                return await self._page_from_server(request)
            if fresh:
                # Whoever asks again is told again.
                self._fallback_announced = False
            # A new mirror holds nothing that could be shown: the first rows do not wait for it to be made.
            mirror = await self._open_mirror_once() if self._opening is not None or self._has_mirror() else None
            return await self._reader.page(request, mirror, fresh=fresh)
        finally:
            self._first_page_done.set()

    async def read_customer(self, short_id: str, *, fresh: bool = False) -> CustomerRead:
        """The customer to be looked at, from the mirror where the server does not answer in time.

        With `fresh` the server is asked even if it was away just now. Not for writing: `customer` is.
        """
        sighting = await self._reader.read_customer(short_id, await self._open_mirror_once(), fresh=fresh)
        return sighting._replace(customer=self._writer.with_own_writes(sighting.customer))

    async def count(self, request: PageRequest) -> int | None:
        """How many customers a narrowed request means, where its page told only `at_least`; `None` when unknown."""
        return await self._with_mirror(lambda mirror: mirror.count(request), None)

    async def confusable_ids(self, short_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """The other IDs that look like these, for those that have any."""
        return await self._with_mirror(lambda mirror: mirror.look_alikes(short_ids), {})

    async def similar_ids(self, short_id: str, *, ask: bool = True) -> "Candidates":
        """The customers whose IDs may be meant by this one, which is not theirs; the likeliest first.

        Until the copy is complete the server is asked, too, for a few other spellings, unless it is not to be asked.
        """
        from app.models.customer import Candidates

        copied = await self._similar_in_mirror(short_id)
        if copied.complete or not ask:
            return copied
        known = {one.short_id: one for one in (*copied.customers, *await self._read_spellings(short_id))}
        best = sorted(known.values(), key=lambda one: similarity(short_id, one.short_id))
        return Candidates(tuple(best), complete=False)

    async def suggestions(self, typed: str, most: int) -> "Candidates":
        """The customers of the copy whose ID or name begins with what is typed, at most so many, IDs first."""
        from app.models.customer import Candidates

        nobody = Candidates((), complete=False)
        return await self._with_mirror(lambda mirror: mirror.suggestions(typed, most), nobody)

    async def updated_since(self, customers: Sequence["Customer"]) -> "list[Customer]":
        """Those of these customers that the server told of in a newer state since they came."""
        return await self._with_mirror(lambda mirror: mirror.newer(customers), [])

    async def mirror_state(self) -> "MirrorState | None":
        """What the mirror holds and how fresh it is; `None` where there is none."""
        return await self._with_mirror(lambda mirror: mirror.state(), None)

    async def request_full_sync(self) -> FullSyncRequest:
        """Have all customers read again for the mirror; tells whether and by whom that is done."""
        mirror = await self._open_mirror_once()
        if mirror is None:
            return "never"
        if not mirror.try_to_write():
            return "elsewhere"
        if self._sync is None:
            self._full_sync_requested = True
        else:
            self._sync.request_full_sync()
        return "now" if self._health.online.is_set() else "later"

    @property
    def mirror_outlook(self) -> MirrorOutlook:
        """When those customers come that the mirror does not hold."""
        opening = self._opening if self._opening is not None and self._opening.done() else None
        if self._open_mirror is None or (opening is not None and opening.exception() is not None):
            return "never"
        if opening is not None and not opening.result().writer:
            return "elsewhere"
        if not self._health.online.is_set():
            return "waiting"
        # Before there is a keeper, the first page is awaited that it waits for.
        return "stopped" if self._sync is not None and self._sync.is_resting else "coming"

    async def run_background(self) -> None:
        """Keep the mirror and look for a lost server, once the first page is shown, until the repository is closed."""
        self._background_task = asyncio.current_task()
        await self._first_page_done.wait()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._run_sync())
            await probe_until_online(self._health, self._server.probe, self._timing)

    async def _run_sync(self) -> None:
        mirror = await self._open_mirror_once()
        if mirror is None:
            return
        from app.mirror.sync import MirrorSync

        self._sync = MirrorSync(
            mirror,
            self._raw_page,
            self._server.wait_until_idle,
            self._timing,
            on_progress=self._health.set_mirror_percent,
            on_change=self._data_changed,
            on_trouble=self._report_mirror_error,
        )
        if self._full_sync_requested:
            self._sync.request_full_sync()
        mirror.on_recreated = partial(self._mirror_lost, mirror, self._sync)
        self._show_mirror_notes(mirror)
        await self._sync.run()

    def _mirror_lost(self, mirror: "Mirror", keeper: "MirrorSync") -> None:
        """It is empty now: what is shown from it is not right any more, and it is filled again at once."""
        keeper.restart()
        self._show_mirror_notes(mirror)
        self._data_changed()

    def _show_mirror_notes(self, mirror: "Mirror") -> None:
        """Say what a person should know of the mirror and was not told yet."""
        notes, self._notes_shown = mirror.notes[self._notes_shown :], len(mirror.notes)
        for note in notes:
            self._notify(note)

    def _check_for_changes(self) -> None:
        """Have the server asked, in the background, what is new; where it was away, whether it is back."""
        if self._health.offline.is_set():
            # Whoever asks again is told again.
            self._fallback_announced = False
            self._reader.probe(self._server.probe)
        if self._sync is not None:
            self._sync.request_sync()

    async def _page_from_mirror(self, request: PageRequest) -> "Page":
        mirror = await self._open_mirror_once()
        if mirror is not None:
            return await mirror.page(request)
        if self._opening is not None:
            # There should be one: why there is none is told.
            self._opening.result()
        from app.models.customer import Origin, Page

        size, nothing = request.page_size, Origin(None, 0)
        return Page(rows=(), total=0, page=request.page, page_size=size, page_count=0, has_more=False, origin=nothing)

    async def _page_from_server(self, request: PageRequest) -> "Page":
        """A page from the server, never one from before a write of ours."""
        while True:
            writes = self._write_epoch
            async with self._server.client() as api:
                page = await api.list_page(request)
            if writes == self._write_epoch:
                return self._with_own_writes(page)

    def _with_own_writes(self, page: "Page") -> "Page":
        """The page, after it told what it could of writes that are not confirmed, with no row older than is known."""
        for row in page.rows:
            self._writer.unconfirmed.resolve_with(row)
        rows = tuple(map(self._writer.with_own_writes, page.rows))
        return page.model_copy(update={"rows": rows}) if [*map(id, rows)] != [*map(id, page.rows)] else page

    async def customer(self, short_id: str) -> "Customer":
        """The customer the server answers with for this ID, as it has it now: compare its ID before trusting it."""
        while True:
            writes = self._write_epoch
            try:
                async with self._server.client() as api:
                    customer = await api.get(short_id)
            except NotFound:
                await self._with_mirror(lambda mirror: mirror.forget(short_id), None)
                raise
            if writes == self._write_epoch:
                await self._cache(self._writer.with_own_writes(customer))
                self._writer.unconfirmed.resolve_with(customer)
                return customer

    async def save(
        self,
        base: "Customer",
        changes: Mapping[str, str],
        onlooker: SaveObserver | None = None,
        *,
        unseen: bool = False,
    ) -> SaveResult:
        """Write `changes` (wire name to new text) made on `base`: read again, merge, send once, compare the answer.

        Raises EditsOverlap when somebody else changed the same fields: nothing is sent then.
        """
        saved = await self._writer.save(base, changes, onlooker, unseen=unseen)
        await self._cache(saved.customer)
        return saved

    async def create(
        self,
        short_id: str,
        values: Mapping[str, str],
        onlooker: SaveObserver | None = None,
        *,
        beside: Collection[str] = (),
    ) -> SaveResult:
        """Create a customer; raises CustomerExists when the ID is taken, discontinued or not.

        Raises ConfusableId when there are customers whose IDs resemble it, but for those with the IDs in `beside`.
        """
        if self.read_only_reason is None:
            await self._reject_confusable(short_id, beside)
        saved = await self._writer.create(short_id, values, onlooker)
        if saved.existed_before:
            saved = await self._add_previous_values(saved)
        await self._cache(saved.customer)
        return saved

    async def resolve_pending(self, write: UnconfirmedWrite, *, patient: bool) -> SaveResult:
        """What came of a write that an earlier run sent and got no answer to; nothing is sent.

        Unless it is `patient`, it looks once. It is looked for whenever the customer is read, also after this ended.
        """
        saved = await self._writer.resolve_pending(write, patient=patient)
        await self._cache(saved.customer)
        return saved

    def is_being_confirmed(self, short_id: str) -> bool:
        """Whether somebody waits for what came of a write of this customer."""
        return self._writer.unconfirmed.is_watched(short_id)

    async def discontinue(self, customer: "Customer", onlooker: SaveObserver | None = None) -> "Customer":
        """Mark as discontinued and return the record as the server has it then; there is no way back in the API."""
        now = await self._writer.discontinue(customer, onlooker)
        await self._cache(now)
        return now

    async def close(self) -> None:
        """End what runs in the background; close the client, the mirror, and what serves it."""
        self._health.on_change = self._health.on_back = None
        self._prefetch.clear()
        if self._background_task is not None:
            self._background_task.cancel()
            await asyncio.wait({self._background_task})
        await self._reader.close()
        await self._server.close()
        if self._opening is not None:
            mirror = await self._open_mirror_once()
            self._open_mirror = self._opening = None
            if mirror is not None:
                await mirror.close()
        if self._on_close is not None:
            await self._on_close()

    def _invalidate_reads(self) -> None:
        # What was read before or during a write may be from before it, whether it succeeded or not.
        self._write_epoch += 1
        self._prefetch.clear()
        self._reader.clear()

    def _saved_after_all(self, write: UnconfirmedWrite, saved: SaveResult) -> None:
        self._writer.remember(saved, write.base)
        self._invalidate_reads()
        self.on_saved(write, saved)

    async def _raw_page(self, request: PageRequest) -> "RawPage":
        """A page for the mirror; what it tells of customers with an unconfirmed write is looked into."""
        page = await self._server.fetch_raw(request)
        unconfirmed = self._writer.unconfirmed
        for write in list(unconfirmed):
            if any(write.is_of(row.short_id) for row in page.rows) and not unconfirmed.is_watched(write.short_id):
                with suppress(DockbookError):
                    await self.customer(write.short_id)
        return page

    async def _add_previous_values(self, saved: SaveResult) -> SaveResult:
        """Add what a customer held that was created over, where the copy or a reading that lags still has it."""
        after = saved.customer
        theirs = await self._with_mirror(lambda mirror: mirror.customer(after.short_id), None)
        if theirs is None:
            with suppress(DockbookError):
                async with self._server.client() as api:
                    theirs = await api.get(after.short_id)
        if theirs is None or theirs.short_id != after.short_id or not is_before(theirs.modified, after.modified):
            return saved
        before = {
            name: theirs.value(name) for name in saved.overwritten_fields if theirs.value(name) != after.value(name)
        }
        return saved._replace(previous_values=before, overwritten_fields=())

    async def _reject_confusable(self, short_id: str, beside: Collection[str]) -> None:
        copied = await self._similar_in_mirror(short_id)
        if copied.complete and not copied.customers:
            return
        try:
            # Not as `customer` does: a try before this one, which this would show, is the creation's to tell.
            async with self._server.client() as api:
                await api.get(short_id)
        except NotFound:
            found = copied if copied.complete else await self.similar_ids(short_id)
        else:
            # That the ID itself is taken comes first, and is found out when it is created.
            return
        others = [one for one in found.customers if one.short_id not in beside]
        if others:
            raise ConfusableId(short_id, others)

    async def _similar_in_mirror(self, short_id: str) -> "Candidates":
        from app.models.customer import Candidates

        nobody = Candidates((), complete=False)
        return await self._with_mirror(lambda mirror: mirror.resembling(short_id), nobody)

    async def _read_spellings(self, short_id: str) -> "list[Customer]":
        """The customers the server has under other spellings of the ID, as far as it answers while a person waits."""
        found: list[Customer] = []
        if self._health.given_up:
            return found
        # A server that does not answer is not asked again: whoever waits has an answer without it.
        with suppress(TimeoutError, DockbookError):
            async with asyncio.timeout(self._timing.fallback_after):
                for spelling in spellings(short_id):
                    with suppress(NotFound, InvalidId):
                        async with self._server.client() as api:
                            found.append(await api.get(spelling))
        return [customer for customer in found if is_similar(short_id, customer.short_id)]

    async def _cache(self, customer: "Customer") -> None:
        await self._with_mirror(lambda mirror: mirror.put(customer), None)

    async def _with_mirror(self, ask: Callable[["Mirror"], Awaitable[Result]], nothing: Result) -> Result:
        """What the mirror says, where there is one; nothing else is to fail because it cannot be read or written."""
        if (mirror := await self._open_mirror_once()) is None:
            return nothing
        try:
            return await ask(mirror)
        except StoreError as error:
            self._report_mirror_error(error)
            return nothing

    async def _open_mirror_once(self) -> "Mirror | None":
        if self._open_mirror is None:
            return None
        if self._opening is None:
            self._opening = asyncio.create_task(asyncio.to_thread(self._open_mirror))
        # Waiting so does not cancel it when one of those who wait is cancelled.
        await asyncio.wait({self._opening})
        try:
            return self._opening.result()
        except StoreError as error:
            self._report_mirror_error(error)
            return None

    def _report_mirror_error(self, error: StoreError) -> None:
        """Say once that there is no copy that could be relied on."""
        if not self._mirror_error_shown:
            self._mirror_error_shown = True
            self._notify(f"The copy of the customers on this machine is out of order: {error.text}")

    def _link_changed(self, link: ConnectionState) -> None:
        self.on_connection(link)

    def _back_online(self) -> None:
        self._fallback_announced = False
        self._data_changed()

    def _announce_fallback(self, error: DockbookError) -> None:
        """Say once why the mirror answers."""
        if not self._fallback_announced:
            self._fallback_announced = True
            self.on_notice(f"{error.title}: {error.text} The local copy is shown.", "fallback")

    def _notify(self, text: str) -> None:
        self.on_notice(text, None)

    def _data_changed(self) -> None:
        self.on_data_changed()
