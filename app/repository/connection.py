"""Lends the client for one call at a time, and learns from how each goes what the line to the server is like."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from app.errors import (
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

if TYPE_CHECKING:
    from app.api.client import CustomerApi
    from app.models.raw_customer import RawPage
    from app.repository.connection_state import ConnectionHealth
    from app.timing import Timing


class ServerConnection:
    """The way to the server for a person, and for what runs in the background and stands back for persons.

    `connect` makes the client when the first call needs it, and again after its credentials were refused: they may
    have been mended where they come from, which `mend` tells.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable["CustomerApi"]],
        health: "ConnectionHealth",
        timing: "Timing",
        credentials_hint: str,
    ) -> None:
        self._connect = connect
        self._health = health
        self._timing = timing
        self._credentials_hint = credentials_hint
        self._api: CustomerApi | None = None
        self._connecting = asyncio.Lock()
        self._foreground_calls = 0
        self._no_foreground = asyncio.Event()
        self._no_foreground.set()

    async def wait_until_idle(self) -> None:
        """Wait until the server is there, and no person asks it for anything."""
        while not (self._health.online.is_set() and self._no_foreground.is_set()):
            await self._health.online.wait()
            await self._no_foreground.wait()

    async def fetch_raw(self, request: PageRequest) -> "RawPage":
        """One page for the local copy, requested in the background."""
        async with self.client(background=True) as api:
            return await api.list_raw(request)

    async def probe(self) -> None:
        """Ask for as little as can be, to learn whether the server is back."""
        try:
            async with asyncio.timeout(self._timing.probe), self.client(background=True) as api:
                await api.list_page(PageRequest(page_size=1, sort=None))
        except TimeoutError:
            error = DeadlineExceeded(f"No answer came within {self._timing.probe:g} seconds.", sent=True)
            self._health.record_failure(error)

    @asynccontextmanager
    async def client(self, *, background: bool = False) -> AsyncIterator["CustomerApi"]:
        """The client, with the line's state noted from how the call goes."""
        if not background:
            self._foreground_calls += 1
            self._no_foreground.clear()
        try:
            yield await self._client()
        except DockbookError as error:
            self._record(error)
            raise
        else:
            self._health.record_success()
        finally:
            if not background:
                self._foreground_calls -= 1
                if not self._foreground_calls:
                    self._no_foreground.set()

    def _record(self, error: DockbookError) -> None:
        """Note what the failure of a call tells about the line."""
        match error:
            case InvalidId():
                # Nothing was asked, so nothing was learned.
                return
            case TokenUnavailable() | Unauthorized():
                if isinstance(error, CredentialsRejected) and self._credentials_hint not in error.text:
                    error.text = f"{error.text} {self._credentials_hint}"
                self._health.record_auth_failure(
                    ask_again=not isinstance(error, TokenUnavailable) or error.retry_allowed
                )
            case ResponseTooLarge():
                self._health.record_success()
            case TransportError() | ServerFault() | StoreError() | SettingsError():
                self._health.record_failure(error)
            case _:
                self._health.record_success()

    async def _client(self) -> "CustomerApi":
        async with self._connecting:
            if self._api is not None and self._health.state.auth_failed:
                # The credentials may have been mended where they come from.
                await self._api.close()
                self._api = None
            if self._api is None:
                self._api = await self._connect()
            return self._api

    async def close(self) -> None:
        """Close the client."""
        if self._api is not None:
            await self._api.close()
