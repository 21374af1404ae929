"""Near misses: what a person may have meant by a word that nothing holds."""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice, pairwise
from typing import Final

from app.fields import PageRequest
from app.local.lines import Needle, needles_of
from app.local.search import Found, Search

_SHORTEST: Final = 4
_LONG: Final = 8
_MOST_WORDS: Final = 6
_MOST_BLOCKS: Final = 600
_MOST_CANDIDATES: Final = 12
_PARTS: Final = re.compile(r"[^\s@,;:/._-]+")


def nearest(search: Search, request: PageRequest) -> Found | None:
    """The page of customers that hold something close to every word; `None` when there is nothing close."""
    needles = list(needles_of(request.find, request.status))
    guessed = False
    for index, needle in enumerate(needles):
        if search.holds(needle):
            continue
        close = close_words(search, needle.text.decode())
        if not close:
            return None
        needles[index] = Needle(close[0].encode(), others=tuple(word.encode() for word in close[1:]))
        guessed = True
    if not guessed:
        return None
    first = (request.page - 1) * request.page_size
    found = search.matching(needles, replace(request, find="", sort=request.sort), first)
    return replace(found, close=True) if found.ids else None


def close_words(search: Search, word: str) -> list[str]:
    """Words of the mirror that are one slip from this one, or two from a long one; the closest and commonest first.

    Of two halves of a word one is whole after one slip, and of three thirds after two: so only blocks that hold such
    a part are looked at.
    """
    if len(word) < _SHORTEST or len(word) > 60:
        return []
    for slips in (1, 2) if len(word) >= _LONG else (1,):
        near: dict[str, tuple[int, int]] = {}
        for part in _parts(word, slips + 1):
            for text in islice(search.blocks_with(part.encode()), _MOST_BLOCKS):
                for other in _words_with(text.decode(), part):
                    if other in near:
                        away, seen = near[other]
                        near[other] = (away, seen + 1)
                        continue
                    away = distance(word, other, slips)
                    if away <= slips:
                        near[other] = (away, 1)
                if len(near) >= _MOST_CANDIDATES:
                    break
        if near:
            ordered = sorted(near, key=lambda other: (near[other][0], -near[other][1], other))
            return ordered[:_MOST_WORDS]
    return []


def _parts(word: str, count: int) -> list[str]:
    """The word in so many parts of about one length; and halves that begin one later, for two that changed places."""
    size = len(word) / count
    bounds = [round(size * index) for index in range(count + 1)]
    parts = [word[start:end] for start, end in pairwise(bounds)]
    if count == 2:
        middle = bounds[1]
        parts += [word[: middle - 1], word[middle + 1 :]]
    return [part for part in dict.fromkeys(parts) if len(part) >= 2]


def _words_with(text: str, part: str) -> Iterator[str]:
    at = text.find(part)
    seen = set()
    while at >= 0:
        for other in _around(text, at, at + len(part)):
            if other not in seen:
                seen.add(other)
                yield other
        at = text.find(part, at + 1)


def _around(text: str, start: int, end: int) -> Iterator[str]:
    """The word at this place, between white space, and the piece of it between punctuation."""
    first, last = start, end
    while first > 0 and not text[first - 1].isspace():
        first -= 1
    while last < len(text) and not text[last].isspace():
        last += 1
    word = text[first:last]
    yield word
    for piece in _PARTS.finditer(word):
        if piece.start() <= start - first and end - first <= piece.end() and piece.group() != word:
            yield piece.group()


def distance(one: str, other: str, most: int) -> int:
    """How many slips (a letter more, less, another, or two that changed places) lead from one to the other.

    More than `most` is told as `most + 1`.
    """
    if abs(len(one) - len(other)) > most:
        return most + 1
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
            return most + 1
    return min(row[-1], most + 1)
