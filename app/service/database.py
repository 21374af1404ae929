"""Creates, opens and checks the SQLite file of a book, and decides which process may write it."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from app.errors import StoreError
from app.models.fields import ID_FIELD, SORTABLE_FIELDS, WRITABLE_FIELDS
from app.storage import sqlite
from app.storage.files import FileLock

SCHEMA_VERSION: Final = 1
#: Marks the file as a dockbook book: "dock". The database of another program is refused.
APPLICATION_ID: Final = 0x646F636B
BUSY_SECONDS: Final = 30.0
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
#: Every index ends in the key, so that it gives the whole order of a page and SQLite reads no row only to skip it.
INDEXES: Final = {
    f"customer_by_{column}": f"CREATE INDEX IF NOT EXISTS customer_by_{column} ON customer ({column}, {ID_FIELD})"
    for column in SORTABLE_FIELDS
    if column != ID_FIELD
}


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


def open_writer(path: Path, *, durable: bool) -> sqlite3.Connection:
    """Open the book for writing, and create or check its schema. The caller holds the write lock."""
    connection = sqlite.open_writer(path, timeout=BUSY_SECONDS)
    try:
        connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
        if sqlite.is_new(connection):
            sqlite.create_schema(connection, [_TABLE], application_id=APPLICATION_ID, version=SCHEMA_VERSION)
        else:
            sqlite.check_schema(connection, application_id=APPLICATION_ID, version=SCHEMA_VERSION)
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
