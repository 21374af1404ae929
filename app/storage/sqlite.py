"""Opening SQLite files, marking them as dockbook's, transactions, and errors that a person can act on."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from app.errors import StoreError
from app.storage.files import delete_on_error, os_error_text, sync_dir, write_new_file

#: SQLITE_ERROR is an unknown table or column: a file of ours has lost it.
_CORRUPT: Final = frozenset(
    {
        *(sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT),
        *(sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH),
    }
)
BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


class ForeignDatabase(Exception):
    """The file is the database of another program."""


class NewerSchema(Exception):
    """A newer dockbook wrote the file; `version` is the version of its schema."""

    def __init__(self, version: int) -> None:
        super().__init__(f"schema version {version}")
        self.version = version


def open_writer(path: Path, *, timeout: float) -> sqlite3.Connection:
    """Open the file for reading and writing; a new one gets mode 0600. `timeout` is how long to wait for a lock."""
    with suppress(FileExistsError):
        # Only a new file: closing a descriptor of a database in use would drop SQLite's locks on it.
        write_new_file(path, b"", durable=False)
    return sqlite3.connect(path, timeout=timeout, isolation_level=None, check_same_thread=False)


def open_reader(path: Path, *, timeout: float, immutable: bool = False) -> sqlite3.Connection:
    """Open the file for reading only: such a connection never writes, not even a checkpoint.

    `immutable` is for a file that nobody changes meanwhile: no other file is made beside it then, and no lock taken.
    """
    uri = f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if immutable else ''}"
    return sqlite3.connect(uri, uri=True, timeout=timeout, isolation_level=None, check_same_thread=False)


def copy_database(source: sqlite3.Connection, target: Path) -> None:
    """Copy the database, as it is at this moment, into a new private file, down to the disk.

    Raises `FileExistsError` when the name is taken.
    """
    write_new_file(target, b"", durable=False)
    with delete_on_error(target), closing(sqlite3.connect(target, isolation_level=None)) as copy:
        source.backup(copy)
        # One file, without a WAL file beside it, which could be left behind.
        copy.execute("PRAGMA journal_mode = DELETE")
    sync_dir(target.parent)


def pragma(connection: sqlite3.Connection, name: str) -> int:
    """Return the value of a numeric PRAGMA."""
    (value,) = connection.execute(f"PRAGMA {name}").fetchone()
    return int(value)


def is_new(connection: sqlite3.Connection) -> bool:
    """Return whether no program has used the file yet."""
    used = pragma(connection, "application_id") or pragma(connection, "user_version")
    return not used and connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None


def create_schema(
    connection: sqlite3.Connection, statements: Iterable[str], *, application_id: int, version: int
) -> None:
    """Run the statements and mark the file as ours, in one transaction."""
    with transaction(connection, "BEGIN IMMEDIATE"):
        for statement in statements:
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {application_id}")
        connection.execute(f"PRAGMA user_version = {version}")


def check_schema(connection: sqlite3.Connection, *, application_id: int, version: int) -> None:
    """Raise `ForeignDatabase` or `NewerSchema` when the file is not one that this program can use."""
    if pragma(connection, "application_id") != application_id:
        raise ForeignDatabase
    found = pragma(connection, "user_version")
    if found > version:
        raise NewerSchema(found)


@contextmanager
def transaction(connection: sqlite3.Connection, begin: str = "BEGIN") -> Iterator[None]:
    """Run the block in one transaction; an error rolls it back."""
    connection.execute(begin)
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


@contextmanager
def translate_errors(
    path: Path, corrupt: Callable[[sqlite3.DatabaseError], Exception], unusable: type[StoreError] = StoreError
) -> Iterator[None]:
    """Turn errors of SQLite and the file system into a `StoreError`, or into what `corrupt` makes of a damaged file.

    `unusable` is raised for lasting errors, and `StoreError` when the file is only busy. Errors that our own calls
    cause, and an interrupt, pass.
    """
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", None)
        if isinstance(error, sqlite3.ProgrammingError) or code == sqlite3.SQLITE_INTERRUPT:
            raise
        # No code: the sqlite3 module could not decode a text.
        primary = None if code is None else code & 0xFF
        if primary is None or primary in _CORRUPT or code == sqlite3.SQLITE_IOERR_SHORT_READ:
            raise corrupt(error) from error
        if primary in BUSY:
            raise StoreError(f"{path} is in use by another program ({error}). Close that one and try again.") from error
        raise unusable(
            f"{path} cannot be used: {error}. Check that the disk has room and that you may write the file and its "
            "folder."
        ) from error
    except OSError as error:
        raise unusable(f"{path} cannot be opened: {os_error_text(error)}. Check who may write there.") from error
