"""Writes the mirror: rows, the index of their search texts, and which rows a full sync has seen."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from app.mirror.database import SORT_INDEXES
from app.mirror.rows import (
    COLUMNS,
    READ_COLUMNS,
    MirrorRow,
    decode_row,
    encode_id,
    encode_row,
    is_older,
    searched_fields,
)
from app.mirror.search.index import index_next, index_type
from app.mirror.search.suggestions import count_words
from app.mirror.search.terms import SearchText, build_search_texts
from app.mirror.state import MirrorState
from app.models.customer import Customer
from app.models.fields import ID_FIELD, WIRE_FIELDS
from app.models.raw_customer import RawCustomer
from app.storage.sqlite import transaction

#: All rows of a page at once, as each step back from SQLite may have to wait for the GIL.
_FIND: Final = (
    f"SELECT json_group_array(json_array({READ_COLUMNS})) FROM json_each(?) wanted"
    f" CROSS JOIN customer ON {ID_FIELD} = wanted.value"
)
_MODIFIED: Final = WIRE_FIELDS.index("modified")
_BATCH: Final = 250
#: A batch of the index takes some 20 ms, for which another write may have to wait.
_INDEX_BATCH: Final = 1_000

#: A row as it is, as `READ_COLUMNS` gives it, and as it is to be.
_Change = tuple[list[Any], MirrorRow]


class MirrorWriter:
    """The writer's connection, and what it remembers between two writes; used by one thread at a time."""

    def __init__(self, connection: sqlite3.Connection, *, full_text: bool) -> None:
        self.connection = connection
        self.state = MirrorState.read(connection)
        self._index = index_type(full_text=full_text)(connection)
        self._seen = RowBitmap()
        self._full_sync: int | None = None
        self._put: set[tuple[str, str]] = set()
        self._last_sorted: tuple[str, str] = connection.execute(
            f"SELECT {ID_FIELD}, disambiguator FROM customer WHERE rowid < ? ORDER BY rowid DESC LIMIT 1",
            (self.state.sorted_prefix,),
        ).fetchone() or ("", "")

    def begin_full_sync(self) -> int:
        """Begin a full sync; returns its number."""
        self._seen = RowBitmap()
        self._put.clear()
        number = self.state.full_syncs + 1
        self._write_state(replace(self.state, full_syncs=number, full_sync=number, rows_this_sync=0))
        self._full_sync = number
        return number

    def upsert(self, rows: Sequence[Customer | RawCustomer], full_sync: int | None = None, *, put: bool = False) -> int:
        """Store these customers; returns how many were new or differed. Only those are written.

        With `put` they are newer than what a sync may still bring.
        """
        received = {row.key: (customer, row) for customer, row in zip(rows, map(encode_row, rows), strict=True)}
        in_order = self._count_in_order(list(received))
        # Rows that come after all others cannot be there yet.
        added = [row for _, row in received.values()]
        changed: list[_Change] = []
        if in_order < len(received):
            added, changed = self._compare(received, put=put)
            in_order = self._count_in_order([row.key for row in added])
        elif put:
            self._put.update(received)
        state = self.state
        if full_sync is not None and full_sync == state.full_sync:
            state = replace(state, rows_this_sync=state.rows_this_sync + len(rows))
        if not added and not changed:
            # The state is written with the next row: what did not change must cost nothing.
            self.state = state
            return 0
        state = replace(
            state,
            row_count=state.row_count + len(added),
            next_rowid=state.next_rowid + len(added),
            sorted_prefix=state.sorted_prefix + in_order,
            changes=state.changes + 1,
        )
        with transaction(self.connection, "BEGIN IMMEDIATE"):
            self._insert(added)
            self._update(changed)
            state.write(self.connection)
        if in_order:
            self._last_sorted = added[in_order - 1].key
        self.state = state
        return len(added) + len(changed)

    def _count_in_order(self, keys: Sequence[tuple[str, str]]) -> int:
        """How many of these new rows continue the order of the IDs, if all rows so far are in it."""
        if self.state.sorted_prefix < self.state.next_rowid:
            return 0
        last = self._last_sorted
        for count, key in enumerate(keys):
            if key <= last:
                return count
            last = key
        return len(keys)

    def _compare(
        self, received: Mapping[tuple[str, str], tuple[Customer | RawCustomer, MirrorRow]], *, put: bool
    ) -> tuple[list[MirrorRow], list[_Change]]:
        """The rows that are new, and those that differ."""
        short_ids = json.dumps(list({short_id for short_id, _ in received}), ensure_ascii=False)
        (found_all,) = self.connection.execute(_FIND, (short_ids,)).fetchone()
        known = {(row[1], row[-3]): row for row in json.loads(found_all)}
        added: list[MirrorRow] = []
        changed: list[_Change] = []
        for key, (customer, row) in received.items():
            found = known.get(key)
            if put:
                self._put.add(key)
            if found is None:
                added.append(row)
                continue
            self._seen.add(found[0])
            if found[1:-1] == [*row.values, row.disambiguator, row.record]:
                continue
            if not put and key in self._put and is_older(customer.modified, str(found[1 + _MODIFIED])):
                continue
            changed.append((found, row))
        return added, changed

    def _insert(self, rows: Sequence[MirrorRow]) -> None:
        """Add these rows at the end, many with each statement."""
        first = self.state.next_rowid
        texts = build_search_texts([(row.texts, row.active) for row in rows])
        self._seen.add_all(first, len(rows))
        numbered = [*enumerate(zip(rows, texts, strict=True), first)]
        for start in range(0, len(numbered), _BATCH):
            batch = numbered[start : start + _BATCH]
            values: list[object] = []
            searched: list[object] = []
            for rowid, (row, text) in batch:
                values.append(rowid)
                values += row.columns(text.folded_id, text.folded_name)
                searched += (rowid, text.text, text.numbers)
            self.connection.execute(_insertion("customer", len(batch), len(COLUMNS) + 1), values)
            self.connection.execute(_insertion("unindexed", len(batch), 3), searched)

    def _update(self, changes: Sequence[_Change]) -> None:
        """Write what differs: an index is only touched where its column is written."""
        texts = build_search_texts([(row.texts, row.active) for _, row in changes])
        self._unindex([before for before, _ in changes], texts)
        for ((rowid, *before), row), text in zip(changes, texts, strict=True):
            columns = row.columns(text.folded_id, text.folded_name)
            differing = {
                name: value for name, value, old in zip(COLUMNS, columns, before, strict=False) if value != old
            }
            if "name" in differing:
                differing["folded_name"] = text.folded_name
            if differing:
                names = ", ".join(f"{name} = ?" for name in differing)
                self.connection.execute(f"UPDATE customer SET {names} WHERE rowid = ?", (*differing.values(), rowid))

    def _unindex(self, rows: Sequence[Sequence[Any]], texts: Sequence[SearchText | None]) -> None:
        """Remove rows from the index; those that have a text again, which differs, wait to be indexed with it."""
        before = build_search_texts([searched_fields(row) for row in rows])
        differing = [
            (row[0], old, new)
            for row, old, new in zip(rows, before, texts, strict=True)
            if new is None or (old.text, old.numbers) != (new.text, new.numbers)
        ]
        rowids = json.dumps([rowid for rowid, _, _ in differing])
        where = "FROM unindexed WHERE rowid IN (SELECT value FROM json_each(?))"
        waiting = {rowid for (rowid,) in self.connection.execute(f"SELECT rowid {where}", (rowids,))}
        self.connection.execute(f"DELETE {where}", (rowids,))
        # FTS5 takes rows quickest in their order.
        indexed = sorted((rowid, old.text, old.numbers) for rowid, old, _ in differing if rowid not in waiting)
        self._index.remove(indexed)
        count_words(self.connection, (text for _, text, _ in indexed), -1)
        self.connection.executemany(
            "INSERT INTO unindexed VALUES (?, ?, ?)",
            ((rowid, new.text, new.numbers) for rowid, _, new in differing if new is not None),
        )

    def end_full_sync(self, full_sync: int, at: datetime, *, drop_missing: bool) -> int:
        """The full sync is complete; returns how many rows were deleted because it did not bring them.

        No row is deleted after a sync that began before the file was opened: which rows came then is not known.
        """
        if full_sync != self.state.full_sync:
            return 0
        missing: list[int] = []
        if drop_missing and full_sync == self._full_sync:
            rowids = self.connection.execute("SELECT rowid FROM customer ORDER BY rowid")
            missing = [rowid for (rowid,) in rowids if rowid not in self._seen]
        with transaction(self.connection, "BEGIN IMMEDIATE"):
            self._delete(missing)
            state = replace(
                self.state,
                row_count=self.state.row_count - len(missing),
                changes=self.state.changes + bool(missing),
                complete=True,
                full_sync_at=at,
                synced_at=at,
                full_sync=None,
                rows_this_sync=0,
            )
            state.write(self.connection)
        self._seen = RowBitmap()
        self._full_sync = None
        self.state = state
        return len(missing)

    def set_expected_total(self, expected: int, newest: str) -> None:
        """Note how many customers there will be."""
        self._write_state(replace(self.state, expected=expected, newest=newest or self.state.newest))

    def note_synced(self, at: datetime, expected: int | None, newest: str) -> None:
        """Note that the mirror was what the server had; ignored by a mirror that was recreated meanwhile."""
        if self.state.complete:
            self._write_state(replace(self.state, synced_at=at, expected=expected, newest=newest or self.state.newest))

    def forget(self, short_id: str) -> None:
        """Delete the customer with exactly this ID."""
        rows = self.connection.execute(
            f"SELECT {READ_COLUMNS} FROM customer WHERE {ID_FIELD} = ?", (encode_id(short_id),)
        )
        gone = [row[0] for row in rows if decode_row(row).short_id == short_id]
        if not gone:
            return
        state = replace(self.state, row_count=self.state.row_count - len(gone), changes=self.state.changes + 1)
        with transaction(self.connection, "BEGIN IMMEDIATE"):
            self._delete(gone)
            state.write(self.connection)
        self.state = state

    def index_next(self) -> bool:
        """Index the next batch of rows, or build the next missing sort index; returns whether there was any to do."""
        with transaction(self.connection, "BEGIN IMMEDIATE"):
            texts = index_next(self.connection, _INDEX_BATCH)
            count_words(self.connection, texts, 1)
        if texts:
            return True
        if not self.state.complete:
            return False
        known = {name for (name,) in self.connection.execute("SELECT name FROM sqlite_master WHERE type = 'index'")}
        for name, statement in SORT_INDEXES.items():
            if name not in known:
                with transaction(self.connection, "BEGIN IMMEDIATE"):
                    self.connection.execute(statement)
                return True
        # Nothing will be written for a while.
        self.connection.execute("PRAGMA shrink_memory")
        return False

    def _delete(self, rowids: Sequence[int]) -> None:
        where = "FROM customer WHERE rowid IN (SELECT value FROM json_each(?))"
        for start in range(0, len(rowids), _BATCH):
            batch = (json.dumps(rowids[start : start + _BATCH]),)
            rows = self.connection.execute(f"SELECT {READ_COLUMNS} {where}", batch).fetchall()
            self._unindex(rows, [None] * len(rows))
            self.connection.execute(f"DELETE {where}", batch)

    def _write_state(self, state: MirrorState) -> None:
        with transaction(self.connection, "BEGIN IMMEDIATE"):
            state.write(self.connection)
        self.state = state


class RowBitmap:
    """The rows that came in a full sync, a bit for each."""

    def __init__(self) -> None:
        self._bits = bytearray()

    def add(self, rowid: int) -> None:
        """Add one row."""
        self.add_all(rowid, 1)

    def add_all(self, rowid: int, count: int) -> None:
        """Add rows with consecutive numbers."""
        first, last = rowid >> 3, rowid + count + 7 >> 3
        if last > len(self._bits):
            self._bits.extend(bytes(last - len(self._bits)))
        bits = int.from_bytes(self._bits[first:last], "little") | ((1 << count) - 1) << (rowid & 7)
        self._bits[first:last] = bits.to_bytes(last - first, "little")

    def __contains__(self, rowid: int) -> bool:
        byte = rowid >> 3
        return byte < len(self._bits) and bool(self._bits[byte] >> (rowid & 7) & 1)


@lru_cache(maxsize=4)
def _insertion(table: str, rows: int, columns: int) -> str:
    """The statement that inserts this many rows: most pages have the same number."""
    row = f"({', '.join('?' * columns)})"
    return f"INSERT INTO {table} VALUES {', '.join([row] * rows)}"
