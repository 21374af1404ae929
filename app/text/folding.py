"""Folds text for searching, without case, accents and width: `Muller` finds `MÜLLER`, `555 01` finds `555-01`."""

import re
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import Final

#: Letters that Unicode does not take apart, and what people type for them.
_LETTERS: Final = str.maketrans(
    {"ø": "o", "đ": "d", "ł": "l", "ħ": "h", "ŧ": "t", "æ": "ae", "œ": "oe", "ð": "d", "þ": "th", "ı": "i", "ĸ": "k"}
)
#: Accents, points and vowel signs that are left out when people write quickly.
_MARKS: Final = frozenset(
    chr(point)
    for marks in (
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
    for point in marks
)
#: What stands for a character that no text can hold.
BROKEN: Final = "\ufffd"
#: The parts of a Hangul syllable after its first, and the sound marks of half-width kana: no marks to Unicode.
_OTHER_TAILS: Final = frozenset((*range(0x1160, 0x1200), 0xFF9E, 0xFF9F))
#: Looking at every character there is would take six times as long.
_WHERE_MARKS_ARE: Final = (
    range(0x0300, 0x3100),
    range(0xA600, 0xAC00),
    range(0xFB1E, 0xFB1F),
    range(0xFE00, 0xFE30),
    range(0xFF9E, 0xFFA0),
    range(0x101FD, 0x11FFF),
    range(0x16AF0, 0x16FF2),
    range(0x1BC9D, 0x1BC9F),
    range(0x1CF00, 0x1D245),
    range(0x1DA00, 0x1E94B),
    range(0xE0100, 0xE01F0),
)
#: Where a number may go on: no letter stands in it.
_NUMBER: Final = re.compile(r"[\d\s()+./\\–‐‑-]{2,}")
_FEWEST_DIGITS: Final = 3
#: Leaves the digits of what is ASCII.
_DIGITS_ALONE: Final = {code: chr(code) if chr(code).isdigit() else None for code in range(128)}
#: The same with a blank for what ends a number, and each line for itself.
_NUMBERS_ALONE: Final = (
    _DIGITS_ALONE
    | {code: " " for code in range(128) if not (chr(code).isdigit() or _NUMBER.fullmatch(chr(code) * 2))}
    | {ord("\n"): "\n"}
)


def fold(text: str) -> str:
    """Return the text folded for searching; canonically equivalent texts give the same."""
    if text.isascii():
        return text.lower().replace("\x00", BROKEN)
    return _folded_text(text)


def split_words(query: str) -> tuple[str, ...]:
    """The words of a query, folded; every one of them has to match somewhere."""
    return tuple(dict.fromkeys(fold(query).split()))


def as_phone_digits(word: str) -> str:
    """The digits of a folded word that is written as (a part of) a phone number, or nothing."""
    if not _NUMBER.fullmatch(word):
        return ""
    digits = "".join(filter(str.isdigit, word))
    return digits if len(digits) >= _FEWEST_DIGITS else ""


def phone_numbers(folded: str) -> Iterator[str]:
    """The phone numbers in a folded text, as digits only: `+1 (312) 555-0100` is `13125550100`."""
    for run in _NUMBER.findall(folded):
        digits = run.translate(_DIGITS_ALONE) if run.isascii() else "".join(filter(str.isdigit, run))
        if len(digits) >= _FEWEST_DIGITS:
            yield digits


def numbers_of_each(folded: Sequence[str]) -> list[str]:
    """The numbers in each of these texts, as `phone_numbers`, with a blank between them; in half of the time."""
    whole = "\n".join(folded)
    if not whole.isascii() or whole.count("\n") >= len(folded):
        return [" ".join(phone_numbers(text)) for text in folded]
    return [
        " ".join([digits for digits in line.split() if len(digits) >= _FEWEST_DIGITS])
        for line in whole.translate(_NUMBERS_ALONE).split("\n")
    ]


def match_spans(text: str, words: Sequence[str]) -> list[tuple[int, int]]:
    """Where the folded words stand in the text, as non-overlapping (start, end) in its characters, in order.

    The digits of a number are found across what stands between them.
    """
    if not text or not words:
        return []
    starts: list[int] = []
    ends: list[int] = []
    folded: list[str] = []
    index = 0
    for cluster in text if text.isascii() else grapheme_clusters(text):
        piece = fold(cluster)
        folded.append(piece)
        starts += [index] * len(piece)
        index += len(cluster)
        ends += [index] * len(piece)
    whole = "".join(folded)
    marked = [False] * len(text)
    for word in filter(None, words):
        for first, last in _places(whole, word) or _places_in_numbers(whole, word):
            for at in range(starts[first], ends[last]):
                marked[at] = True
    return _runs(marked)


def _places(whole: str, word: str) -> list[tuple[int, int]]:
    """The first and the last character of every place where the word stands."""
    places = []
    found = whole.find(word)
    while found >= 0:
        places.append((found, found + len(word) - 1))
        found = whole.find(word, found + 1)
    return places


def _places_in_numbers(whole: str, word: str) -> list[tuple[int, int]]:
    digits = as_phone_digits(word)
    if not digits:
        return []
    places = []
    for run in _NUMBER.finditer(whole):
        at = [index for index in range(*run.span()) if whole[index].isdigit()]
        number = "".join(whole[index] for index in at)
        places += [(at[first], at[last]) for first, last in _places(number, digits)]
    return places


def _runs(marked: Sequence[bool]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for index, on in enumerate(marked):
        if on and runs and runs[-1][1] == index:
            runs[-1] = (runs[-1][0], index + 1)
        elif on:
            runs.append((index, index + 1))
    return runs


@lru_cache(maxsize=1024)
def _folded_text(text: str) -> str:
    """Cities, streets and people come again and again."""
    alone = text.translate(_ALONE)
    return "".join(map(_folded, grapheme_clusters(text))) if _COMBINING in alone else alone


class _FoldTable(dict[int, str]):
    """Characters as they are folded where no mark follows, for `str.translate`; a combining mark is `_COMBINING`."""

    def __missing__(self, point: int) -> str:
        self[point] = folded = _COMBINING if _is_combining(point) else _folded(chr(point))
        return folded


#: No folded text holds it.
_COMBINING: Final = "\udc00"
_ALONE: Final = _FoldTable()


def grapheme_clusters(text: str) -> list[str]:
    """The text in pieces: a character with the marks that follow it, for both together may have one sign."""
    return _clusters(most=0xFFFF if max(text) <= "\uffff" else sys.maxunicode).findall(text)


@lru_cache(maxsize=2)
def _clusters(most: int) -> re.Pattern[str]:
    """Made when the first text needs it; without the marks above U+FFFF `re` finds the others ten times as fast."""
    tails: list[tuple[int, int]] = []
    for point in chain(*_WHERE_MARKS_ARE):
        if point <= most and _is_combining(point):
            if tails and tails[-1][1] == point - 1:
                tails[-1] = (tails[-1][0], point)
            else:
                tails.append((point, point))
    inside = "".join(f"{chr(first)}-{chr(last)}" for first, last in tails)
    return re.compile(f".[{inside}]*", re.DOTALL)


def _is_combining(point: int) -> bool:
    return unicodedata.category(chr(point))[0] == "M" or point in _OTHER_TAILS


@lru_cache(maxsize=8192)
def _folded(cluster: str) -> str:
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", cluster).casefold())
    kept = "".join(map(_plain, apart))
    return sys.intern(unicodedata.normalize("NFC", kept.translate(_LETTERS)))


def _plain(character: str) -> str:
    if character in _MARKS:
        return ""
    if character == "\x00" or "\ud800" <= character <= "\udfff":
        return BROKEN
    digit = unicodedata.decimal(character, None)
    return character if digit is None else str(digit)
