"""What the screens may ask for: pages, customers, and writes."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from app.errors import DockbookError
from app.models.fields import PageRequest
from app.repository.announcer import Announcer, NoticeKind, RepositoryListener
from app.repository.connection import ConnectionHealth, ConnectionState, ServerConnection, probe_until_online
from app.repository.local_copy import FullSyncRequest, LocalCopy, MirrorOutlook
from app.repository.reader import CustomerRead, CustomerReader
from app.repository.save_result import SaveResult
from app.repository.similar_ids import SimilarIds
from app.repository.unconfirmed import UnconfirmedWrite
from app.repository.write_log import WriteLog
from app.repository.writer import CONFIRM_DELAYS, CustomerWriter, SaveObserver
from app.timestamps import is_before
from app.timing import Timing

if TYPE_CHECKING:
    from app.api.client import CustomerApi
    from app.mirror.mirror import Mirror
    from app.mirror.snapshot import ListSnapshot
    from app.mirror.state import MirrorState
    from app.models.customer import Candidates, Customer, Page
    from app.models.duplicates import Duplicates
    from app.models.raw_customer import RawPage

__all__ = [
    "ConnectionState",
    "CustomerRead",
    "CustomerRepository",
    "FullSyncRequest",
    "MirrorOutlook",
    "NoticeKind",
    "RepositoryListener",
]


class CustomerRepository:
    """Reads and writes customers; errors are those of `app.errors`.

    `connect` makes the client when the first call needs it, so that the first paint does not wait for it; `on_close`
    runs after the client is closed. With `read_only` nothing is ever written. `open_mirror` opens the local copy,
    blocking; without it there is none. `has_mirror` says whether there was one before, and `snapshot` reads a page
    from its file without opening it. `credentials_hint` names where the credentials of this run come from.
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
        self._snapshot = snapshot
        self._timing = timing or Timing()
        self._announcer = Announcer()
        self._health = ConnectionHealth(self._timing.now)
        self._health.on_change = lambda state: self._announcer.listener.connection_changed(state)
        self._health.on_back = self._back_online
        self._server = ServerConnection(connect, self._health, self._timing, credentials_hint)
        self._local_copy = LocalCopy(open_mirror, has_mirror, self._server, self._announcer, self._timing)
        self._writes = WriteLog()
        self._writes.unconfirmed.on_saved = self._write_confirmed
        self._reader = CustomerReader(self._server, self._local_copy, self._writes, self._announcer, self._timing)
        self._writer = CustomerWriter(
            self._server, self._reader, self._writes, read_only=read_only, confirm_delays=confirm_delays
        )
        self._similar_ids = SimilarIds(self._server, self._local_copy, self._timing.fallback_after)
        self._background_task: asyncio.Task[Any] | None = None
        self._first_page_done = asyncio.Event()

    def listen(self, listener: RepositoryListener) -> None:
        """Report to this listener from now on."""
        self._announcer.listener = listener

    @property
    def connection(self) -> ConnectionState:
        """The state of the connection to the server."""
        return self._health.state

    @property
    def read_only_reason(self) -> str | None:
        """Why nothing can be written; `None` if it can."""
        return self._writer.read_only_reason

    @property
    def read_only(self) -> bool:
        """Whether writing was switched off on purpose."""
        return self._read_only

    @property
    def writing(self) -> bool:
        """Whether a write is waiting for its response."""
        return self._writer.busy

    @property
    def unconfirmed(self) -> bool:
        """Whether it is not known of some write whether it was carried out."""
        return any(self._writes.unconfirmed)

    def is_unconfirmed(self, key: str) -> bool:
        """Whether that is so of the write with this key."""
        return any(write.key == key for write in self._writes.unconfirmed)

    def clock(self) -> float:
        """Return seconds, by the clock that measures the age of pages."""
        return self._timing.clock()

    def retry_permission(self) -> None:
        """Let writing be tried again: the permission may have been granted meanwhile."""
        self._writer.retry_permission()

    def snapshot(self, request: PageRequest) -> "ListSnapshot | None":
        """Return the page as the local copy had it last, to be shown until `page` has it; blocks for milliseconds."""
        return None if self._snapshot is None else self._snapshot(request)

    async def page(self, request: PageRequest, *, fresh: bool = False, ahead: bool = True) -> "Page":
        """Return one page of all customers [contract, "Paging"], or of those that a filter matches.

        It may have been fetched ahead; with `fresh` the server is asked now. Without `ahead` no neighbours are
        fetched, and only the server answers: for callers that read page after page. A page with an `origin` is the
        local copy's: because of the filter, or because the server does not answer.
        """
        if request.needs_mirror:
            if fresh:
                self.check_for_changes()
            return await self._local_copy.annotate(await self._local_copy.page(request))
        try:
            if not ahead:
                self._reader.stop_prefetching()
                return await self._reader.page_from_server(request)
            return await self._local_copy.annotate(await self._reader.page(request, fresh=fresh))
        finally:
            self._first_page_done.set()

    async def customer(self, short_id: str) -> "Customer":
        """Return what the server has for this ID now; its ID may be another one, so compare before trusting it."""
        return await self._reader.customer(short_id)

    async def read_customer(self, short_id: str, *, fresh: bool = False) -> CustomerRead:
        """Return the customer to show, from the local copy if the server does not answer in time.

        With `fresh` the server is asked even if it seems away. For writing, use `customer`.
        """
        return await self._reader.read_customer(short_id, fresh=fresh)

    async def count(self, request: PageRequest) -> int | None:
        """Return how many customers a filter matches, if its page gave only a minimum; `None` if unknown."""
        return await self._local_copy.use(lambda mirror: mirror.count(request), None)

    async def rank(self, request: PageRequest, short_id: str) -> int | None:
        """Return how many customers of a list come before this one, as far as the local copy knows."""
        return await self._local_copy.use(lambda mirror: mirror.rank(request, short_id), None)

    async def confusable_ids(self, short_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """Return the other IDs that look like these, for those that have any."""
        return await self._local_copy.use(lambda mirror: mirror.look_alikes(short_ids), {})

    async def similar_ids(self, short_id: str, *, ask: bool = True) -> "Candidates":
        """Return customers with IDs similar to this one, the most similar first.

        Until the local copy is complete, the server is asked for a few other spellings, unless `ask` is false.
        """
        return await self._similar_ids.find(short_id, ask=ask)

    async def suggestions(self, typed: str, most: int) -> "Candidates":
        """Return at most `most` customers of the local copy whose ID or name begins with what is typed, IDs first."""
        from app.models.customer import Candidates

        none = Candidates((), complete=False)
        return await self._local_copy.use(lambda mirror: mirror.suggestions(typed, most), none)

    async def duplicates(self, most: int) -> "Duplicates | None":
        """Return at most this many groups of customers of the local copy that share a phone, an e-mail or an address.

        `None` if there is no local copy.
        """
        return await self._local_copy.use(lambda mirror: mirror.duplicates(most), None)

    async def updated_since(self, customers: Sequence["Customer"]) -> "list[Customer]":
        """Return those of these customers that the server sent in a newer state since."""
        return await self._local_copy.newer(customers)

    async def mirror_state(self) -> "MirrorState | None":
        """Return what the local copy holds and how fresh it is; `None` if there is none."""
        return await self._local_copy.use(lambda mirror: mirror.state(), None)

    async def request_full_sync(self) -> FullSyncRequest:
        """Have all customers read again for the local copy; returns when and by which dockbook."""
        return await self._local_copy.request_full_sync()

    @property
    def mirror_outlook(self) -> MirrorOutlook:
        """How those customers come that the local copy lacks."""
        return self._local_copy.outlook

    async def save(
        self,
        base: "Customer",
        changes: Mapping[str, str],
        observer: SaveObserver | None = None,
        *,
        unseen: bool = False,
    ) -> SaveResult:
        """Write `changes` (wire name to new text) made on `base`: read again, merge, send once, check the response.

        Raises EditConflict if others changed the same fields: nothing is sent then.
        """
        return await self._cache(await self._writer.save(base, changes, observer, unseen=unseen))

    async def create(
        self,
        short_id: str,
        values: Mapping[str, str],
        observer: SaveObserver | None = None,
        *,
        beside: Collection[str] = (),
    ) -> SaveResult:
        """Create a customer. Raises CustomerExists if the ID is taken, discontinued or not.

        Raises ConfusableId if customers have similar IDs, except those in `beside`.
        """
        if self.read_only_reason is None:
            await self._similar_ids.reject(short_id, beside)
        saved = await self._writer.create(short_id, values, observer)
        return await self._cache(await self._add_previous_values(saved) if saved.existed_before else saved)

    async def resolve_pending(self, write: UnconfirmedWrite, *, patient: bool) -> SaveResult:
        """Return what came of a write whose response an earlier run did not get; nothing is sent.

        Unless `patient`, the record is read once. The write stays watched whenever its customer is read.
        """
        return await self._cache(await self._writer.resolve_pending(write, patient=patient))

    def is_being_confirmed(self, short_id: str) -> bool:
        """Whether a caller waits for what came of a write of this customer."""
        return self._writes.unconfirmed.is_watched(short_id)

    async def discontinue(self, customer: "Customer", observer: SaveObserver | None = None) -> "Customer":
        """Mark as discontinued and return the record after it; the API cannot make it active again."""
        after = await self._writer.discontinue(customer, observer)
        await self._local_copy.put(after)
        return after

    async def run_background(self) -> None:
        """After the first page, keep the local copy in step and probe a lost server, until the repository closes."""
        self._background_task = asyncio.current_task()
        await self._first_page_done.wait()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._local_copy.run_sync(self._fetch_raw))
            await probe_until_online(self._health, self._server.probe, self._timing)

    def check_for_changes(self) -> None:
        """Have the server asked in the background what is new; if it was away, whether it is back."""
        if self._health.offline.is_set():
            self._announcer.reset()
            self._reader.probe()
        self._local_copy.request_sync()

    async def close(self) -> None:
        """End what runs in the background; close the client, the local copy, and what serves them."""
        self._health.on_change = self._health.on_back = None
        self._reader.stop_prefetching()
        if self._background_task is not None:
            self._background_task.cancel()
            await asyncio.wait({self._background_task})
        await self._reader.close()
        await self._server.close()
        await self._local_copy.close()
        if self._on_close is not None:
            await self._on_close()

    async def _cache(self, saved: SaveResult) -> SaveResult:
        await self._local_copy.put(saved.customer)
        return saved

    async def _add_previous_values(self, saved: SaveResult) -> SaveResult:
        """Add what a customer held that was created over, if the local copy or a server that lags still has it."""
        after = saved.customer
        theirs = await self._local_copy.use(lambda mirror: mirror.customer(after.short_id), None)
        if theirs is None:
            with suppress(DockbookError):
                async with self._server.client() as api:
                    theirs = await api.get(after.short_id)
        if theirs is None or theirs.short_id != after.short_id or not is_before(theirs.modified, after.modified):
            return saved
        names = [name for name in saved.overwritten_fields if theirs.value(name) != after.value(name)]
        return saved._replace(previous_values={name: theirs.value(name) for name in names}, overwritten_fields=())

    async def _fetch_raw(self, request: PageRequest) -> "RawPage":
        """Return a page for the local copy; customers on it with an unconfirmed write are read."""
        page = await self._server.fetch_raw(request)
        unconfirmed = self._writes.unconfirmed
        for write in list(unconfirmed):
            if any(write.is_of(row.short_id) for row in page.rows) and not unconfirmed.is_watched(write.short_id):
                with suppress(DockbookError):
                    await self._reader.customer(write.short_id)
        return page

    def _write_confirmed(self, write: UnconfirmedWrite, saved: SaveResult) -> None:
        self._writes.remember(saved, write.base)
        self._reader.invalidate()
        self._announcer.listener.write_confirmed(write, saved)

    def _back_online(self) -> None:
        self._announcer.reset()
        self._announcer.listener.data_changed()
