"""Stores the customers in one SQLite file: one thread writes and a few read, so that no reader waits for a lock."""

import asyncio
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime
from itertools import islice
from pathlib import Path
from queue import SimpleQueue
from typing import Final, Self, TypeVar

from app.errors import StoreError
from app.models.fields import ID_FIELD, SORTABLE_FIELDS, WIRE_FIELDS, WRITABLE_FIELDS, PageRequest
from app.service.database import (
    BUSY_SECONDS,
    INDEXES,
    create_indexes,
    hold_write_lock,
    open_writer,
    translate_errors,
)
from app.service.errors import bad_request, precondition_failed
from app.service.rows import StoredCustomer, StoredPage, Value, next_modified, utc_now
from app.service.temp_folder import TempFolder
from app.storage.files import FileLock, make_private_dir
from app.storage.sqlite import open_reader, transaction

_READERS: Final = 3
_BATCH: Final = 10_000
_FEW: Final = 10_000
_SELECT: Final = f"SELECT {', '.join(WIRE_FIELDS)} FROM customer"  # noqa: S608  # our own column names
#: A record as JSON: SQLite builds a page of them in a third of the time, and does not block other threads.
_VALUES: Final = {name: name for name in WIRE_FIELDS} | {"active": "json(iif(active, 'true', 'false'))"}
_RECORD: Final = "json_object(" + ", ".join(f"'{name}', {value}" for name, value in _VALUES.items()) + ")"
_INSERT: Final = f"INTO customer ({', '.join(WIRE_FIELDS)}) VALUES ({', '.join('?' * len(WIRE_FIELDS))})"

_T = TypeVar("_T")


class Store:
    """All customers of one book.

    Every upsert moves `modified`, even if it repeats what is stored, as in the spec's example; discontinuing a second
    time changes nothing. Texts sort by code point, and `DESC` reverses the whole order, ties included.
    """

    def __init__(self, path: Path, clock: Callable[[], datetime], folder: TempFolder | None = None) -> None:
        self._path = path
        self._clock = clock
        self._folder = folder
        self._idle: SimpleQueue[sqlite3.Connection] = SimpleQueue()
        self._lock = FileLock(path.with_name(f"{path.name}.lock"))
        with translate_errors(path), ExitStack() as opened:
            make_private_dir(path.parent)
            with hold_write_lock(self._lock):
                self._connection = opened.enter_context(closing(open_writer(path, durable=folder is None)))
            for _ in range(_READERS):
                self._idle.put(opened.enter_context(closing(open_reader(path, timeout=BUSY_SECONDS))))
            # Everything is open; from now on `close` closes it.
            opened.pop_all()
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="book-writer")
        self._readers = ThreadPoolExecutor(max_workers=_READERS, thread_name_prefix="book-reader")
        self._closed = False

    @classmethod
    def open(cls, path: Path | None, *, clock: Callable[[], datetime] = utc_now) -> Self:
        """Open the book, and create it if there is none; `None` opens a temporary one that `close` deletes.

        `clock` gives naive UTC. Raises `StoreError` for a damaged, foreign, newer or unwritable file.
        """
        if path is not None:
            return cls(path, clock)
        folder = TempFolder.create()
        return cls(folder.path / "book.sqlite3", clock, folder)

    async def page(self, request: PageRequest) -> StoredPage:
        """Return one page; `modified_since` is a text of `rows.format_timestamp`."""
        if request.sort not in SORTABLE_FIELDS:
            raise bad_request(f"Sort by one of: {', '.join(SORTABLE_FIELDS)}.")
        return await self._run(self._readers, lambda: self._read_page(request))

    async def get(self, short_id: str) -> StoredCustomer | None:
        """Return the customer with exactly this ID, or `None`."""

        def read() -> StoredCustomer | None:
            with self._reading() as connection:
                return _find(connection, short_id)

        return await self._run(self._readers, read)

    async def upsert(
        self,
        short_id: str,
        changes: Mapping[str, str],
        *,
        if_match: Collection[str] | None = None,
        only_new: bool = False,
    ) -> tuple[StoredCustomer, bool]:
        """Write `changes` (wire name to text) to the customer with this ID, or create it; return whether it is new.

        Raises `PreconditionFailed` when none of the tags `if_match` (`*` is any) is the record's, or when the customer
        exists although `only_new` is set.
        """
        texts = {name: changes[name] for name in WRITABLE_FIELDS if name in changes}
        return await self._run(self._writer, lambda: self._write(short_id, texts, if_match, only_new=only_new))

    async def discontinue(self, short_id: str, if_match: Collection[str] | None = None) -> bool:
        """Mark the customer as discontinued; return whether it exists. Raises `PreconditionFailed` like `upsert`."""
        return await self._run(self._writer, lambda: self._discontinue(short_id, if_match))

    async def check_writable(self) -> None:
        """Raise `StoreError` if the book cannot be written now."""

        def check() -> None:
            with self._writing():
                pass

        await self._run(self._writer, check)

    def add_all(self, records: Iterable[Mapping[str, object]], progress: Callable[[int], None]) -> int:
        """Add whole records, dates included, skip IDs that exist, and return how many were added.

        Blocks. The writing thread calls `progress` with the number of records seen so far.
        """
        self._check_open()
        return self._writer.submit(self._add_all, records, progress).result()

    async def close(self) -> None:
        """Finish pending writes, then close; a temporary book is deleted."""
        if not self._closed:
            self._closed = True
            await asyncio.to_thread(self._close)

    async def _run(self, executor: Executor, work: Callable[[], _T]) -> _T:
        self._check_open()
        return await asyncio.get_running_loop().run_in_executor(executor, work)

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError("The book is closed.")

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        connection = self._idle.get()
        try:
            with translate_errors(self._path):
                yield connection
        finally:
            self._idle.put(connection)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with (
            translate_errors(self._path),
            hold_write_lock(self._lock),
            transaction(self._connection, "BEGIN IMMEDIATE"),
        ):
            yield self._connection

    def _read_page(self, request: PageRequest) -> StoredPage:
        where, values = (
            ("", []) if request.modified_since is None else ("WHERE modified >= ?", [request.modified_since])
        )
        direction = "DESC" if request.direction == "DESC" else "ASC"
        order = f"ORDER BY {request.sort} {direction}, {ID_FIELD} {direction}"
        limits = [request.page_size, (request.page - 1) * request.page_size]
        with self._reading() as connection, transaction(connection, "BEGIN"):
            (total,) = connection.execute(f"SELECT count(*) FROM customer {where}", values).fetchone()  # noqa: S608
            # The inner query walks an index only, so a page far down does not read every row before it. If few
            # customers changed, picking and sorting them is faster than walking the index past all others: the
            # unary plus keeps SQLite from using the index.
            no_index = "+" if values and total <= _FEW else ""
            inner = (
                f"SELECT row FROM customer {where} ORDER BY {no_index}{request.sort} {direction},"  # noqa: S608  # names from SORTABLE_FIELDS only
                f" {ID_FIELD} {direction} LIMIT ? OFFSET ?"
            )
            (records,) = connection.execute(
                f"SELECT group_concat(record) FROM (SELECT {_RECORD} AS record FROM customer"  # noqa: S608  # our own column names
                f" WHERE row IN ({inner}) {order})",
                [*values, *limits],
            ).fetchone()
            return StoredPage(f"[{records or ''}]", int(total))

    def _write(
        self, short_id: str, texts: Mapping[str, str], if_match: Collection[str] | None, *, only_new: bool
    ) -> tuple[StoredCustomer, bool]:
        with self._writing() as connection:
            current = _find(connection, short_id)
            if only_new and current is not None:
                raise precondition_failed("A customer with this shortID exists already.")
            _check(current, if_match)
            now = self._clock()
            if current is None:
                modified = next_modified(now)
                record: dict[str, Value] = {**dict.fromkeys(WRITABLE_FIELDS, ""), **texts}
                record |= {ID_FIELD: short_id, "active": True, "created": modified, "modified": modified}
                connection.execute(f"INSERT {_INSERT}", [record[name] for name in WIRE_FIELDS])
            else:
                record = {**current.record, **texts}
                record["modified"] = next_modified(now, str(current.record["modified"]))
                assignments = ", ".join(f"{name} = ?" for name in (*texts, "modified"))
                values = [record[name] for name in (*texts, "modified")]
                connection.execute(f"UPDATE customer SET {assignments} WHERE {ID_FIELD} = ?", [*values, short_id])  # noqa: S608
        return StoredCustomer({name: record[name] for name in WIRE_FIELDS}), current is None

    def _discontinue(self, short_id: str, if_match: Collection[str] | None) -> bool:
        with self._writing() as connection:
            current = _find(connection, short_id)
            if current is None:
                return False
            _check(current, if_match)
            if current.record["active"]:
                modified = next_modified(self._clock(), str(current.record["modified"]))
                connection.execute(
                    f"UPDATE customer SET active = 0, modified = ? WHERE {ID_FIELD} = ?",  # noqa: S608
                    (modified, short_id),
                )
        return True

    def _add_all(self, records: Iterable[Mapping[str, object]], progress: Callable[[int], None]) -> int:
        source = iter(records)
        done = added = 0
        with self._writing() as connection:
            empty = connection.execute("SELECT 1 FROM customer LIMIT 1").fetchone() is None
            if empty:
                # Building an index over all rows at once is several times faster than row by row. After an interrupted
                # load, the next opening builds the missing ones.
                for name in INDEXES:
                    connection.execute(f"DROP INDEX {name}")
        # One transaction per batch, so that the WAL file stays small and other writers get their turn.
        while batch := [tuple(map(record.__getitem__, WIRE_FIELDS)) for record in islice(source, _BATCH)]:
            with self._writing() as connection:
                added += connection.executemany(f"INSERT OR IGNORE {_INSERT}", batch).rowcount
            done += len(batch)
            progress(done)
        if empty:
            with self._writing() as connection:
                create_indexes(connection)
        return added

    def _close(self) -> None:
        self._readers.shutdown(wait=True)
        self._writer.shutdown(wait=True)
        while not self._idle.empty():
            self._idle.get().close()
        with translate_errors(self._path):
            try:
                # The last connection to close copies the WAL into the book, which is writing too.
                with hold_write_lock(self._lock):
                    self._connection.close()
            except FileNotFoundError:
                # The folder was deleted: there is no book left to protect.
                self._connection.close()
        if self._folder is not None:
            self._folder.remove()


def _find(connection: sqlite3.Connection, short_id: str) -> StoredCustomer | None:
    row = connection.execute(f"{_SELECT} WHERE {ID_FIELD} = ?", (short_id,)).fetchone()
    return None if row is None else StoredCustomer.from_row(row)


def _check(current: StoredCustomer | None, if_match: Collection[str] | None) -> None:
    if if_match is None:
        return
    if current is None or ("*" not in if_match and current.etag not in if_match):
        raise precondition_failed("The customer is no longer as it was when you read it.")
