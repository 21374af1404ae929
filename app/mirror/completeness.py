"""The books kept while all pages are read, once or again: which customers came, and whether those are all of them.

Pure: whoever asks for the pages hands them in. The export and the mirror go by the same rules.
"""

import json
import math
import mmap
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar

from app.models.fields import ID_FIELD

#: How often all pages are read: once, and again when rows moved meanwhile.
READINGS: Final = 3

#: Pages in a row without anything new, after which a server is taken to repeat itself.
_REPEATED_PAGES: Final = 2
#: How many more pages than announced may come, because customers are added while they are read.
_SLACK: Final = 10
_MOST_PAGES: Final = 40_000

_SIXTY_FOUR_BITS: Final = 2**64 - 1


class HasIdentity(Protocol):
    """A customer as it came: `problems` names what of it cannot be used."""

    @property
    def short_id(self) -> str: ...
    @property
    def received(self) -> dict[str, Any]: ...
    @property
    def problems(self) -> Mapping[str, str]: ...


_Row = TypeVar("_Row", bound=HasIdentity)
_Row_co = TypeVar("_Row_co", bound=HasIdentity, covariant=True)


class PageLike(Protocol[_Row_co]):
    """A page, and what the server says of the whole, `None` where it is silent."""

    @property
    def rows(self) -> Sequence[_Row_co]: ...
    @property
    def total(self) -> int | None: ...
    @property
    def has_more(self) -> bool | None: ...


class SeenMap(Protocol):
    """Remembers for a text the number (1 to `READINGS`) of the reading in which it last came."""

    def get(self, key: str) -> int | None: ...
    def __setitem__(self, key: str, number: int) -> None: ...
    def __len__(self) -> int: ...


class CompactSeenMap:
    """Marks in a tenth of the memory of a `dict`: two texts whose hashes agree in 62 bits are taken for one."""

    def __init__(self) -> None:
        self._cells = _cells(1024)
        self._used = 0
        # Whoever asks for a text sets it next.
        self._asked: str | None = None
        self._word = self._place = 0

    def get(self, key: str) -> int | None:
        """The number last set for this text."""
        self._asked = key
        self._word = hash(key) << 2 & _SIXTY_FOUR_BITS
        self._place = self._place_of(self._word)
        return self._cells[self._place] & 3 or None

    def __setitem__(self, key: str, number: int) -> None:
        if key is not self._asked:
            self.get(key)
        if not self._cells[self._place]:
            self._used += 1
        self._cells[self._place] = self._word | number
        if 2 * self._used > len(self._cells):
            self._grow()

    def __len__(self) -> int:
        return self._used

    def _place_of(self, word: int) -> int:
        """The cell of this word, or the empty one where it belongs."""
        cells = self._cells
        last = len(cells) - 1
        place = word >> 2 & last
        while cells[place] and cells[place] | 3 != word | 3:
            place = place + 1 & last
        return place

    def _grow(self) -> None:
        before = self._cells
        self._cells = _cells(4 * len(before))
        self._asked = None
        for cell in before:
            if cell:
                self._cells[self._place_of(cell & ~3)] = cell


def _cells(count: int) -> memoryview:
    """So many numbers of 64 bits, all 0, whose memory goes back as soon as they are not needed any more.

    A large piece of memory that is freed otherwise makes the allocator keep others of that size ever after.
    """
    return memoryview(mmap.mmap(-1, 8 * count)).cast("Q")


class PaginationAudit:
    """Readings of all pages, one after the other, on a server that may move rows and tell lies.

    Of the reading under way: `pages` and `read` count what came, `different` the customers among it, `fresh` those
    that had not come in an earlier reading either. `total` is what the server counts, `None` where it does not say.
    """

    def __init__(self, marks: SeenMap | None = None) -> None:
        self._seen: SeenMap = {} if marks is None else marks
        self._shrank_ever = False
        self._different_before = -1
        self.total: int | None = None
        self.number = 0
        self.different = 0
        self._start()

    def begin(self, *, skipped: int = 0, size: int = 0) -> None:
        """Begin another reading, from the first page, or where so many pages of this size were read before."""
        self._different_before = self.different if self.number else -1
        self.number += 1
        self._start()
        self.pages = skipped
        self.read = skipped * size

    def _start(self) -> None:
        self.pages = self.read = self.different = self.fresh = 0
        self.moved = self.shrank = self.finished = False
        self._stale = 0
        self._most_pages: int | None = None

    @property
    def seen(self) -> int:
        """How many customers came in all readings."""
        return len(self._seen)

    @property
    def next_page(self) -> int:
        """The number of the page to be asked for."""
        return self.pages + 1

    @property
    def is_complete(self) -> bool:
        """Whether what came is certainly all that there is."""
        if self.total is None:
            # Ended by its own words, not because it repeated itself; and no row came twice, or a second look found all.
            return self._stale < _REPEATED_PAGES and not (self._repeated and (self.number == 1 or self.fresh))
        if self.different == self.total and not self.shrank:
            return True
        # With nothing taken away, as many as there are can only be all of them, from whichever reading they came.
        return self.seen == self.total and not self._shrank_ever

    @property
    def count_is_wrong(self) -> bool:
        """Whether a second reading brought exactly the same, no row twice: then the server's count is what is wrong."""
        same = not self.fresh and self.different == self._different_before
        return self.number > 1 and same and not self._repeated and not self.endless and self._stale < _REPEATED_PAGES

    @property
    def is_authoritative(self) -> bool:
        """Whether the reading under way alone brought all that there is, so that whatever it did not bring is gone."""
        return self.count_is_wrong or (self.is_complete and self.different in (self.total, self.seen))

    @property
    def endless(self) -> bool:
        """Whether this reading was given up although there seemed to be more."""
        return self.pages >= (_MOST_PAGES if self._most_pages is None else self._most_pages)

    @property
    def should_stop(self) -> bool:
        """Whether yet another reading would teach nothing."""
        return self.number >= READINGS or self.endless or (self.number > 1 and not (self.fresh or self.moved))

    def add(self, page: PageLike[_Row]) -> list[_Row]:
        """Note what a page brings, and return the customers on it that had not come in any reading."""
        self._count(page)
        batch: list[_Row] = []
        different = 0
        for customer in page.rows:
            identity = _identity(customer)
            last = self._seen.get(identity)
            if last is None:
                batch.append(customer)
            if last != self.number:
                different += 1
                self._seen[identity] = self.number
        self.pages += 1
        self.read += len(page.rows)
        self.different += different
        self.fresh += len(batch)
        self._stale = 0 if different else self._stale + 1
        self.finished = self._is_over(page)
        return batch

    @property
    def _repeated(self) -> bool:
        return self.different < self.read

    def _count(self, page: PageLike[HasIdentity]) -> None:
        if page.total is None:
            return
        first = self._most_pages is None
        if first:
            announced = math.ceil(page.total / max(len(page.rows), 1))
            self._most_pages = min(_MOST_PAGES, 2 * announced + _SLACK)
        if self.total is not None and page.total != self.total:
            fell = page.total < self.total
            self._shrank_ever = self._shrank_ever or fell
            if not first:
                self.moved = True
                self.shrank = self.shrank or fell
        self.total = page.total

    def _is_over(self, page: PageLike[HasIdentity]) -> bool:
        """Whether there is nothing more to ask for; neither `hasMore` nor the total is believed alone."""
        if not page.rows or self._stale >= _REPEATED_PAGES or self.endless:
            return True
        if self.total is None:
            return page.has_more is False
        return self.read >= self.total and page.has_more is not True


def _identity(customer: HasIdentity) -> str:
    """What tells a customer from all others: the ID, or without one that can be used the whole record."""
    if ID_FIELD in customer.problems:
        return "?" + json.dumps(customer.received, sort_keys=True)
    return "=" + customer.short_id
