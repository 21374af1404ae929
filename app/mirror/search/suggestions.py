"""Near misses: the words of the customers that a person may have meant by one that no customer holds."""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from app.mirror.search.terms import SearchTerm, parse_query, strip_punctuation
from app.models.fields import PageRequest

if TYPE_CHECKING:
    from app.mirror.search.query import CustomerSearch

#: Every word of the search texts, cut at punctuation, and how many rows hold it. Words that end alike are found by the
#: index, as words that begin alike are by the key.
WORD_TABLE: Final = (
    "CREATE TABLE word (text TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;"
    " CREATE INDEX by_ending ON word (substr(text, -2));"
)
_SHORTEST: Final = 4
_SHORTEST_START: Final = 5
_LONG: Final = 8
_LONGEST: Final = 60
#: More than the score of any word that counts.
_FAR: Final = 100
_MOST_WORDS: Final = 6
#: Rows not indexed yet whose words are considered, the newest.
_UNINDEXED_ROWS: Final = 1_000


def count_words(connection: sqlite3.Connection, texts: Iterable[str], change: int) -> None:
    """Count the words of these search texts: `change` 1 for rows that were added, -1 for rows that were removed."""
    counts = _words_in(texts)
    connection.executemany(
        "INSERT INTO word VALUES (?, ?) ON CONFLICT (text) DO UPDATE SET count = count + excluded.count",
        sorted((word.decode(), change * count) for word, count in counts.items()),
    )
    if change < 0:
        connection.executemany("DELETE FROM word WHERE text = ? AND count <= 0", ((word.decode(),) for word in counts))


def suggest_terms(search: "CustomerSearch", request: PageRequest) -> tuple[SearchTerm, ...] | None:
    """The terms to search for instead of a query that matches nothing; `None` when no word comes close."""
    suggested: list[SearchTerm] = []
    missing = False
    terms = parse_query(request.find, request.status)
    for term in terms:
        # The only term is missing, as nothing was found.
        if len(terms) > 1 and search.exists(term):
            suggested.append(term)
            continue
        missing = True
        # In ACME-CROP only the second half is wrong.
        pieces = [piece.decode() for piece in strip_punctuation(term.text)]
        if not pieces:
            return None
        for piece in pieces:
            one = SearchTerm(piece)
            if piece == term.text or not search.exists(one):
                similar = similar_words(search.connection, piece)
                if not similar:
                    return None
                one = SearchTerm(similar[0], variants=tuple(similar[1:]))
            suggested.append(one)
    return tuple(suggested) if missing else None


def similar_words(connection: sqlite3.Connection, word: str) -> list[str]:
    """Words of the mirror that are one slip away from this one, or two from a long one; closest and commonest first.

    Where there are none, words that begin like that: a person may not have typed to the end yet.
    """
    if not _SHORTEST <= len(word) <= _LONGEST:
        return []
    slips = 2 if len(word) >= _LONG else 1
    best = _FAR
    nearest: Counter[str] = Counter()
    for other, count in _candidates(connection, word, slips):
        score = _score(word, other, slips)
        if score < best:
            best = score
            nearest.clear()
        if score == best < _FAR:
            nearest[other] += count
    return sorted(nearest, key=lambda other: (-nearest[other], other))[:_MOST_WORDS]


def _candidates(connection: sqlite3.Connection, word: str, slips: int) -> Iterator[tuple[str, int]]:
    """Words that begin with the same letter and share a part, or end with the same two letters, and their counts.

    All that are one slip away are among them, and nearly all that are two slips away.
    """
    parts = _parts(word, slips + 1)
    shares = " OR ".join(["instr(text, ?)"] * len(parts))
    longest = _LONGEST if len(word) >= _SHORTEST_START else len(word) + slips
    yield from connection.execute(
        f"SELECT text, count FROM word WHERE text >= ? AND text < ? AND length(text) BETWEEN ? AND ? AND ({shares})",
        (word[0], f"{word[0]}\U0010ffff", len(word) - slips, longest, *parts),
    )
    yield from connection.execute(
        "SELECT text, count FROM word WHERE substr(text, -2) = ?"
        " AND length(text) BETWEEN ? AND ? AND substr(text, 1, 1) <> ?",
        (word[-2:], len(word) - slips, len(word) + slips, word[0]),
    )
    newest = connection.execute("SELECT text FROM unindexed ORDER BY rowid DESC LIMIT ?", (_UNINDEXED_ROWS,))
    for other, count in _words_in(text for (text,) in newest).items():
        yield other.decode(), count


def _words_in(texts: Iterable[str]) -> Counter[bytes]:
    """In how many of the texts each word stands."""
    counts: Counter[bytes] = Counter()
    for text in texts:
        counts.update({word for word in strip_punctuation(text) if len(word) >= _SHORTEST - 1})
    return counts


def _parts(word: str, count: int) -> list[str]:
    """The word in so many parts, one of which is whole in any word that is one slip fewer away.

    They come without their last letter and without their first letter too, for two letters that changed places may
    belong to two parts.
    """
    # Of eight letters two are a third.
    shortest = 2 if len(word) // count < 3 else 3
    bounds = [len(word) * index // count for index in range(count + 1)]
    parts = [word[start:end] for start, end in pairwise(bounds)]
    pieces = (piece for part in parts for piece in (part, part[:-1], part[1:]))
    return list(dict.fromkeys(piece for piece in pieces if len(piece) >= shortest))


def _score(word: str, other: str, slips: int) -> int:
    """How far a word is from what was typed: by its slips, and beyond those if it only begins like that."""
    if (whole := osa_distance(word, other, slips)) <= slips:
        return whole
    # The beginning of a short word is near too many.
    if len(word) < _SHORTEST_START or len(other) <= len(word) or word[0] != other[0]:
        return _FAR
    start = _last_row(word, other[: len(word) + slips], slips)
    # What is meant ends with the letter that was typed last.
    ends = [row for at, row in enumerate(start) if at and other[at - 1] == word[-1]]
    least = min(ends, default=slips + 1)
    return slips + 1 + least if least <= slips else _FAR


def osa_distance(one: str, other: str, most: int) -> int:
    """How many slips (a letter more, less, another, or two that changed places) lead from one to the other.

    This is the optimal string alignment distance; any above `most` is returned as `most + 1`.
    """
    if abs(len(one) - len(other)) > most:
        return most + 1
    return min([*_last_row(one, other, most)[-1:], most + 1])


def _last_row(one: str, other: str, most: int) -> list[int]:
    """How many slips lead from one to each beginning of the other; empty when all are more than `most`."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for index, letter in enumerate(one, 1):
        before, last, row = row, before, [index]
        for at, another in enumerate(other, 1):
            cost = min(before[at] + 1, row[at - 1] + 1, before[at - 1] + (letter != another))
            if at > 1 and index > 1 and letter == other[at - 2] and one[index - 2] == another:
                cost = min(cost, last[at - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return []
    return row
