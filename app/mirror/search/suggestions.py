"""Near misses: what a person may have meant by a word that nothing holds."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from app.mirror.search.query import Search
from app.mirror.search.terms import Needle, needles_of, spaced_out
from app.models.fields import PageRequest

_SHORTEST: Final = 4
_SHORTEST_START: Final = 5
_LONG: Final = 8
#: More than any word is away that counts.
_FAR: Final = 100
_MOST_WORDS: Final = 6
_SPOILT: Final = 4
_LONGEST: Final = 60


def guessed(search: Search, request: PageRequest) -> tuple[Needle, ...] | None:
    """What to look for instead, where a word was not found anywhere; `None` when nothing comes close."""
    needles: list[Needle] = []
    missing = 0
    wanted = needles_of(request.find, request.status)
    for needle in wanted:
        # Nothing was found: so the only one is missing, without another look.
        if len(wanted) > 1 and search.holds(needle):
            needles.append(needle)
            continue
        missing += 1
        # Of ACME-CROP only the second half is wrong.
        pieces = spaced_out(needle.text).split()
        if not pieces:
            return None
        for piece in pieces:
            one = Needle(piece)
            if piece == needle.text or not search.holds(one):
                close = close_words(search, piece.decode())
                if not close:
                    return None
                one = Needle(close[0].encode(), others=tuple(word.encode() for word in close[1:]))
            needles.append(one)
    return tuple(needles) if missing else None


def close_words(search: Search, word: str) -> list[str]:
    """Words of the mirror that are one slip from this one, or two from a long one; the closest and commonest first.

    Where there is none, words that begin so: a person may not have typed to the end yet.
    A slip spoils at most three grams of a word (a letter more, less or another: those that hold it; two that changed
    places: one more). Blocks that hold all the others are looked at, as many as there is time for.
    """
    if not _SHORTEST <= len(word) <= _LONGEST:
        return []
    slips = 2 if len(word) >= _LONG else 1
    parts = [part.encode() for part in _parts(word, slips + 1)]
    away: dict[bytes, int] = {}
    often: Counter[bytes] = Counter()
    for text in search.lines_like(word, _SPOILT * slips):
        for other in _words_with(parts, text):
            if other not in away:
                away[other] = _remoteness(word, other.decode(), slips)
            often[other] += 1
    closest = min(away.values(), default=_FAR)
    near = [other for other, remote in away.items() if remote == closest < _FAR]
    return [other.decode() for other in sorted(near, key=lambda other: (-often[other], other))[:_MOST_WORDS]]


def _words_with(parts: Sequence[bytes], lines: bytes) -> set[bytes]:
    """The words of these lines in which one of the parts stands."""
    spaced = b" %b " % spaced_out(lines)
    words = set()
    for part in parts:
        at = spaced.find(part)
        while at >= 0:
            end = spaced.find(b" ", at)
            words.add(spaced[spaced.rfind(b" ", 0, at) + 1 : end])
            at = spaced.find(part, end)
    return words


def _parts(word: str, count: int) -> list[str]:
    """The word in so many parts, of which one is whole in any word that is one slip fewer away.

    They are without their last letter and without their first, too: two that changed places may be of two parts.
    """
    # Of eight letters two are a third.
    shortest = 2 if len(word) // count < 3 else 3
    bounds = [len(word) * index // count for index in range(count + 1)]
    parts = [word[start:end] for start, end in pairwise(bounds)]
    pieces = (piece for part in parts for piece in (part, part[:-1], part[1:]))
    return list(dict.fromkeys(piece for piece in pieces if len(piece) >= shortest))


def _remoteness(word: str, other: str, slips: int) -> int:
    """How far a word is from what was typed: by its slips, and beyond those if it only begins so."""
    if (whole := distance(word, other, slips)) <= slips:
        return whole
    # The beginning of a short word is near too many.
    if len(word) < _SHORTEST_START or len(other) <= len(word) or word[0] != other[0]:
        return _FAR
    start = _row(word, other[: len(word) + slips], slips)
    # What is meant ends with the letter that was typed last.
    ends = [row for at, row in enumerate(start) if at and other[at - 1] == word[-1]]
    least = min(ends, default=slips + 1)
    return slips + 1 + least if least <= slips else _FAR


def distance(one: str, other: str, most: int) -> int:
    """How many slips (a letter more, less, another, or two that changed places) lead from one to the other.

    More than `most` is told as `most + 1`.
    """
    if abs(len(one) - len(other)) > most:
        return most + 1
    return min([*_row(one, other, most)[-1:], most + 1])


def _row(one: str, other: str, most: int) -> list[int]:
    """How many slips lead from one to each beginning of the other; nothing when all are more than `most`."""
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
