"""Customers selected by single fields: words of one field, a status to leave out, when they were added or changed."""

import json
import sqlite3
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from app.mirror.rows import FOLDED_COLUMNS
from app.mirror.search.index import SearchIndex, where_scanned
from app.mirror.search.terms import STATUS_MARKS, SearchTerm, fold_field
from app.models.fields import Period
from app.timestamps import days_of, parse

#: No zone is further ahead or behind: a moment is not on another day than its text by more than that.
_ZONES: Final = timedelta(days=1)


class Condition(NamedTuple):
    """A condition on customers in SQL, with its values."""

    sql: str
    values: Sequence[str | int]


def period_condition(connection: sqlite3.Connection, period: Period, now: datetime) -> Condition | None:
    """The condition for customers that were added or changed in a period; `None` for any time."""
    if not period:
        return None
    column = "created" if period.startswith("new") else "modified"
    begin, end = days_of(now, week=period.endswith("week"))
    # Texts of moments sort by their days at least, whatever their zones and forms.
    least = f"{(begin - _ZONES).date()}"
    found = connection.execute(f"SELECT DISTINCT {column} FROM customer WHERE {column} >= ?", (least,))
    moments = ((text, parse(text)) for (text,) in found)
    return _is_one_of(column, [text for text, moment in moments if moment is not None and begin <= moment < end])


def term_conditions(connection: sqlite3.Connection, index: SearchIndex, terms: Sequence[SearchTerm]) -> list[Condition]:
    """The conditions for the customers that match all terms."""
    conditions = [_condition(connection, term) for term in terms if not term.is_anywhere or term.is_status]
    anywhere = [term for term in terms if term.is_anywhere and not term.is_status]
    if anywhere:
        indexed, values = index.where(anywhere)
        scanned, others = where_scanned(anywhere)
        sql = (
            f"rowid IN (SELECT rowid FROM search_index WHERE {indexed}"
            f" UNION ALL SELECT rowid FROM unindexed WHERE {scanned})"
        )
        conditions.append(Condition(sql, [*values, *others]))
    return conditions


def _condition(connection: sqlite3.Connection, term: SearchTerm) -> Condition:
    """The condition for one word of a field, or a status: the different values of a column are looked at once."""
    if term.is_status:
        active = int(term.text == STATUS_MARKS[True])
        return Condition("active IS NOT ?" if term.excluded else "active = ?", (active,))
    either = [_is_in(connection, term, column) for column in term.columns]
    return Condition(f"({' OR '.join(one.sql for one in either)})", [value for one in either for value in one.values])


def _is_in(connection: sqlite3.Connection, term: SearchTerm, column: str) -> Condition:
    words = (term.text, *term.variants)
    if column in FOLDED_COLUMNS:
        anywhere = " OR ".join([f"instr({FOLDED_COLUMNS[column]}, ?)"] * len(words))
        return Condition(f"rowid IN (SELECT rowid FROM customer WHERE {anywhere})", words)
    values = connection.execute(f"SELECT DISTINCT {column} FROM customer")
    return _is_one_of(column, [value for (value,) in values if term.is_in(column, fold_field(value))])


def _is_one_of(column: str, values: Sequence[str]) -> Condition:
    return Condition(f"{column} IN (SELECT value FROM json_each(?))", (json.dumps(values, ensure_ascii=False),))
