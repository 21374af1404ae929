"""SQLite files: private, marked as ours, and every error turned into one that a person can act on."""

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from app.errors import StoreError
from app.storage.sqlite import (
    ForeignDatabase,
    NewerSchema,
    check_schema,
    create_schema,
    is_new,
    open_reader,
    open_writer,
    pragma,
    transaction,
    translate_errors,
)

APPLICATION_ID = 0x646F0001
TABLES = ("CREATE TABLE a (x INTEGER UNIQUE)", "CREATE TABLE b (y)")


class Corrupt(Exception):
    """What the caller makes of a damaged file."""


class Unusable(StoreError):
    """What the caller makes of a file that cannot be used."""


def corrupt(error: sqlite3.DatabaseError) -> Exception:
    return Corrupt(str(error))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database with our schema."""
    path = tmp_path / "data.sqlite3"
    with closing(open_writer(path, timeout=0)) as connection:
        assert is_new(connection)
        create_schema(connection, TABLES, application_id=APPLICATION_ID, version=3)
        assert not is_new(connection)
    return path


def test_new_database_is_private_and_marked(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with closing(open_reader(path, timeout=0)) as connection:
        check_schema(connection, application_id=APPLICATION_ID, version=3)
        check_schema(connection, application_id=APPLICATION_ID, version=4)
        assert pragma(connection, "user_version") == 3
        with pytest.raises(NewerSchema) as newer:
            check_schema(connection, application_id=APPLICATION_ID, version=2)
        assert newer.value.version == 3
        with pytest.raises(ForeignDatabase):
            check_schema(connection, application_id=1, version=3)


def test_schema_that_fails_leaves_the_file_new(tmp_path: Path) -> None:
    with closing(open_writer(tmp_path / "data.sqlite3", timeout=0)) as connection:
        with pytest.raises(sqlite3.OperationalError):
            create_schema(connection, [*TABLES, "CREATE TABLE a (x)"], application_id=APPLICATION_ID, version=3)
        assert is_new(connection)


def test_reader_never_writes_and_creates_no_file(path: Path) -> None:
    with closing(open_reader(path, timeout=0)) as connection, pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection.execute("INSERT INTO a VALUES (1)")
    with pytest.raises(sqlite3.OperationalError), closing(open_reader(path.with_name("b"), timeout=0)) as connection:
        connection.execute("SELECT 1")
    assert not path.with_name("b").exists()


def test_transaction_commits_or_rolls_back(path: Path) -> None:
    with closing(open_writer(path, timeout=0)) as connection:
        with transaction(connection):
            connection.execute("INSERT INTO a VALUES (1)")
        with pytest.raises(sqlite3.IntegrityError), transaction(connection, "BEGIN IMMEDIATE"):
            connection.executemany("INSERT INTO a VALUES (?)", [(2,), (1,)])
        assert not connection.in_transaction
        assert connection.execute("SELECT x FROM a").fetchall() == [(1,)]


def test_busy_database_is_a_store_error(path: Path) -> None:
    with (
        closing(open_writer(path, timeout=0)) as one,
        closing(open_writer(path, timeout=0)) as two,
        transaction(one, "BEGIN IMMEDIATE"),
        pytest.raises(StoreError, match=r"in use by another program .*database is locked") as busy,
        translate_errors(path, corrupt, Unusable),
    ):
        two.execute("BEGIN IMMEDIATE")
    assert type(busy.value) is StoreError


def test_full_database_is_unusable(path: Path) -> None:
    with closing(open_writer(path, timeout=0)) as connection:
        connection.execute("PRAGMA max_page_count = 4")
        with (
            pytest.raises(Unusable, match=r"full.*Check that the disk has room"),
            translate_errors(path, corrupt, Unusable),
        ):
            connection.execute("INSERT INTO b VALUES (zeroblob(100000))")


def test_damage_is_what_the_caller_makes_of_it(path: Path) -> None:
    with closing(open_writer(path, timeout=0)) as connection:
        connection.execute("INSERT INTO b VALUES (CAST(x'ff' AS TEXT))")
        for statement in ("SELECT y FROM b", "SELECT no_such_column FROM a"):
            with pytest.raises(Corrupt), translate_errors(path, corrupt):
                connection.execute(statement).fetchall()
    path.write_bytes(b"not a database" * 100)
    with (
        closing(open_reader(path, timeout=0)) as connection,
        pytest.raises(Corrupt, match="not a database"),
        translate_errors(path, corrupt),
    ):
        is_new(connection)


def test_errors_of_the_caller_and_interrupts_pass(path: Path) -> None:
    connection = open_writer(path, timeout=0)
    # An interrupt from a progress handler, as a cancelled search does it.
    connection.set_progress_handler(lambda: True, 1)
    with pytest.raises(sqlite3.OperationalError, match="interrupted"), translate_errors(path, corrupt):
        connection.execute("SELECT count(*) FROM a").fetchall()
    connection.close()
    with pytest.raises(sqlite3.ProgrammingError), translate_errors(path, corrupt):
        connection.execute("SELECT 1")


def test_file_system_errors_are_unusable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "data.sqlite3"
    with pytest.raises(Unusable, match="cannot be opened: not a directory"), translate_errors(path, corrupt, Unusable):
        open_writer(path, timeout=0)
