"""The blocks of lines while they are written, and which rows were seen while a sweep goes on."""

import sqlite3
from collections.abc import Sequence
from typing import Final

from app.mirror.database import BLOCK_BITS, SEGMENT_BITS
from app.mirror.row_checksum import blob
from app.mirror.search.terms import grams_in
from app.mirror.search.trigrams import SEGMENT, add_grams

_ROWS: Final = 1 << BLOCK_BITS


class Blocks:
    """The blocks that a write touches; nothing is in the file before `write`.

    The first `segments` of them are indexed: there a new line's grams are noted with it.
    """

    def __init__(self, connection: sqlite3.Connection, segments: int) -> None:
        self.segments = segments
        self._connection = connection
        self._lines: dict[int, list[bytes]] = {}
        self._dirty: set[int] = set()

    @property
    def are_many(self) -> bool:
        """Whether it is time to write them, for they are held in memory."""
        return len(self._lines) > SEGMENT

    def forget(self) -> None:
        """Forget what was not written."""
        self._lines.clear()
        self._dirty.clear()

    def append(self, place: int, lines: Sequence[bytes]) -> None:
        """Put lines at this place and after it, where none has been yet."""
        start = 0
        while start < len(lines):
            block, slot = divmod(place + start, _ROWS)
            own = self._lines_of(block)
            own.extend([b""] * (slot - len(own)))
            some = lines[start : start + _ROWS - slot]
            own[slot:] = some
            self._dirty.add(block)
            start += len(some)

    def put(self, place: int, line: bytes) -> None:
        """Put another line at a place; an empty one where there is no row any more."""
        block, slot = divmod(place, _ROWS)
        lines = self._lines_of(block)
        lines.extend([b""] * (slot + 1 - len(lines)))
        if lines[slot] == line:
            return
        self._dirty.add(block)
        if line and block >> SEGMENT_BITS < self.segments:
            add_grams(self._connection, block, grams_in(line, lines[slot]))
        lines[slot] = line

    def write(self) -> None:
        """Write the blocks that changed, and forget them all."""
        if self._dirty:
            values: list[object] = []
            for block in sorted(self._dirty):
                values += (block, b"\n".join(self._lines[block]))
            rows = ", ".join(["(?, ?)"] * len(self._dirty))
            self._connection.execute(f"INSERT OR REPLACE INTO block VALUES {rows}", values)
        self.forget()

    def _lines_of(self, block: int) -> list[bytes]:
        if block not in self._lines:
            found = self._connection.execute("SELECT text FROM block WHERE no = ?", (block,)).fetchone()
            self._lines[block] = blob(found[0]).split(b"\n") if found else []
        return self._lines[block]


class Seen:
    """Places that came in a sweep, a bit for each."""

    def __init__(self) -> None:
        self._bits = bytearray()

    def add(self, place: int) -> None:
        """Note one."""
        self.add_all(place, 1)

    def add_all(self, place: int, count: int) -> None:
        """Note so many in a row."""
        first, last = place >> 3, place + count + 7 >> 3
        if last > len(self._bits):
            self._bits.extend(bytes(last - len(self._bits)))
        bits = int.from_bytes(self._bits[first:last], "little") | ((1 << count) - 1) << (place & 7)
        self._bits[first:last] = bits.to_bytes(last - first, "little")

    def __contains__(self, place: int) -> bool:
        byte = place >> 3
        return byte < len(self._bits) and bool(self._bits[byte] >> (place & 7) & 1)
