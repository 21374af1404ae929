"""The SQLite file of a book: one thread writes, and commits together what waits; a few threads read beside it."""

import asyncio
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final, TypeVar, cast

from app.errors import StoreError
from app.service.database.base import Dialect, Rows, Work
from app.service.database.id_ranges import rebuild
from app.service.database.schema import INDEXES, SCHEMA_VERSION, SQLITE, SQLITE_UPGRADES, create_statements
from app.service.temp_folder import TempFolder
from app.storage import sqlite
from app.storage.files import FileLock, make_private_dir

#: Marks the file as a dockbook book: "dock". The database of another program is refused.
APPLICATION_ID: Final = 0x646F636B
_BUSY_SECONDS: Final = 30.0
_LOCK_SECONDS: Final = 20.0
_READERS: Final = 3
#: So many writes are committed together at most.
_MAX_GROUP: Final = 256

T = TypeVar("T")


class SqliteSession:
    """Runs statements on one connection."""

    dialect: Dialect = SQLITE

    def __init__(self, connection: sqlite3.Connection, clock: Callable[[], datetime]) -> None:
        self.connection = connection
        self._clock = clock

    @property
    def now(self) -> datetime:
        """The time of this machine."""
        return self._clock()

    def execute(self, sql: str, parameters: Mapping[str, object] = {}) -> Rows:
        """Run one statement."""
        return self.connection.execute(sql, cast("Mapping[str, Any]", parameters))

    def execute_many(self, sql: str, rows: Iterable[Mapping[str, object]]) -> int:
        """Run one statement for each of the rows."""
        return self.connection.executemany(sql, cast("Iterable[Mapping[str, Any]]", rows)).rowcount


class SqliteDatabase:
    """A book in a file. Several processes may use it; the write lock keeps their transactions apart."""

    def __init__(self, path: Path, clock: Callable[[], datetime], folder: TempFolder | None = None) -> None:
        self.path = path
        self._folder = folder
        self._clock = clock
        self._lock = FileLock(path.with_name(f"{path.name}.lock"))
        self._serving = FileLock(path.with_name(f"{path.name}.serving"))
        self._idle: SimpleQueue[SqliteSession] = SimpleQueue()
        self._waiting: deque[_Write] = deque()
        #: For every write, after it is waiting: a reason to look. The last one is `False`.
        self._wake: SimpleQueue[bool] = SimpleQueue()
        with translate_errors(path), ExitStack() as opened:
            make_private_dir(path.parent)
            with hold_write_lock(self._lock):
                connection = opened.enter_context(closing(open_book(path, durable=folder is None)))
            self._session = SqliteSession(connection, clock)
            for _ in range(_READERS):
                reader = opened.enter_context(closing(sqlite.open_reader(path, timeout=_BUSY_SECONDS)))
                self._idle.put(SqliteSession(reader, clock))
            # Reads on the event loop must not wait for a lock.
            reader = opened.enter_context(closing(sqlite.open_reader(path, timeout=0)))
            self._quick = SqliteSession(reader, clock)
            # Everything is open; from now on `close` closes it.
            opened.pop_all()
        self._readers = ThreadPoolExecutor(max_workers=_READERS, thread_name_prefix="book-reader")
        self._writer = threading.Thread(target=self._write_all, name="book-writer", daemon=True)
        self._writer.start()
        self._closed = False

    @property
    def name(self) -> str:
        """The path of the file."""
        return str(self.path)

    async def read(self, work: Work[T], *, quick: bool = False) -> T:
        """Run work that only reads; quick work runs on the event loop, which is three times as fast as a thread."""
        self._check_open()
        if quick:
            try:
                return work(self._quick)
            except sqlite3.OperationalError as error:
                # Another process is just opening or closing the book: a thread may wait for it.
                if error.sqlite_errorcode & 0xFF not in sqlite.BUSY:
                    with translate_errors(self.path):
                        raise
            except (sqlite3.Error, OSError):
                with translate_errors(self.path):
                    raise
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    async def write(self, work: Work[T]) -> T:
        """Run work in a transaction, and return once it is committed. Once it has begun, it is never cancelled."""
        self._check_open()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._waiting.append(_Write(work, future, loop))
        # After all requests that are being read now: their writes are committed together, and while the thread is at
        # work, the loop is not.
        loop.call_soon(self._wake.put, True)
        return await future

    def submit(self, work: Work[T]) -> "Future[T]":
        """Hand work to the writing thread."""
        self._check_open()
        future: Future[T] = Future()
        self._waiting.append(_Write(work, future))
        self._wake.put(True)
        return future

    def claim_for_serving(self) -> bool:
        """Mark the file as served by this process, until `close`; return whether no other process serves it."""
        return self._serving.acquire()

    async def close(self) -> None:
        """Finish pending writes, then close; a temporary book is deleted."""
        if not self._closed:
            self._closed = True
            await asyncio.to_thread(self._close)

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError("The book is closed.")

    def _read(self, work: Work[T]) -> T:
        session = self._idle.get()
        try:
            with translate_errors(self.path), sqlite.transaction(session.connection, "BEGIN"):
                return work(session)
        finally:
            self._idle.put(session)

    def _write_all(self) -> None:
        """Commit what waits, all of it at once, until `close`; it leaves nothing."""
        is_open = True
        while is_open:
            is_open = self._wake.get()
            while self._waiting:
                group = [self._waiting.popleft() for _ in range(min(len(self._waiting), _MAX_GROUP))]
                self._write_group([write for write in group if write.begin()])

    def _write_group(self, group: list["_Write"]) -> None:
        """Run all work in one transaction. If one fails half-way, each runs in a transaction of its own instead."""
        try:
            with translate_errors(self.path), hold_write_lock(self._lock):
                self._commit(group)
        except _HalfDone as failure:
            if len(group) == 1:
                group[0].error = failure.error
            else:
                for write in group:
                    self._write_group([write])
                return
        except Exception as error:  # noqa: BLE001 - the waiters get it
            for write in group:
                write.error = error
        _deliver(group, self.path)

    def _commit(self, group: list["_Write"]) -> None:
        connection = self._session.connection
        with sqlite.transaction(connection, "BEGIN IMMEDIATE"):
            for write in group:
                write.error = None
                before = connection.total_changes
                try:
                    write.result = write.work(self._session)
                except Exception as error:
                    if connection.total_changes != before or not connection.in_transaction:
                        raise _HalfDone(error) from error
                    # Nothing was written, as when a precondition does not hold.
                    write.error = error

    def _close(self) -> None:
        self._readers.shutdown(wait=True)
        self._wake.put(False)
        self._writer.join()
        while not self._idle.empty():
            self._idle.get().connection.close()
        self._quick.connection.close()
        with translate_errors(self.path):
            try:
                # The last connection to close copies the WAL into the book, which is writing too.
                with hold_write_lock(self._lock):
                    self._session.connection.close()
            except FileNotFoundError:
                # The folder was deleted: there is no book left to protect.
                self._session.connection.close()
        self._serving.release(delete=True)
        if self._folder is not None:
            self._folder.remove()


class _HalfDone(Exception):
    """Work failed after it had written something, so its transaction was rolled back."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class _Write:
    """Work that waits for the writing thread, and its outcome; with a loop, a future of that loop waits for it."""

    def __init__(
        self,
        work: Work[Any],
        future: "Future[Any] | asyncio.Future[Any]",
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.work = work
        self.future = future
        self.loop = loop
        self.result: Any = None
        self.error: Exception | None = None

    def begin(self) -> bool:
        """Whether somebody still waits for it; from now on it cannot be cancelled."""
        if isinstance(self.future, Future):
            return self.future.set_running_or_notify_cancel()
        return not self.future.cancelled()

    def finish(self) -> None:
        """Give the outcome to the waiter, if it still waits."""
        if self.future.done():
            return
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)


def _deliver(group: list[_Write], path: Path) -> None:
    """Give the outcomes to the waiters, waking each of their loops once."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Write]] = {}
    for write in group:
        if write.error is not None:
            write.error = _translated(write.error, path)
        if write.loop is None:
            write.finish()
        else:
            by_loop.setdefault(write.loop, []).append(write)
    for loop, writes in by_loop.items():
        with suppress(RuntimeError):
            # A loop that was closed has nobody waiting.
            loop.call_soon_threadsafe(_finish_all, writes)


def _finish_all(writes: list[_Write]) -> None:
    for write in writes:
        write.finish()


def _translated(error: Exception, path: Path) -> Exception:
    try:
        with translate_errors(path):
            raise error  # noqa: TRY301 - to be translated
    except Exception as translated:  # noqa: BLE001 - the waiter gets it
        return translated


@contextmanager
def hold_write_lock(lock: FileLock) -> Iterator[None]:
    """Hold the right to write the book during the block; wait for it at most 20 s.

    SQLite before 3.51.3 can damage a WAL file when two connections write and checkpoint at the same moment; the lock
    keeps them apart, across processes.
    """
    if not lock.acquire(timeout=_LOCK_SECONDS):
        raise StoreError("Another dockbook has been writing this book for too long. Close it and try again.")
    try:
        yield
    finally:
        lock.release()


def open_book(path: Path, *, durable: bool) -> sqlite3.Connection:
    """Open the book for writing; create its tables, or bring them up to date. The caller holds the write lock.

    Before an older schema is changed, the book is copied beside itself, as `book.sqlite3.schema-1`.
    """
    connection = sqlite.open_writer(path, timeout=_BUSY_SECONDS)
    try:
        connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
        if sqlite.is_new(connection):
            sqlite.create_schema(
                connection, create_statements(SQLITE), application_id=APPLICATION_ID, version=SCHEMA_VERSION
            )
        else:
            sqlite.check_schema(connection, application_id=APPLICATION_ID, version=SCHEMA_VERSION)
            _upgrade(connection, path)
        create_indexes(connection)
        connection.execute("PRAGMA journal_mode = WAL")
    except BaseException:
        connection.close()
        raise
    return connection


def create_indexes(connection: sqlite3.Connection) -> None:
    """Create the indexes that are missing: all of them in a new book or after an interrupted bulk load."""
    for statement in INDEXES.values():
        connection.execute(statement)


@contextmanager
def translate_errors(path: Path) -> Iterator[None]:
    """Turn errors of SQLite and the file system into a `StoreError` that says what to do."""

    def corrupt(error: sqlite3.DatabaseError) -> StoreError:
        return StoreError(
            f"{path} is damaged or not a dockbook book ({error}). Move it away and put a copy back, or start a new one."
        )

    try:
        with sqlite.translate_errors(path, corrupt):
            yield
    except sqlite.ForeignDatabase:
        raise StoreError(f"{path} is the database of another program. Choose another file.") from None
    except sqlite.NewerSchema as error:
        raise StoreError(
            f"{path} was written by a newer dockbook (schema {error.version}, this one knows {SCHEMA_VERSION}). "
            "Update dockbook, or open another book; nothing was changed."
        ) from None


def _upgrade(connection: sqlite3.Connection, path: Path) -> None:
    version = sqlite.pragma(connection, "user_version")
    if version == SCHEMA_VERSION:
        return
    serving = FileLock(path.with_name(f"{path.name}.serving"))
    if not serving.acquire():
        raise StoreError(f"An older dockbook serves {path}. Stop it first: this one changes the tables.")
    try:
        _change_tables(connection, path, version)
    finally:
        serving.release(delete=True)


def _change_tables(connection: sqlite3.Connection, path: Path, version: int) -> None:
    before = path.with_name(f"{path.name}.schema-{version}")
    before.unlink(missing_ok=True)
    sqlite.copy_database(connection, before)
    with sqlite.transaction(connection, "BEGIN IMMEDIATE"):
        while version < SCHEMA_VERSION:
            for statement in SQLITE_UPGRADES[version]:
                connection.execute(statement)
            version += 1
        rebuild(SqliteSession(connection, datetime.now))
        connection.execute(f"PRAGMA user_version = {version}")
