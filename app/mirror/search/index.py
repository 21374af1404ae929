"""The index of search texts: SQLite FTS5 where this Python has it, else a plain table that is scanned.

New and changed rows wait in the table `unindexed` until the writer has time to index them in batches. A search looks
into both, so that its answer is right at every moment.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from functools import cache
from typing import Final, Protocol

from app.mirror.search.terms import TRIGRAM, SearchTerm

_COLUMNS: Final = "rowid INTEGER PRIMARY KEY, text TEXT NOT NULL, numbers TEXT NOT NULL"
#: Rows that wait to be indexed, with the texts they are searched in.
UNINDEXED_TABLE: Final = f"CREATE TABLE unindexed ({_COLUMNS});"
#: Consists of white space that is no mark of a status: no text contains it.
_NOWHERE: Final = '"\x1e\x1e\x1e"'
#: No trigram that begins with a word sorts after the word and these.
_LAST: Final = "\U0010ffff\U0010ffff"

#: A row and its texts.
IndexedText = tuple[int, str, str]


class SearchIndex(Protocol):
    """A way to find the rows whose search text matches; each is made for one connection."""

    def where(self, terms: Sequence[SearchTerm]) -> tuple[str, list[str]]:
        """The condition, with its values, for the rows of `search_index` that match all terms."""

    def remove(self, rows: Iterable[IndexedText]) -> None:
        """Remove rows; the texts must be exactly those they were indexed with."""


class FullTextIndex:
    """FTS5 with trigrams, without a copy of the texts: a word is an exact phrase of its trigrams."""

    name: Final = "fts5"
    table: Final = (
        "CREATE VIRTUAL TABLE search_index USING"
        " fts5(text, numbers, content='', columnsize=0, tokenize='trigram case_sensitive 1');"
    )

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        connection.execute("CREATE VIRTUAL TABLE IF NOT EXISTS temp.trigram USING fts5vocab(main, search_index, row)")

    def where(self, terms: Sequence[SearchTerm]) -> tuple[str, list[str]]:
        """The condition, with its values, for the rows of `search_index` that match all terms."""
        return "search_index MATCH ?", [" AND ".join(map(self._expression, terms))]

    def _expression(self, term: SearchTerm) -> str:
        words = [self._phrase(word) for word in (term.text, *term.variants)]
        if term.digits:
            words.append(f"numbers : {self._phrase(term.digits)}")
        return f"({' OR '.join(words)})"

    def _phrase(self, word: str) -> str:
        if len(word) >= TRIGRAM:
            return _quote(word)
        found = self._connection.execute(
            "SELECT term FROM temp.trigram WHERE term >= ? AND term <= ?", (word, f"{word}{_LAST}")
        )
        return " OR ".join([_quote(trigram) for (trigram,) in found]) or _NOWHERE

    def remove(self, rows: Iterable[IndexedText]) -> None:
        """Remove rows; other texts than those they were indexed with would spoil the index."""
        self._connection.executemany(
            "INSERT INTO search_index(search_index, rowid, text, numbers) VALUES ('delete', ?, ?, ?)", rows
        )


class ScannedIndex:
    """A table of the texts, which SQLite scans for every search: the same answers without FTS5, more slowly."""

    name: Final = "scan"
    table: Final = f"CREATE TABLE search_index ({_COLUMNS});"

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def where(self, terms: Sequence[SearchTerm]) -> tuple[str, list[str]]:
        """The condition, with its values, for the rows of `search_index` that match all terms."""
        return where_scanned(terms)

    def remove(self, rows: Iterable[IndexedText]) -> None:
        """Remove rows."""
        self._connection.executemany("DELETE FROM search_index WHERE rowid = ?", ((row[0],) for row in rows))


def where_scanned(terms: Sequence[SearchTerm]) -> tuple[str, list[str]]:
    """The condition, with its values, by which a table of texts is scanned for all terms."""
    conditions = []
    values = []
    for term in terms:
        words = (term.text, *term.variants)
        either = ["instr(text, ?) OR instr(numbers, ?)"] * len(words) + ["instr(numbers, ?)"] * bool(term.digits)
        conditions.append(f"({' OR '.join(either)})")
        values += [word for word in words for _ in range(2)]
        if term.digits:
            values.append(term.digits)
    return " AND ".join(conditions), values


def index_next(connection: sqlite3.Connection, rows: int) -> list[str]:
    """Index at most this many of the rows that wait, and return their texts; must run in a transaction."""
    found = connection.execute("SELECT rowid, text FROM unindexed ORDER BY rowid LIMIT ?", (rows,)).fetchall()
    if found:
        last = found[-1][0]
        connection.execute(
            "INSERT INTO search_index(rowid, text, numbers)"
            " SELECT rowid, text, numbers FROM unindexed WHERE rowid <= ? ORDER BY rowid",
            (last,),
        )
        connection.execute("DELETE FROM unindexed WHERE rowid <= ?", (last,))
    return [text for _, text in found]


@cache
def fts5_available() -> bool:
    """Whether the SQLite of this Python has FTS5 with trigrams; there are builds without."""
    with closing(sqlite3.connect(":memory:")) as connection:
        try:
            connection.execute(FullTextIndex.table)
        except sqlite3.OperationalError:
            return False
    return True


def index_type(*, full_text: bool) -> type[FullTextIndex] | type[ScannedIndex]:
    """The index to use, with or without FTS5."""
    return FullTextIndex if full_text else ScannedIndex


def _quote(word: str) -> str:
    return '"' + word.replace('"', '""') + '"'
