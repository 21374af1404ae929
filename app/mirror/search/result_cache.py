"""What was found for the last few finds, as long as the mirror is the same: the next order or page need not look."""

from array import array
from collections.abc import Callable, Hashable, Mapping
from typing import Final

from app.mirror.database import BLOCK_BITS
from app.mirror.row_checksum import DamagedRow
from app.mirror.search.terms import Needle

#: Stands for a row that matches, and for one that does not, in a mask.
MATCH: Final = b"1"
NO_MATCH: Final = b"0"
_MOST: Final = 2
_ROWS: Final = 1 << BLOCK_BITS


class Matches:
    """The matches of each block that was looked at, a bit for each of its lines; two threads may share it."""

    def __init__(self, blocks: int) -> None:
        self._bits = array("Q", [0]) * blocks
        self._looked_at = bytearray(blocks)
        self.marks: bytes | None = None

    def __getitem__(self, block: int) -> int:
        """The matches of a block that was looked at."""
        return self._bits[block]

    def __contains__(self, block: int) -> bool:
        """Whether the block was looked at."""
        return self._looked_at[block] == 1

    def __len__(self) -> int:
        """How many blocks were looked at."""
        return self._looked_at.count(1)

    def update(self, found: Mapping[int, int]) -> None:
        """Take over what was found in some blocks; raises `DamagedRow` where one has more lines than there can be."""
        for block, bits in found.items():
            if bits >> _ROWS:
                raise DamagedRow
            self._bits[block] = bits
            # Not before its bits are there: another thread may be asking.
            self._looked_at[block] = 1

    def mask(self) -> bytes:
        """A byte for each row; to be asked for once all is known."""
        if self.marks is None:
            nothing = NO_MATCH * _ROWS
            marks = bytearray()
            for bits in self._bits:
                marks += f"{bits:0{_ROWS}b}"[::-1].encode() if bits else nothing
            self.marks = bytes(marks)
        return self.marks


class Known:
    """Shared by those who look into one mirror. `key` names both what is looked for and the state of the mirror."""

    def __init__(self) -> None:
        self._matches: dict[Hashable, Matches] = {}
        self._guess: tuple[Hashable, tuple[Needle, ...] | None] | None = None

    def of(self, key: Hashable, blocks: int) -> Matches:
        """What is known for this key, of so many blocks; the oldest of the others is forgotten."""
        matches = self._matches.pop(key, None)
        if matches is None:
            matches = Matches(blocks)
        self._matches[key] = matches
        for old in list(self._matches)[:-_MOST]:
            self._matches.pop(old, None)
        return matches

    def guess(self, key: Hashable, work: Callable[[], tuple[Needle, ...] | None]) -> tuple[Needle, ...] | None:
        """What was made of the last find that nothing matched, worked out where it is another."""
        guess = self._guess
        if guess is None or guess[0] != key:
            guess = self._guess = (key, work())
        return guess[1]
