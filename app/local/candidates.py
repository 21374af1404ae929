"""Finds the customers somebody may mean: by an ID that resembles theirs, or by the beginning of an ID or a name."""

import sqlite3
from collections.abc import Iterator
from typing import Final

from app.fields import KEY
from app.folding import fold
from app.local.mirror_state import MirrorState
from app.local.row import READ
from app.local.stored import customer_of, stored_id
from app.lookalike import likeness, resembles, skeleton
from app.models import Candidates, Customer

#: So many rows are searched without an index; it is built once all of them are there.
_FEW_ROWS: Final = 5_000
#: The most rows with one look that are read.
_MOST_ALIKE: Final = 64


def find_resembling(connection: sqlite3.Connection, state: MirrorState, short_id: str) -> Candidates:
    """The customers whose IDs resemble this one, the likeliest first."""
    searchable = _is_searchable(connection, state, "by_look")
    wheres = ("fid = :fold", "look = :look") if searchable else ("fid = :fold",)
    words = {"fold": fold(stored_id(short_id)), "look": skeleton(stored_id(short_id))}
    found = {customer.short_id: customer for customer in _customers(connection, wheres, words, _MOST_ALIKE)}
    alike = [
        customer for other, customer in found.items() if KEY not in customer.oddities and resembles(short_id, other)
    ]
    alike.sort(key=lambda one: (likeness(short_id, one.short_id), one.active is False, one.short_id))
    return Candidates(tuple(alike), complete=state.whole and searchable)


def find_suggestions(connection: sqlite3.Connection, state: MirrorState, typed: str, most: int) -> Candidates:
    """The customers whose ID or name begins with what is typed: IDs as they are written first, names last."""
    head, look = fold(stored_id(typed)), skeleton(stored_id(typed))
    wheres = [f"{KEY} = :typed", "fid >= :head AND fid < :head_end"] if head else []
    if look and _is_searchable(connection, state, "by_look"):
        wheres.append("look >= :look AND look < :look_end")
    if head and _is_searchable(connection, state, "by_fname"):
        wheres.append("fname >= :head AND fname < :head_end")
    words = {
        "typed": stored_id(typed),
        "head": head,
        "head_end": f"{head}\U0010ffff",
        "look": look,
        "look_end": f"{look}\U0010ffff",
    }
    found: dict[str, Customer] = {}
    for customer in _customers(connection, wheres, words, most):
        if KEY not in customer.oddities:
            found.setdefault(customer.short_id, customer)
        if len(found) == most:
            break
    return Candidates(tuple(found.values()), complete=state.whole)


def _customers(
    connection: sqlite3.Connection, wheres: list[str] | tuple[str, ...], words: dict[str, str], most: int
) -> Iterator[Customer]:
    """The customers of each clause in the order of its index, at most so many a clause."""
    for where in wheres:
        order = where.partition(" ")[0]
        rows = connection.execute(
            f"SELECT {READ} FROM customer WHERE {where} ORDER BY {order} LIMIT :most", {**words, "most": most}
        )
        yield from map(customer_of, rows.fetchall())


def _is_searchable(connection: sqlite3.Connection, state: MirrorState, index: str) -> bool:
    named = connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'index' AND name = ?", (index,))
    return named.fetchone() is not None or state.seen <= _FEW_ROWS
