"""The SQLite file of a mirror: its tables, its writer's lock, opening it, and the quarantine of a corrupt one."""

import fcntl
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Final
from unicodedata import unidata_version

from app.errors import StoreError
from app.mirror.rows import COLUMNS, TEXT_FIELDS, CorruptRow
from app.mirror.search.index import UNINDEXED_TABLE, index_type
from app.mirror.search.suggestions import WORD_TABLE
from app.models.fields import ID_FIELD, WIRE_FIELDS
from app.storage import sqlite
from app.storage.files import open_regular_file

SCHEMA_VERSION: Final = 2
#: To be raised with every change of how texts are folded or skeletons are made: a test compares a sum of both.
TEXT_VERSION: Final = 3
#: Marks the file as a dockbook mirror: "dokm".
APPLICATION_ID: Final = 0x646F6B6D

_BUSY_SECONDS: Final = 10.0
_MAX_QUARANTINED: Final = 2
_ENOUGH_BYTES: Final = 4 * 2**30
_SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108  # the file in it is nameless at once

_TABLES: Final = f"""
CREATE TABLE customer (
    rowid INTEGER PRIMARY KEY, {", ".join(COLUMNS)}, UNIQUE ({ID_FIELD}, disambiguator)
);
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;
CREATE INDEX by_folded_id ON customer (folded_id, {ID_FIELD}, disambiguator);
{UNINDEXED_TABLE}
{WORD_TABLE}
"""
#: The orders of the table; they are built when all rows are there, which takes a tenth of the time.
SORT_INDEXES: Final = {
    "by_folded_name": f"CREATE INDEX by_folded_name ON customer (folded_name, {ID_FIELD}, disambiguator)",
    "by_skeleton": "CREATE INDEX by_skeleton ON customer (skeleton)",
} | {
    f"by_{name}": f"CREATE INDEX by_{name} ON customer ({name}, {ID_FIELD}, disambiguator)"
    for name in WIRE_FIELDS
    if name != ID_FIELD
}

#: The endings of the files that SQLite keeps beside it.
_COMPANIONS: Final = ("-wal", "-shm")


class MirrorCorrupt(Exception):
    """The file is not a mirror that this program can use; the text says why."""


class MirrorUnwritable(StoreError):
    """No mirror can be kept in the folder, or on the disk; the text says why."""

    title = "No local copy"


class WriterLock:
    """The lock of the one process that writes a mirror; the kernel releases it when the process ends.

    Unlike `FileLock`, a process that waits for it too notices when its file is deleted.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(f"{path.name}.lock")
        if os.path.lexists(self._path) and not self._path.is_file():
            _rename(self._path, self._path.with_name(f"{self._path.name}.aside-{os.getpid()}"))
        self._file = open_regular_file(self._path, os.O_RDWR | os.O_CREAT)

    @property
    def was_deleted(self) -> bool:
        """Whether the lock file was deleted: others would create a new one and not see who holds this."""
        try:
            return self._path.stat().st_ino != os.fstat(self._file).st_ino
        except OSError:
            # Any other error is reported when the lock is created again.
            return True

    def acquire(self) -> bool:
        """Take the lock if it is free; returns whether this process holds it."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        """Release the lock."""
        os.close(self._file)


def temp_path() -> Path:
    """The path of a mirror whose files are unlinked at once: in memory where there is room, else on the disk."""
    usual = Path(tempfile.gettempdir())
    in_memory = _free_bytes(_SHARED_MEMORY) if os.access(_SHARED_MEMORY, os.W_OK) else 0
    there = _SHARED_MEMORY if in_memory >= min(_ENOUGH_BYTES, _free_bytes(usual)) else usual
    return Path(tempfile.mkdtemp(prefix="dockbook-mirror-", dir=there)) / "mirror.sqlite3"


def _free_bytes(folder: Path) -> int:
    about = os.statvfs(folder)
    return about.f_bavail * about.f_frsize


def unlink_files(path: Path) -> None:
    """Unlink a mirror's files: they exist as long as they are open."""
    for file in path.parent.iterdir():
        file.unlink()
    path.parent.rmdir()


def open_writer(path: Path, *, full_text: bool) -> sqlite3.Connection:
    """Open the file to write it, creating it where there is none; raises `MirrorCorrupt`."""
    with translate_errors(path):
        _check_names(path)
        connection = sqlite.open_writer(path, timeout=_BUSY_SECONDS)
        try:
            _check_or_create(connection, full_text=full_text)
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("PRAGMA cache_size = -512")
            connection.execute("PRAGMA journal_size_limit = 4194304")
        except BaseException:
            connection.close()
            raise
    return connection


def open_reader(path: Path, *, full_text: bool | None) -> sqlite3.Connection:
    """Open the file to read it; such a connection never writes. Raises `MirrorCorrupt`, also without a file.

    With `full_text` `None` the connection is not for searching: it does not wait for a writer, and the way in which
    the texts were folded and indexed is not checked.
    """
    with translate_errors(path):
        _check_names(path)
        if not path.exists():
            raise MirrorCorrupt("is gone")
        connection = sqlite.open_reader(path, timeout=0.0 if full_text is None else _BUSY_SECONDS)
        try:
            connection.execute("PRAGMA cache_size = -512")
            _check(connection)
            if full_text is not None:
                _check_texts(connection, full_text=full_text)
        except BaseException:
            connection.close()
            raise
    return connection


def quarantine(path: Path, why: str) -> str:
    """Rename a mirror that cannot be used, and return a text that says so; only the newest such files are kept."""
    what = "a new one is begun"
    stamp = datetime.now().astimezone().strftime("%Y%m%dT%H%M%S%f")
    for ending in ("", *_COMPANIONS):
        name = path.with_name(path.name + ending)
        if os.path.lexists(name):
            aside = path.with_name(f"{path.name}.aside-{stamp}")
            _rename(name, aside.with_name(aside.name + ending))
            what = f"it was set aside as {aside.name}, and {what}" if not ending else what
    kept = sorted(file for file in path.parent.glob(f"{path.name}.aside-*") if not file.name.endswith(_COMPANIONS))
    for old in kept[:-_MAX_QUARANTINED]:
        for ending in ("", *_COMPANIONS):
            with suppress(IsADirectoryError, PermissionError):
                # A folder is not ours: it stays.
                old.with_name(old.name + ending).unlink(missing_ok=True)
    return f"The local copy {why}; {what}."


def _rename(path: Path, aside: Path) -> None:
    path.rename(aside)
    if aside.is_file():
        aside.chmod(0o600)


def _check_names(path: Path) -> None:
    """Raise `MirrorCorrupt` where a name of the mirror is not that of a file: SQLite might wait for it."""
    for ending in ("", *_COMPANIONS):
        name = path.with_name(path.name + ending)
        if os.path.lexists(name) and not name.is_file():
            raise MirrorCorrupt("is no file")


@contextmanager
def translate_errors(path: Path) -> Iterator[None]:
    """Turn errors of SQLite and the file system into `MirrorCorrupt`, or a `StoreError` with a text for a person."""
    try:
        with sqlite.translate_errors(path, lambda error: MirrorCorrupt(f"is damaged ({error})"), MirrorUnwritable):
            yield
    except (CorruptRow, UnicodeError):
        raise MirrorCorrupt("is damaged") from None


def _text_version(*, full_text: bool) -> str:
    """Changes when this program folds, indexes or compares texts differently from the one that wrote the file."""
    return f"{TEXT_VERSION} {unidata_version} {index_type(full_text=full_text).name} {' '.join(TEXT_FIELDS)}"


def _check_or_create(connection: sqlite3.Connection, *, full_text: bool) -> None:
    if sqlite.is_new(connection):
        connection.execute("PRAGMA page_size = 8192")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(
            f"BEGIN; {_TABLES} {index_type(full_text=full_text).table} PRAGMA application_id = {APPLICATION_ID};"
            f" PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
        )
        connection.execute("INSERT INTO meta VALUES ('texts', ?)", (_text_version(full_text=full_text),))
    _check(connection)
    _check_texts(connection, full_text=full_text)
    connection.execute("PRAGMA journal_mode = WAL")


def _check(connection: sqlite3.Connection) -> None:
    if sqlite.pragma(connection, "application_id") != APPLICATION_ID:
        raise MirrorCorrupt("is the file of another program")
    version = sqlite.pragma(connection, "user_version")
    if version > SCHEMA_VERSION:
        raise MirrorCorrupt("was written by a newer dockbook")
    if version < SCHEMA_VERSION:
        raise MirrorCorrupt("was written by an older dockbook")


def _check_texts(connection: sqlite3.Connection, *, full_text: bool) -> None:
    version = connection.execute("SELECT value FROM meta WHERE name = 'texts'").fetchone()
    if version != (_text_version(full_text=full_text),):
        raise MirrorCorrupt("was written by another version of dockbook")
