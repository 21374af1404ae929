"""Which blocks of lines may hold a word: an index of grams over segments of blocks.

The newest segment has no entries until it is full, and is searched whole. Entries are never taken back: a block that
no longer holds a gram is merely looked at in vain.
"""

import re
import sqlite3
from collections.abc import Iterable, Iterator
from functools import reduce
from operator import and_, or_
from typing import Final

from app.local.lines import SIGNS, Needle, grams_in
from app.local.mirror_file import SEGMENT_BITS

SEGMENT: Final = 1 << SEGMENT_BITS
_ALL: Final = (1 << SEGMENT) - 1
_MOST_GRAMS: Final = 24
_PIECE: Final = re.compile(f"[{re.escape(''.join(SIGNS))}]|[^{re.escape(''.join(SIGNS))}]+")


def segments_in(connection: sqlite3.Connection) -> int:
    """How many segments have entries."""
    (last,) = connection.execute("SELECT max(segment) FROM gram").fetchone()
    return 0 if last is None else int(last) + 1


def add_segment(connection: sqlite3.Connection, segment: int) -> None:
    """Write the entries of a segment that is full."""
    bits: dict[str, int] = {}
    first = segment << SEGMENT_BITS
    blocks = connection.execute("SELECT no, text FROM block WHERE no BETWEEN ? AND ?", (first, first + SEGMENT - 1))
    for number, text in blocks:
        bit = 1 << (number - first)
        for gram in grams_in(text):
            bits[gram] = bits.get(gram, 0) | bit
    connection.executemany(
        "INSERT INTO gram VALUES (?, ?, ?)", ((segment, gram, _packed(bits[gram])) for gram in sorted(bits))
    )


def add_grams(connection: sqlite3.Connection, block: int, grams: Iterable[str]) -> None:
    """Note that a block of an indexed segment holds these grams too."""
    segment, bit = block >> SEGMENT_BITS, 1 << (block & (SEGMENT - 1))
    for gram in grams:
        found = connection.execute("SELECT bits FROM gram WHERE segment = ? AND gram = ?", (segment, gram)).fetchone()
        bits = _unpacked(found[0]) if found else 0
        if not bits & bit:
            connection.execute("INSERT OR REPLACE INTO gram VALUES (?, ?, ?)", (segment, gram, _packed(bits | bit)))


class Candidates:
    """The blocks that may hold all needles."""

    def __init__(self, connection: sqlite3.Connection, needles: Iterable[Needle], blocks: int) -> None:
        self._connection = connection
        self._segments = segments_in(connection)
        self._known: dict[str, list[int]] = {}
        whole = [_ALL] * self._segments
        self._bits = reduce(_both, (self._of_needle(needle) for needle in needles), whole)
        self._blocks = blocks

    def numbers(self) -> list[int]:
        """Their numbers, in order."""
        numbers = list(self._in_segments())
        numbers.extend(range(self._segments << SEGMENT_BITS, self._blocks))
        return numbers

    def _in_segments(self) -> Iterator[int]:
        for segment, bits in enumerate(self._bits):
            first = segment << SEGMENT_BITS
            while bits:
                lowest = bits & -bits
                yield first + lowest.bit_length() - 1
                bits ^= lowest

    def _of_needle(self, needle: Needle) -> list[int]:
        return reduce(_either, (self._of_word(way.decode()) for way in needle.ways))

    def _of_word(self, word: str) -> list[int]:
        exact, starts = _telling_grams(word)
        bits = [_ALL] * self._segments
        for gram in exact:
            bits = _both(bits, self._of_gram(gram))
        for start in starts:
            bits = _both(bits, self._of_start(start))
        return bits

    def _of_gram(self, gram: str) -> list[int]:
        if gram not in self._known:
            found = self._connection.execute(
                f"SELECT segment, bits FROM gram WHERE segment IN ({self._all}) AND gram = ?", (gram,)
            )
            self._known[gram] = self._listed(found)
        return self._known[gram]

    def _of_start(self, start: str) -> list[int]:
        # No gram sorts after its first characters followed by the last character there is.
        found = self._connection.execute(
            f"SELECT segment, bits FROM gram WHERE segment IN ({self._all}) AND gram >= ? AND gram <= ?",
            (start, f"{start}\U0010ffff\U0010ffff"),
        )
        return self._listed(found)

    def _listed(self, found: Iterable[tuple[int, bytes]]) -> list[int]:
        listed = [0] * self._segments
        for segment, bits in found:
            listed[segment] |= _unpacked(bits)
        return listed

    @property
    def _all(self) -> str:
        return ",".join(map(str, range(self._segments)))


def _telling_grams(word: str) -> tuple[list[str], list[str]]:
    """Grams that a block must have to hold the word, and beginnings of grams; of a long word only some."""
    exact: list[str] = []
    starts: list[str] = []
    for piece in _PIECE.findall(word):
        if piece in SIGNS:
            exact.append(piece)
        elif len(piece) > 2:
            exact += [piece[start : start + 3] for start in range(len(piece) - 2)]
        elif len(piece) == 2 or not piece.isascii():
            # One ASCII letter is in nearly every block.
            starts.append(piece)
    exact = list(dict.fromkeys(exact))
    step = -(-len(exact) // _MOST_GRAMS) or 1
    return exact[::step], starts[:3]


def _both(one: list[int], other: list[int]) -> list[int]:
    return list(map(and_, one, other))


def _either(one: list[int], other: list[int]) -> list[int]:
    return list(map(or_, one, other))


def _packed(bits: int) -> bytes:
    return bits.to_bytes((bits.bit_length() + 7) // 8, "little")


def _unpacked(packed: bytes) -> int:
    return int.from_bytes(packed, "little")
