"""What the screens may ask for; the one place that knows client and mirror."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from app.errors import ConfusableId, DockbookError, NotFound, StoreError, UnaddressableId
from app.models.fields import PageRequest
from app.repository.connection import Asking
from app.repository.connection_state import WAS_THERE, Line, Link, look_for_server
from app.repository.prefetch import Prefetch
from app.repository.reader import Reading, Sighting
from app.repository.save_result import Saved
from app.repository.unconfirmed import UnconfirmedWrite
from app.repository.writer import LOOK_AGAIN, Onlooker, Saving
from app.text.confusables import likeness, resembles, spellings
from app.timestamps import is_before
from app.timing import Pace

if TYPE_CHECKING:
    from app.api.client import CustomerApi
    from app.mirror.mirror import Mirror
    from app.mirror.snapshot import Glimpse
    from app.mirror.state import MirrorState
    from app.mirror.sync import Keeper
    from app.models.customer import Candidates, Customer, Page
    from app.models.raw_customer import Records

Result = TypeVar("Result")

__all__ = ["Link", "Outlook", "Repository", "Rereading", "Sighting"]

#: Whether all customers are read again: now, once the server is back, by the dockbook that keeps the copy, or not.
Rereading = Literal["now", "later", "elsewhere", "never"]

#: When those that are missing in the copy of all customers come: they are being read, or are once the server answers,
#: by another dockbook, not by themselves, or never, as there is no copy.
Outlook = Literal["coming", "waiting", "elsewhere", "stopped", "never"]


class Repository:
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
        look_again: Sequence[float] = LOOK_AGAIN,
        open_mirror: Callable[[], "Mirror"] | None = None,
        has_mirror: Callable[[], bool] = lambda: True,
        glimpse: Callable[[PageRequest], "Glimpse | None"] | None = None,
        pace: Pace | None = None,
        mend: str = "",
    ) -> None:
        self._on_close = on_close
        self._read_only = read_only
        self._writes = 0
        self._pace = pace or Pace()
        self._line = Line(self._pace.now)
        self._line.on_link = self._link_changed
        self._line.on_back = self._back
        self._asking = Asking(connect, self._line, self._pace, mend)
        self._prefetch = Prefetch(self._page, self._pace.clock)
        self._saving = Saving(
            self._asking.lend, self.customer, self._written, read_only=read_only, look_again=look_again
        )
        self._reading = Reading(
            self._page,
            self.customer,
            self._prefetch,
            self._line,
            self._pace,
            on_fresh=self._freshen,
            on_away=self._tell,
        )
        self._open_mirror = open_mirror
        self._has_mirror = has_mirror
        self._glimpse = glimpse
        self._opening: asyncio.Task[Mirror] | None = None
        self._noted = 0
        self._keeper: Keeper | None = None
        self._all_wanted = False
        self._keeping: asyncio.Task[Any] | None = None
        self._saving.unconfirmed.on_saved = self._saved_after_all
        self._first = asyncio.Event()
        self._told = False
        self._lame = False
        self.on_link: Callable[[Link], None] = lambda _link: None
        self.on_fresh: Callable[[], None] = lambda: None
        self.on_note: Callable[[str], None] = lambda _text: None
        self.on_saved: Callable[[UnconfirmedWrite, Saved], None] = lambda _write, _saved: None

    @property
    def link(self) -> Link:
        """How the line to the server is."""
        return self._line.link

    @property
    def editing_off(self) -> str | None:
        """Why nothing can be written, or `None` when it can."""
        return self._saving.editing_off

    @property
    def read_only(self) -> bool:
        """Whether writing was switched off on purpose."""
        return self._read_only

    @property
    def writing(self) -> bool:
        """Whether a write is on its way."""
        return self._saving.busy

    @property
    def unconfirmed(self) -> bool:
        """Whether there is a write of which it is not known whether it was carried out."""
        return any(self._saving.unconfirmed)

    def is_unconfirmed(self, key: str) -> bool:
        """Whether that is so of the write with this key."""
        return any(write.key == key for write in self._saving.unconfirmed)

    def clock(self) -> float:
        """Seconds, by the clock that tells how old a page is."""
        return self._pace.clock()

    def forget_refusal(self) -> None:
        """Let writing be tried again: the permission may have been given meanwhile."""
        self._saving.forget_refusal()

    def glimpse(self, request: PageRequest) -> "Glimpse | None":
        """The page as this machine had it last, to be looked at until `page` has it; blocks for some milliseconds."""
        return None if self._glimpse is None else self._glimpse(request)

    async def page(self, request: PageRequest, *, fresh: bool = False, ahead: bool = True) -> "Page":
        """One page of all customers [contract, "Paging"], or of those a narrowed request means.

        It may have been fetched ahead; with `fresh` the server is asked now. Without `ahead` its neighbours are not
        fetched ahead, and only the server answers: whoever reads page after page needs no help. A page with an
        `origin` is the mirror's: of a narrowed request, for which `fresh` has the server asked what changed, or because
        the server does not answer; `on_fresh` tells when to ask again.
        """
        if request.narrowed:
            if fresh:
                self._ask_anew()
            return await self._narrowed(request)
        try:
            if not ahead:
                self._prefetch.drop()
                return await self._page(request)
            if fresh:
                # Whoever asks again is told again.
                self._told = False
            # A new mirror holds nothing that could be shown: the first rows do not wait for it to be made.
            mirror = await self._opened() if self._opening is not None or self._has_mirror() else None
            return await self._reading.page(request, mirror, fresh=fresh)
        finally:
            self._first.set()

    async def sight(self, short_id: str, *, fresh: bool = False) -> Sighting:
        """The customer to be looked at, from the mirror where the server does not answer in time.

        With `fresh` the server is asked even if it was away just now. Not for writing: `customer` is.
        """
        sighting = await self._reading.sight(short_id, await self._opened(), fresh=fresh)
        return sighting._replace(customer=self._saving.newest(sighting.customer))

    async def count(self, request: PageRequest) -> int | None:
        """How many customers a narrowed request means, where its page told only `at_least`; `None` when unknown."""
        return await self._of_mirror(lambda mirror: mirror.count(request), None)

    async def look_alikes(self, short_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """The other IDs that look like these, for those that have any."""
        return await self._of_mirror(lambda mirror: mirror.look_alikes(short_ids), {})

    async def resembling(self, short_id: str, *, ask: bool = True) -> "Candidates":
        """The customers whose IDs may be meant by this one, which is not theirs; the likeliest first.

        Until the copy is complete the server is asked, too, for a few other spellings, unless it is not to be asked.
        """
        from app.models.customer import Candidates

        copied = await self._resembling_in_copy(short_id)
        if copied.complete or not ask:
            return copied
        known = {one.short_id: one for one in (*copied.customers, *await self._ask_for_spellings(short_id))}
        best = sorted(known.values(), key=lambda one: likeness(short_id, one.short_id))
        return Candidates(tuple(best), complete=False)

    async def suggestions(self, typed: str, most: int) -> "Candidates":
        """The customers of the copy whose ID or name begins with what is typed, at most so many, IDs first."""
        from app.models.customer import Candidates

        nobody = Candidates((), complete=False)
        return await self._of_mirror(lambda mirror: mirror.suggestions(typed, most), nobody)

    async def newer(self, customers: Sequence["Customer"]) -> "list[Customer]":
        """Those of these customers that the server told of in a newer state since they came."""
        return await self._of_mirror(lambda mirror: mirror.newer(customers), [])

    async def mirror_state(self) -> "MirrorState | None":
        """What the mirror holds and how fresh it is; `None` where there is none."""
        return await self._of_mirror(lambda mirror: mirror.state(), None)

    async def read_all_again(self) -> Rereading:
        """Have all customers read again for the mirror; tells whether and by whom that is done."""
        mirror = await self._opened()
        if mirror is None:
            return "never"
        if not mirror.try_to_write():
            return "elsewhere"
        if self._keeper is None:
            self._all_wanted = True
        else:
            self._keeper.read_all()
        return "now" if self._line.up.is_set() else "later"

    @property
    def outlook(self) -> Outlook:
        """When those customers come that the mirror does not hold."""
        opening = self._opening if self._opening is not None and self._opening.done() else None
        if self._open_mirror is None or (opening is not None and opening.exception() is not None):
            return "never"
        if opening is not None and not opening.result().writer:
            return "elsewhere"
        if not self._line.up.is_set():
            return "waiting"
        # Before there is a keeper, the first page is awaited that it waits for.
        return "stopped" if self._keeper is not None and self._keeper.resting else "coming"

    async def keep(self) -> None:
        """Keep the mirror and look for a lost server, once the first page is shown, until the repository is closed."""
        self._keeping = asyncio.current_task()
        await self._first.wait()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_mirror())
            await look_for_server(self._line, self._asking.probe, self._pace)

    async def _keep_mirror(self) -> None:
        mirror = await self._opened()
        if mirror is None:
            return
        from app.mirror.sync import Keeper

        self._keeper = Keeper(
            mirror,
            self._records,
            self._asking.free,
            self._pace,
            on_progress=self._line.filling,
            on_change=self._freshen,
            on_trouble=self._out_of_order,
        )
        if self._all_wanted:
            self._keeper.read_all()
        mirror.on_begun_anew = partial(self._mirror_lost, mirror, self._keeper)
        self._tell_notes(mirror)
        await self._keeper.keep()

    def _mirror_lost(self, mirror: "Mirror", keeper: "Keeper") -> None:
        """It is empty now: what is shown from it is not right any more, and it is filled again at once."""
        keeper.begin_anew()
        self._tell_notes(mirror)
        self._freshen()

    def _tell_notes(self, mirror: "Mirror") -> None:
        """Say what a person should know of the mirror and was not told yet."""
        notes, self._noted = mirror.notes[self._noted :], len(mirror.notes)
        for note in notes:
            self._say(note)

    def _ask_anew(self) -> None:
        """Have the server asked, in the background, what is new; where it was away, whether it is back."""
        if self._line.down.is_set():
            # Whoever asks again is told again.
            self._told = False
            self._reading.ask(self._asking.probe)
        if self._keeper is not None:
            self._keeper.look()

    async def _narrowed(self, request: PageRequest) -> "Page":
        mirror = await self._opened()
        if mirror is not None:
            return await mirror.page(request)
        if self._opening is not None:
            # There should be one: why there is none is told.
            self._opening.result()
        from app.models.customer import Origin, Page

        size, nothing = request.page_size, Origin(None, 0)
        return Page(rows=(), total=0, page=request.page, page_size=size, page_count=0, has_more=False, origin=nothing)

    async def _page(self, request: PageRequest) -> "Page":
        """A page from the server, never one from before a write of ours."""
        while True:
            writes = self._writes
            async with self._asking.lend() as api:
                page = await api.list_page(request)
            if writes == self._writes:
                return self._judged(page)

    def _judged(self, page: "Page") -> "Page":
        """The page, after it told what it could of writes that are not confirmed, with no row older than is known."""
        for row in page.rows:
            self._saving.unconfirmed.see(row)
        rows = tuple(map(self._saving.newest, page.rows))
        return page.model_copy(update={"rows": rows}) if [*map(id, rows)] != [*map(id, page.rows)] else page

    async def customer(self, short_id: str) -> "Customer":
        """The customer the server answers with for this ID, as it has it now: compare its ID before trusting it."""
        while True:
            writes = self._writes
            try:
                async with self._asking.lend() as api:
                    customer = await api.get(short_id)
            except NotFound:
                await self._of_mirror(lambda mirror: mirror.forget(short_id), None)
                raise
            if writes == self._writes:
                await self._remember(self._saving.newest(customer))
                self._saving.unconfirmed.see(customer)
                return customer

    async def save(
        self, base: "Customer", changes: Mapping[str, str], onlooker: Onlooker | None = None, *, unseen: bool = False
    ) -> Saved:
        """Write `changes` (wire name to new text) made on `base`: read again, merge, send once, compare the answer.

        Raises EditsOverlap when somebody else changed the same fields: nothing is sent then.
        """
        saved = await self._saving.save(base, changes, onlooker, unseen=unseen)
        await self._remember(saved.customer)
        return saved

    async def create(
        self,
        short_id: str,
        values: Mapping[str, str],
        onlooker: Onlooker | None = None,
        *,
        beside: Collection[str] = (),
    ) -> Saved:
        """Create a customer; raises CustomerExists when the ID is taken, discontinued or not.

        Raises ConfusableId when there are customers whose IDs resemble it, but for those with the IDs in `beside`.
        """
        if self.editing_off is None:
            await self._refuse_confusable(short_id, beside)
        saved = await self._saving.create(short_id, values, onlooker)
        if saved.existed:
            saved = await self._with_what_was_theirs(saved)
        await self._remember(saved.customer)
        return saved

    async def find_out(self, write: UnconfirmedWrite, *, patient: bool) -> Saved:
        """What came of a write that an earlier run sent and got no answer to; nothing is sent.

        Unless it is `patient`, it looks once. It is looked for whenever the customer is read, also after this ended.
        """
        saved = await self._saving.find_out(write, patient=patient)
        await self._remember(saved.customer)
        return saved

    def is_looked_for(self, short_id: str) -> bool:
        """Whether somebody waits for what came of a write of this customer."""
        return self._saving.unconfirmed.is_waited_for(short_id)

    async def discontinue(self, customer: "Customer", onlooker: Onlooker | None = None) -> "Customer":
        """Mark as discontinued and return the record as the server has it then; there is no way back in the API."""
        now = await self._saving.discontinue(customer, onlooker)
        await self._remember(now)
        return now

    async def close(self) -> None:
        """End what runs in the background; close the client, the mirror, and what serves it."""
        self._line.on_link = self._line.on_back = None
        self._prefetch.drop()
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait({self._keeping})
        await self._reading.close()
        await self._asking.close()
        if self._opening is not None:
            mirror = await self._opened()
            self._open_mirror = self._opening = None
            if mirror is not None:
                await mirror.close()
        if self._on_close is not None:
            await self._on_close()

    def _written(self) -> None:
        # What was read before or during a write may be from before it, whether it succeeded or not.
        self._writes += 1
        self._prefetch.drop()
        self._reading.drop()

    def _saved_after_all(self, write: UnconfirmedWrite, saved: Saved) -> None:
        self._saving.note(saved, write.made_on)
        self._written()
        self.on_saved(write, saved)

    async def _records(self, request: PageRequest, pause: Callable[[], Awaitable[None]]) -> "Records":
        """A page for the mirror; what it tells of customers with an unconfirmed write is looked into."""
        page = await self._asking.records(request, pause)
        unconfirmed = self._saving.unconfirmed
        for write in list(unconfirmed):
            if any(write.is_of(row.short_id) for row in page.rows) and not unconfirmed.is_waited_for(write.short_id):
                with suppress(DockbookError):
                    await self.customer(write.short_id)
        return page

    async def _with_what_was_theirs(self, saved: Saved) -> Saved:
        """Add what a customer held that was created over, where the copy or a reading that lags still has it."""
        after = saved.customer
        theirs = await self._of_mirror(lambda mirror: mirror.customer(after.short_id), None)
        if theirs is None:
            with suppress(DockbookError):
                async with self._asking.lend() as api:
                    theirs = await api.get(after.short_id)
        if theirs is None or theirs.short_id != after.short_id or not is_before(theirs.modified, after.modified):
            return saved
        before = {name: theirs.value(name) for name in saved.overwritten if theirs.value(name) != after.value(name)}
        return saved._replace(before=before, overwritten=())

    async def _refuse_confusable(self, short_id: str, beside: Collection[str]) -> None:
        copied = await self._resembling_in_copy(short_id)
        if copied.complete and not copied.customers:
            return
        try:
            # Not as `customer` does: a try before this one, which this would show, is the creation's to tell.
            async with self._asking.lend() as api:
                await api.get(short_id)
        except NotFound:
            found = copied if copied.complete else await self.resembling(short_id)
        else:
            # That the ID itself is taken comes first, and is found out when it is created.
            return
        others = [one for one in found.customers if one.short_id not in beside]
        if others:
            raise ConfusableId(short_id, others)

    async def _resembling_in_copy(self, short_id: str) -> "Candidates":
        from app.models.customer import Candidates

        nobody = Candidates((), complete=False)
        return await self._of_mirror(lambda mirror: mirror.resembling(short_id), nobody)

    async def _ask_for_spellings(self, short_id: str) -> "list[Customer]":
        """The customers the server has under other spellings of the ID, as far as it answers while a person waits."""
        found: list[Customer] = []
        if self._line.offline:
            return found
        # A server that does not answer is not asked again: whoever waits has an answer without it.
        with suppress(TimeoutError, DockbookError):
            async with asyncio.timeout(self._pace.patience):
                for spelling in spellings(short_id):
                    with suppress(NotFound, UnaddressableId):
                        async with self._asking.lend() as api:
                            found.append(await api.get(spelling))
        return [customer for customer in found if resembles(short_id, customer.short_id)]

    async def _remember(self, customer: "Customer") -> None:
        await self._of_mirror(lambda mirror: mirror.put(customer), None)

    async def _of_mirror(self, ask: Callable[["Mirror"], Awaitable[Result]], nothing: Result) -> Result:
        """What the mirror says, where there is one; nothing else is to fail because it cannot be read or written."""
        if (mirror := await self._opened()) is None:
            return nothing
        try:
            return await ask(mirror)
        except StoreError as error:
            self._out_of_order(error)
            return nothing

    async def _opened(self) -> "Mirror | None":
        if self._open_mirror is None:
            return None
        if self._opening is None:
            self._opening = asyncio.create_task(asyncio.to_thread(self._open_mirror))
        # Waiting so does not cancel it when one of those who wait is cancelled.
        await asyncio.wait({self._opening})
        try:
            return self._opening.result()
        except StoreError as error:
            self._out_of_order(error)
            return None

    def _out_of_order(self, error: StoreError) -> None:
        """Say once that there is no copy that could be relied on."""
        if not self._lame:
            self._lame = True
            self._say(f"The copy of the customers on this machine is out of order: {error.text}")

    def _link_changed(self, link: Link) -> None:
        self.on_link(link)

    def _back(self) -> None:
        self._told = False
        self._freshen()

    def _tell(self, error: DockbookError) -> None:
        """Say once why the mirror answers."""
        if not self._told:
            self._told = True
            self._say(f"{error.title}: {error.text} {WAS_THERE}")

    def _say(self, text: str) -> None:
        self.on_note(text)

    def _freshen(self) -> None:
        self.on_fresh()
