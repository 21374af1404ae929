"""Lends the client for one call at a time, and learns from how each goes what the line to the server is like."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from app.errors import (
    AnswerTooLarge,
    DeadlineExceeded,
    DockbookError,
    NoToken,
    ServerFault,
    SettingsError,
    StoreError,
    TokenRefused,
    TransportError,
    UnaddressableId,
    Unauthorized,
)
from app.models.fields import PageRequest

if TYPE_CHECKING:
    from app.api.client import CustomerApi
    from app.models.raw_customer import Records
    from app.repository.connection_state import Line
    from app.timing import Pace


class Asking:
    """The way to the server for a person, and for what runs in the background and stands back for persons.

    `connect` makes the client when the first call needs it, and again after its credentials were refused: they may
    have been mended where they come from, which `mend` tells.
    """

    def __init__(self, connect: Callable[[], Awaitable["CustomerApi"]], line: "Line", pace: "Pace", mend: str) -> None:
        self._connect = connect
        self._line = line
        self._pace = pace
        self._mend = mend
        self._api: CustomerApi | None = None
        self._connecting = asyncio.Lock()
        self._people = 0
        self._alone = asyncio.Event()
        self._alone.set()

    async def free(self) -> None:
        """Wait until the server is there, and no person asks it for anything."""
        while not (self._line.up.is_set() and self._alone.is_set()):
            await self._line.up.wait()
            await self._alone.wait()

    async def records(self, request: PageRequest, pause: Callable[[], Awaitable[None]]) -> "Records":
        """One page to be copied, asked for in the background, with a `pause` between the steps."""
        async with self.lend(background=True) as api:
            return await api.list_records(request, pause)

    async def probe(self) -> None:
        """Ask for as little as can be, to learn whether the server is back."""
        try:
            async with asyncio.timeout(self._pace.probe), self.lend(background=True) as api:
                await api.list_page(PageRequest(page_size=1, sort=None))
        except TimeoutError:
            error = DeadlineExceeded(f"No answer came within {self._pace.probe:g} seconds.", sent=True)
            self._line.failed(error)

    @asynccontextmanager
    async def lend(self, *, background: bool = False) -> AsyncIterator["CustomerApi"]:
        """The client, with the line's state noted from how the call goes."""
        if not background:
            self._people += 1
            self._alone.clear()
        try:
            yield await self._client()
        except DockbookError as error:
            self._learn(error)
            raise
        else:
            self._line.answered()
        finally:
            if not background:
                self._people -= 1
                if not self._people:
                    self._alone.set()

    def _learn(self, error: DockbookError) -> None:
        """Note what the failure of a call tells about the line."""
        match error:
            case UnaddressableId():
                # Nothing was asked, so nothing was learned.
                return
            case NoToken() | Unauthorized():
                if isinstance(error, TokenRefused) and self._mend not in error.text:
                    error.text = f"{error.text} {self._mend}"
                self._line.refused(ask_again=not isinstance(error, NoToken) or error.ask_again)
            case AnswerTooLarge():
                self._line.answered()
            case TransportError() | ServerFault() | StoreError() | SettingsError():
                self._line.failed(error)
            case _:
                self._line.answered()

    async def _client(self) -> "CustomerApi":
        async with self._connecting:
            if self._api is not None and self._line.link.refused:
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
