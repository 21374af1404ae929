"""Which customers match: blocks of lines are looked at once each, as many as a page needs."""

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Final

from app.local.grams import Candidates
from app.local.lines import Needle, matches
from app.local.mirror_file import BLOCK_BITS

_ROWS: Final = 1 << BLOCK_BITS
_CHUNK: Final = 64
_FETCH: Final = "SELECT no, text FROM json_each(?) wanted CROSS JOIN block ON no = wanted.value"


class Stale(Exception):
    """Nobody waits for this any more."""


class Scan:
    """The customers that hold all needles, found block by block; `is_stale` is asked between blocks.

    With `but_not`, a head of IDs and names, those that begin with it are left out.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        needles: Sequence[Needle],
        blocks: int,
        is_stale: Callable[[], bool],
        but_not: bytes = b"",
    ) -> None:
        self._connection = connection
        self._needles = needles
        self._first = needles[0]
        self._others = needles[1:]
        self._is_stale = is_stale
        self._but_not = but_not
        self._found: dict[int, int] = {}
        self.candidates = Candidates(connection, needles, blocks).numbers()
        self._is_candidate = bytearray(max(blocks, (self.candidates[-1] + 1) if self.candidates else 0))
        for number in self.candidates:
            self._is_candidate[number] = 1

    def ids(self, blocks: Sequence[int] | None = None) -> Iterator[int]:
        """The rows that match, in these blocks or in all, by number."""
        numbers = self.candidates if blocks is None else blocks
        for start in range(0, len(numbers), _CHUNK):
            chunk = numbers[start : start + _CHUNK]
            self._look_at(chunk)
            for number in chunk:
                bits = self._found[number]
                while bits:
                    lowest = bits & -bits
                    yield (number << BLOCK_BITS) + lowest.bit_length() - 1
                    bits ^= lowest

    def count(self, blocks: Sequence[int] | None = None) -> int:
        """How many rows match, in these blocks or in all."""
        numbers = self.candidates if blocks is None else blocks
        total = 0
        for start in range(0, len(numbers), _CHUNK):
            chunk = numbers[start : start + _CHUNK]
            self._look_at(chunk)
            total += sum(self._found[number].bit_count() for number in chunk)
        return total

    def those_of(self, ids: Iterator[int], first: int) -> Iterator[int]:
        """Those of `ids` that match, in the order they come; `first` is how many of them to take to begin with."""
        size = first
        while batch := list(islice(ids, size)):
            self._stop_if_stale()
            likely = [row for row in batch if self._is_candidate[row >> BLOCK_BITS]]
            self._look_at(list(dict.fromkeys(row >> BLOCK_BITS for row in likely)))
            for row in likely:
                if self._found[row >> BLOCK_BITS] >> (row & (_ROWS - 1)) & 1:
                    yield row
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
            found[number] = self._look_into(text)
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
        for slot, line in lines:
            if self._first.is_in(line) and self._counts(line):
                bits |= 1 << slot
        return bits

    def _counts(self, line: bytes) -> bool:
        """Whether a line that holds the first needle holds the others, and is not left out."""
        if self._others and not matches(self._others, line):
            return False
        if not self._but_not:
            return True
        short_id, name, _ = line[1:].split(b"\x1f", 2)
        return not short_id.startswith(self._but_not) and not name.startswith(self._but_not)

    def _stop_if_stale(self) -> None:
        if self._is_stale():
            raise Stale
