"""Customers that may be meant by an ID that resembles theirs, or by the beginning of an ID, a name or another field."""

import sqlite3
from typing import Final

from app.mirror.rows import READ_COLUMNS, decode_row, encode_id
from app.mirror.search.position import find_beginning
from app.mirror.search.query import CustomerSearch
from app.mirror.state import MirrorState
from app.models.customer import Candidates, Customer
from app.models.fields import ID_FIELD, PageRequest
from app.text.confusables import has_similar_prefix, is_similar, similarity, skeleton
from app.text.folding import fold

#: At most this many rows are scanned without an index, which is built when all rows are there.
_FEW_ROWS: Final = 5_000
#: At most this many rows with one skeleton are read.
_MOST_ALIKE: Final = 64


def find_resembling(connection: sqlite3.Connection, state: MirrorState, short_id: str) -> Candidates:
    """The customers whose IDs resemble this one, the likeliest first."""
    asked = encode_id(short_id)
    found = _customers(connection, "folded_id", "= ?", (fold(asked),), _MOST_ALIKE)
    searchable = _is_searchable(connection, state, "by_skeleton")
    if searchable:
        found += _customers(connection, "skeleton", "= ?", (skeleton(asked),), _MOST_ALIKE)
    alike = {one.short_id: one for one in found if is_similar(short_id, one.short_id)}
    best = sorted(
        alike.values(), key=lambda one: (similarity(short_id, one.short_id), one.active is False, one.short_id)
    )
    return Candidates(tuple(best), complete=state.complete and searchable)


def find_suggestions(search: CustomerSearch, typed: str, most: int, request: PageRequest) -> Candidates:
    """The customers who begin with what is typed, those first that Enter goes to.

    These are an ID that is spelled like it, and the rows of a list that begin with it, in their order. Then come the
    IDs and names that are not in the list or not what it is sorted by.
    """
    connection, state = search.connection, search.state
    asked = encode_id(typed)
    head, look = fold(asked), skeleton(asked)
    found: list[Customer] = []
    if head:
        found += _customers(connection, ID_FIELD, "= ?", (asked,), most)
        alike = None if found else find_resembling(connection, state, typed).same_but_case(typed)
        found += [] if alike is None else [alike]
        for short_id in find_beginning(search, request, typed, most):
            found += _customers(connection, ID_FIELD, "= ?", (short_id,), 1)
        if request.filtered:
            found += _beginning(connection, "folded_id", head, most)
    if look and len(found) <= most and _is_searchable(connection, state, "by_skeleton"):
        like = _beginning(connection, "skeleton", look, _MOST_ALIKE)
        found += [one for one in like if has_similar_prefix(one.short_id, typed)]
    if head and len(found) <= most and _is_searchable(connection, state, "by_folded_name"):
        found += _beginning(connection, "folded_name", head, most)
    once = {one.short_id: one for one in found}
    return Candidates(tuple(once.values())[:most], complete=state.complete)


def _beginning(connection: sqlite3.Connection, column: str, head: str, most: int) -> list[Customer]:
    return _customers(connection, column, f">= ? AND {column} < ?", (head, f"{head}\U0010ffff"), most)


def _customers(
    connection: sqlite3.Connection, column: str, condition: str, words: tuple[str, ...], most: int
) -> list[Customer]:
    """The first customers whose column meets the condition, in its order, except those without an ID."""
    rows = connection.execute(
        f"SELECT {READ_COLUMNS} FROM customer WHERE {column} {condition} ORDER BY {column} LIMIT ?", (*words, most)
    )
    return [customer for customer in map(decode_row, rows.fetchall()) if ID_FIELD not in customer.problems]


def _is_searchable(connection: sqlite3.Connection, state: MirrorState, index: str) -> bool:
    named = connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'index' AND name = ?", (index,))
    return named.fetchone() is not None or state.row_count <= _FEW_ROWS
