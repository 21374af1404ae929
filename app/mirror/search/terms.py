"""The line of folded text in which a customer is searched, the grams of lines, and what a query looks for in them.

A line is a sign for the status, then the searched fields with `FIELD` between them, the ID and the name first, and
after `NUMBERS` the digits of phone and fax. Words are what stands between white space; the signs count as such, so
that no word a person types can hold one.
"""

import re
import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from app.models.fields import ID_FIELD, Status
from app.text.folding import BROKEN, as_phone_digits, fold, numbers_of_each, split_words

#: The signs of a line; all are white space to `str.split`, and none is a line's end in `bytes`.
STATUS_SIGNS: Final[dict[bool | None, str]] = {True: "\x1c", False: "\x1d", None: "\x1e"}
FIELD: Final = "\x1f"
NUMBERS: Final = "\x0b"
#: Follows a piece of a word twice, in grams.
END: Final = "\n\n"

#: In the order of a line, which is that of the contract.
SEARCHED: Final = (
    *(ID_FIELD, "name", "address1", "address2", "city", "state", "zip", "country", "phone", "fax", "email", "contact"),
)
_FIELDS: Final = len(SEARCHED)
_ODD_SPACE: Final = re.compile(r"[\t-\r\x1c-\x1e\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]")
_BEFORE: Final = f" {FIELD}"
_AFTER: Final = f"{FIELD} "
_PHONE: Final = SEARCHED.index("phone")
_FAX: Final = SEARCHED.index("fax")


def joined(texts: Iterable[str]) -> str:
    """Texts in the order of `SEARCHED` with `FIELD` between them, and none inside."""
    return FIELD.join([text.replace(FIELD, " ") for text in texts])


def is_joined(texts: str) -> bool:
    """Whether none of these texts with `FIELD` between them holds one inside."""
    return texts.count(FIELD) == _FIELDS - 1


def made_line(texts: str, active: bool | None) -> str:  # a value of the contract
    """The line of a customer with these texts, as `joined` gives them."""
    ((line, _, _),) = made_lines([(texts, active)])
    return line


def made_lines(customers: Sequence[tuple[str, bool | None]]) -> list[tuple[str, str, str]]:
    """The lines of many, as `made_line` makes each, with the ID and the name that stand in it; in a third of the time.

    Most of what is to be asked of a text is asked once of all.
    """
    whole = FIELD.join([texts for texts, _ in customers]).replace("\x00", BROKEN)
    if whole.isascii():
        whole = whole.lower()
        fields = whole.split(FIELD)
    else:
        # This makes ASCII small, and leaves to `fold` what is not.
        small = whole.encode().lower().decode()
        fields = [text if text.isascii() else fold(text) for text in small.split(FIELD)]
        whole = FIELD.join(fields)
    if _is_loose(whole):
        fields = [" ".join(text.split()) for text in fields]
    phones, faxes = fields[_PHONE::_FIELDS], fields[_FAX::_FIELDS]
    numbers = numbers_of_each([f"{phone}x{fax}" for phone, fax in zip(phones, faxes, strict=True)])
    lines = []
    for at, (_, active) in enumerate(customers):
        own = fields[at * _FIELDS : (at + 1) * _FIELDS]
        lines.append((f"{STATUS_SIGNS[active]}{FIELD.join(own)}{NUMBERS}{numbers[at]}", own[0], own[1]))
    return lines


def _is_loose(fields: str) -> bool:
    """Whether there is white space other than one blank between two words."""
    return (
        "  " in fields
        or _BEFORE in fields
        or _AFTER in fields
        or fields[:1] == " "
        or fields[-1:] == " "
        or _ODD_SPACE.search(fields) is not None
    )


def head_of(text: str) -> str:
    """An ID or a name as it stands in a line."""
    return " ".join(fold(text).split())


def spaced_out(lines: bytes) -> bytes:
    """The lines with a blank for every white space and sign, so that only pieces of words stand between blanks."""
    return lines.translate(_SPACED)


def grams_in(lines: bytes, before: bytes = b"") -> set[str]:
    """What the pieces of these lines are made of, and the signs in them, alone and in pairs: punctuation, statuses.

    A piece is a run of anything else. Its grams are all its runs of three characters, and its last two and its last
    one with `END` after them: so every run of one or two begins some gram. What stood there before is passed over.
    """
    different = set(spaced_out(lines).split()).difference(spaced_out(before).split())
    pieces = END.join(map(bytes.decode, different)) + END
    grams = {pieces[start : start + 3] for start in range(len(pieces) - 2)}
    grams.update(sign for sign in SIGNS if (own := sign.encode()) in lines and own not in before)
    for run in set(lines.translate(_SIGNS_ALONE).split()).difference(before.translate(_SIGNS_ALONE).split()):
        signs = run.decode()
        grams.update(signs[start : start + 2] for start in range(len(signs) - 1))
    return grams


@dataclass(frozen=True, slots=True)
class Needle:
    """What one word of a query may look like in a line: `number` only counts among the digits of phone and fax."""

    text: bytes
    number: bytes = b""
    others: tuple[bytes, ...] = ()

    def is_in(self, line: bytes) -> bool:
        """Whether the line holds the word."""
        if self.text in line:
            return True
        if self.number and self.number in line[line.rfind(_NUMBERS) :]:
            return True
        return bool(self.others) and any(other in line for other in self.others)

    def bits_in(self, lines: bytes) -> int:
        """One bit for each of these lines that holds the word."""
        bits = _bits_of(self.text, lines)
        if self.number and self.number in lines:
            bits |= _bits_of_number(self.number, lines)
        for other in self.others:
            bits |= _bits_of(other, lines)
        return bits

    @property
    def ways(self) -> tuple[bytes, ...]:
        """All that it may look like."""
        return (self.text, *([self.number] if self.number else []), *self.others)


def needles_of(find: str, status: Status) -> tuple[Needle, ...]:
    """What a line must hold to match, the word that is likely rarest first."""
    needles = [
        Needle(word.encode(), as_phone_digits(word).encode() if not word.isdigit() else b"")
        for word in split_words(find)
    ]
    needles.sort(key=lambda needle: -len(needle.text))
    if status != "all":
        needles.append(Needle(STATUS_SIGNS[status == "active"].encode()))
    return tuple(needles)


def matches(needles: Iterable[Needle], line: bytes) -> bool:
    """Whether the line holds every word."""
    return all(needle.is_in(line) for needle in needles)


def _bits_of(word: bytes, lines: bytes) -> int:
    between = lines.split(word)
    bits = slot = 0
    for part in between[:-1]:
        slot += part.count(b"\n")
        bits |= 1 << slot
    return bits


def _bits_of_number(number: bytes, lines: bytes) -> int:
    bits = slot = seen = 0
    at = lines.find(number)
    while at >= 0:
        slot += lines.count(b"\n", seen, at)
        seen = at
        if lines.rfind(_NUMBERS, lines.rfind(b"\n", 0, at) + 1, at) >= 0:
            bits |= 1 << slot
        at = lines.find(number, at + 1)
    return bits


_NUMBERS: Final = NUMBERS.encode()
SIGNS: Final = frozenset(string.punctuation) | frozenset(STATUS_SIGNS.values())
_SIGNS_ALONE: Final = bytes(byte if chr(byte) in string.punctuation else 32 for byte in range(256))
_SPACED: Final = bytes(32 if chr(byte) in {*SIGNS, FIELD, NUMBERS, "\n"} else byte for byte in range(256))
