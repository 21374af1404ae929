"""A thread with its own connection, which runs one piece of work at a time and can be interrupted."""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Generic, Protocol, TypeVar


class HasConnection(Protocol):
    """What a worker works on."""

    @property
    def connection(self) -> sqlite3.Connection:
        """Its connection."""


_O = TypeVar("_O", bound=HasConnection)
_T = TypeVar("_T")


class QueryCancelled(Exception):
    """The work was cancelled: its caller does not wait for it any more."""


class CancelToken:
    """Cancels one piece of work, in SQLite too; `find` is what the work searches for."""

    def __init__(self, find: str = "") -> None:
        self.find = find
        self._is_cancelled = False
        self._connection: sqlite3.Connection | None = None

    @property
    def is_cancelled(self) -> bool:
        """Whether the work was cancelled."""
        return self._is_cancelled

    def cancel(self) -> None:
        """End the work at its next step."""
        self._is_cancelled = True
        connection = self._connection
        if connection is not None:
            connection.interrupt()

    def run(self, connection: sqlite3.Connection, work: Callable[[], _T]) -> _T:
        """Do the work on the connection; raises `QueryCancelled` once it was cancelled."""
        while True:
            if self._is_cancelled:
                raise QueryCancelled
            self._connection = connection
            try:
                return work()
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                    raise
                # An interruption that comes late was meant for the work before.
            finally:
                self._connection = None


class DatabaseWorker(Generic[_O]):
    """The thread; `opener` opens what it works on, where nothing is open."""

    def __init__(self, name: str, opener: Callable[[], _O]) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"mirror-{name}")
        self._opener = opener
        self.opened: _O | None = None

    async def run(self, work: Callable[[_O], _T], token: CancelToken | None = None) -> _T:
        """Do the work in the thread; raises `QueryCancelled` once it was cancelled."""
        own = CancelToken() if token is None else token

        def do() -> _T:
            if own.is_cancelled:
                raise QueryCancelled
            if self.opened is None:
                self.opened = self._opener()
            opened = self.opened
            return own.run(opened.connection, lambda: work(opened))

        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, do)
        except asyncio.CancelledError:
            if token is not None:
                token.cancel()
            raise

    async def close(self) -> None:
        """Close what it works on when the work under way is done; the next work opens it again."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self.close_now)

    def end(self) -> None:
        """Let the thread end."""
        self._thread.shutdown(wait=False)

    def close_now(self) -> None:
        """Close what it works on at once; no work may be under way."""
        opened, self.opened = self.opened, None
        if opened is not None:
            with suppress(sqlite3.Error):
                # A failing disk: nothing more can be written to it in any case.
                opened.connection.close()
