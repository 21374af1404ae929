"""Writes the mirror: rows, their lines and grams, and the sweeps in which they were seen."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from app.fields import KEY
from app.local.grams import SEGMENT, add_grams, add_segment, segments_in
from app.local.lines import grams_in
from app.local.mirror_file import BLOCK_BITS, INDEXES, SEGMENT_BITS, transaction
from app.local.mirror_state import MirrorState
from app.local.row import COLUMNS, READ, WIRE, blob
from app.local.stored import Stored, customer_of, is_older, stored, stored_id
from app.models import Customer

_ROWS: Final = 1 << BLOCK_BITS
#: After so many pages of a sweep without a change it is noted which rows were seen, so that it can go on after a break.
_NOTED_EVERY: Final = 20
#: All rows of a page at once: whenever SQLite comes back with one, another thread may go first.
_FIND: Final = (
    f"SELECT json_group_array(json_array({READ})) FROM json_each(?) wanted CROSS JOIN customer ON {KEY} = wanted.value"
)
_FAR_BEHIND: Final = 8
_MODIFIED: Final = WIRE.index("modified")
_ROW: Final = f"({', '.join('?' * (len(COLUMNS) + 1))})"
_AT_ONCE: Final = 50
_INSERT: Final = f"INSERT INTO customer VALUES {_ROW}"
_INSERT_MANY: Final = f"INSERT INTO customer VALUES {', '.join([_ROW] * _AT_ONCE)}"


class Writing:
    """The writer's connection, and what it must remember between two writes; used by one thread at a time."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.state = MirrorState.read(connection)
        self._segments = segments_in(connection, self.state.blocks)
        self._seen = bytearray()
        self._put: set[tuple[str, str]] = set()
        self._lines: dict[int, list[bytes]] = {}
        self._dirty: set[int] = set()
        self._pages = 0
        self._last: tuple[str, str] = connection.execute(
            f"SELECT {KEY}, odd FROM customer WHERE place < ? ORDER BY place DESC LIMIT 1", (self.state.ordered,)
        ).fetchone() or ("", "")
        if self.state.sweep is not None:
            found = connection.execute("SELECT value FROM meta WHERE name = 'seen'").fetchone()
            self._seen = bytearray(blob(found[0]) if found else b"")

    def begin_sweep(self) -> int:
        """A new sweep's number."""
        self._seen = bytearray()
        self._put.clear()
        self._pages = 0
        number = self.state.sweeps + 1
        state = replace(self.state, sweeps=number, sweep=number, swept=0)
        with transaction(self.connection, "BEGIN IMMEDIATE"):
            state.write(self.connection)
            self._note_seen()
        self.state = state
        return number

    def take(self, rows: Sequence[Customer], sweep: int | None = None, *, put: bool = False) -> int:
        """Keep these customers; tells how many were new or differed. Only those are written.

        With `put` they are newer than what a sweep or a look for changes may still bring.
        """
        self._lines.clear()
        self._dirty.clear()
        news = {(row.short_id, row.odd): (customer, row) for customer, row in ((one, stored(one)) for one in rows)}
        changed = self._changed(news, put=put)
        state = self.state
        if sweep is not None and sweep == state.sweep:
            state = replace(state, swept=state.swept + len(rows))
            self._pages += 1
        note_seen = sweep is not None and (bool(changed) or self._pages % _NOTED_EVERY == 0)
        if not changed and not note_seen:
            # The rest of the state waits for the next write: what did not change shall cost nothing.
            self.state = state
            return 0
        added = sum(before is None for _, before in changed)
        state = replace(
            state,
            seen=state.seen + added,
            next_place=state.next_place + added,
            ordered=state.ordered + self._in_order([row for row, before in changed if before is None]),
            changes=state.changes + bool(changed),
        )
        with transaction(self.connection, "BEGIN IMMEDIATE"):
            self._insert([row for row, before in changed if before is None], state.next_place - added)
            for row, before in changed:
                if before is not None:
                    self._update(row, before)
            self._write_lines()
            state.write(self.connection)
            if note_seen:
                self._note_seen()
        self.state = state
        return len(changed)

    def _in_order(self, added: Sequence[Stored]) -> int:
        """How many of the rows that are added at the end go on in the order of the IDs, if all before them do."""
        if self.state.ordered < self.state.next_place:
            return 0
        count = 0
        for row in added:
            if (row.short_id, row.odd) <= self._last:
                break
            self._last = (row.short_id, row.odd)
            count += 1
        return count

    def _changed(
        self, news: Mapping[tuple[str, str], tuple[Customer, Stored]], *, put: bool
    ) -> list[tuple[Stored, list[Any] | None]]:
        """Which of these are to be written, each with the row of `READ` that is there already."""
        short_ids = json.dumps(list({short_id for short_id, _ in news}), ensure_ascii=False)
        (found_all,) = self.connection.execute(_FIND, (short_ids,)).fetchone()
        known = {(row[1], row[-3]): row for row in json.loads(found_all)}
        changed: list[tuple[Stored, list[Any] | None]] = []
        for key, (customer, row) in news.items():
            found = known.get(key)
            if put:
                self._put.add(key)
            if found is None:
                changed.append((row, None))
                continue
            self._mark(found[0])
            if found[1:-1] == [*row.values, row.odd, row.record]:
                continue
            if not put and key in self._put and is_older(customer.modified, str(found[1 + _MODIFIED])):
                continue
            changed.append((row, found))
        return changed

    def _insert(self, rows: Sequence[Stored], place: int) -> None:
        """Add these rows from this place on; many with each statement, for between two Python wants to go first."""
        values: list[object] = []
        for at, row in enumerate(rows, place):
            values += self._written(row, at)
        width = len(COLUMNS) + 1
        many = len(rows) // _AT_ONCE * _AT_ONCE
        for start in range(0, many * width, _AT_ONCE * width):
            self.connection.execute(_INSERT_MANY, values[start : start + _AT_ONCE * width])
        for start in range(many * width, len(values), width):
            self.connection.execute(_INSERT, values[start : start + width])

    def _written(self, row: Stored, place: int) -> tuple[object, ...]:
        """The columns of a row, once its line is in its block."""
        self._mark(place)
        line = row.line
        self._set_line(place, line.encode())
        return (place, *row.columns(line))

    def _update(self, row: Stored, before: Sequence[Any]) -> None:
        """Write what differs: an order is only touched where its column is written."""
        place, *columns = self._written(row, before[0])
        differing = {
            name: value for name, value, old in zip(COLUMNS, columns, before[1:], strict=False) if value != old
        }
        if "name" in differing:
            differing["fname"] = columns[COLUMNS.index("fname")]
        if differing:
            names = ", ".join(f"{name} = ?" for name in differing)
            self.connection.execute(f"UPDATE customer SET {names} WHERE place = ?", (*differing.values(), place))

    def end_sweep(self, sweep: int, at: datetime, *, drop_missing: bool) -> int:
        """The sweep was whole; tells how many rows were dropped."""
        if sweep != self.state.sweep:
            return 0
        gone: list[int] = []
        if drop_missing:
            ids = self.connection.execute("SELECT place FROM customer ORDER BY place")
            gone = [number for (number,) in ids if not self._was_seen(number)]
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
            self._seen = bytearray()
            state.write(self.connection)
            self._note_seen()
        self.state = state
        return len(gone)

    def expect(self, expected: int, newest: str) -> None:
        """Note how many customers are going to be there."""
        state = replace(self.state, expected=expected, newest=newest or self.state.newest)
        with transaction(self.connection, "BEGIN IMMEDIATE"):
            state.write(self.connection)
        self.state = state

    def note_synced(self, at: datetime, expected: int | None, newest: str) -> None:
        """Note that the mirror was what the server had."""
        state = replace(self.state, synced_at=at, expected=expected, newest=newest or self.state.newest)
        with transaction(self.connection, "BEGIN IMMEDIATE"):
            state.write(self.connection)
        self.state = state

    def forget(self, short_id: str) -> None:
        """Drop the customer with exactly this ID."""
        rows = self.connection.execute(f"SELECT {READ} FROM customer WHERE {KEY} = ?", (stored_id(short_id),))
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
        return (self.state.next_place >> BLOCK_BITS >> SEGMENT_BITS) - self._segments >= _FAR_BEHIND

    def index_one(self) -> bool:
        """Index one segment that is full, or build one order that is missing; tells whether there was any to do."""
        if self.state.next_place >> BLOCK_BITS >> SEGMENT_BITS > self._segments:
            with transaction(self.connection, "BEGIN IMMEDIATE"):
                add_segment(self.connection, self._segments)
            self._segments += 1
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

    def _delete(self, ids: Sequence[int]) -> None:
        for number in ids:
            self.connection.execute("DELETE FROM customer WHERE place = ?", (number,))
            self._set_line(number, b"")
            if len(self._lines) > SEGMENT:
                self._write_lines()
        self._write_lines()

    def _set_line(self, place: int, line: bytes) -> None:
        block = place >> BLOCK_BITS
        if block not in self._lines:
            found = self.connection.execute("SELECT text FROM block WHERE no = ?", (block,)).fetchone()
            self._lines[block] = blob(found[0]).split(b"\n") if found else []
        lines = self._lines[block]
        slot = place & (_ROWS - 1)
        lines.extend([b""] * (slot + 1 - len(lines)))
        if lines[slot] == line:
            return
        self._dirty.add(block)
        if line and block >> SEGMENT_BITS < self._segments:
            add_grams(self.connection, block, grams_in(line) - grams_in(lines[slot]))
        lines[slot] = line

    def _write_lines(self) -> None:
        self.connection.executemany(
            "INSERT OR REPLACE INTO block VALUES (?, ?)",
            [(block, b"\n".join(self._lines[block])) for block in sorted(self._dirty)],
        )
        self._lines.clear()
        self._dirty.clear()

    def _note_seen(self) -> None:
        self.connection.execute("INSERT OR REPLACE INTO meta VALUES ('seen', ?)", (bytes(self._seen),))

    def _mark(self, place: int) -> None:
        """Note that the row was on the server while the sweep went on."""
        if self.state.sweep is None:
            return
        byte = place >> 3
        if byte >= len(self._seen):
            self._seen.extend(bytes(byte + 1 - len(self._seen)))
        self._seen[byte] |= 1 << (place & 7)

    def _was_seen(self, place: int) -> bool:
        byte = place >> 3
        return byte < len(self._seen) and bool(self._seen[byte] >> (place & 7) & 1)
