"""The SQLite file of a book: how it is created, opened and checked, and who may write it now."""

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from app.errors import StoreError
from app.models.fields import ID_FIELD, SORTABLE_FIELDS, WRITABLE_FIELDS

SCHEMA_VERSION: Final = 1
#: Marks the file as a dockbook book, so that no other program's database is taken for one.
APPLICATION_ID: Final = 0x646F636B
_BUSY_SECONDS: Final = 30.0
_LOCK_SECONDS: Final = 20.0

_TEXTS: Final = ", ".join(f"{name} TEXT NOT NULL DEFAULT ''" for name in WRITABLE_FIELDS)
_TABLE: Final = f"""
CREATE TABLE customer (
    row INTEGER PRIMARY KEY,
    {ID_FIELD} TEXT NOT NULL UNIQUE,
    {_TEXTS},
    active INTEGER NOT NULL DEFAULT 1,
    created TEXT NOT NULL,
    modified TEXT NOT NULL
) STRICT
"""
#: Every index ends in the key, so that it gives the whole order of a page and no row is read to be skipped.
INDEXES: Final = {
    f"customer_by_{column}": f"CREATE INDEX IF NOT EXISTS customer_by_{column} ON customer ({column}, {ID_FIELD})"
    for column in SORTABLE_FIELDS
    if column != ID_FIELD
}


class WriteLock:
    """The right to write one book, across processes.

    SQLite before 3.51.3 can damage a WAL file when two connections write and checkpoint at the same moment; the
    lock keeps them apart. The kernel drops it with its process, so a killed dockbook leaves nothing behind.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Wait for the lock, at most 20 s, and hold it for the block."""
        deadline = time.monotonic() + _LOCK_SECONDS
        while not self._taken():
            if time.monotonic() > deadline:
                raise StoreError("Another dockbook has been writing this book for too long. Close it and try again.")
            time.sleep(0.002)
        try:
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Give up the lock file."""
        os.close(self._file)

    def _taken(self) -> bool:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def open_lock(path: Path) -> WriteLock:
    """Make the folder of the book (0700) where it is missing, and open the lock file beside the book."""
    with told(path):
        for folder in reversed([parent for parent in path.parents if not parent.exists()]):
            folder.mkdir(mode=0o700, exist_ok=True)
        return WriteLock(path.with_name(f"{path.name}.lock"))


def open_writer(path: Path, *, durable: bool) -> sqlite3.Connection:
    """Open the book for writing, create or check its schema; call it with the write lock held."""
    with told(path):
        _create_private(path)
        connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
            _check_or_create(connection, path)
            create_indexes(connection)
            connection.execute("PRAGMA journal_mode = WAL")
        except BaseException:
            connection.close()
            raise
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """Open the book for reading only: such a connection never writes, not even a checkpoint."""
    with told(path):
        return sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro",
            uri=True,
            timeout=_BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )


def create_indexes(connection: sqlite3.Connection) -> None:
    """Build the indexes that are missing: all in a new book, or after a bulk loading that was cut short."""
    for statement in INDEXES.values():
        connection.execute(statement)


@contextmanager
def transaction(connection: sqlite3.Connection, begin: str) -> Iterator[None]:
    """Run the block in one transaction opened by `begin`; an error in it leaves nothing behind."""
    connection.execute(begin)
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Turn what SQLite and the file system say into a text fit for a person."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise StoreError(
            f"{path} cannot be used: {error}. Check that the disk has room and that you may write the file and its "
            "folder."
        ) from error
    except sqlite3.ProgrammingError:
        raise
    except sqlite3.DatabaseError as error:
        raise StoreError(
            f"{path} is damaged or not a dockbook book ({error}). Move it away and put a copy back, or start a new one."
        ) from error
    except OSError as error:
        raise StoreError(f"{path} cannot be opened: {error.strerror}. Check who may write there.") from error


def _create_private(path: Path) -> None:
    try:
        # Only when it is new: closing a descriptor of a database in use would drop SQLite's locks on it.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        return


def _check_or_create(connection: sqlite3.Connection, path: Path) -> None:
    version = _pragma(connection, "user_version")
    application = _pragma(connection, "application_id")
    if version == 0 and application == 0 and not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
        with transaction(connection, "BEGIN IMMEDIATE"):
            connection.execute(_TABLE)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        return
    if application != APPLICATION_ID:
        raise StoreError(f"{path} is the database of another program. Choose another file.")
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"{path} was written by a newer dockbook (schema {version}, this one knows {SCHEMA_VERSION}). "
            "Update dockbook, or open another book; nothing was changed."
        )


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    (value,) = connection.execute(f"PRAGMA {name}").fetchone()
    return int(value)
