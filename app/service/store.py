"""The customers of the service: pages, single records, and writes that are recorded in the history."""

import json
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import Final, Literal, Self

from app.models.fields import ID_FIELD, SORTABLE_FIELDS, WIRE_FIELDS, WRITABLE_FIELDS, PageRequest
from app.service.database.base import Database, Dialect, Session
from app.service.database.id_ranges import IdRanges, count_new_customer, rebuild
from app.service.database.schema import INDEXES
from app.service.database.sqlite import SqliteDatabase
from app.service.errors import bad_request, precondition_failed, unavailable
from app.service.record_cache import RecordCache
from app.service.rows import Change, StoredCustomer, StoredPage, Value, next_modified, utc_now
from app.service.temp_folder import TempFolder

_BATCH: Final = 10_000
#: So many changed customers are sorted in memory; beyond that, the index of the order is read past all the others.
_FEW: Final = 10_000
#: So often a write starts again because others changed the customer meanwhile.
_MAX_ATTEMPTS: Final = 50
#: What a page costs on the event loop is little: this many rows, near the beginning of the order.
_QUICK_ROWS: Final = 50
_COLUMNS: Final = (*WIRE_FIELDS, "version", "etag")
_INSERT: Final = (
    f"INSERT INTO customer ({', '.join(_COLUMNS)}) VALUES ({', '.join(f':{name}' for name in _COLUMNS)})"
    f" ON CONFLICT ({ID_FIELD}) DO NOTHING"
)
_HISTORY: Final = (
    f"INSERT INTO history ({ID_FIELD}, version, at, client_id, after)"
    " VALUES (:short_id, :version, :at, :client_id, :after)"
)
_OPPOSITE: Final[dict[str, Literal["ASC", "DESC"]]] = {"ASC": "DESC", "DESC": "ASC"}


class Store:
    """All customers of one database.

    Every upsert moves `modified`, even if it repeats what is stored, as in the spec's example; discontinuing a second
    time changes nothing. Texts sort by code point, and `DESC` reverses the whole order, ties included.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self._records = RecordCache()

    @classmethod
    def open(cls, path: Path | None, *, clock: Callable[[], datetime] = utc_now) -> Self:
        """Open the book, and create it if there is none; `None` opens a temporary one that `close` deletes.

        `clock` gives naive UTC. Raises `StoreError` for a damaged, foreign, newer or unwritable file.
        """
        if path is not None:
            return cls(SqliteDatabase(path, clock))
        folder = TempFolder.create()
        return cls(SqliteDatabase(folder.path / "book.sqlite3", clock, folder))

    async def page(self, request: PageRequest) -> StoredPage:
        """Return one page; `modified_since` is a text of `rows.format_timestamp`."""
        if request.sort not in SORTABLE_FIELDS:
            raise bad_request(f"Sort by one of: {', '.join(SORTABLE_FIELDS)}.")
        quick = request.modified_since is None and request.page * request.page_size <= _QUICK_ROWS
        return await self.database.read(lambda session: _read_page(session, request, self._records), quick=quick)

    async def get(self, short_id: str) -> StoredCustomer | None:
        """Return the customer with exactly this ID, or `None`."""
        if "\0" in short_id:
            raise bad_request("An ID has no NUL.")
        return await self.database.read(lambda session: _find(session, short_id), quick=True)

    async def upsert(
        self,
        short_id: str,
        changes: Mapping[str, str],
        *,
        if_match: Collection[str] | None = None,
        only_new: bool = False,
        client_id: str = "",
    ) -> tuple[StoredCustomer, bool]:
        """Write `changes` (wire name to text) to the customer with this ID, or create it; return whether it is new.

        Raises `PreconditionFailed` when none of the tags `if_match` (`*` is any) is the record's, or when the customer
        exists although `only_new` is set. `client_id` is recorded as the author of the change.
        """
        texts = {name: changes[name] for name in WRITABLE_FIELDS if name in changes}

        def write(session: Session) -> tuple[StoredCustomer, bool]:
            for _ in range(_MAX_ATTEMPTS):
                current = _find(session, short_id)
                if only_new and current is not None:
                    raise precondition_failed("A customer with this shortID exists already.")
                _check(current, if_match)
                if current is None:
                    written = _create(session, short_id, texts, client_id)
                else:
                    written = _change(session, current, texts, client_id)
                if written is not None:
                    return written, current is None
            raise unavailable("Too many others are changing this customer.")

        return await self.database.write(write)

    async def discontinue(self, short_id: str, if_match: Collection[str] | None = None, *, client_id: str = "") -> bool:
        """Mark the customer as discontinued; return whether it exists. Raises `PreconditionFailed` like `upsert`."""
        if "\0" in short_id:
            raise bad_request("An ID has no NUL.")

        def write(session: Session) -> bool:
            for _ in range(_MAX_ATTEMPTS):
                current = _find(session, short_id)
                if current is None:
                    return False
                _check(current, if_match)
                if not current.record["active"] or _change(session, current, {"active": False}, client_id):
                    return True
            raise unavailable("Too many others are changing this customer.")

        return await self.database.write(write)

    async def history(self, short_id: str) -> list[Change]:
        """Return all changes of the customer, the first one first; empty if there is no such customer."""

        def read(session: Session) -> list[Change]:
            rows = session.execute(
                f"SELECT version, at, client_id, after FROM history WHERE {ID_FIELD} = :short_id ORDER BY version",
                {"short_id": short_id},
            ).fetchall()
            if rows:
                return [Change(*row) for row in rows]
            current = _find(session, short_id)
            return [] if current is None else [Change(1, str(current.record["modified"]), "", current.json)]

        return await self.database.read(read)

    async def check_writable(self) -> None:
        """Write to the database, without a lasting effect on customers. Raises `StoreError` or a 503 when it fails."""
        await self.database.write(
            lambda session: session.execute("UPDATE id_range SET customers = customers WHERE first_id = ''")
        )

    def add_all(self, records: Iterable[Mapping[str, object]], progress: Callable[[int], None]) -> int:
        """Add whole records, dates included, skip IDs that exist, and return how many were added.

        Blocks. Calls `progress` with the number of records seen so far.
        """
        source = iter(records)
        done = added = 0
        # Building an index over all rows at once is several times faster than row by row. After an interrupted load,
        # the next opening builds the missing ones.
        empty = self.database.submit(_drop_indexes_if_empty).result()
        while batch := [{**record, "version": 1, "etag": secrets.token_hex(16)} for record in islice(source, _BATCH)]:
            # One transaction for each batch, so that the WAL file stays small and other writers get their turn.
            added += self.database.submit(partial(_insert_batch, batch)).result()
            done += len(batch)
            progress(done)

        def finish(session: Session) -> None:
            if empty:
                for statement in INDEXES.values():
                    session.execute(statement)
            rebuild(session)

        self.database.submit(finish).result()
        return added

    async def close(self) -> None:
        """Finish pending writes, then close; a temporary book is deleted."""
        await self.database.close()


@cache
def record_json(dialect: Dialect) -> str:
    """The SQL that makes the JSON of a record: a page of them takes a third of the time it would in Python."""
    values = {name: name for name in WIRE_FIELDS} | {"active": dialect.active_json}
    pairs = ", ".join(f"'{name}', {value}" for name, value in values.items())
    return dialect.json_object.format(pairs=pairs)


def _read_page(session: Session, request: PageRequest, records: RecordCache) -> StoredPage:
    if request.modified_since is not None:
        return _read_changed(session, request, request.modified_since)
    ranges = IdRanges.read(session)
    offset = (request.page - 1) * request.page_size
    count = max(0, min(request.page_size, ranges.total - offset))
    if count == 0:
        return StoredPage(b"[]", ranges.total)
    if request.sort != ID_FIELD:
        return StoredPage(_array(_ordered(session, request, "", {}, offset, count, ranges.total)), ranges.total)
    descending = request.direction == "DESC"
    first_id, skip = ranges.position(ranges.total - offset - count if descending else offset)
    start = ":first_id"
    if skip:
        # What is skipped is read from the index only.
        start = (
            f"(SELECT {ID_FIELD} FROM customer WHERE {ID_FIELD} >= :first_id ORDER BY {ID_FIELD} LIMIT 1 OFFSET :skip)"
        )
    order = f"ORDER BY {ID_FIELD} LIMIT :count"
    chosen = session.execute(
        f"SELECT {ID_FIELD}, etag FROM customer WHERE {ID_FIELD} >= {start} {order}",
        {"first_id": first_id, "count": count, "skip": skip},
    ).fetchall()
    found = records.find(tag for _, tag in chosen)
    if found is None:
        rows = session.execute(
            f"SELECT etag, {record_json(session.dialect)} FROM customer WHERE {ID_FIELD} >= :first_id {order}",
            {"first_id": chosen[0][0], "count": count},
        ).fetchall()
        found = [json_text.encode() for _, json_text in rows]
        records.add((tag, record) for (tag, _), record in zip(rows, found, strict=True))
    return StoredPage(_array(found[::-1] if descending else found), ranges.total)


def _read_changed(session: Session, request: PageRequest, since: str) -> StoredPage:
    """A page of the customers modified at or after `since`."""
    values = {"since": since}
    (total,) = session.execute("SELECT count(*) FROM customer WHERE modified >= :since", values).fetchone()
    offset = (request.page - 1) * request.page_size
    count = max(0, min(request.page_size, total - offset))
    if count == 0:
        return StoredPage(b"[]", total)
    if request.sort == "modified" or total > _FEW:
        return StoredPage(
            _array(_ordered(session, request, "WHERE modified >= :since", values, offset, count, total)), total
        )
    # Picked out first, then sorted: planners would walk the index of the order past all other customers.
    rows = session.execute(
        f"WITH changed AS MATERIALIZED (SELECT * FROM customer WHERE modified >= :since)"
        f" SELECT {record_json(session.dialect)} FROM changed {_order_by(request.sort, request.direction)}"
        " LIMIT :count OFFSET :offset",
        {**values, "count": count, "offset": offset},
    ).fetchall()
    return StoredPage(_array(json_text.encode() for (json_text,) in rows), total)


def _ordered(
    session: Session,
    request: PageRequest,
    where: str,
    values: Mapping[str, object],
    offset: int,
    count: int,
    total: int,
) -> list[bytes]:
    """The JSON of rows `offset` to `offset + count` of `total` in an order that has an index.

    The inner query reads the index only, from the end that is nearer.
    """
    from_end = offset > total // 2
    walk = _order_by(request.sort, _OPPOSITE[request.direction] if from_end else request.direction)
    rows = session.execute(
        f"SELECT {record_json(session.dialect)} FROM customer WHERE {ID_FIELD} IN"
        f" (SELECT {ID_FIELD} FROM customer {where} {walk} LIMIT :count OFFSET :offset)"
        f" {_order_by(request.sort, request.direction)}",
        {**values, "count": count, "offset": total - offset - count if from_end else offset},
    ).fetchall()
    return [json_text.encode() for (json_text,) in rows]


def _order_by(sort: str | None, direction: str) -> str:
    return f"ORDER BY {sort} {direction}, {ID_FIELD} {direction}"


def _array(records: Iterable[bytes]) -> bytes:
    return b"[%b]" % b",".join(records)


def _find(session: Session, short_id: str) -> StoredCustomer | None:
    row = session.execute(
        f"SELECT {record_json(session.dialect)}, etag FROM customer WHERE {ID_FIELD} = :short_id",
        {"short_id": short_id},
    ).fetchone()
    return None if row is None else StoredCustomer(*row)


def _check(current: StoredCustomer | None, if_match: Collection[str] | None) -> None:
    if if_match is None:
        return
    if current is None or ("*" not in if_match and current.etag not in if_match):
        raise precondition_failed("The customer is no longer as it was when you read it.")


def _create(session: Session, short_id: str, texts: Mapping[str, str], client_id: str) -> StoredCustomer | None:
    """Insert a customer; `None` if another transaction created one with this ID meanwhile."""
    now = next_modified(session.now)
    record: dict[str, Value] = {**dict.fromkeys(WRITABLE_FIELDS, ""), **texts}
    record |= {ID_FIELD: short_id, "active": True, "created": now, "modified": now}
    tag = secrets.token_hex(16)
    inserted = session.execute(_INSERT, {**record, "version": 1, "etag": tag}).rowcount
    if not inserted:
        return None
    count_new_customer(session, short_id)
    return _record_change(session, record, 1, tag, client_id)


def _change(
    session: Session, current: StoredCustomer, values: Mapping[str, Value], client_id: str
) -> StoredCustomer | None:
    """Update a customer; `None` if another transaction changed it since it was read."""
    before = current.record
    record = {**before, **values, "modified": next_modified(session.now, str(before["modified"]))}
    tag = secrets.token_hex(16)
    # Naming a column costs an entry in its index, also if its value stays.
    assignments = ", ".join(f"{name} = :{name}" for name, value in record.items() if value != before[name])
    row = session.execute(
        f"UPDATE customer SET {assignments}, version = version + 1, etag = :new_tag"
        f" WHERE {ID_FIELD} = :{ID_FIELD} AND etag = :old_tag RETURNING version",
        {**record, "new_tag": tag, "old_tag": current.tag},
    ).fetchone()
    if row is None:
        return None
    (version,) = row
    if version == 2:
        # A customer that was loaded has no first entry yet.
        first = {"short_id": record[ID_FIELD], "version": 1, "at": before["modified"], "client_id": ""}
        session.execute(f"{_HISTORY} ON CONFLICT ({ID_FIELD}, version) DO NOTHING", {**first, "after": current.json})
    return _record_change(session, record, version, tag, client_id)


def _record_change(
    session: Session, record: Mapping[str, Value], version: int, tag: str, client_id: str
) -> StoredCustomer:
    after = json.dumps({name: record[name] for name in WIRE_FIELDS}, ensure_ascii=False, separators=(",", ":"))
    session.execute(
        _HISTORY,
        {
            "short_id": record[ID_FIELD],
            "version": version,
            "at": record["modified"],
            "client_id": client_id,
            "after": after,
        },
    )
    return StoredCustomer(after, tag)


def _insert_batch(batch: Iterable[Mapping[str, object]], session: Session) -> int:
    return session.execute_many(_INSERT, batch)


def _drop_indexes_if_empty(session: Session) -> bool:
    empty: bool = session.execute("SELECT 1 FROM customer LIMIT 1").fetchone() is None
    if empty:
        for name in INDEXES:
            session.execute(f"DROP INDEX {name}")
    return empty
