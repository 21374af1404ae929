"""Which customers match: blocks of lines are looked at once each, as many as a page needs."""

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from app.local.grams import Candidates, numbers_of
from app.local.lines import FIELD, Needle, matches
from app.local.mirror_file import BLOCK_BITS
from app.local.row import blob

_ROWS: Final = 1 << BLOCK_BITS
_CHUNK: Final = 64
#: So often in one block, a word is looked for line by line.
_MANY: Final = 8
_FIELD: Final = FIELD.encode()
_FETCH: Final = "SELECT no, text FROM json_each(?) wanted CROSS JOIN block ON no = wanted.value"


class Stale(Exception):
    """Nobody waits for this any more."""


class Scan:
    """The customers that hold all needles, found block by block; `is_stale` is asked between blocks.

    Those are left out of which one of the first fields begins with the head, as `but_not` tells: the head, and how
    many of the fields count.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        needles: Sequence[Needle],
        blocks: int,
        is_stale: Callable[[], bool],
        but_not: tuple[bytes, int] = (b"", 0),
    ) -> None:
        self._connection = connection
        self._needles = needles
        self._blocks = blocks
        self._first = needles[0]
        self._others = needles[1:]
        self._is_stale = is_stale
        self._head, self._heads = but_not
        # A line that holds the one word there is matches.
        self._simple = not (self._others or self._heads or self._first.number)
        self._found: dict[int, int] = {}
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
    def complete(self) -> bool:
        """Whether every candidate was looked at."""
        return len(self._found) >= len(self.candidates)

    def _look_at(self, blocks: Sequence[int]) -> None:
        found = self._found
        wanted = [number for number in blocks if number not in found]
        if not wanted:
            return
        for number in wanted:
            found[number] = 0
        for number, text in self._connection.execute(_FETCH, (json.dumps(wanted),)):
            found[number] = self._look_into(blob(text))
        self._stop_if_stale()

    def _look_into(self, text: bytes) -> int:
        """One bit for each line that matches."""
        if not all(needle.may_be_in(text) for needle in self._needles):
            return 0
        ways = self._first.ways
        if len(ways) == 1 and text.count(ways[0]) > _MANY:
            lines = text.split(b"\n")
            if self._simple:
                return sum([1 << slot for slot, line in enumerate(lines) if ways[0] in line])
            return sum([1 << slot for slot, line in enumerate(lines) if ways[0] in line and self._counts(line)])
        bits = 0
        for way in ways:
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
            if self._simple:
                bits |= 1 << slot
            else:
                line = text[text.rfind(b"\n", 0, at) + 1 : end if end >= 0 else None]
                if self._first.is_in(line) and self._counts(line):
                    bits |= 1 << slot
            at = -1 if end < 0 else text.find(way, end)
        return bits

    def _counts(self, line: bytes) -> bool:
        """Whether a line that holds the first needle holds the others, and is not left out."""
        if self._others and not matches(self._others, line):
            return False
        fields = line[1:].split(_FIELD, self._heads)[: self._heads] if self._heads else ()
        return not any(field.startswith(self._head) for field in fields)

    def _stop_if_stale(self) -> None:
        if self._is_stale():
            raise Stale
