"""What was found for the last few finds, as long as the mirror is the same: the next order or page need not look."""

from collections.abc import Hashable
from typing import Final

from app.local.mirror_file import BLOCK_BITS

#: Stands for a row that matches, and for one that does not, in a mask.
MATCH: Final = b"1"
NO_MATCH: Final = b"0"
_MOST: Final = 3
_ROWS: Final = 1 << BLOCK_BITS


class Matches:
    """The matches of each block that was looked at, a bit for each of its lines; two threads may share it."""

    def __init__(self) -> None:
        self.of_block: dict[int, int] = {}
        self.marks: bytes | None = None

    def mask(self, blocks: int) -> bytes:
        """A byte for each row of so many blocks; to be asked for once all are known."""
        if self.marks is None:
            nothing = "0" * _ROWS
            found = map(self.of_block.get, range(blocks))
            texts = (f"{bits:0{_ROWS}b}"[::-1] if bits else nothing for bits in found)
            self.marks = "".join(texts).encode()
        return self.marks


class Known:
    """Shared by those who look into one mirror. `key` names both what is looked for and the state of the mirror."""

    def __init__(self) -> None:
        self._matches: dict[Hashable, Matches] = {}

    def of(self, key: Hashable) -> Matches:
        """What is known for this key; the oldest of the others is forgotten."""
        matches = self._matches.pop(key, None) or Matches()
        self._matches[key] = matches
        for old in list(self._matches)[:-_MOST]:
            self._matches.pop(old, None)
        return matches
