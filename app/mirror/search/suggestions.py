"""Near misses: the words of the customers that a person may have meant by one that no customer holds."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, pairwise
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
        if term.is_status or (len(terms) > 1 and search.exists(term)):
            suggested.append(term)
            continue
        missing = True
        # In ACME-CROP only the second half is wrong.
        pieces = [piece.decode() for piece in strip_punctuation(term.text)]
        # The parts of a number may stand anywhere: that alone is not close.
        close = any(map(str.isalpha, term.text))
        for piece in pieces:
            one = SearchTerm(piece, field=term.field)
            if piece == term.text or not search.exists(one):
                similar = similar_words(search.connection, piece)
                if not similar:
                    return None
                close = True
                one = SearchTerm(similar[0], variants=tuple(similar[1:]), field=term.field)
            suggested.append(one)
        if not close:
            return None
    return tuple(suggested) if missing else None


def similar_words(connection: sqlite3.Connection, word: str) -> list[str]:
    """Words of the mirror that are one slip away from this one, or two from a long one; closest and commonest first.

    Where there are none, words that begin like that: a person may not have typed to the end yet.
    """
    if not _SHORTEST <= len(word) <= _LONGEST:
        return []
    slips = 2 if len(word) >= _LONG else 1
    unindexed = _newest_words(connection)
    found = _nearest(_candidates(connection, word, slips), unindexed, lambda other: osa_distance(word, other, slips))
    # The beginning of a short word is near too many.
    if not found and len(word) >= _SHORTEST_START:
        longer = _beginning_alike(connection, word, slips, len(word) + 1, _LONGEST)
        found = _nearest(longer, unindexed, lambda other: _prefix_distance(word, other, slips))
    return found


def _nearest(
    indexed: Iterable[tuple[str, int]], unindexed: Counter[bytes], distance: Callable[[str], int | None]
) -> list[str]:
    """The closest of these words, at most a few, the commonest first; the words come with their counts."""
    others = ((word.decode(), count) for word, count in unindexed.items())
    closest = _FAR
    nearest: Counter[str] = Counter()
    for other, count in chain(indexed, others):
        away = distance(other)
        if away is None or away > closest:
            continue
        if away < closest:
            closest = away
            nearest.clear()
        nearest[other] += count
    return sorted(nearest, key=lambda other: (-nearest[other], other))[:_MOST_WORDS]


def _candidates(connection: sqlite3.Connection, word: str, slips: int) -> Iterator[tuple[str, int]]:
    """Words, with their counts, that may be few slips away.

    All that are one slip away are among them. Of those that are two slips away, those are missing in which one slip is
    in the first letter, and the other in the second or in the last two.
    """
    lengths = (len(word) - slips, len(word) + slips)
    yield from _beginning_alike(connection, word, slips, *lengths)
    # The first letter is wrong, missing, or has changed places with the second, which is right.
    places, values = _near_places(_parts(word, slips, first=2), slips)
    yield from connection.execute(
        "SELECT text, count FROM word WHERE substr(text, -2) = ? AND substr(text, 1, 1) <> ?"
        " AND (instr(substr(text, 1, 2), ?) OR substr(text, 2, 1) = ?)"
        f" AND length(text) BETWEEN ? AND ? AND ({places})",
        (word[-2:], word[0], word[1], word[0], *lengths, *values),
    )


def _beginning_alike(
    connection: sqlite3.Connection, word: str, slips: int, shortest: int, longest: int
) -> Iterator[tuple[str, int]]:
    """Words, with their counts, that begin with the same letter and share a part at nearly the same place."""
    places, values = _near_places(_parts(word, slips + 1), slips)
    yield from connection.execute(
        f"SELECT text, count FROM word WHERE text >= ? AND text < ? AND length(text) BETWEEN ? AND ? AND ({places})",
        (word[0], f"{word[0]}\U0010ffff", shortest, longest, *values),
    )


def _near_places(parts: Sequence[tuple[int, str]], slips: int) -> tuple[str, list[str | int]]:
    """The condition, with its values, that a word has one of these parts, a few letters nearer or farther."""
    values: list[str | int] = []
    for start, part in parts:
        # Nothing stands before the beginning that could move it.
        first = max(start - slips, 0)
        values += (first + 1, start - first + len(part) + (slips if start else 0), part)
    return " OR ".join(["instr(substr(text, ?, ?), ?)"] * len(parts)), values


def _newest_words(connection: sqlite3.Connection) -> Counter[bytes]:
    newest = connection.execute("SELECT text FROM unindexed ORDER BY rowid DESC LIMIT ?", (_UNINDEXED_ROWS,))
    return _words_in(text for (text,) in newest)


def _words_in(texts: Iterable[str]) -> Counter[bytes]:
    """In how many of the texts each word stands."""
    counts: Counter[bytes] = Counter()
    for text in texts:
        counts.update({word for word in strip_punctuation(text) if len(word) >= _SHORTEST - 1})
    return counts


def _parts(word: str, count: int, first: int = 0) -> list[tuple[int, str]]:
    """The word, from its letter number `first` on, cut into `count` parts, with their places.

    One of them is whole in any word that is one slip fewer away. They come without their last letter and without their
    first letter too, for two letters that changed places may belong to two parts.
    """
    length = len(word) - first
    bounds = [first + length * index // count for index in range(count + 1)]
    # Two letters of a long word are in too many others.
    shortest = 3 if count > 2 and length // count > 2 else 2
    parts = []
    for start, end in pairwise(bounds):
        parts += [(start, word[start:end]), (start, word[start : end - 1]), (start + 1, word[start + 1 : end])]
    pieces = [(start, part) for start, part in parts if len(part) >= shortest]
    if length == _SHORTEST and count == 2:
        # Its parts have no letters to spare.
        pieces.append((first, word[first] + word[first + 2] + word[first + 1] + word[first + 3]))
    return pieces


def osa_distance(one: str, other: str, most: int) -> int | None:
    """How many slips (a letter more, less, another, or two that changed places) lead from one to the other.

    This is the optimal string alignment distance; `None` when it is above `most`.
    """
    if abs(len(one) - len(other)) > most:
        return None
    same = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    one, other = one[same:], other[same:]
    if not one or not other:
        return len(one) + len(other)
    if not most:
        return None
    rests = [(one[1:], other[1:]), (one[1:], other), (one, other[1:])]
    if one[:2] == other[1::-1]:
        rests.append((one[2:], other[2:]))
    if most == 1:
        return 1 if any(left == right for left, right in rests) else None
    found = [away for left, right in rests if (away := osa_distance(left, right, most - 1)) is not None]
    return min(found) + 1 if found else None


def _prefix_distance(word: str, other: str, most: int) -> int | None:
    """The least distance of the word to a beginning of the other; `None` when it is above `most`."""
    # What is meant begins with the letter that was typed first, and ends with the one that was typed last.
    ends = (
        end
        for end in range(len(word) - most, min(len(word) + most, len(other)) + 1)
        if other[0] == word[0] and other[end - 1] == word[-1]
    )
    return min((away for end in ends if (away := osa_distance(word, other[:end], most)) is not None), default=None)
