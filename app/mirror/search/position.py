"""Where in a list what a person typed begins: the first row at or after it, whatever its case and accents."""

import json
from collections.abc import Iterator, Sequence
from typing import Final

from app.mirror.rows import FOLDED_COLUMNS, encode_id
from app.mirror.search.query import CustomerSearch
from app.mirror.search.terms import folded_prefix
from app.models.customer import ListPosition
from app.models.fields import ID_FIELD, PageRequest
from app.text.folding import fold

_LAST: Final = "\U0010ffff"
#: Among so many matches of a search the row is looked for.
_MOST_MATCHES: Final = 50_000

#: A condition on customers, with its values.
_Condition = tuple[str, Sequence[str]]


def find_position(search: CustomerSearch, request: PageRequest, typed: str) -> ListPosition | None:
    """The first row at or after what is typed; the last row where none is, and `None` in an empty list.

    What the list is sorted by is compared, then the beginnings of IDs.
    """
    head = folded_prefix(encode_id(typed))
    column = request.text_order
    if not head:
        return None
    if request.find.strip() or request.period:
        return _among_matches(search, request, column, head)
    for begins, condition in _conditions(search, request, column, head, 1):
        for short_id in _first(search, request, condition, 1):
            row = search.rank(request, short_id)
            if row is not None:
                return ListPosition(short_id, begins=begins, row=row)
    return None


def find_beginning(search: CustomerSearch, request: PageRequest, typed: str, most: int) -> list[str]:
    """The IDs of the first rows that begin with what is typed, in the order of the list, as in `find_position`."""
    head = folded_prefix(encode_id(typed))
    column = request.text_order
    if not head:
        return []
    if request.find.strip() or request.period:
        rows = _matching_rows(search, request, column)
        return [row[1] for at in (0, 1) for row in rows if fold(row[at]).startswith(head)][:most]
    found: list[str] = []
    for begins, condition in _conditions(search, request, column, head, most):
        if not begins or len(found) >= most:
            break
        found += _first(search, request, condition, most)
    return found


def _values_beginning(search: CustomerSearch, column: str, head: str, status: str = "") -> list[str]:
    """The values of a column that begin, folded, with this."""
    return [value for value in _values(search, column, status) if fold(value).startswith(head)]


def _conditions(
    search: CustomerSearch, request: PageRequest, column: str, head: str, most: int
) -> Iterator[tuple[bool, _Condition]]:
    """What to look for, the best first, for at most so many rows; true where it begins with what is typed."""
    descending = request.sort is not None and request.direction == "DESC"
    if column in FOLDED_COLUMNS:
        yield True, _begins(FOLDED_COLUMNS[column], head)
    else:
        values = sorted(_values_beginning(search, column, head, _status(request)), reverse=descending)
        if values:
            yield True, (f"{column} IN (SELECT value FROM json_each(?))", (json.dumps(values[:most]),))
    if column != ID_FIELD:
        yield True, _begins("folded_id", head)
    # The nearest in the alphabet: the list itself may have all capitals before the small letters.
    if column in FOLDED_COLUMNS:
        name, sign, turned = FOLDED_COLUMNS[column], "<" if descending else ">=", "DESC" if descending else "ASC"
        nearest = search.connection.execute(
            f"SELECT {name} FROM customer WHERE {name} {sign} ?{_status(request)} ORDER BY {name} {turned} LIMIT 1",
            (head,),
        ).fetchone()
        if nearest is not None:
            yield False, (f"{name} = ?", nearest)
    else:
        folded = ((fold(value), value) for value in _values(search, column, _status(request)))
        after = (pair for pair in folded if (pair[0] < head) == descending)
        pair = max(after, default=None) if descending else min(after, default=None)
        if pair is not None:
            yield False, (f"{column} = ?", pair[1:])
    yield False, ("", ())


def _begins(column: str, head: str) -> _Condition:
    return f"{column} >= ? AND {column} < ?", (head, f"{head}{_LAST}")


def _first(search: CustomerSearch, request: PageRequest, condition: _Condition, most: int) -> list[str]:
    """The IDs of the first rows of the list that meet a condition; without one, of the last rows."""
    where, values = condition
    column, direction = (request.sort, request.direction) if request.sort else (ID_FIELD, "ASC")
    if not where:
        where, direction = "1", "ASC" if direction == "DESC" else "DESC"
        order = (column, ID_FIELD, "disambiguator")
    else:
        # With the sign no index of the order is walked: few rows meet the condition.
        order = (f"+{column}", f"+{ID_FIELD}", "+disambiguator")
    found = search.connection.execute(
        f"SELECT {ID_FIELD} FROM customer WHERE {where}{_status(request)}"
        f" ORDER BY {', '.join(f'{name} {direction}' for name in order)} LIMIT ?",
        (*values, most),
    )
    return [short_id for (short_id,) in found]


def _status(request: PageRequest) -> str:
    return "" if request.status == "all" else f" AND +active = {int(request.status == 'active')}"


def _values(search: CustomerSearch, column: str, status: str) -> Iterator[str]:
    found = search.connection.execute(f"SELECT DISTINCT {column} FROM customer WHERE 1{status}")
    return (value for (value,) in found)


def _among_matches(search: CustomerSearch, request: PageRequest, column: str, head: str) -> ListPosition | None:
    """The row among the first matches of a list that only a search gives, in their order."""
    rows = _matching_rows(search, request, column)
    for at in (0, 1):
        for row, values in enumerate(rows):
            if fold(values[at]).startswith(head):
                return ListPosition(values[1], begins=True, row=row)
    if not rows:
        return None
    descending = request.sort is not None and request.direction == "DESC"
    keys = [fold(value) for value, _ in rows]
    after = [row for row, key in enumerate(keys) if (key < head) == descending]
    nearest = (max if descending else min)(after, key=keys.__getitem__, default=len(rows) - 1)
    return ListPosition(rows[nearest][1], begins=False, row=nearest)


def _matching_rows(search: CustomerSearch, request: PageRequest, column: str) -> list[tuple[str, str]]:
    """A column and the ID of the first matches of a search, in the order of the list."""
    rowids = search.page(request._replace(page=1, page_size=_MOST_MATCHES)).rowids
    found = search.connection.execute(
        f"SELECT rowid, {column}, {ID_FIELD} FROM customer WHERE rowid IN (SELECT value FROM json_each(?))",
        (json.dumps(rowids),),
    )
    by_rowid = {rowid: (value, short_id) for rowid, value, short_id in found}
    return [by_rowid[rowid] for rowid in rowids]
