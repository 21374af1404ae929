"""The commands that look after a database: credentials, history, backup, check and migrate."""

import asyncio
import json
import sys
from argparse import Namespace
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from app.errors import ApiError, SettingsError, StoreError
from app.models.fields import BY_NAME, WRITABLE_FIELDS
from app.service.database import credential_table
from app.service.database.base import Database, T, Work
from app.service.database.checks import check_database, check_file
from app.service.database.open import is_postgres, open_postgres, open_sqlite, open_with_tables
from app.service.database.schema import SCHEMA_VERSION
from app.service.rows import Change
from app.service.store import Store
from app.storage import sqlite
from app.storage.files import os_error_text
from app.text.sanitize import sanitize

if TYPE_CHECKING:
    from app.service.database.credential_table import IssuedCredential

DONE: Final = 0
FAILED: Final = 1
_ARROW: Final = "→"


def run_command(name: str, arguments: Namespace, database: str) -> int:
    """Carry out a command on this database: a path, or the URL of PostgreSQL. Returns the exit code.

    Raises `SettingsError` and `StoreError` with what to do.
    """
    if name == "migrate":
        return _migrate(database)
    if name == "check":
        return _check(database)
    if name == "backup":
        return _backup(database, Path(arguments.file))
    opened = _open(database, create=name == "credential_add")
    try:
        return _COMMANDS[name](opened, arguments)
    except ApiError as error:
        raise StoreError(error.response.message) from error
    finally:
        asyncio.run(opened.close())


def _open(database: str, *, create: bool = False) -> Database:
    if not is_postgres(database):
        return open_sqlite(Path(database), create=create)
    return open_with_tables(database)


def _read(database: Database, work: Work[T]) -> T:
    return asyncio.run(database.read(work))


def _write(database: Database, work: Work[T]) -> T:
    return database.submit(work).result()


def _add(database: Database, arguments: Namespace) -> int:
    permissions = frozenset(arguments.permission or (130, 131))
    return _show_secret(_write(database, credential_table.add(_name(arguments), permissions)))


def _rotate(database: Database, arguments: Namespace) -> int:
    return _show_secret(_write(database, credential_table.rotate(_name(arguments))))


def _disable(database: Database, arguments: Namespace) -> int:
    _write(database, credential_table.disable(_name(arguments)))
    sys.stdout.write(f"{sanitize(arguments.name)} is disabled. Its last tokens end within a minute.\n")
    return DONE


def _list(database: Database, _arguments: Namespace) -> int:
    found = _read(database, credential_table.list_all)
    if not found:
        sys.stdout.write("There are no credentials. Add one: dockbook credential add NAME\n")
        return DONE
    width = max(len(one.name) for one in found)
    for one in found:
        permissions = " ".join(map(str, sorted(one.permissions)))
        state = f"disabled {one.disabled}" if one.disabled else f"added {one.created}"
        sys.stdout.write(f"{one.name:<{width}}  {permissions:<7}  {state}  {one.client_id}\n")
    return DONE


def _name(arguments: Namespace) -> str:
    name: str = arguments.name
    if not name.strip() or not name.isprintable() or len(name) > 100:
        raise SettingsError("A name has 1 to 100 printable characters.")
    return name


def _show_secret(issued: "IssuedCredential") -> int:
    sys.stdout.write(
        "# This secret is shown only now. Every line can be pasted into a shell.\n"
        f"export DOCKBOOK_CLIENT_ID={issued.client_id}\n"
        f"export DOCKBOOK_CLIENT_SECRET={issued.client_secret}\n"
    )
    return DONE


def _history(database: Database, arguments: Namespace) -> int:
    changes = asyncio.run(Store(database).history(arguments.short_id))
    if not changes:
        raise SettingsError(f"There is no customer {sanitize(arguments.short_id)}.")
    names = {one.client_id: one.name for one in _read(database, credential_table.list_all)}
    before: dict[str, Any] | None = None
    if arguments.json:
        entries = []
        for change in changes:
            after = json.loads(change.after)
            author = {"clientID": change.client_id, "credential": names.get(change.client_id)}
            entries.append({"version": change.version, "at": change.at, **author, "before": before, "after": after})
            before = after
        sys.stdout.write(json.dumps(entries, ensure_ascii=False, indent=2) + "\n")
        return DONE
    for change in changes:
        after = json.loads(change.after)
        sys.stdout.write(_describe(change, names, before, after))
        before = after
    return DONE


def _describe(change: Change, names: dict[str, str], before: dict[str, Any] | None, after: dict[str, Any]) -> str:
    """One change: a line about it, and a line for each field that differs."""
    author = sanitize(names.get(change.client_id, change.client_id))
    if before is None:
        what = f"created by {author}" if change.client_id else "loaded, or older than the history"
        fields = [name for name in WRITABLE_FIELDS if after[name]]
    else:
        fields = [name for name in WRITABLE_FIELDS if after[name] != before[name]]
        discontinued = before["active"] and not after["active"]
        what = f"{'discontinued' if discontinued else 'changed' if fields else 'saved without a change'} by {author}"
    lines = [f"{change.at[:19].replace('T', ' ')} UTC  {what}\n"]
    for name in fields:
        shown = sanitize(after[name]) or "(empty)"
        was = "" if before is None else f"{sanitize(before[name]) or '(empty)'} {_ARROW} "
        lines.append(f"    {BY_NAME[name].label:<10} {was}{shown}\n")
    return "".join(lines)


def _backup(database: str, target: Path) -> int:
    if is_postgres(database):
        raise SettingsError("On PostgreSQL, make backups with pg_dump or pg_basebackup.")
    path = Path(database)
    if not path.exists():
        raise SettingsError(f"There is no book {path}.")
    try:
        with closing(sqlite.open_reader(path, timeout=30)) as source:
            sqlite.copy_database(source, target)
        with closing(sqlite.open_reader(target, timeout=30)) as copy:
            (found,) = copy.execute("PRAGMA quick_check").fetchone()
            (customers,) = copy.execute("SELECT count(*) FROM customer").fetchone()
    except FileExistsError:
        raise SettingsError(f"{target} exists already. Choose another name.") from None
    except OSError as error:
        raise StoreError(f"{target} cannot be written: {os_error_text(error)}.") from error
    if found != "ok":
        raise StoreError(f"The copy is not whole ({found}). Run: dockbook check")
    size = target.stat().st_size / 2**20
    sys.stdout.write(f"Copied {_count(customers)} to {target} ({size:,.1f} MiB).\n")
    return DONE


def _check(database: str) -> int:
    if is_postgres(database):
        opened = open_with_tables(database)
        name = opened.name
        try:
            report = check_database(opened)
        finally:
            asyncio.run(opened.close())
    else:
        name = database
        report = check_file(Path(database))
    for check, problems in report.problems.items():
        sys.stdout.write(f"{check}: {'; '.join(map(sanitize, problems[:5])) or 'ok'}\n")
    if report.schema < SCHEMA_VERSION:
        sys.stdout.write(
            f"schema: {report.schema}, older than this dockbook's {SCHEMA_VERSION}, so nothing else could be checked. "
            "It is brought up to date, beside a copy, when it is next served.\n"
        )
    sys.stdout.write(f"{_count(report.customers)} in {name}\n")
    return FAILED if any(report.problems.values()) else DONE


def _count(customers: int) -> str:
    return "1 customer" if customers == 1 else f"{customers:,} customers"


def _migrate(database: str) -> int:
    if not is_postgres(database):
        open_to_upgrade = open_sqlite(Path(database), create=False)
        asyncio.run(open_to_upgrade.close())
        sys.stdout.write(f"{database} is up to date.\n")
        return DONE
    opened = open_postgres(database)
    try:
        made = opened.migrate()
    finally:
        asyncio.run(opened.close())
    sys.stdout.write(f"{opened.name} {'has its tables now' if made else 'is up to date'}.\n")
    return DONE


_COMMANDS: Final[dict[str, Callable[[Database, Namespace], int]]] = {
    "credential_add": _add,
    "credential_list": _list,
    "credential_rotate": _rotate,
    "credential_disable": _disable,
    "history": _history,
}
