"""The JSON of records that were asked for lately, by entity tag."""

from collections.abc import Iterable
from typing import Final

#: Bytes of JSON in each of the two generations: some 3,000 customers.
_SIZE: Final = 1024 * 1024


class RecordCache:
    """Keeps the JSON of records. A tag is random and never used again, so what is found by it is always right.

    Threads may share it. When the new records fill their generation, they become the old ones, and those are forgotten.
    """

    def __init__(self) -> None:
        self._new: dict[str, bytes] = {}
        self._old: dict[str, bytes] = {}
        self._size = 0

    def find(self, tags: Iterable[str]) -> list[bytes] | None:
        """Return the JSON of all these records, in their order, or `None` if one is not known."""
        new, old = self._new, self._old
        found = []
        for tag in tags:
            json = new.get(tag) or old.get(tag)
            if json is None:
                return None
            found.append(json)
        return found

    def add(self, records: Iterable[tuple[str, bytes]]) -> None:
        """Keep these records: pairs of a tag and its JSON."""
        for tag, json in records:
            # A row that was inserted by hand has no tag.
            if tag:
                self._new[tag] = json
                self._size += len(json)
        if self._size > _SIZE:
            self._new, self._old, self._size = {}, self._new, 0
