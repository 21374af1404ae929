"""Where customers come from: the connection to the server, and the local copy that follows it.

One repository has it for itself, or many share it, each with reads, writes and notices of its own.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from app.repository.announcer import Announcer, NoticeKind, RepositoryListener
from app.repository.connection import ConnectionHealth, ConnectionState, ServerConnection, probe_until_online
from app.repository.local_copy import LocalCopy
from app.timing import Timing

if TYPE_CHECKING:
    from app.api.client import CustomerApi
    from app.errors import StoreError
    from app.mirror.mirror import Mirror
    from app.models.customer import Customer
    from app.models.fields import PageRequest
    from app.models.raw_customer import RawPage


class SourceUser(Protocol):
    """A repository, as far as its source is concerned."""

    announcer: Announcer

    def changed_elsewhere(self) -> None:
        """Another repository changed a customer: what was read before may be out of date."""

    async def confirm_from(self, page: "RawPage") -> None:
        """Read those customers of the page of which it is unknown whether a write was carried out."""


class CustomerSource:
    """`connect` makes the client when the first call needs it, so that the first paint does not wait for it.

    `on_close` runs after the client is closed. `open_mirror` opens the local copy, blocking; without it there is none.
    `has_mirror` says whether there was one before. `credentials_hint` names where the credentials of this run come
    from.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable["CustomerApi"]],
        timing: Timing | None = None,
        *,
        on_close: Callable[[], Awaitable[None]] | None = None,
        open_mirror: Callable[[], "Mirror"] | None = None,
        has_mirror: Callable[[], bool] = lambda: True,
        credentials_hint: str = "",
    ) -> None:
        self.timing = timing = timing or Timing()
        self.users: list[SourceUser] = []
        self.first_page_done = asyncio.Event()
        self._on_close = on_close
        announcer = _AnnouncerToAll(self.users)
        self.health = ConnectionHealth(timing.now)
        self.health.on_change = announcer.listener.connection_changed
        self.health.on_back = self._back_online
        self.server = ServerConnection(connect, self.health, timing, credentials_hint)
        self.local_copy = LocalCopy(open_mirror, has_mirror, self.server, announcer, timing)

    async def run_background(self) -> None:
        """After the first page, keep the local copy in step and probe a lost server, until it is cancelled."""
        await self.first_page_done.wait()
        async with asyncio.TaskGroup() as group:
            group.create_task(self.local_copy.run_sync(self._fetch_raw))
            await probe_until_online(self.health, self.server.probe, self.timing)

    async def put(self, customer: "Customer", user: SourceUser) -> None:
        """Store in the local copy what this user changed, and let the others show it."""
        await self.local_copy.put(customer)
        for other in self.users:
            if other is not user:
                other.changed_elsewhere()

    async def close(self) -> None:
        """Close the client, the local copy, and what serves them."""
        self.health.on_change = self.health.on_back = None
        await self.server.close()
        await self.local_copy.close()
        if self._on_close is not None:
            await self._on_close()

    async def _fetch_raw(self, request: "PageRequest") -> "RawPage":
        page = await self.server.fetch_raw(request)
        for user in list(self.users):
            await user.confirm_from(page)
        return page

    def _back_online(self) -> None:
        for user in self.users:
            user.announcer.reset()
            user.announcer.listener.data_changed()


class _AnnouncerToAll(Announcer):
    """Reports to all users of a source, to each of them once."""

    def __init__(self, users: list[SourceUser]) -> None:
        super().__init__()
        self._users = users
        self.listener = _Forwarder(users)

    def mirror_error(self, error: "StoreError") -> None:
        for user in self._users:
            user.announcer.mirror_error(error)

    def mirror_notes(self, notes: Sequence[str]) -> None:
        for user in self._users:
            user.announcer.mirror_notes(notes)


class _Forwarder(RepositoryListener):
    """Reports to the listeners of all users of a source."""

    def __init__(self, users: list[SourceUser]) -> None:
        self._users = users

    def connection_changed(self, state: ConnectionState) -> None:
        for user in self._users:
            user.announcer.listener.connection_changed(state)

    def data_changed(self) -> None:
        for user in self._users:
            user.announcer.listener.data_changed()

    def notice(self, text: str, kind: NoticeKind) -> None:
        for user in self._users:
            user.announcer.listener.notice(text, kind)
