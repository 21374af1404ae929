"""Pages of the mirror: searched, filtered by status and sorted, the best hits first."""

import json
import sqlite3
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, islice
from typing import Final

from app.mirror.rows import TEXT_FIELDS, encode_id, join_fields
from app.mirror.search.index import SearchIndex, where_scanned
from app.mirror.search.ordering import MATCH, NO_MATCH, MatchedRows, marked, order_by, slice_where
from app.mirror.search.selection import Condition, period_condition, term_conditions
from app.mirror.search.terms import (
    SearchTerm,
    build_search_texts,
    matches_all,
    parse_query,
)
from app.mirror.state import MirrorState
from app.models.fields import ID_FIELD, STATUS, PageRequest, Period, Status
from app.models.find_query import parse_find

#: After this many rows a page is deep: it is taken from all that match.
_DEEP: Final = 2_000
#: As many rows that longer words leave are compared with short words one by one.
_FEW_MATCHES: Final = 400
#: As many rows of an order are compared with short words, which most rows hold, before the index is asked.
_FIRST_ROWS: Final = 250
#: Among the first of so many matches the rank of a customer is known.
_RANKED: Final = 1_000
_COMPARED: Final = ", ".join(("customer.rowid", "active", *TEXT_FIELDS))


@dataclass(frozen=True, slots=True)
class Found:
    """The rows of a page by number, and how many match in all; `is_minimum` where they were not counted to the end."""

    rowids: list[int]
    total: int
    is_minimum: bool = False
    suggestions: tuple[str, ...] = ()


class RecentMatches:
    """All rows that matched the last query: its next page, and another order, need not search again."""

    def __init__(self) -> None:
        self._key: object = None
        self._rowids: array[int] = array("I")

    def get(self, key: object) -> "array[int] | None":
        """What matched this query, if it was the last one."""
        return self._rowids if key == self._key else None

    def put(self, key: object, rowids: "array[int]") -> None:
        """Remember what matched this query; `key` names the state of the mirror too."""
        self._key, self._rowids = key, rowids


class CustomerSearch:
    """Searches the mirror in one state; used within one read transaction."""

    def __init__(
        self, connection: sqlite3.Connection, state: MirrorState, index: SearchIndex, recent: RecentMatches
    ) -> None:
        self.connection = connection
        self.state = state
        self._index = index
        self._recent = recent
        self._sort_indexes = {
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'index'")
        }

    def page(self, request: PageRequest) -> Found:
        """The rows of one page."""
        return self.search(parse_query(request.find, request.status), request)

    def count(self, request: PageRequest) -> int:
        """How many rows there are on all pages."""
        return self.count_matches(parse_query(request.find, request.status), request)

    def rank(self, request: PageRequest, short_id: str) -> int | None:
        """How many rows of the list come before this customer, which may be filtered out; `None` if that is unknown."""
        if request.find.strip() or request.period:
            found = self.page(request._replace(page=1, page_size=_RANKED)).rowids
            ids = self.connection.execute(f"SELECT rowid FROM customer WHERE {ID_FIELD} = ?", (encode_id(short_id),))
            return next((found.index(rowid) for (rowid,) in ids if rowid in found), None)
        column, direction = (request.sort, request.direction) if request.sort else (ID_FIELD, "ASC")
        keys = ", ".join(("ifnull(active, -1)" if column == STATUS else column, ID_FIELD, "disambiguator"))
        row = self.connection.execute(
            f"SELECT {keys} FROM customer WHERE {ID_FIELD} = ? ORDER BY disambiguator", (encode_id(short_id),)
        ).fetchone()
        if row is None:
            return None
        before = f"({keys}) {'>' if direction == 'DESC' else '<'} (?, ?, ?)"
        status = "" if request.status == "all" else f" AND active = {int(request.status == 'active')}"
        (rank,) = self.connection.execute(f"SELECT count(*) FROM customer WHERE {before}{status}", row).fetchone()
        return int(rank)

    def search(self, terms: Sequence[SearchTerm], request: PageRequest) -> Found:
        """The rows of one page of those that match all terms.

        Without an order the best hits come first: IDs and names that begin with what was typed.
        """
        if request.period or not all(term.is_anywhere for term in terms):
            return self._page_of_selected(terms, request)
        if all(term.is_status for term in terms):
            return self._list(request)
        first = (request.page - 1) * request.page_size
        last = first + request.page_size
        column, direction = (request.sort, request.direction) if request.sort else (ID_FIELD, "ASC")
        prefix = "" if request.sort else parse_find(request.find).plain_text
        best = list(islice(self._prefix_hits(prefix, request.status), last + 1)) if prefix else []
        matches = self._recent.get((self.state, terms))
        if matches is None:
            rest: list[int] | None = [] if len(best) > last else None
            if rest is None and first < _DEEP:
                rest = self._first_matches(terms, column, direction, last + 1 - len(best), frozenset(best))
            if rest is not None:
                best += rest
                return Found(best[first:last], len(best), is_minimum=len(best) > last)
            matches = self._all_matches(terms)
        return self._page_of(matches, best, request)

    def _page_of_selected(self, terms: Sequence[SearchTerm], request: PageRequest) -> Found:
        """The rows of one page where single fields decide."""
        matches = self._selected(terms, request.period)
        prefix = "" if request.sort else parse_find(request.find).plain_text
        best: list[int] = []
        if prefix and matches:
            among = frozenset(matches)
            best = [rowid for rowid in self._prefix_hits(prefix, request.status) if rowid in among]
        return self._page_of(matches, best, request)

    def _page_of(self, matches: "array[int]", best: Sequence[int], request: PageRequest) -> Found:
        """The rows of one page of all that match, the best ones first."""
        first = (request.page - 1) * request.page_size
        last = first + request.page_size
        column, direction = (request.sort, request.direction) if request.sort else (ID_FIELD, "ASC")
        rowids = [*best[first:last]]
        others = MatchedRows.of(matches, self.state.next_rowid).without(best)
        part = (max(first - len(best), 0), request.page_size - len(rowids))
        if column == ID_FIELD and self.state.sorted_prefix == self.state.next_rowid:
            # The numbers of the rows are in the order of their IDs.
            rowids += others.slice_by_rowid(direction, *part)
        else:
            size = self._index_size(column)
            rowids += others.slice(self.connection, column, direction, *part, index_size=size)
        return Found(rowids, len(matches))

    def exists(self, term: SearchTerm) -> bool:
        """Whether any row matches the term."""
        if not term.is_anywhere:
            return bool(self._selected((term,), ""))
        return next(self._select((term,), limit=1), None) is not None

    def count_matches(self, terms: Sequence[SearchTerm], request: PageRequest) -> int:
        """How many rows match all terms."""
        if request.period or not all(term.is_anywhere for term in terms):
            return len(self._selected(terms, request.period))
        if all(term.is_status for term in terms):
            return self._count_listed(request.status)
        few = self._few_matches(terms)
        if few is not None:
            return len(few)
        indexed, values = self._index.where(terms)
        scanned, others = where_scanned(terms)
        (total,) = self.connection.execute(
            f"SELECT (SELECT count(*) FROM search_index WHERE {indexed})"
            f" + (SELECT count(*) FROM unindexed WHERE {scanned})",
            (*values, *others),
        ).fetchone()
        return int(total)

    def _list(self, request: PageRequest) -> Found:
        """The rows of one page of all customers, or of all with a status."""
        first = (request.page - 1) * request.page_size
        total = self._count_listed(request.status)
        column, direction = (request.sort, request.direction) if request.sort else (ID_FIELD, "ASC")
        if request.status == "all" or column in (ID_FIELD, "active"):
            where = "" if request.status == "all" else f"WHERE active = {int(request.status == 'active')}"
            part = (column, direction, total, first, request.page_size)
            return Found(slice_where(self.connection, where, *part), total)
        rows = self._rows_of_status(request.status, total)
        size = self._index_size(column)
        return Found(rows.slice(self.connection, column, direction, first, request.page_size, index_size=size), total)

    def _count_listed(self, status: Status) -> int:
        if status == "all":
            return self.state.row_count
        # The few are counted, and most are active.
        if status == "discontinued":
            return self._count_where("active = 0")
        return self.state.row_count - self._count_where("active = 0") - self._count_where("active IS NULL")

    def _count_where(self, condition: str) -> int:
        (total,) = self.connection.execute(f"SELECT count(*) FROM customer WHERE {condition}").fetchone()
        return int(total)

    def _rows_of_status(self, status: Status, total: int) -> MatchedRows:
        """The rows with a status; a mask of the active is made by leaving out the few others."""

        def rowids_where(condition: str) -> list[int]:
            found = self.connection.execute(f"SELECT rowid FROM customer WHERE {condition}")
            return [rowid for (rowid,) in found]

        def mask() -> bytes:
            is_active = status == "active"
            # What there is no row for may have any mark.
            all_rows = (MATCH if is_active else NO_MATCH) * self.state.next_rowid
            few = [rowids_where(condition) for condition in ("active = 0", "active IS NULL")[: 1 + is_active]]
            return marked(all_rows, chain(*few), NO_MATCH if is_active else MATCH)

        return MatchedRows(total, mask, lambda: rowids_where(f"active = {int(status == 'active')}"))

    def _first_matches(
        self, terms: Sequence[SearchTerm], column: str, direction: str, count: int, excluded: frozenset[int]
    ) -> list[int] | None:
        """The first rows of an order that match, at most `count`; `None` if all matches are needed to know them."""
        if all(term.is_short or term.is_status for term in terms) and self._index_size(column):
            first = self._compare(f"FROM customer {order_by(column, direction)} LIMIT {_FIRST_ROWS}", (), terms)
            found = [rowid for rowid in first if rowid not in excluded]
            if len(found) >= count:
                return found[:count]
        if column == ID_FIELD:
            return self._first_by_id(terms, direction, count, excluded)
        return None

    def _first_by_id(
        self, terms: Sequence[SearchTerm], direction: str, count: int, excluded: frozenset[int]
    ) -> list[int] | None:
        """The same by ID: most rows came in this order, and their numbers are in it too."""
        few = self._few_matches(terms)
        if few is None:
            limit = count + len(excluded)
            ordered = self.state.sorted_prefix
            few = [*self._select(terms, direction=direction, limit=limit, among=(0, ordered))]
            if ordered < self.state.next_rowid:
                later = [*self._select(terms, limit=_DEEP + 1, among=(ordered, self.state.next_rowid))]
                if len(later) > _DEEP:
                    return None
                few += later
        found = self.connection.execute(
            "SELECT customer.rowid FROM json_each(?) wanted CROSS JOIN customer ON customer.rowid = wanted.value"
            f" {order_by(ID_FIELD, direction)} LIMIT ?",
            (json.dumps([rowid for rowid in few if rowid not in excluded]), count),
        )
        return [rowid for (rowid,) in found]

    def _all_matches(self, terms: Sequence[SearchTerm]) -> "array[int]":
        few = self._few_matches(terms)
        matches = array("I", self._select(terms) if few is None else few)
        self._recent.put((self.state, terms), matches)
        return matches

    def _selected(self, terms: Sequence[SearchTerm], period: Period) -> "array[int]":
        """All rows that match where single fields decide; only few of them are compared one by one."""
        during = period_condition(self.connection, period, datetime.now().astimezone())
        key = (self.state, terms, during)
        matches = self._recent.get(key)
        if matches is None:
            # A word of a field is somewhere, too.
            longer = [term for term in terms if not (term.is_short or term.is_status)]
            few = [*self._select(longer, limit=_FEW_MATCHES)] if longer else None
            is_few = few is not None and len(few) < _FEW_MATCHES
            conditions = [during] if during is not None else []
            if is_few:
                conditions.append(Condition("rowid IN (SELECT value FROM json_each(?))", (json.dumps(few),)))
            else:
                conditions += term_conditions(self.connection, self._index, terms)
            source = f"FROM customer WHERE {' AND '.join(one.sql for one in conditions)} ORDER BY rowid"
            values = [value for one in conditions for value in one.values]
            if is_few:
                matches = array("I", self._compare(source, values, terms))
            else:
                found = self.connection.execute(f"SELECT rowid {source}", values)
                matches = array("I", chain.from_iterable(found))
            self._recent.put(key, matches)
        return matches

    def _few_matches(self, terms: Sequence[SearchTerm]) -> list[int] | None:
        """All rows that match, where short words stand beside longer ones that leave few; `None` otherwise.

        A short word is in hundreds of trigrams: comparing those rows costs less.
        """
        longer = [term for term in terms if not term.is_short]
        if len(longer) == len(terms) or all(term.is_status for term in longer):
            return None
        few = [*self._select(longer, limit=_FEW_MATCHES)]
        if len(few) == _FEW_MATCHES:
            return None
        wanted = "FROM json_each(?) wanted CROSS JOIN customer ON customer.rowid = wanted.value"
        return self._compare(wanted, (json.dumps(few),), terms)

    def _compare(self, source: str, values: Sequence[str | int], terms: Sequence[SearchTerm]) -> list[int]:
        """Those of some rows that match all terms, found without the index."""
        rows = self.connection.execute(f"SELECT {_COMPARED} {source}", values).fetchall()
        if not rows:
            return []
        texts = build_search_texts(
            [(join_fields(fields), None if active is None else bool(active)) for _, active, *fields in rows]
        )
        return [rowid for (rowid, *_), text in zip(rows, texts, strict=True) if matches_all(terms, text)]

    def _select(
        self,
        terms: Sequence[SearchTerm],
        *,
        direction: str = "ASC",
        limit: int = -1,
        among: tuple[int, int] | None = None,
    ) -> Iterator[int]:
        """The rows that match all terms, in the order of their numbers: at most `limit`, `among` those in a range."""
        indexed, values = self._index.where(terms)
        scanned, others = where_scanned(terms)
        part = "rowid >= ? AND rowid < ?"
        bounds = among or (0, self.state.next_rowid)
        found = self.connection.execute(
            f"SELECT rowid FROM search_index WHERE {indexed} AND {part}"
            f" UNION ALL SELECT rowid FROM unindexed WHERE {scanned} AND {part} ORDER BY 1 {direction} LIMIT ?",
            (*values, *bounds, *others, *bounds, limit),
        )
        return chain.from_iterable(found)

    def _index_size(self, column: str) -> int:
        return self.state.row_count if column == ID_FIELD or f"by_{column}" in self._sort_indexes else 0

    def _prefix_hits(self, prefix: str, status: Status) -> Iterator[int]:
        """Rows whose ID, or whose name where there is an index of names, is or begins with what was typed."""
        with_names = "by_folded_name" in self._sort_indexes
        active = "" if status == "all" else f"AND +active = {int(status == 'active')}"
        values = {"prefix": prefix, "end": f"{prefix}\U0010ffff"}
        begins = "{0} >= :prefix AND {0} < :end"
        id_begins, name_begins = begins.format("folded_id"), begins.format("folded_name")
        steps = [("folded_id = :prefix", ID_FIELD)]
        if with_names:
            steps += [
                ("folded_name = :prefix AND folded_id <> :prefix", ID_FIELD),
                (f"{id_begins} AND folded_id <> :prefix AND folded_name <> :prefix", f"folded_id, {ID_FIELD}"),
                (f"{name_begins} AND folded_name <> :prefix AND NOT ({id_begins})", f"folded_name, {ID_FIELD}"),
            ]
        else:
            steps.append((f"{id_begins} AND folded_id <> :prefix", f"folded_id, {ID_FIELD}"))
        for where, order in steps:
            found = self.connection.execute(
                f"SELECT rowid FROM customer WHERE {where} {active} ORDER BY {order}, disambiguator", values
            )
            for (rowid,) in found:
                yield rowid
