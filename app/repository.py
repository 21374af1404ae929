"""What the screens may ask for; the one place that knows the client (and, once they exist, mirror and drafts)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING

from app.errors import (
    Conflict,
    CustomerExists,
    DockbookError,
    EditingOff,
    EditsOverlap,
    Forbidden,
    NotFound,
    NotSaved,
    OutcomeUnknown,
    PreconditionFailed,
    ServerFault,
    SettingsError,
    StoreError,
    TransportError,
    UnaddressableId,
    WrongRecord,
)
from app.fields import KEY, WRITABLE_NAMES, PageRequest
from app.merge import merge
from app.prefetch import Prefetch
from app.verdict import Saved, answer_to_save, differences, verdict_on_creation, verdict_on_save

if TYPE_CHECKING:
    from app.api.client import CustomerApi
    from app.models import Customer, Page

_SAVE_ROUNDS = 3  # how often a save starts over because the record moved between its read and its write


@dataclass(frozen=True, slots=True)
class Link:
    """How the last call to the server went: `live` or not, and since when it is not."""

    live: bool | None = None
    since: datetime | None = None


class Repository:
    """Customers, asked for and written; errors are those of `app.errors`.

    `connect` makes the client when the first call needs it, so that nothing waits for it before the first paint;
    `on_close` runs after the client is closed. With `read_only` nothing is ever written.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable["CustomerApi"]],
        *,
        read_only: bool = False,
        on_close: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._connect = connect
        self._on_close = on_close
        self._api: CustomerApi | None = None
        self._connecting = asyncio.Lock()
        self._read_only = read_only
        self._refused: str | None = None
        self._writing: set[str] = set()
        self._writes = 0
        self._prefetch = Prefetch(self._page, monotonic)
        self.link = Link()
        self.on_link: Callable[[Link], None] | None = None

    @property
    def editing_off(self) -> str | None:
        """Why nothing can be written, or `None` when it can."""
        if self._read_only:
            return "dockbook was started read-only (--read-only, or read_only in the profile)."
        return self._refused

    @property
    def read_only(self) -> bool:
        """Whether writing was switched off on purpose."""
        return self._read_only

    @property
    def writing(self) -> bool:
        """Whether a write is on its way."""
        return bool(self._writing)

    def forget_refusal(self) -> None:
        """Let writing be tried again: the permission may have been given meanwhile."""
        self._refused = None

    async def page(self, request: PageRequest, *, fresh: bool = False, ahead: bool = True) -> "Page":
        """One page of all customers [contract, "Paging"].

        It may have been fetched ahead; with `fresh` the server is asked now. Without `ahead` its neighbours are not
        fetched ahead: whoever reads page after page needs no help.
        """
        if fresh:
            self._prefetch.drop()
        page = await self._prefetch.take(request)
        if page is None:
            page = await self._page(request)
        if ahead:
            self._prefetch.go_ahead(request, page)
        return page

    async def _page(self, request: PageRequest) -> "Page":
        """A page from the server, never one from before a write of ours."""
        while True:
            writes = self._writes
            async with self._asking() as api:
                page = await api.list_page(request)
            if writes == self._writes:
                return page

    async def customer(self, short_id: str) -> "Customer":
        """The customer the server answers with for this ID, as it has it now: compare its ID before trusting it."""
        while True:
            writes = self._writes
            async with self._asking() as api:
                customer = await api.get(short_id)
            if writes == self._writes:
                return customer

    async def save(self, base: "Customer", changes: Mapping[str, str]) -> Saved:
        """Write `changes` (wire name to new text) made on `base`: read again, merge, send once, compare the answer.

        Raises EditsOverlap when somebody else changed the same fields: nothing is sent then.
        """
        async with self._write_of(base.short_id):
            kept: dict[str, str] = {}
            refused: Customer | None = None
            for _ in range(_SAVE_ROUNDS):
                theirs = await self._reread(base)
                merged = merge(base, changes, theirs)
                kept |= merged.theirs_kept
                if merged.overlaps:
                    raise EditsOverlap(theirs, tuple(merged.overlaps))
                if not merged.to_send:
                    return Saved(theirs, kept)
                # A server that refuses the tag of a record that stood still does not know its own tags.
                stood_still = refused is not None and refused.received == theirs.received
                try:
                    return await self._send(theirs, merged.to_send, kept, None if stood_still else theirs.etag)
                except PreconditionFailed:
                    refused = theirs
            raise NotSaved("The record kept changing while it was being saved. Nothing was overwritten; save again.")

    async def create(self, short_id: str, values: Mapping[str, str]) -> Saved:
        """Create a customer; raises CustomerExists when the ID is taken, discontinued or not.

        Fields left empty are not sent: a server may well refuse an empty e-mail address.
        """
        async with self._write_of(short_id):
            await self._refuse_taken(short_id)
            body = {KEY: short_id} | {name: values[name] for name in WRITABLE_NAMES if values.get(name)}
            try:
                created = await self._post_new(body)
            except (TransportError, ServerFault) as error:
                if not error.outcome_unknown:
                    raise
                return await self._created_after_all(short_id, body, error)
            return Saved(created, stored_otherwise=differences(body, created))

    async def discontinue(self, customer: "Customer") -> "Customer":
        """Mark as discontinued and return the record as the server has it then; there is no way back in the API."""
        async with self._write_of(customer.short_id):
            theirs = await self._reread(customer)
            if theirs.active is False:
                return theirs
            try:
                async with self._asking() as api:
                    await api.discontinue(theirs.short_id)
            except (TransportError, ServerFault) as error:
                if not error.outcome_unknown:
                    raise
                now = await self._look_after(theirs.short_id, error)
                if now.active is not False:
                    raise NotSaved(
                        f"{error.title}. The server's record of {theirs.short_id} is not discontinued. Try again."
                    ) from error
                return now
            try:
                now = await self.customer(theirs.short_id)
            except DockbookError:
                # The server said it is done; that it cannot be read now does not undo it.
                return theirs.model_copy(update={"active": False})
            if now.active is True:
                raise NotSaved(f"The server accepted it, but its record of {theirs.short_id} still says active.")
            return now

    async def close(self) -> None:
        """Close the client, and what serves it."""
        self._prefetch.drop()
        if self._api is not None:
            await self._api.close()
        if self._on_close is not None:
            await self._on_close()

    async def _send(
        self, theirs: "Customer", to_send: Mapping[str, str], kept: Mapping[str, str], tag: str | None
    ) -> Saved:
        """POST once; when the answer is lost, read again and tell what came of it."""
        try:
            async with self._asking() as api:
                answer = await api.upsert(theirs.upsert_body(to_send), if_match=tag)
        except (TransportError, ServerFault) as error:
            if not error.outcome_unknown:
                raise
            return await self._saved_after_all(theirs, to_send, kept, error)
        return answer_to_save(theirs, to_send, kept, answer)

    async def _saved_after_all(
        self, theirs: "Customer", to_send: Mapping[str, str], kept: Mapping[str, str], error: DockbookError
    ) -> Saved:
        now = await self._look_after(theirs.short_id, error)
        return verdict_on_save(theirs, to_send, kept, now, error)

    async def _refuse_taken(self, short_id: str) -> None:
        try:
            taken = await self.customer(short_id)
        except NotFound:
            return
        raise CustomerExists(taken.short_id)

    async def _post_new(self, body: Mapping[str, str]) -> "Customer":
        """POST once, or twice where the server refuses the precondition of an ID that it does not have."""
        try:
            async with self._asking() as api:
                return await api.upsert(body, only_new=True)
        except (PreconditionFailed, Conflict) as error:
            await self._refuse_taken(body[KEY])
            if isinstance(error, Conflict):
                raise
        async with self._asking() as api:
            return await api.upsert(body)

    async def _created_after_all(self, short_id: str, body: Mapping[str, str], error: DockbookError) -> Saved:
        try:
            now = await self._look_after(short_id, error)
        except NotFound:
            raise NotSaved(f"{error.title}. {short_id} was not created. Save again when ready.") from error
        return verdict_on_creation(body, now, error)

    async def _reread(self, base: "Customer") -> "Customer":
        now = await self.customer(base.short_id)
        if now.short_id != base.short_id:
            raise WrongRecord(base.short_id, now.short_id)
        return now

    async def _look_after(self, short_id: str, error: DockbookError) -> "Customer":
        """Read a record whose write got no answer."""
        try:
            return await self.customer(short_id)
        except NotFound:
            raise
        except DockbookError as second:
            raise OutcomeUnknown(
                f"{error.title}: whether {short_id} was saved is not known, and it cannot be read now "
                f"({second.title.lower()}). What you typed is still here. Save again: it looks first, "
                "and never overwrites what somebody else wrote."
            ) from error

    @asynccontextmanager
    async def _write_of(self, short_id: str) -> AsyncIterator[None]:
        """One write at a time for a customer, and none where editing is off."""
        if self._read_only:
            raise EditingOff(self.editing_off or "")
        if short_id in self._writing:
            raise DockbookError(f"{short_id} is being saved already. Wait for the answer.")
        self._writing.add(short_id)
        try:
            yield
        except Forbidden as error:
            if error.permission == 131:
                self._refused = error.text
            raise
        else:
            self._refused = None
        finally:
            # What was read before or during a write may be from before it, whether it succeeded or not.
            self._writes += 1
            self._prefetch.drop()
            self._writing.discard(short_id)

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator["CustomerApi"]:
        """The client, with the link's state noted from how the call goes."""
        try:
            async with self._connecting:
                if self._api is None:
                    self._api = await self._connect()
            yield self._api
        except (TransportError, StoreError, SettingsError):
            self._note(live=False)
            raise
        except UnaddressableId:
            # Nothing was asked, so nothing was learned.
            raise
        except DockbookError:
            self._note(live=True)
            raise
        else:
            self._note(live=True)

    def _note(self, *, live: bool) -> None:
        if live == self.link.live:
            return
        self.link = Link(live, None if live else datetime.now().astimezone())
        if self.on_link is not None:
            self.on_link(self.link)
