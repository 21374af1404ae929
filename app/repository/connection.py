"""The connection to the server: its state, the client for one call at a time, and probing while it is away."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from app.errors import (
    ConnectionFailed,
    CredentialsRejected,
    DeadlineExceeded,
    DockbookError,
    InvalidId,
    ResponseTooLarge,
    ServerFault,
    SettingsError,
    StoreError,
    TokenUnavailable,
    TransportError,
    Unauthorized,
)
from app.models.fields import PageRequest
from app.timing import Timing, local_now

if TYPE_CHECKING:
    from app.api.client import CustomerApi
    from app.models.raw_customer import RawPage

#: After this many calls in a row without a usable answer, nobody waits for the server.
FAILURES: Final = 5

#: The first and the longest pause between two probes, in seconds.
_PROBE_PAUSES: Final = (1.0, 60.0)


class ConnectionState(NamedTuple):
    """Whether the server answers (`None` before the first call), and since when it does not.

    `suspect`: it answered last time, and a caller has given up waiting since. `auth_failed`: it answers, and rejects
    our credentials. `mirror_percent` is the part of all customers that has been read while the local copy is filled.
    """

    live: bool | None = None
    since: datetime | None = None
    auth_failed: bool = False
    suspect: bool = False
    mirror_percent: int | None = None


class ConnectionHealth:
    """What the calls so far say about the server.

    `online` is set while the server answers, `offline` while it does not or that is in doubt. While it is `locked`,
    only a person's calls may go out: the credentials are wrong, and repeated attempts could lock the account.
    `on_change` is called when the state changes, `on_back` when the server answers again.
    """

    def __init__(self, now: Callable[[], datetime] = local_now) -> None:
        self._now = now
        self._failures = 0
        self._unreachable = False
        self.locked = False
        self.state = ConnectionState()
        self.on_change: Callable[[ConnectionState], None] | None = None
        self.on_back: Callable[[], None] | None = None
        self.online = asyncio.Event()
        self.offline = asyncio.Event()

    @property
    def given_up(self) -> bool:
        """Whether no caller should wait: the server cannot be connected, rejects us, or failed many times in a row."""
        return self.state.live is False and (self._unreachable or self.state.auth_failed or self._failures >= FAILURES)

    def record_success(self) -> None:
        """A call was answered, if only with a refusal of what was asked."""
        self._failures = 0
        self._unreachable = self.locked = False
        back = self.offline.is_set()
        self.offline.clear()
        self.online.set()
        self._set(self.state._replace(live=True, since=None, auth_failed=False, suspect=False))
        if back and self.on_back is not None:
            self.on_back()

    def mark_suspect(self) -> None:
        """A caller gave up waiting: treat the server as suspect, and start probing."""
        self.online.clear()
        self.offline.set()
        self._set(self.state._replace(suspect=bool(self.state.live)))

    def record_failure(self, error: DockbookError) -> None:
        """A call brought no usable answer."""
        self._failures += 1
        self._unreachable = isinstance(error, ConnectionFailed | StoreError | SettingsError)
        if isinstance(error, ServerFault) and self._failures < FAILURES and self.state.live is not False:
            # The server answers; the request may be at fault.
            return
        self._set_offline(refused=False)

    def record_auth_failure(self, *, retry_allowed: bool = False) -> None:
        """The server answers and gives no access; unless the credentials are wrong, it may be probed."""
        self.locked = not retry_allowed
        self._set_offline(refused=True)

    def set_mirror_percent(self, percent: int | None) -> None:
        """Note how far the local copy is filled; `None` when it is complete."""
        self._set(self.state._replace(mirror_percent=percent))

    def _set_offline(self, *, refused: bool) -> None:
        self.online.clear()
        self.offline.set()
        since = self.state.since if self.state.live is False else self._now()
        self._set(self.state._replace(live=False, since=since, auth_failed=refused, suspect=False))

    def _set(self, link: ConnectionState) -> None:
        if link != self.state:
            self.state = link
            if self.on_change is not None:
                self.on_change(link)


class ServerConnection:
    """Gives callers the API client for one call; background calls wait while a person's call is running.

    `connect` makes the client for the first call, and again after the credentials were rejected: they may have been
    corrected where they come from, which `credentials_hint` names.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable["CustomerApi"]],
        health: ConnectionHealth,
        timing: Timing,
        credentials_hint: str,
    ) -> None:
        self._connect = connect
        self.health = health
        self._timing = timing
        self._credentials_hint = credentials_hint
        self._api: CustomerApi | None = None
        self._connecting = asyncio.Lock()
        self._foreground_calls = 0
        self._no_foreground = asyncio.Event()
        self._no_foreground.set()

    async def wait_until_idle(self) -> None:
        """Wait until the server answers and no person's call is running."""
        while not (self.health.online.is_set() and self._no_foreground.is_set()):
            await self.health.online.wait()
            await self._no_foreground.wait()

    async def fetch_raw(self, request: PageRequest) -> "RawPage":
        """Return one page for the local copy, requested in the background."""
        async with self.client(background=True) as api:
            return await api.list_raw(request)

    async def probe(self) -> None:
        """Make the smallest call, to find out whether the server is back."""
        try:
            async with asyncio.timeout(self._timing.probe), self.client(background=True) as api:
                await api.list_page(PageRequest(page_size=1, sort=None))
        except TimeoutError:
            error = DeadlineExceeded(f"The server did not answer within {self._timing.probe:g} seconds.", sent=True)
            self.health.record_failure(error)

    @asynccontextmanager
    async def client(self, *, background: bool = False) -> AsyncIterator["CustomerApi"]:
        """Return the client; the outcome of the call is recorded in `health`."""
        if not background:
            self._foreground_calls += 1
            self._no_foreground.clear()
        try:
            yield await self._client()
        except DockbookError as error:
            self._record(error)
            raise
        else:
            self.health.record_success()
        finally:
            if not background:
                self._foreground_calls -= 1
                if not self._foreground_calls:
                    self._no_foreground.set()

    def _record(self, error: DockbookError) -> None:
        """Record what the failure of a call says about the server."""
        match error:
            case InvalidId():
                # Nothing was sent.
                return
            case TokenUnavailable() | Unauthorized():
                if isinstance(error, CredentialsRejected) and self._credentials_hint not in error.text:
                    error.text = f"{error.text} {self._credentials_hint}"
                self.health.record_auth_failure(
                    retry_allowed=not isinstance(error, TokenUnavailable) or error.retry_allowed
                )
            case ResponseTooLarge():
                self.health.record_success()
            case TransportError() | ServerFault() | StoreError() | SettingsError():
                self.health.record_failure(error)
            case _:
                self.health.record_success()

    async def _client(self) -> "CustomerApi":
        async with self._connecting:
            if self._api is not None and self.health.state.auth_failed:
                # The credentials may have been corrected where they come from.
                await self._api.close()
                self._api = None
            if self._api is None:
                self._api = await self._connect()
            return self._api

    async def close(self) -> None:
        """Close the client."""
        if self._api is not None:
            await self._api.close()


async def probe_until_online(health: ConnectionHealth, probe: Callable[[], Awaitable[object]], timing: Timing) -> None:
    """While the server is away, probe it at growing intervals; never with credentials that it rejected."""
    first, longest = _PROBE_PAUSES
    pause = first
    while True:
        up_at = timing.clock()
        await health.offline.wait()
        if timing.clock() - up_at > longest:
            # It was online for long enough; a server that comes and goes is probed less often.
            pause = first
        while health.offline.is_set():
            await timing.sleep(pause * (0.5 + timing.random() / 2))
            pause = min(longest, 2 * pause)
            if health.offline.is_set() and not health.locked:
                try:
                    await probe()
                except DockbookError:
                    # The connection has recorded it.
                    continue
