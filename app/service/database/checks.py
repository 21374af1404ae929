"""Checks whether a database is whole. Nothing is changed, neither the tables nor the files beside a book."""

import asyncio
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

from app.errors import SettingsError, StoreError
from app.models.fields import ID_FIELD
from app.service.database.base import Database, Session, Work
from app.service.database.id_ranges import wrong_ranges
from app.service.database.schema import SCHEMA_VERSION
from app.service.database.sqlite import APPLICATION_ID, SqliteSession, translate_errors
from app.service.rows import utc_now
from app.storage import sqlite

_BUSY_SECONDS: Final = 30.0


class Report(NamedTuple):
    """What was found: the problems by the name of the check, the version of the schema, the number of customers."""

    problems: dict[str, list[str]]
    schema: int
    customers: int


def check_database(database: Database) -> Report:
    """Check a database whose tables are those of this version."""

    def count(session: Session) -> int:
        (customers,) = session.execute("SELECT count(*) FROM customer").fetchone()
        return int(customers)

    async def run() -> Report:
        problems = {name: await database.read(find) for name, find in _CHECKS.items()}
        return Report(problems, SCHEMA_VERSION, await database.read(count))

    return asyncio.run(run())


def check_file(path: Path) -> Report:
    """Check a book or a backup, also of an older version, of which only the integrity can be checked.

    Raises `SettingsError` if there is none, and `StoreError` for a damaged, foreign or newer file.
    """
    if not path.exists():
        raise SettingsError(f"There is no book {path}.")
    while True:
        before = _traces(path)
        # SQLite makes two files beside a book before it reads, unless it may take it for one that cannot change.
        unused = len(before) == 1
        try:
            report = _read_file(path, immutable=unused)
        except StoreError:
            if unused and _traces(path) != before:
                continue
            raise
        if not unused or _traces(path) == before:
            return report


def _traces(path: Path) -> list[tuple[str, int, int]]:
    """The file, and beside it the journals of those who use it, with the times of their last changes."""
    files = [path, *(path.with_name(f"{path.name}-{kind}") for kind in ("wal", "journal"))]
    return [(file.name, file.stat().st_ino, file.stat().st_mtime_ns) for file in files if file.exists()]


def _read_file(path: Path, *, immutable: bool) -> Report:
    with (
        translate_errors(path),
        closing(sqlite.open_reader(path, timeout=_BUSY_SECONDS, immutable=immutable)) as connection,
    ):
        sqlite.check_schema(connection, application_id=APPLICATION_ID, version=SCHEMA_VERSION)
        schema = sqlite.pragma(connection, "user_version")
        session = SqliteSession(connection, utc_now)
        checks = _CHECKS if schema == SCHEMA_VERSION else {"integrity": _integrity}
        problems = {}
        for name, find in checks.items():
            with sqlite.transaction(connection):
                problems[name] = find(session)
        (customers,) = connection.execute("SELECT count(*) FROM customer").fetchone()
        return Report(problems, schema, customers)


def _integrity(session: Session) -> list[str]:
    if session.dialect.name == "SQLite":
        rows = session.execute("PRAGMA integrity_check").fetchall()
        return [text for (text,) in rows if text != "ok"]
    (setting,) = session.execute("SHOW synchronous_commit").fetchone()
    return ["synchronous_commit is off: answered changes can be lost"] if setting == "off" else []


def _counts(session: Session) -> list[str]:
    return [f"wrong count from {first!r}" for first in wrong_ranges(session)]


def _history_gaps(session: Session) -> list[str]:
    """Customers whose changes are not all there. One that was only loaded has none."""
    rows = session.execute(
        f"SELECT {ID_FIELD} FROM customer WHERE version > 1 AND version <>"
        f" (SELECT count(*) FROM history WHERE history.{ID_FIELD} = customer.{ID_FIELD}) ORDER BY {ID_FIELD}"
    ).fetchall()
    return [f"changes of {short_id} are missing" for (short_id,) in rows]


def _last_change(session: Session) -> list[str]:
    rows = session.execute(
        f"SELECT customer.{ID_FIELD} FROM customer JOIN history ON history.{ID_FIELD} = customer.{ID_FIELD}"
        " AND history.version = customer.version WHERE history.at <> customer.modified"
    ).fetchall()
    return [f"the last change of {short_id} differs from the record" for (short_id,) in rows]


_CHECKS: Final[dict[str, Work[list[str]]]] = {
    "integrity": _integrity,
    "counts": _counts,
    "history": _history_gaps,
    "last changes": _last_change,
}
