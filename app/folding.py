"""Text as it is searched, without case, accents and width: `Muller` finds `MÜLLER`, `555 01` finds `555-01`."""

import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

#: Letters that Unicode does not take apart, and what people type for them.
_LETTERS: Final = str.maketrans(
    {"ø": "o", "đ": "d", "ł": "l", "ħ": "h", "ŧ": "t", "æ": "ae", "œ": "oe", "ð": "d", "þ": "th", "ı": "i", "ĸ": "k"}
)
#: Accents, points and vowel signs that are left out when people write quickly.
_MARKS: Final = (
    range(0x0300, 0x0370),
    range(0x0591, 0x05C8),
    range(0x064B, 0x0660),
    range(0x0670, 0x0671),
    range(0x1AB0, 0x1B00),
    range(0x1DC0, 0x1E00),
    range(0x20D0, 0x2100),
    range(0xFE00, 0xFE10),
    range(0xFE20, 0xFE30),
)


def fold(text: str) -> str:
    """The text as it is searched."""
    if text.isascii():
        return text.lower()
    return "".join(map(_folded, text))


def words_of(query: str) -> tuple[str, ...]:
    """The words of a query, folded; every one of them has to match somewhere."""
    return tuple(dict.fromkeys(fold(query).split()))


def spans(text: str, words: Sequence[str]) -> list[tuple[int, int]]:
    """Where the folded words stand in the text, as non-overlapping (start, end) in its characters, in order."""
    if not text or not words:
        return []
    starts: list[int] = []
    folded: list[str] = []
    for index, character in enumerate(text):
        piece = _folded(character)
        folded.append(piece)
        starts += [index] * len(piece)
    whole = "".join(folded)
    marked = [False] * len(text)
    for word in filter(None, words):
        found = whole.find(word)
        while found >= 0:
            for index in range(starts[found], starts[found + len(word) - 1] + 1):
                marked[index] = True
            found = whole.find(word, found + 1)
    return _runs(marked)


def _runs(marked: Sequence[bool]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for index, on in enumerate(marked):
        if on and runs and runs[-1][1] == index:
            runs[-1] = (runs[-1][0], index + 1)
        elif on:
            runs.append((index, index + 1))
    return runs


@lru_cache(maxsize=8192)
def _folded(character: str) -> str:
    apart = unicodedata.normalize("NFKD", character).casefold()
    kept = "".join(part for part in apart if not any(ord(part) in marks for marks in _MARKS))
    return unicodedata.normalize("NFC", kept.translate(_LETTERS))
