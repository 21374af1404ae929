"""What the screens may ask for: pages, customers, and writes."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal

from app.errors import DockbookError
from app.models.fields import ID_FIELD, PageRequest
from app.repository.announcer import Announcer, NoticeKind, RepositoryListener
from app.repository.connection import ConnectionState
from app.repository.local_copy import FullSyncRequest, MirrorOutlook
from app.repository.reader import CustomerRead, CustomerReader
from app.repository.save_result import SaveResult
from app.repository.similar_ids import SimilarIds
from app.repository.source import CustomerSource
from app.repository.unconfirmed import UnconfirmedWrite
from app.repository.write_log import WriteLog
from app.repository.writer import CONFIRM_DELAYS, CustomerWriter, SaveObserver
from app.text.folding import fold
from app.timestamps import is_before

if TYPE_CHECKING:
    from app.mirror.mirror import Mirror
    from app.mirror.snapshot import ListSnapshot
    from app.mirror.state import MirrorState
    from app.models.customer import Candidates, Customer, ListPosition, Page
    from app.models.doubles import Doubles
    from app.models.raw_customer import RawPage
    from app.models.values import CityOfZip, ValueInUse

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

    `source` is where they come from; with `shares_source`, somebody else runs and closes it. With a `read_only_reason`
    nothing is ever written. `snapshot` reads a page from the file of the local copy without opening it.
    """

    def __init__(
        self,
        source: CustomerSource,
        *,
        shares_source: bool = False,
        read_only_reason: str | None = None,
        confirm_delays: Sequence[float] = CONFIRM_DELAYS,
        snapshot: Callable[[PageRequest], "ListSnapshot | None"] | None = None,
    ) -> None:
        self._source = source
        self._shares_source = shares_source
        self._read_only = read_only_reason is not None
        self._snapshot = snapshot
        self._timing = source.timing
        self.announcer = Announcer()
        self._health, self._server, self._local_copy = source.health, source.server, source.local_copy
        self._writes = WriteLog()
        self._writes.unconfirmed.on_saved = self._write_confirmed
        self._reader = CustomerReader(self._server, self._local_copy, self._writes, self.announcer, self._timing)
        self._writer = CustomerWriter(
            self._server, self._reader, self._writes, read_only_reason=read_only_reason, confirm_delays=confirm_delays
        )
        self._similar_ids = SimilarIds(self._server, self._local_copy, self._timing.fallback_after)
        self._background_task: asyncio.Task[Any] | None = None
        source.users.append(self)

    def listen(self, listener: RepositoryListener) -> None:
        """Report to this listener from now on."""
        self.announcer.listener = listener

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
            return await self._local_copy.annotate(await self._local_copy.page(request, asker=self))
        try:
            if not ahead:
                self._reader.stop_prefetching()
                return await self._reader.page_from_server(request)
            return await self._local_copy.annotate(await self._reader.page(request, fresh=fresh))
        finally:
            self._source.first_page_done.set()

    async def customer(self, short_id: str) -> "Customer":
        """Return what the server has for this ID now; its ID may be another one, so compare before trusting it."""
        return await self._reader.customer(short_id)

    async def read_customer(self, short_id: str, *, fresh: bool = False) -> CustomerRead:
        """Return the customer to show, from the local copy if the server does not answer in time.

        With `fresh` the server is asked even if it seems away. For writing, use `customer`.
        """
        return await self._reader.read_customer(short_id, fresh=fresh)

    async def copied(self, short_ids: Sequence[str]) -> "dict[str, Customer]":
        """Return those of these customers that the local copy has, by their IDs."""

        async def read(mirror: "Mirror") -> "dict[str, Customer]":
            found = [await mirror.customer(short_id) for short_id in short_ids]
            return {one.short_id: one for one in found if one is not None}

        return await self._local_copy.use(read, {})

    async def count(self, request: PageRequest) -> int | None:
        """Return how many customers a filter matches, if its page gave only a minimum; `None` if unknown."""
        return await self._local_copy.use(lambda mirror: mirror.count(request, asker=self), None)

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

    async def suggestions(self, typed: str, most: int, request: PageRequest) -> "Candidates":
        """Return at most `most` customers of the local copy who begin with what is typed, in the order of a list."""
        from app.models.customer import Candidates

        none = Candidates((), complete=False)
        return await self._local_copy.use(lambda mirror: mirror.suggestions(typed, most, request), none)

    async def suggestions_on_server(self, typed: str, most: int, request: PageRequest) -> "list[Customer]":
        """Return at most `most` customers who begin with what is typed, as far as the server's pages show them."""
        from app.repository.server_position import find_on_server

        column, head = request.text_order, fold(typed)
        with suppress(DockbookError):
            ordered = PageRequest(sort=column, direction=request.direction)
            found = await find_on_server(self._reader.page_from_server, ordered, typed)
            return [one for one in found.rows if fold(one.value(column)).startswith(head)][:most] if found else []
        return []

    async def position(self, request: PageRequest, typed: str) -> "ListPosition | None":
        """Return the row of a list at or after what is typed; `None` if that cannot be found out, or the list is empty.

        Until the local copy is complete, the server's pages are searched.
        """
        from app.models.customer import ListPosition
        from app.repository.server_position import find_on_server

        copied = await self._local_copy.use(lambda mirror: mirror.position(request, typed), None)
        state = await self.mirror_state()
        if copied is not None or request.needs_mirror or (state is not None and state.complete):
            return copied
        with suppress(DockbookError):
            found = await find_on_server(self._reader.page_from_server, request, typed)
            if found is not None:
                one = found.rows[0]
                begins = fold(one.value(request.sort or ID_FIELD)).startswith(fold(typed))
                return ListPosition(one.short_id, begins=begins, row=found.first)
        return None

    async def values_in_use(self, field: Literal["city", "state", "country"]) -> "list[ValueInUse]":
        """Return the values that customers have in this field, the most used first, as far as the local copy knows."""
        return await self._local_copy.use(lambda mirror: mirror.values_in_use(field), [])

    async def places_of_zip(self, code: str, country: str) -> "list[CityOfZip]":
        """Return where customers with this zip are (in this country, unless it is empty), the most usual place first.

        Only the local copy is asked.
        """
        return await self._local_copy.use(lambda mirror: mirror.places_of_zip(code, country), [])

    async def doubles(self, most: int) -> "Doubles | None":
        """Return at most this many groups of customers of the local copy that share a phone, an e-mail or an address.

        `None` if there is no local copy.
        """
        return await self._local_copy.use(lambda mirror: mirror.doubles(most), None)

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
        await self._source.put(after, self)
        return after

    async def run_background(self) -> None:
        """After the first page, keep the local copy in step and probe a lost server, until the repository closes."""
        if not self._shares_source:
            self._background_task = asyncio.current_task()
            await self._source.run_background()

    def check_for_changes(self) -> None:
        """Have the server asked in the background what is new; if it was away, whether it is back."""
        if self._health.offline.is_set():
            self.announcer.reset()
            self._reader.probe()
        self._local_copy.request_sync()

    async def close(self) -> None:
        """End what runs in the background; close the source, unless it is shared."""
        if self in self._source.users:
            self._source.users.remove(self)
        self._reader.stop_prefetching()
        if self._background_task is not None:
            self._background_task.cancel()
            await asyncio.wait({self._background_task})
        await self._reader.close()
        if not self._shares_source:
            await self._source.close()

    def changed_elsewhere(self) -> None:
        """Another repository with this source changed a customer: what was read before may be out of date."""
        self._reader.invalidate()
        self.announcer.listener.data_changed()

    async def confirm_from(self, page: "RawPage") -> None:
        """Read those customers of the page of which it is unknown whether a write was carried out."""
        unconfirmed = self._writes.unconfirmed
        for write in list(unconfirmed):
            if any(write.is_of(row.short_id) for row in page.rows) and not unconfirmed.is_watched(write.short_id):
                with suppress(DockbookError):
                    await self._reader.customer(write.short_id)

    async def _cache(self, saved: SaveResult) -> SaveResult:
        await self._source.put(saved.customer, self)
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

    def _write_confirmed(self, write: UnconfirmedWrite, saved: SaveResult) -> None:
        self._writes.remember(saved, write.base)
        self._reader.invalidate()
        self.announcer.listener.write_confirmed(write, saved)
