"""A thread with a connection of its own, in which one piece of work runs at a time and can be interrupted."""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Generic, Protocol, TypeVar

from app.mirror.search.block_scan import Stale


class Opened(Protocol):
    """What a lane works on."""

    @property
    def connection(self) -> sqlite3.Connection:
        """Its connection."""


_O = TypeVar("_O", bound=Opened)
_T = TypeVar("_T")


class Job:
    """A piece of work that somebody waits for, until `stop`; `find` is what it looks for.

    `give_way` is called whenever it asks whether it was stopped.
    """

    def __init__(self, find: str = "", give_way: Callable[[], None] | None = None) -> None:
        self.find = find
        self._give_way = give_way
        self._stale = False
        self._connection: sqlite3.Connection | None = None

    def is_stale(self) -> bool:
        """Whether nobody waits for it any more."""
        if self._give_way is not None:
            self._give_way()
        return self._stale

    def stop(self) -> None:
        """Nobody waits for it any more: it ends at the next step, in SQLite too."""
        self._stale = True
        connection = self._connection
        if connection is not None:
            connection.interrupt()

    def run(self, connection: sqlite3.Connection, work: Callable[[], _T]) -> _T:
        """Do the work on the connection; raises `Stale` once it was stopped."""
        while True:
            if self._stale:
                raise Stale
            self._connection = connection
            try:
                return work()
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                    raise
                # An interruption may also come late, and was meant for the work before.
            finally:
                self._connection = None


class Lane(Generic[_O]):
    """The thread; `opener` opens what it works on, where nothing is open."""

    def __init__(self, name: str, opener: Callable[[], _O]) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"mirror-{name}")
        self._opener = opener
        self.opened: _O | None = None

    async def run(self, work: Callable[[_O], _T], job: Job | None = None) -> _T:
        """Do the work in the thread; raises `Stale` once the job was stopped."""
        mine = Job() if job is None else job

        def do() -> _T:
            if mine.is_stale():
                raise Stale
            if self.opened is None:
                self.opened = self._opener()
            opened = self.opened
            return mine.run(opened.connection, lambda: work(opened))

        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, do)
        except asyncio.CancelledError:
            if job is not None:
                job.stop()
            raise

    async def close(self) -> None:
        """Close what it works on, once what it does is done; the next work opens it again."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self.close_now)

    def end(self) -> None:
        """Let the thread end."""
        self._thread.shutdown(wait=False)

    def close_now(self) -> None:
        """The same at once, for when nothing is being done."""
        opened, self.opened = self.opened, None
        if opened is not None:
            with suppress(sqlite3.Error):
                # A failing disk: nothing more can be written to it in any case.
                opened.connection.close()
