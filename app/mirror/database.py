"""The SQLite file of a mirror: its tables, who may write it, how it is opened, and what becomes of a damaged one."""

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
from app.mirror.row_checksum import COLUMNS, DamagedRow
from app.mirror.search.terms import SEARCHED
from app.models.fields import ID_FIELD, WIRE_FIELDS
from app.storage.files import open_regular_file as open_file

SCHEMA_VERSION: Final = 1
#: To be raised with every change of how texts are folded, or looks compared: a test knows both by their sum.
WORDS_VERSION: Final = 2
#: Marks the file as a dockbook mirror: "dokm".
APPLICATION_ID: Final = 0x646F6B6D
#: Rows of a block, and blocks of a segment, as powers of two.
BLOCK_BITS: Final = 6
SEGMENT_BITS: Final = 8

_BUSY_SECONDS: Final = 10.0
_MOST_SET_ASIDE: Final = 2
_ROOM: Final = 4 * 2**30
_SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108  # the file in it is nameless at once
_DAMAGE: Final = frozenset(
    {
        *(sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT),
        *(sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH),
    }
)

#: `place` is the row's block and its line in there, of which the text of the block is made (`app.mirror.search.terms`).
#: `gram` tells in which blocks of a segment a gram stands, bit by bit; it may name too many blocks, never too few.
_TABLES: Final = f"""
CREATE TABLE customer (
    place INTEGER PRIMARY KEY, {", ".join(COLUMNS)}, UNIQUE ({ID_FIELD}, odd)
);
CREATE TABLE block (no INTEGER PRIMARY KEY, text BLOB NOT NULL);
CREATE TABLE gram (segment INTEGER, gram TEXT, bits BLOB NOT NULL, PRIMARY KEY (segment, gram)) WITHOUT ROWID;
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;
CREATE INDEX by_fid ON customer (fid, {ID_FIELD}, odd);
"""
#: The orders of the table; they are built when all rows are there, which takes a tenth of the time.
INDEXES: Final = {
    "by_fname": f"CREATE INDEX by_fname ON customer (fname, {ID_FIELD}, odd)",
    "by_look": "CREATE INDEX by_look ON customer (look)",
} | {
    f"by_{name}": f"CREATE INDEX by_{name} ON customer ({name}, {ID_FIELD}, odd)"
    for name in WIRE_FIELDS
    if name != ID_FIELD
}


#: Somebody else has it for the moment.
_PASSING: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
#: What SQLite keeps beside the file.
_BESIDE: Final = ("-wal", "-shm")


class Damaged(Exception):
    """The file is not a mirror that this program can use; the text says why."""


class UnusablePlace(StoreError):
    """The folder, or the disk, takes no mirror; the text says why."""

    title = "No copy of the customers"


class WriterPlace:
    """The place of the one process that writes a mirror; the kernel frees it with the process that holds it."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(f"{path.name}.lock")
        if os.path.lexists(self._path) and not self._path.is_file():
            _rename(self._path, self._path.with_name(f"{self._path.name}.aside-{os.getpid()}"))
        self._file = open_file(self._path, os.O_RDWR | os.O_CREAT)

    @property
    def is_gone(self) -> bool:
        """Whether somebody removed it: others would take another one, and not see who has this."""
        try:
            return self._path.stat().st_ino != os.fstat(self._file).st_ino
        except OSError:
            # Whoever takes another one is told, if it is more than that it is not there.
            return True

    def take(self) -> bool:
        """Take the place, if nobody has it."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        """Leave the place."""
        os.close(self._file)


def make_folder(path: Path) -> None:
    """Make the folder of the mirror, for its owner alone."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.parent.stat().st_mode & 0o077:
        path.parent.chmod(0o700)


def nameless_path() -> Path:
    """Where a mirror is made whose files lose their names at once: in memory where there is room, else on the disk."""
    usual = Path(tempfile.gettempdir())
    in_memory = _room(_SHARED_MEMORY) if os.access(_SHARED_MEMORY, os.W_OK) else 0
    there = _SHARED_MEMORY if in_memory >= min(_ROOM, _room(usual)) else usual
    return Path(tempfile.mkdtemp(prefix="dockbook-mirror-", dir=there)) / "mirror.sqlite3"


def _room(folder: Path) -> int:
    """The bytes that are free there."""
    about = os.statvfs(folder)
    return about.f_bavail * about.f_frsize


def remove_names(path: Path) -> None:
    """Take the names of a mirror's files away: they live as long as they are open."""
    for file in path.parent.iterdir():
        file.unlink()
    path.parent.rmdir()


def open_writer(path: Path) -> sqlite3.Connection:
    """Open the file to write it, making it where there is none; raises `Damaged`."""
    with told(path):
        _check_names(path)
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except FileExistsError:
            path.chmod(0o600)
        connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            _check_or_create(connection)
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("PRAGMA cache_size = -512")
            connection.execute("PRAGMA journal_size_limit = 4194304")
        except BaseException:
            connection.close()
            raise
    return connection


def open_reader(path: Path, *, at_once: bool = False) -> sqlite3.Connection:
    """Open the file to read it; such a connection never writes. Raises `Damaged`, also where there is no mirror yet.

    To look at it `at_once`, nobody who writes is waited for, nor is it asked by what rules the words in it were made.
    """
    with told(path):
        _check_names(path)
        if not path.exists():
            raise Damaged("is gone")
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro",
            uri=True,
            timeout=0.0 if at_once else _BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            connection.execute("PRAGMA cache_size = -512")
            _check(connection)
            if not at_once:
                _check_words(connection)
        except BaseException:
            connection.close()
            raise
    return connection


def set_aside(path: Path, why: str) -> str:
    """Rename a mirror that cannot be used, and say so; only the newest such files are kept."""
    what = "a new one is begun"
    stamp = datetime.now().astimezone().strftime("%Y%m%dT%H%M%S%f")
    for ending in ("", *_BESIDE):
        name = path.with_name(path.name + ending)
        if os.path.lexists(name):
            aside = path.with_name(f"{path.name}.aside-{stamp}")
            _rename(name, aside.with_name(aside.name + ending))
            what = f"it was set aside as {aside.name}, and {what}" if not ending else what
    kept = sorted(file for file in path.parent.glob(f"{path.name}.aside-*") if not file.name.endswith(_BESIDE))
    for old in kept[:-_MOST_SET_ASIDE]:
        for ending in ("", *_BESIDE):
            with suppress(IsADirectoryError, PermissionError):
                # A folder is nothing of ours: it stays.
                old.with_name(old.name + ending).unlink(missing_ok=True)
    return f"The copy of the customers on this machine {why}; {what}."


def _rename(path: Path, aside: Path) -> None:
    path.rename(aside)
    if aside.is_file():
        aside.chmod(0o600)


def _check_names(path: Path) -> None:
    """Raise `Damaged` where a name of the mirror is that of something else than a file: SQLite might wait for it."""
    for ending in ("", *_BESIDE):
        name = path.with_name(path.name + ending)
        if os.path.lexists(name) and not name.is_file():
            raise Damaged("is no file")


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Turn what SQLite and the file system say into `Damaged`, or a `StoreError` with a text fit for a person."""
    try:
        yield
    except DamagedRow:
        raise Damaged("is damaged") from None
    except UnicodeError:
        raise Damaged("is damaged") from None
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", None)
        if isinstance(error, sqlite3.ProgrammingError | sqlite3.InterfaceError) or code == sqlite3.SQLITE_INTERRUPT:
            raise
        # Without a code it is the module that cannot read a text; an unknown table was there when it was written.
        primary = None if code is None else code & 0xFF
        short = code == sqlite3.SQLITE_IOERR_SHORT_READ
        if primary is None or primary in _DAMAGE or short:
            raise Damaged(f"is damaged ({error})") from error
        kind = StoreError if primary in _PASSING else UnusablePlace
        raise kind(f"{path} cannot be used: {error}. Check that the disk has room.") from error
    except OSError as error:
        raise UnusablePlace(f"{path} cannot be opened: {error.strerror}. Check who may write there.") from error


@contextmanager
def transaction(connection: sqlite3.Connection, begin: str = "BEGIN") -> Iterator[None]:
    """Run the block in one transaction; an error in it leaves nothing behind."""
    connection.execute(begin)
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _words_as_now() -> str:
    """Changes when this program folds texts, makes lines or compares looks otherwise than the one that wrote it."""
    return f"{WORDS_VERSION} {unidata_version} {' '.join(SEARCHED)}"


def _check_or_create(connection: sqlite3.Connection) -> None:
    if not connection.execute("SELECT 1 FROM sqlite_master").fetchone() and _pragma(connection, "application_id") == 0:
        connection.execute("PRAGMA page_size = 8192")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(
            f"BEGIN; {_TABLES} PRAGMA application_id = {APPLICATION_ID};"
            f" PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
        )
        connection.execute("INSERT INTO meta VALUES ('words', ?)", (_words_as_now(),))
    _check(connection)
    _check_words(connection)
    connection.execute("PRAGMA journal_mode = WAL")


def _check(connection: sqlite3.Connection) -> None:
    if _pragma(connection, "application_id") != APPLICATION_ID:
        raise Damaged("is the file of another program")
    version = _pragma(connection, "user_version")
    if version > SCHEMA_VERSION:
        raise Damaged("was written by a newer dockbook")


def _check_words(connection: sqlite3.Connection) -> None:
    words = connection.execute("SELECT value FROM meta WHERE name = 'words'").fetchone()
    if words != (_words_as_now(),):
        raise Damaged("was written by another version of dockbook")


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    (value,) = connection.execute(f"PRAGMA {name}").fetchone()
    return int(value)
