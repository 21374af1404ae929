"""Which customers match: blocks of lines are looked at once each, as many as a page needs."""

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from app.local.grams import Candidates
from app.local.lines import FIELD, Needle, matches
from app.local.mirror_file import BLOCK_BITS
from app.local.stored import DamagedRow, blob

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
        self._first = needles[0]
        self._others = needles[1:]
        self._is_stale = is_stale
        self._head, self._heads = but_not
        self._found: dict[int, int] = {}
        self.candidates = Candidates(connection, blocks).with_all(needles)
        self._is_candidate = bytearray(max(blocks, (self.candidates[-1] + 1) if self.candidates else 0))
        for number in self.candidates:
            self._is_candidate[number] = 1

    def places(self, blocks: Sequence[int], *, downwards: bool = False) -> Iterator[int]:
        """The rows that match in these blocks, block by block; at first only a few blocks are looked at ahead."""
        slots = range(_ROWS - 1, -1, -1) if downwards else range(_ROWS)
        start, size = 0, 4
        while start < len(blocks):
            chunk = blocks[start : start + size]
            self._look_at(chunk)
            for number in chunk:
                first = number << BLOCK_BITS
                yield from [first + slot for slot in slots if self._found[number] >> slot & 1]
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
        """Those of the places a cursor gives that match, in its order; `size` is how many to look at to begin with."""
        while batch := ordered.fetchmany(size):
            self._stop_if_stale()
            try:
                likely = [place for (place,) in batch if self._is_candidate[place >> BLOCK_BITS]]
            except IndexError:
                raise DamagedRow from None
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
        first = self._first
        if first.number or first.others:
            if not all(needle.may_be_in(text) for needle in self._needles):
                return 0
            return self._bits(enumerate(text.split(b"\n")))
        at = text.find(first.text)
        if at < 0 or not all(needle.may_be_in(text) for needle in self._others):
            return 0
        if text.count(first.text) > _MANY:
            return self._bits(enumerate(text.split(b"\n")))
        bits = slot = seen = 0
        while at >= 0:
            start = text.rfind(b"\n", 0, at) + 1
            end = text.find(b"\n", at)
            line = text[start:] if end < 0 else text[start:end]
            slot += text.count(b"\n", seen, start)
            seen = start
            if self._counts(line):
                bits |= 1 << slot
            at = -1 if end < 0 else text.find(first.text, end)
        return bits

    def _bits(self, lines: Iterator[tuple[int, bytes]]) -> int:
        bits = 0
        word = self._first.text if not self._first.number and not self._first.others else b""
        simple = word and not self._others and not self._heads
        for slot, line in lines:
            if word in line if simple else self._first.is_in(line) and self._counts(line):
                bits |= 1 << slot
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
