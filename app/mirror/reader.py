"""Reads the mirror: pages, single customers, look-alikes and candidates, each in one read transaction."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from app.mirror.database import open_reader, told, transaction
from app.mirror.row_checksum import READ, DamagedRow
from app.mirror.rows import customer_of, is_older, stored_id
from app.mirror.search.candidates import find_resembling, find_suggestions
from app.mirror.search.query import Found, Search
from app.mirror.search.result_cache import Known
from app.mirror.search.suggestions import guessed
from app.mirror.search.terms import SIGNS, Needle
from app.mirror.state import MirrorState
from app.mirror.worker import Job
from app.models.customer import Candidates, Customer, Origin, Page
from app.models.fields import ID_FIELD, PageRequest
from app.text.confusables import is_confusable as are_alike
from app.text.confusables import skeleton
from app.text.folding import split_words

#: The largest cache that a reader is given, in halves of a MiB.
_MOST_CACHE: Final = 8


class Reading:
    """A reader's connection; used by one thread at a time."""

    def __init__(self, path: Path, known: Known | None = None) -> None:
        self._known = Known() if known is None else known
        self._path = path
        # Asked before it is opened: one that is put in its place meanwhile is then seen to be another one.
        with told(path):
            self._file = path.stat().st_ino if path.exists() else 0
        self.connection = open_reader(path)
        self._cache = 0

    @property
    def is_current(self) -> bool:
        """Whether the file is still the one of this name."""
        try:
            return self._path.stat().st_ino == self._file
        except OSError:
            # Whoever opens it anew is told.
            return False

    def state(self) -> MirrorState:
        """What the mirror holds, and how fresh it is."""
        return MirrorState.read(self.connection)

    def page(self, request: PageRequest, job: Job) -> Page:
        """One page, with its origin."""
        with transaction(self.connection):
            state = MirrorState.read(self.connection)
            search = self._search(state, job)
            found = search.page(request)
            if not found.total and split_words(request.find) and state.seen:
                found = _near(search, request, self._guessed(search, request, state)) or found
            rows = self._customers(found.places)
        return page_of(request, found, rows, state)

    def count(self, request: PageRequest, job: Job) -> int:
        """How many customers are meant, counted to the end."""
        with transaction(self.connection):
            state = MirrorState.read(self.connection)
            search = self._search(state, job)
            total = search.count_of(request)
            if not total and split_words(request.find) and (needles := self._guessed(search, request, state)):
                total = search.count(needles)
            return total

    def customer(self, short_id: str) -> Customer | None:
        """The customer with exactly this ID; one whose ID is sound before one where it only reads so."""
        rows = self.connection.execute(
            f"SELECT {READ} FROM customer WHERE {ID_FIELD} = ? ORDER BY odd", (stored_id(short_id),)
        )
        return next((found for found in map(customer_of, rows) if found.short_id == short_id), None)

    def newer(self, customers: Sequence[Customer]) -> list[Customer]:
        """Those of these customers of which a newer state is known, in that state."""
        known = ((one, self.customer(one.short_id)) for one in customers if not one.has_problems)
        return [now for one, now in known if now is not None and is_older(one.modified, now.modified)]

    def look_alikes(self, short_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """For each ID that has any, the other IDs that look the same."""
        indexes = self.connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'by_look'")
        if indexes.fetchone() is None:
            return {}
        alike: dict[str, tuple[str, ...]] = {}
        for short_id in dict.fromkeys(short_ids):
            rows = self.connection.execute(
                f"SELECT {ID_FIELD} FROM customer WHERE look = ? AND {ID_FIELD} <> ? ORDER BY {ID_FIELD}",
                (skeleton(stored_id(short_id)), stored_id(short_id)),
            )
            others = tuple(dict.fromkeys(other for (other,) in rows if are_alike(short_id, other)))
            if others:
                alike[short_id] = others
        return alike

    def resembling(self, short_id: str) -> Candidates:
        """The customers whose IDs may have been meant by this one, the likeliest first."""
        with transaction(self.connection):
            return find_resembling(self.connection, MirrorState.read(self.connection), short_id)

    def suggestions(self, typed: str, most: int) -> Candidates:
        """The customers whose ID or name begins with what is typed, at most so many, IDs first."""
        with transaction(self.connection):
            return find_suggestions(self.connection, MirrorState.read(self.connection), typed, most)

    def _search(self, state: MirrorState, job: Job) -> Search:
        self._fit_cache(state)
        return Search(self.connection, state, job.is_stale, self._known, self._file)

    def _fit_cache(self, state: MirrorState) -> None:
        """Keep as many pages as lead to the rows of a large mirror; without, each that is looked up costs twice."""
        wanted = min(state.blocks >> 11, _MOST_CACHE) << 9
        if wanted > self._cache:
            self.connection.execute(f"PRAGMA cache_size = -{wanted}")
            self._cache = wanted

    def _guessed(self, search: Search, request: PageRequest, state: MirrorState) -> tuple[Needle, ...] | None:
        """What to look for instead; the next page of it, or its count, need not work it out again."""
        key = (self._file, state, request.find, request.status)
        return self._known.guess(key, lambda: guessed(search, request))

    def _customers(self, places: Sequence[int]) -> list[Customer]:
        rows = []
        for place in places:
            row = self.connection.execute(f"SELECT {READ} FROM customer WHERE place = ?", (place,)).fetchone()
            if row is None:
                raise DamagedRow
            rows.append(customer_of(row))
        return rows


def _near(search: Search, request: PageRequest, needles: tuple[Needle, ...] | None) -> Found | None:
    """The page of near misses, if there are any."""
    if needles is None:
        return None
    first = (request.page - 1) * request.page_size
    found = search.matching(needles, request._replace(find=""), first)
    words = (way.decode() for needle in needles for way in (needle.text, *needle.others))
    return replace(found, close=tuple(word for word in words if word not in SIGNS)) if found.places else None


def page_of(request: PageRequest, found: Found, rows: Sequence[Customer], state: MirrorState) -> Page:
    """The page of what was found."""
    last = request.page * request.page_size
    return Page(
        rows=tuple(rows),
        total=found.total,
        page=request.page,
        page_size=request.page_size,
        page_count=None if found.at_least else -(-found.total // request.page_size),
        has_more=found.total > last,
        origin=Origin(
            state.synced_at, state.seen, state.expected, suggestions=found.close, total_is_minimum=found.at_least
        ),
    )
