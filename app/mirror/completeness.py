"""Decides whether the pages that were read are all customers. Pure; the export and the mirror share its rules."""

import json
import math
import mmap
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar

from app.models.fields import ID_FIELD

#: The most passes over all pages: one, and another if rows moved meanwhile.
MAX_PASSES: Final = 3

#: After this many pages in a row without a new row, the server is assumed to repeat itself.
_REPEATED_PAGES: Final = 2
#: How many more pages than announced are read, because customers may be added meanwhile.
_SLACK: Final = 10
_MOST_PAGES: Final = 40_000

_SIXTY_FOUR_BITS: Final = 2**64 - 1


class HasIdentity(Protocol):
    """A customer as received; `problems` names the fields that cannot be used."""

    @property
    def short_id(self) -> str: ...
    @property
    def received(self) -> dict[str, Any]: ...
    @property
    def problems(self) -> Mapping[str, str]: ...


_Row = TypeVar("_Row", bound=HasIdentity)
_Row_co = TypeVar("_Row_co", bound=HasIdentity, covariant=True)


class PageLike(Protocol[_Row_co]):
    """A page, and what the server says about the whole list; `None` if nothing."""

    @property
    def rows(self) -> Sequence[_Row_co]: ...
    @property
    def total(self) -> int | None: ...
    @property
    def has_more(self) -> bool | None: ...


class SeenMap(Protocol):
    """Maps a text to the number (1 to `READINGS`) of the pass in which it was last seen."""

    def get(self, key: str) -> int | None: ...
    def __setitem__(self, key: str, number: int) -> None: ...
    def __len__(self) -> int: ...


class CompactSeenMap:
    """Takes a tenth of the memory of a `dict`; texts whose hashes agree in 62 bits count as the same."""

    def __init__(self) -> None:
        self._cells = _cells(1024)
        self._used = 0
        # A lookup is followed by setting the same text.
        self._asked: str | None = None
        self._word = self._place = 0

    def get(self, key: str) -> int | None:
        """Return the number set for this text; 0 if none."""
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
        """Return the cell of this hash, or the empty one where it belongs."""
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
    """Return this many 64-bit zeros in memory that is returned to the system when they are freed.

    A large piece of memory that is freed otherwise makes the allocator keep others of that size ever after.
    """
    return memoryview(mmap.mmap(-1, 8 * count)).cast("Q")


class PaginationAudit:
    """Decides whether the pages read so far are all customers; rows may move, and totals may be wrong.

    Of the current pass, `pages` and `read` count pages and rows, `different` the customers among them, and `fresh`
    those that no earlier pass had. `total` is the server's count, `None` if it gives none.
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
        """Start another pass, from the first page or behind `skipped` pages of this size."""
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
        """How many different customers were seen in all passes."""
        return len(self._seen)

    @property
    def next_page(self) -> int:
        """The number of the page to request next."""
        return self.pages + 1

    @property
    def is_complete(self) -> bool:
        """Whether these are certainly all customers."""
        if self.total is None:
            # The server ended the list itself, and no row came twice, or a second pass found all again.
            return self._stale < _REPEATED_PAGES and not (self._repeated and (self.number == 1 or self.fresh))
        if self.different == self.total and not self.shrank:
            return True
        # If the total never fell, having seen that many different customers means having seen all.
        return self.seen == self.total and not self._shrank_ever

    @property
    def count_is_wrong(self) -> bool:
        """Whether a second pass had the same rows, none twice: then the server's total is wrong."""
        same = not self.fresh and self.different == self._different_before
        return self.number > 1 and same and not self._repeated and not self.endless and self._stale < _REPEATED_PAGES

    @property
    def is_authoritative(self) -> bool:
        """Whether this pass alone is complete: rows that it did not return have been deleted."""
        return self.count_is_wrong or (self.is_complete and self.different in (self.total, self.seen))

    @property
    def endless(self) -> bool:
        """Whether this pass was ended although there seemed to be more."""
        return self.pages >= (_MOST_PAGES if self._most_pages is None else self._most_pages)

    @property
    def should_stop(self) -> bool:
        """Whether another pass would show nothing new."""
        return self.number >= MAX_PASSES or self.endless or (self.number > 1 and not (self.fresh or self.moved))

    def add(self, page: PageLike[_Row]) -> list[_Row]:
        """Add a page, and return its customers that were not seen in any pass."""
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
        """Whether the list ends with this page; neither `hasMore` nor the total is trusted alone."""
        if not page.rows or self._stale >= _REPEATED_PAGES or self.endless:
            return True
        if self.total is None:
            return page.has_more is False
        return self.read >= self.total and page.has_more is not True


def _identity(customer: HasIdentity) -> str:
    """Return what identifies a customer: its ID, or without a usable one the whole record."""
    if ID_FIELD in customer.problems:
        return "?" + json.dumps(customer.received, sort_keys=True)
    return "=" + customer.short_id
