"""Reads the mirror: pages, single customers and similar IDs, each in one read transaction."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from app.mirror.database import open_reader, translate_errors
from app.mirror.rows import READ_COLUMNS, CorruptRow, decode_row, encode_id, is_older
from app.mirror.search.candidates import find_resembling, find_suggestions
from app.mirror.search.doubles import find_doubles
from app.mirror.search.index import index_type
from app.mirror.search.position import find_position
from app.mirror.search.query import CustomerSearch, Found, RecentMatches
from app.mirror.search.suggestions import suggest_terms
from app.mirror.search.values import CountedField, places_of_zip, values_in_use
from app.mirror.state import MirrorState
from app.models.customer import Candidates, Customer, ListPosition, Origin, Page
from app.models.doubles import Doubles
from app.models.fields import ID_FIELD, PageRequest
from app.models.values import CityOfZip, ValueInUse
from app.storage.sqlite import transaction
from app.text.confusables import is_confusable, skeleton

#: For this many rows the cache of a reader is half a MiB larger, up to the largest.
_ROWS_PER_CACHE_STEP: Final = 131_072
_MAX_CACHE_STEPS: Final = 8


class MirrorReader:
    """A reader's connection; used by one thread at a time."""

    def __init__(self, path: Path, *, full_text: bool) -> None:
        self._path = path
        # Read before the file is opened: one that replaces it meanwhile is then recognised as another one.
        with translate_errors(path):
            self._file = path.stat().st_ino if path.exists() else 0
        self.connection = open_reader(path, full_text=full_text)
        self._index = index_type(full_text=full_text)(self.connection)
        self._recent = RecentMatches()
        self._cache = 0

    @property
    def is_current(self) -> bool:
        """Whether the file is still the one of this name."""
        try:
            return self._path.stat().st_ino == self._file
        except OSError:
            # Other errors are reported when the file is opened again.
            return False

    def state(self) -> MirrorState:
        """What the mirror holds, and how fresh it is."""
        return MirrorState.read(self.connection)

    def page(self, request: PageRequest) -> Page:
        """One page, with its origin; near misses where nothing matches."""
        with transaction(self.connection):
            state = MirrorState.read(self.connection)
            search = self._search(state)
            found = search.page(request)
            if not found.total and request.find and state.row_count:
                found = _suggested_page(search, request) or found
            rows = self._customers(found.rowids)
        return build_page(request, found, rows, state)

    def count(self, request: PageRequest) -> int:
        """How many customers there are on all pages, counted to the end."""
        with transaction(self.connection):
            search = self._search(MirrorState.read(self.connection))
            total = search.count(request)
            if not total and request.find and (terms := suggest_terms(search, request)):
                total = search.count_matches(terms, request)
            return total

    def rank(self, request: PageRequest, short_id: str) -> int | None:
        """How many rows of a list come before this customer; `None` if unknown, as while the mirror is incomplete."""
        with transaction(self.connection):
            state = MirrorState.read(self.connection)
            return self._search(state).rank(request, short_id) if state.complete else None

    def customer(self, short_id: str) -> Customer | None:
        """The customer with exactly this ID; one whose ID is sound before one where it only reads like that."""
        rows = self.connection.execute(
            f"SELECT {READ_COLUMNS} FROM customer WHERE {ID_FIELD} = ? ORDER BY disambiguator", (encode_id(short_id),)
        )
        return next((found for found in map(decode_row, rows) if found.short_id == short_id), None)

    def newer(self, customers: Sequence[Customer]) -> list[Customer]:
        """Those of these customers of which the mirror has a newer version, in that version."""
        known = ((one, self.customer(one.short_id)) for one in customers if not one.has_problems)
        return [now for one, now in known if now is not None and is_older(one.modified, now.modified)]

    def look_alikes(self, short_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """For each ID that has any, the other IDs that look the same."""
        indexes = self.connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'by_skeleton'")
        if indexes.fetchone() is None:
            return {}
        alike: dict[str, tuple[str, ...]] = {}
        for short_id in dict.fromkeys(short_ids):
            rows = self.connection.execute(
                f"SELECT {ID_FIELD} FROM customer WHERE skeleton = ? AND {ID_FIELD} <> ? ORDER BY {ID_FIELD}",
                (skeleton(encode_id(short_id)), encode_id(short_id)),
            )
            others = tuple(dict.fromkeys(other for (other,) in rows if is_confusable(short_id, other)))
            if others:
                alike[short_id] = others
        return alike

    def resembling(self, short_id: str) -> Candidates:
        """The customers whose IDs may have been meant by this one, the likeliest first."""
        with transaction(self.connection):
            return find_resembling(self.connection, MirrorState.read(self.connection), short_id)

    def suggestions(self, typed: str, most: int, request: PageRequest) -> Candidates:
        """At most this many customers who begin with what is typed, in the order of a list."""
        with transaction(self.connection):
            search = self._search(MirrorState.read(self.connection))
            return find_suggestions(search, typed, most, request)

    def position(self, request: PageRequest, typed: str) -> ListPosition | None:
        """The row of the list at or after what is typed; `None` while rows of the list are missing here."""
        with transaction(self.connection):
            state = MirrorState.read(self.connection)
            known = state.complete or request.needs_mirror
            return find_position(self._search(state), request, typed) if known else None

    def values_in_use(self, field: CountedField) -> list[ValueInUse]:
        """The values that customers have in this field, the most used first."""
        return values_in_use(self.connection, field)

    def places_of_zip(self, code: str, country: str) -> list[CityOfZip]:
        """Where customers with this zip are, the most usual place first."""
        return places_of_zip(self.connection, code, country)

    def doubles(self, most: int) -> Doubles:
        """At most this many groups of customers that share a phone, an e-mail or an address."""
        with transaction(self.connection):
            return find_doubles(self.connection, MirrorState.read(self.connection), most)

    def _search(self, state: MirrorState) -> CustomerSearch:
        self._fit_cache(state)
        return CustomerSearch(self.connection, state, self._index, self._recent)

    def _fit_cache(self, state: MirrorState) -> None:
        """Cache as many pages as lead to the rows of a large mirror; without, each lookup costs twice as much."""
        wanted = min(state.next_rowid // _ROWS_PER_CACHE_STEP, _MAX_CACHE_STEPS) << 9
        if wanted > self._cache:
            self.connection.execute(f"PRAGMA cache_size = -{wanted}")
            self._cache = wanted

    def _customers(self, rowids: Sequence[int]) -> list[Customer]:
        rows = []
        for rowid in rowids:
            row = self.connection.execute(f"SELECT {READ_COLUMNS} FROM customer WHERE rowid = ?", (rowid,)).fetchone()
            if row is None:
                raise CorruptRow
            rows.append(decode_row(row))
        return rows


def _suggested_page(search: CustomerSearch, request: PageRequest) -> Found | None:
    """The page of near misses, if there are any."""
    terms = suggest_terms(search, request)
    if terms is None:
        return None
    found = search.search(terms, request._replace(find=""))
    words = (
        f"{term.field}:{word}" if term.field else word
        for term in terms
        if not term.is_status
        for word in (term.text, *term.variants)
    )
    return replace(found, suggestions=tuple(words)) if found.rowids else None


def build_page(request: PageRequest, found: Found, rows: Sequence[Customer], state: MirrorState) -> Page:
    """The page of what was found."""
    last = request.page * request.page_size
    return Page(
        rows=tuple(rows),
        total=found.total,
        page=request.page,
        page_size=request.page_size,
        page_count=None if found.is_minimum else -(-found.total // request.page_size),
        has_more=found.total > last,
        origin=Origin(
            state.synced_at,
            state.row_count,
            state.expected,
            suggestions=found.suggestions,
            total_is_minimum=found.is_minimum,
        ),
    )
