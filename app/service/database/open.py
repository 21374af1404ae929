"""Opens the database that a person named: a SQLite file, or PostgreSQL."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from app.errors import SettingsError, StoreError
from app.service.database.base import Database
from app.service.database.sqlite import SqliteDatabase
from app.service.rows import utc_now

if TYPE_CHECKING:
    from app.service.database.postgres import PostgresDatabase

_SCHEMES: Final = ("postgresql://", "postgres://")


def is_postgres(name: str) -> bool:
    """Whether this is the address of a PostgreSQL database, and not the path of a file."""
    return name.startswith(_SCHEMES)


def open_sqlite(path: Path, *, create: bool) -> SqliteDatabase:
    """Open the file, and create it if there is none and `create` is set.

    Raises `SettingsError` if there is none, and `StoreError` for a damaged, foreign, newer or unwritable file.
    """
    if not create and not path.exists():
        raise SettingsError(f"There is no book {path}.")
    return SqliteDatabase(path, utc_now)


def open_to_serve(name: str) -> Database:
    """Open the database for a service. A file is for one service at a time.

    Raises `SettingsError` when another one serves the file, and `StoreError` when the database cannot be used.
    """
    if is_postgres(name):
        return open_with_tables(name)
    database = open_sqlite(Path(name), create=True)
    if not database.claim_for_serving():
        asyncio.run(database.close())
        raise SettingsError(
            f"Another dockbook serves {name} already. A file is for one service; use PostgreSQL for several."
        )
    return database


def open_with_tables(url: str) -> "PostgresDatabase":
    """Connect to PostgreSQL. Raises `StoreError` when its tables are missing, old or newer than this program."""
    opened = open_postgres(url)
    try:
        opened.check_schema()
    except StoreError:
        asyncio.run(opened.close())
        raise
    return opened


def open_postgres(url: str) -> "PostgresDatabase":
    """Name the database, without connecting to it yet. Raises `SettingsError` where psycopg is not installed."""
    try:
        from app.service.database.postgres import PostgresDatabase
    except ModuleNotFoundError as error:
        if error.name != "psycopg":
            raise
        raise SettingsError("PostgreSQL needs the package psycopg. Install: dockbook[postgres]") from None
    return PostgresDatabase(url)


def refuse_password(option: str, name: str) -> None:
    """Raise `SettingsError` when there is a password in an option, where everybody on the machine can read it."""
    if not is_postgres(name):
        return
    try:
        url = urlsplit(name)
    except ValueError as error:
        raise SettingsError(f"The database URL cannot be read: {error}.") from None
    if url.password or "password=" in url.query:
        raise SettingsError(
            f"{option} is visible to others on this machine. Put the password into DOCKBOOK_DATABASE or ~/.pgpass."
        )
