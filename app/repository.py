"""What the screens may ask for; the one place that knows the client (and, once they exist, mirror and drafts)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING

from app.errors import DockbookError, SettingsError, StoreError, TransportError, UnaddressableId
from app.fields import PageRequest
from app.prefetch import Prefetch
from app.saving import LOOK_AGAIN, Onlooker, Saving
from app.verdict import Saved

if TYPE_CHECKING:
    from app.api.client import CustomerApi
    from app.models import Customer, Page


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
        look_again: Sequence[float] = LOOK_AGAIN,
    ) -> None:
        self._connect = connect
        self._on_close = on_close
        self._api: CustomerApi | None = None
        self._connecting = asyncio.Lock()
        self._read_only = read_only
        self._writes = 0
        self._prefetch = Prefetch(self._page, monotonic)
        self._saving = Saving(self._asking, self.customer, self._written, read_only=read_only, look_again=look_again)
        self.link = Link()
        self.on_link: Callable[[Link], None] | None = None

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

    def forget_refusal(self) -> None:
        """Let writing be tried again: the permission may have been given meanwhile."""
        self._saving.forget_refusal()

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

    async def save(self, base: "Customer", changes: Mapping[str, str], onlooker: Onlooker | None = None) -> Saved:
        """Write `changes` (wire name to new text) made on `base`: read again, merge, send once, compare the answer.

        Raises EditsOverlap when somebody else changed the same fields: nothing is sent then.
        """
        return await self._saving.save(base, changes, onlooker)

    async def create(self, short_id: str, values: Mapping[str, str], onlooker: Onlooker | None = None) -> Saved:
        """Create a customer; raises CustomerExists when the ID is taken, discontinued or not."""
        return await self._saving.create(short_id, values, onlooker)

    async def outcome(self, made_on: "Customer | None", body: Mapping[str, str], short_id: str) -> Saved:
        """What came of a write that an earlier run sent and got no answer to; nothing is sent."""
        return await self._saving.outcome(made_on, body, short_id)

    async def discontinue(self, customer: "Customer") -> "Customer":
        """Mark as discontinued and return the record as the server has it then; there is no way back in the API."""
        return await self._saving.discontinue(customer)

    async def close(self) -> None:
        """Close the client, and what serves it."""
        self._prefetch.drop()
        if self._api is not None:
            await self._api.close()
        if self._on_close is not None:
            await self._on_close()

    def _written(self) -> None:
        # What was read before or during a write may be from before it, whether it succeeded or not.
        self._writes += 1
        self._prefetch.drop()

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
