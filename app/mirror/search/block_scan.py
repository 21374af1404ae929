"""Which customers match: blocks of lines are looked at once each, as many as a page needs."""

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from app.mirror.database import BLOCK_BITS
from app.mirror.row_checksum import blob
from app.mirror.search.result_cache import Matches
from app.mirror.search.terms import FIELD, Needle
from app.mirror.search.trigrams import Candidates, numbers_of

_ROWS: Final = 1 << BLOCK_BITS
_CHUNK: Final = 64
_FIELD: Final = FIELD.encode()
_FETCH: Final = "SELECT no, text FROM json_each(?) wanted CROSS JOIN block ON no = wanted.value"


class Stale(Exception):
    """Nobody waits for this any more."""


class Scan:
    """The customers that hold all needles, found block by block; `is_stale` is asked between blocks.

    Those are left out of which one of the first fields begins with the head, as `but_not` tells: the head, and how
    many of the fields count. `matches` is what is known already; with a head nothing can be.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        needles: Sequence[Needle],
        blocks: int,
        is_stale: Callable[[], bool],
        matches: Matches,
        but_not: tuple[bytes, int] = (b"", 0),
    ) -> None:
        self._connection = connection
        self._first = needles[0]
        self._others = needles[1:]
        self._blocks = blocks
        self._is_stale = is_stale
        self._head, self._heads = but_not
        self._found = matches
        self.candidates = Candidates(connection, blocks).with_all(needles)

    @property
    def mask(self) -> bytes:
        """A byte for each block, 1 for a candidate."""
        mask = bytearray(self._blocks)
        for number in self.candidates:
            mask[number] = 1
        return bytes(mask)

    def places(self, blocks: Sequence[int], *, downwards: bool = False) -> Iterator[int]:
        """The rows that match in these blocks, block by block; at first only a few blocks are looked at ahead."""
        start, size = 0, 4
        while start < len(blocks):
            chunk = blocks[start : start + size]
            self._look_at(chunk)
            for number in chunk:
                first = number << BLOCK_BITS
                found = [first + slot for slot in numbers_of(self._found[number])]
                yield from reversed(found) if downwards else found
            start += size
            size = min(2 * size, _CHUNK)

    def count(self, blocks: Sequence[int] | None = None) -> int:
        """How many rows match, in these blocks or in all."""
        numbers = self.candidates if blocks is None else blocks
        total = 0
        for start in range(0, len(numbers), _CHUNK):
            chunk = numbers[start : start + _CHUNK]
            self._look_at(chunk)
            total += sum(self._found[number].bit_count() for number in chunk)
        return total

    def those_of(self, ordered: sqlite3.Cursor, size: int) -> Iterator[int]:
        """Those of the places a cursor gives that match, in its order; `size` is how many to look at to begin with.

        All are of candidates.
        """
        while batch := ordered.fetchmany(size):
            self._stop_if_stale()
            likely = [place for (place,) in batch]
            self._look_at(list(dict.fromkeys([place >> BLOCK_BITS for place in likely])))
            for place in likely:
                if self._found[place >> BLOCK_BITS] >> (place & (_ROWS - 1)) & 1:
                    yield place
            size = min(2 * size, 2048)

    @property
    def mask_of_rows(self) -> bytes:
        """A byte for each row, `1` where it matches; for when the scan is complete."""
        return self._found.mask()

    @property
    def complete(self) -> bool:
        """Whether every candidate was looked at."""
        return len(self._found) >= len(self.candidates)

    def _look_at(self, blocks: Sequence[int]) -> None:
        wanted = [number for number in blocks if number not in self._found]
        if not wanted:
            return
        # A block is known when all of it is, for another thread may be asking.
        found = dict.fromkeys(wanted, 0)
        for number, text in self._connection.execute(_FETCH, (json.dumps(wanted),)):
            found[number] = self._look_into(blob(text))
        self._found.update(found)
        self._stop_if_stale()

    def _look_into(self, text: bytes) -> int:
        """One bit for each line that matches."""
        if not (self._others or self._heads):
            return self._first.bits_in(text)
        bits = 0
        for way in self._first.ways:
            bits |= self._hits(way, text)
        return bits

    def _hits(self, way: bytes, text: bytes) -> int:
        """One bit for each line that matches and holds the first word written in this way."""
        bits = slot = seen = 0
        at = text.find(way)
        while at >= 0:
            slot += text.count(b"\n", seen, at)
            seen = at
            end = text.find(b"\n", at)
            line = text[text.rfind(b"\n", 0, at) + 1 : end if end >= 0 else None]
            if self._counts(line) and not (self._heads and self._is_left_out(line)):
                bits |= 1 << slot
            at = -1 if end < 0 else text.find(way, end)
        return bits

    def _counts(self, line: bytes) -> bool:
        """Whether a line that holds the first word, in one of its ways, holds the first and the others."""
        if self._first.number and not self._first.is_in(line):
            return False
        # A generator costs more than all that is asked here.
        missing = [needle for needle in self._others if needle.text not in line and not needle.is_in(line)]
        return not missing

    def _is_left_out(self, line: bytes) -> bool:
        fields = line[1:].split(_FIELD, self._heads)[: self._heads]
        return any(field.startswith(self._head) for field in fields)

    def _stop_if_stale(self) -> None:
        if self._is_stale():
            raise Stale
