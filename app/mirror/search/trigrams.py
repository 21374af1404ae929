"""Which blocks of lines may hold a word: an index of grams over segments of blocks.

The newest segment has no entries until it is full, and is searched whole. Entries are never taken back: a block that
no longer holds a gram is merely looked at in vain.
"""

import re
import sqlite3
from collections.abc import Iterable
from functools import reduce
from operator import or_
from typing import Final

from app.mirror.database import SEGMENT_BITS
from app.mirror.row_checksum import DamagedRow, blob
from app.mirror.search.terms import SIGNS, Needle, grams_in

SEGMENT: Final = 1 << SEGMENT_BITS
#: Words with fewer letters are likened by pairs.
_SHORT_WORD: Final = 6
_BITS: Final = [[bit for bit in range(8) if byte >> bit & 1] for byte in range(256)]
_MOST_GRAMS: Final = 24
_PIECE: Final = re.compile(f"[{re.escape(''.join(SIGNS))}]+|[^{re.escape(''.join(SIGNS))}]+")


def segments_in(connection: sqlite3.Connection, blocks: int) -> int:
    """How many segments of so many blocks have entries."""
    (last,) = connection.execute("SELECT max(segment) FROM gram").fetchone()
    return 0 if last is None else min(int(last) + 1, blocks >> SEGMENT_BITS)


def add_segment(connection: sqlite3.Connection, segment: int) -> None:
    """Write the entries of a segment that is full."""
    bits: dict[str, int] = {}
    first = segment << SEGMENT_BITS
    blocks = connection.execute("SELECT no, text FROM block WHERE no BETWEEN ? AND ?", (first, first + SEGMENT - 1))
    for number, text in blocks:
        bit = 1 << (number - first)
        for gram in grams_in(blob(text)):
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
    """Which of so many blocks may hold a word; a set of blocks is a number with a bit for each."""

    def __init__(self, connection: sqlite3.Connection, blocks: int) -> None:
        self._connection = connection
        self._segments = segments_in(connection, blocks)
        self._known: dict[str, int] = {}
        indexed = self._segments << SEGMENT_BITS
        self._any = (1 << indexed) - 1
        self.others = range(indexed, blocks)

    def with_all(self, needles: Iterable[Needle]) -> list[int]:
        """The numbers of the blocks that may hold all needles, in order."""
        bits = self._any
        for needle in needles:
            bits &= reduce(or_, (self._of_word(way.decode()) for way in needle.ways))
        return [*numbers_of(bits), *self.others]

    def like(self, word: str, damage: int, most: int) -> list[int]:
        """The numbers of at most so many blocks that hold most of the word's grams, those with the most of them first.

        At most `damage` grams may be missing.
        """
        short = len(word) < _SHORT_WORD
        length = 2 if short else 3
        grams = list(dict.fromkeys(word[start : start + length] for start in range(len(word) - length + 1)))
        have = [self._any, *[0] * len(grams)]
        for seen, gram in enumerate(grams):
            bits = self._of_start(gram) if short else self._of_gram(gram)
            for count in range(seen + 1, 0, -1):
                have[count] |= have[count - 1] & bits
        numbers: list[int] = []
        for count in range(len(grams), max(len(grams) - damage, 1) - 1, -1):
            numbers += _spread(numbers_of(have[count] & ~(have[count + 1] if count < len(grams) else 0)), most)
            if len(numbers) >= most:
                break
        return [*numbers[:most], *_spread(list(self.others), max(most - len(numbers), most // 2))]

    def _of_word(self, word: str) -> int:
        exact, starts = _telling_grams(word)
        bits = self._any
        for gram in exact:
            bits &= self._of_gram(gram)
        for start in starts:
            bits &= self._of_start(start)
        return bits

    def _of_gram(self, gram: str) -> int:
        if gram not in self._known:
            packed = bytearray(self._segments * SEGMENT // 8)
            for segment, bits in self._connection.execute(
                f"SELECT segment, bits FROM gram WHERE segment IN ({self._all}) AND gram = ?", (gram,)
            ):
                first = segment * SEGMENT // 8
                packed[first : first + SEGMENT // 8] = _unpacked(bits).to_bytes(SEGMENT // 8, "little")
            self._known[gram] = int.from_bytes(packed, "little")
        return self._known[gram]

    def _of_start(self, start: str) -> int:
        # No gram sorts after its first characters followed by the last character there is.
        found = self._connection.execute(
            f"SELECT segment, bits FROM gram WHERE segment IN ({self._all}) AND gram >= ? AND gram <= ?",
            (start, f"{start}\U0010ffff\U0010ffff"),
        )
        by_segment = [0] * self._segments
        for segment, bits in found:
            by_segment[segment] |= _unpacked(bits)
        return int.from_bytes(b"".join(bits.to_bytes(SEGMENT // 8, "little") for bits in by_segment), "little")

    @property
    def _all(self) -> str:
        return ",".join(map(str, range(self._segments)))


def numbers_of(bits: int) -> list[int]:
    """The places of the bits that are set."""
    packed = bits.to_bytes((bits.bit_length() + 7) // 8, "little")
    return [8 * at + bit for at, byte in enumerate(packed) if byte for bit in _BITS[byte]]


def _spread(numbers: list[int], most: int) -> list[int]:
    """At most so many of them, from all parts."""
    return numbers[:: -(-len(numbers) // most)] if len(numbers) > most else numbers


def _telling_grams(word: str) -> tuple[list[str], list[str]]:
    """Grams that a block must have to hold the word, and beginnings of grams; of a long word only some."""
    exact: list[str] = []
    starts: list[str] = []
    for piece in _PIECE.findall(word):
        if piece[0] in SIGNS:
            exact += [piece[start : start + 2] for start in range(len(piece) - 1)] or [piece]
        elif len(piece) > 2:
            exact += [piece[start : start + 3] for start in range(len(piece) - 2)]
        elif len(piece) == 2 or not piece.isascii():
            # One ASCII letter is in nearly every block.
            starts.append(piece)
    exact = list(dict.fromkeys(exact))
    step = -(-len(exact) // _MOST_GRAMS) or 1
    return exact[::step], starts[:3]


def _packed(bits: int) -> bytes:
    return bits.to_bytes((bits.bit_length() + 7) // 8, "little")


def _unpacked(packed: object) -> int:
    if not isinstance(packed, bytes | bytearray) or len(packed) > SEGMENT // 8:
        raise DamagedRow
    return int.from_bytes(packed, "little")
