"""Writes the mirror: rows, their lines and grams, and the sweeps in which they were seen."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from app.mirror.blocks import Blocks, Seen
from app.mirror.database import BLOCK_BITS, INDEXES, SEGMENT_BITS, transaction
from app.mirror.priority import Way
from app.mirror.row_checksum import COLUMNS, READ
from app.mirror.rows import Stored, customer_of, is_older, stored, stored_id
from app.mirror.search.terms import made_lines
from app.mirror.search.trigrams import add_segment, segments_in
from app.mirror.state import MirrorState
from app.models.customer import Customer
from app.models.fields import ID_FIELD, WIRE_FIELDS
from app.models.raw_customer import RawCustomer

#: All rows of a page at once: whenever SQLite comes back with one, another thread may go first.
_FIND: Final = (
    f"SELECT json_group_array(json_array({READ})) FROM json_each(?) wanted"
    f" CROSS JOIN customer ON {ID_FIELD} = wanted.value"
)
_FAR_BEHIND: Final = 8
_MODIFIED: Final = WIRE_FIELDS.index("modified")
_ROW: Final = f"({', '.join('?' * (len(COLUMNS) + 1))})"
_AT_ONCE: Final = 250


class Writing:
    """The writer's connection, and what it must remember between two writes; used by one thread at a time."""

    def __init__(self, connection: sqlite3.Connection, way: Way) -> None:
        self.connection = connection
        self._way = way
        self.state = MirrorState.read(connection)
        self._blocks = Blocks(connection, segments_in(connection, self.state.blocks))
        self._seen = Seen()
        self._sweep: int | None = None
        self._put: set[tuple[str, str]] = set()
        self._last: tuple[str, str] = connection.execute(
            f"SELECT {ID_FIELD}, odd FROM customer WHERE place < ? ORDER BY place DESC LIMIT 1", (self.state.ordered,)
        ).fetchone() or ("", "")

    def begin_sweep(self) -> int:
        """A new sweep's number."""
        self._seen = Seen()
        self._put.clear()
        number = self.state.sweeps + 1
        state = replace(self.state, sweeps=number, sweep=number, swept=0)
        with transaction(self.connection, "BEGIN IMMEDIATE"):
            state.write(self.connection)
        self.state = state
        self._sweep = number
        return number

    def take(self, rows: Sequence[Customer | RawCustomer], sweep: int | None = None, *, put: bool = False) -> int:
        """Keep these customers; tells how many were new or differed. Only those are written.

        With `put` they are newer than what a sweep or a look for changes may still bring.
        """
        self._blocks.forget()
        news = {row.key: (customer, row) for customer, row in zip(rows, map(stored, rows), strict=True)}
        ordered = self._in_order(list(news))
        # Nobody need look for those that come after all that are there.
        added = [row for _, row in news.values()]
        changed: list[tuple[Stored, list[Any]]] = []
        if ordered < len(news):
            added, changed = self._changed(news, put=put)
            ordered = self._in_order([row.key for row in added])
        elif put:
            self._put.update(news)
        state = self.state
        if sweep is not None and sweep == state.sweep:
            state = replace(state, swept=state.swept + len(rows))
        if not added and not changed:
            # The rest of the state waits for the next write: what did not change shall cost nothing.
            self.state = state
            return 0
        state = replace(
            state,
            seen=state.seen + len(added),
            next_place=state.next_place + len(added),
            ordered=state.ordered + ordered,
            changes=state.changes + 1,
        )
        with transaction(self.connection, "BEGIN IMMEDIATE"):
            self._insert(added)
            self._update(changed)
            self._blocks.write()
            state.write(self.connection)
        if ordered:
            self._last = added[ordered - 1].key
        self.state = state
        return len(added) + len(changed)

    def _in_order(self, keys: Sequence[tuple[str, str]]) -> int:
        """How many of the rows that are added at the end go on in the order of the IDs, if all before them do."""
        if self.state.ordered < self.state.next_place:
            return 0
        last = self._last
        for count, key in enumerate(keys):
            if key <= last:
                return count
            last = key
        return len(keys)

    def _changed(
        self, news: Mapping[tuple[str, str], tuple[Customer | RawCustomer, Stored]], *, put: bool
    ) -> tuple[list[Stored], list[tuple[Stored, list[Any]]]]:
        """Those that are new, and those that differ, each with the row of `READ` that is there already."""
        short_ids = json.dumps(list({short_id for short_id, _ in news}), ensure_ascii=False)
        (found_all,) = self.connection.execute(_FIND, (short_ids,)).fetchone()
        known = {(row[1], row[-3]): row for row in json.loads(found_all)}
        added: list[Stored] = []
        changed: list[tuple[Stored, list[Any]]] = []
        for key, (customer, row) in news.items():
            found = known.get(key)
            if put:
                self._put.add(key)
            if found is None:
                added.append(row)
                continue
            self._seen.add(found[0])
            if found[1:-1] == [*row.values, row.odd, row.record]:
                continue
            if not put and key in self._put and is_older(customer.modified, str(found[1 + _MODIFIED])):
                continue
            changed.append((row, found))
        return added, changed

    def _insert(self, rows: Sequence[Stored]) -> None:
        """Add these rows at the end; many with each statement, for between two Python wants to go first."""
        place = self.state.next_place
        made = made_lines([(row.texts, row.active) for row in rows])
        self._blocks.append(place, [line.encode() for line, _, _ in made])
        self._seen.add_all(place, len(rows))
        values: list[object] = []
        self._way.give()
        for at, (row, (_, fid, fname)) in enumerate(zip(rows, made, strict=True), place):
            values.append(at)
            values += row.columns(fid, fname)
        width = len(COLUMNS) + 1
        for start in range(0, len(values), _AT_ONCE * width):
            self._way.give()
            some = values[start : start + _AT_ONCE * width]
            self.connection.execute(_insertion(len(some) // width), some)

    def _update(self, rows: Sequence[tuple[Stored, Sequence[Any]]]) -> None:
        """Write what differs: an order is only touched where its column is written."""
        made = made_lines([(row.texts, row.active) for row, _ in rows])
        for (row, (place, *before)), (line, fid, fname) in zip(rows, made, strict=True):
            self._way.give()
            self._blocks.put(place, line.encode())
            columns = row.columns(fid, fname)
            differing = {
                name: value for name, value, old in zip(COLUMNS, columns, before, strict=False) if value != old
            }
            if "name" in differing:
                differing["fname"] = fname
            if differing:
                names = ", ".join(f"{name} = ?" for name in differing)
                self.connection.execute(f"UPDATE customer SET {names} WHERE place = ?", (*differing.values(), place))

    def end_sweep(self, sweep: int, at: datetime, *, drop_missing: bool) -> int:
        """The sweep was whole; tells how many rows were dropped.

        None is dropped in a sweep that was begun before the file was opened: what came then is not known any more.
        """
        if sweep != self.state.sweep:
            return 0
        gone: list[int] = []
        if drop_missing and sweep == self._sweep:
            places = self.connection.execute("SELECT place FROM customer ORDER BY place")
            gone = [place for (place,) in places if place not in self._seen]
        with transaction(self.connection, "BEGIN IMMEDIATE"):
            self._delete(gone)
            state = replace(
                self.state,
                seen=self.state.seen - len(gone),
                changes=self.state.changes + bool(gone),
                whole=True,
                swept_at=at,
                synced_at=at,
                sweep=None,
                swept=0,
            )
            state.write(self.connection)
        self._seen = Seen()
        self._sweep = None
        self.state = state
        return len(gone)

    def expect(self, expected: int, newest: str) -> None:
        """Note how many customers are going to be there."""
        state = replace(self.state, expected=expected, newest=newest or self.state.newest)
        with transaction(self.connection, "BEGIN IMMEDIATE"):
            state.write(self.connection)
        self.state = state

    def note_synced(self, at: datetime, expected: int | None, newest: str) -> None:
        """Note that the mirror was what the server had; one that was begun anew meanwhile is not."""
        if not self.state.whole:
            return
        state = replace(self.state, synced_at=at, expected=expected, newest=newest or self.state.newest)
        with transaction(self.connection, "BEGIN IMMEDIATE"):
            state.write(self.connection)
        self.state = state

    def forget(self, short_id: str) -> None:
        """Drop the customer with exactly this ID."""
        rows = self.connection.execute(f"SELECT {READ} FROM customer WHERE {ID_FIELD} = ?", (stored_id(short_id),))
        gone = [row[0] for row in rows if customer_of(row).short_id == short_id]
        if not gone:
            return
        state = replace(self.state, seen=self.state.seen - len(gone), changes=self.state.changes + 1)
        with transaction(self.connection, "BEGIN IMMEDIATE"):
            self._delete(gone)
            state.write(self.connection)
        self.state = state

    @property
    def is_behind(self) -> bool:
        """Whether many full segments wait to be indexed."""
        return (self.state.next_place >> BLOCK_BITS >> SEGMENT_BITS) - self._blocks.segments >= _FAR_BEHIND

    def index_one(self) -> bool:
        """Index one segment that is full, or build one order that is missing; tells whether there was any to do."""
        if self.state.next_place >> BLOCK_BITS >> SEGMENT_BITS > self._blocks.segments:
            with transaction(self.connection, "BEGIN IMMEDIATE"):
                add_segment(self.connection, self._blocks.segments)
            self._blocks.segments += 1
            return True
        if not self.state.whole:
            return False
        known = {name for (name,) in self.connection.execute("SELECT name FROM sqlite_master WHERE type = 'index'")}
        for name, statement in INDEXES.items():
            if name not in known:
                with transaction(self.connection, "BEGIN IMMEDIATE"):
                    self.connection.execute(statement)
                return True
        # Nothing will be written for a while.
        self.connection.execute("PRAGMA shrink_memory")
        return False

    def _delete(self, places: Sequence[int]) -> None:
        self._blocks.forget()
        for place in places:
            self.connection.execute("DELETE FROM customer WHERE place = ?", (place,))
            self._blocks.put(place, b"")
            if self._blocks.are_many:
                self._blocks.write()
        self._blocks.write()


@lru_cache(maxsize=2)
def _insertion(rows: int) -> str:
    """The statement for so many rows: most pages have the same number."""
    return f"INSERT INTO customer VALUES {', '.join([_ROW] * rows)}"
