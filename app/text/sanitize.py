"""The only gate through which outside text reaches a terminal: everything it returns is one line of harmless signs.

Nothing here changes what is stored; it decides what is shown. Its results are still plain text, never markup.
"""

import re
import unicodedata
from datetime import datetime
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from rich.cells import cell_len

ELLIPSIS: Final = "…"
MAX_MARKS: Final = 4
LONGEST_ID: Final = 1_000

_CARRIER: Final = "◌"
_SPACE_SIGN: Final = "␠"

#: Categories whose characters are invisible, steer the terminal, or are as wide as each terminal pleases.
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"})

#: Invisible too, although Unicode files them under letters, marks and symbols.
_INVISIBLE: Final = frozenset(
    {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, 0x16FE4, 0x1D159}
    | {*range(0x180B, 0x1810)}
    | {*range(0xFE00, 0xFE10)}
    | {*range(0xE0100, 0xE01F0)}
)

#: Skin tones: a cell more on one terminal, none on the next.
_SKIN_TONES: Final = range(0x1F3FB, 0x1F400)
_REGIONAL_INDICATORS: Final = range(0x1F1E6, 0x1F200)
_SQUARED_A: Final = 0x1F130

_PRESENTATION: Final = "\ufe0e\ufe0f"
_KEYCAP: Final = "\u20e3"

#: What scanners put before a code to say of which kind it is (AIM), as in `]C1`.
_AIM: Final = re.compile(r"^\][A-Za-z][0-9]")
_LINE_END: Final = re.compile("\r\n|[\r\n\v\f\x85\u2028\u2029]")
#: Direction overrides and embeddings, and characters without width that no script needs.
_DIRECTIONS_AND_BLANKS: Final = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200b\u2060\ufeff"
_BLANKS: Final = re.compile(r"[ \t\r\n\f\v]+")
_MOMENT: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2})(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?"
    r" ?([Zz]|[+-][0-9]{2}:?[0-9]{2})?"
)


def sanitize(text: str) -> str:
    """The text with every invisible, cursor-moving or unencodable character shown as a sign.

    C0 and DEL become control pictures (`␛`), the rest its code (`‹202E›`). Applying it twice changes nothing.
    """
    if text.isascii() and text.isprintable():
        return text
    shown: list[str] = []
    marks = 0
    carried = False
    before = ""
    for index, character in enumerate(text):
        if character in _PRESENTATION and _has_presentation(before, text[index + 1 : index + 2]):
            before = character
            continue
        before = character
        sign = _replacement(character)
        if sign is None and cell_len(character) == 0:
            marks += 1
            if marks > MAX_MARKS:
                continue
            if not carried:
                shown.append(_CARRIER)
                carried = True
            shown.append(character)
            continue
        if marks > MAX_MARKS:
            shown.append(_marks_left_out(marks))
        marks = 0
        # A mark after a sign gets a carrier of its own, so that it cannot make the sign unreadable.
        carried = sign is None
        shown.append(character if sign is None else sign)
    if marks > MAX_MARKS:
        shown.append(_marks_left_out(marks))
    return "".join(shown)


def sanitize_id(text: str) -> str:
    """Like `sanitize`, for IDs: spaces one would overlook (outer, doubled, not ASCII) are shown as signs too.

    It is never shortened, unless it is longer than any server could take (`‹+4000›`).
    """
    if len(text) > LONGEST_ID:
        return f"{sanitize_id(text[:LONGEST_ID])}‹+{len(text) - LONGEST_ID}›"
    inner = text.strip(" ")
    if text.isascii() and text.isprintable() and inner == text and "  " not in text:
        return text
    head = len(text) - len(text.lstrip(" "))
    signed = _SPACE_SIGN * head + re.sub(" {2,}", lambda run: _SPACE_SIGN * len(run[0]), inner)
    signed += _SPACE_SIGN * (len(text) - len(signed))
    return "".join(_code(c) if c != " " and unicodedata.category(c) == "Zs" else c for c in sanitize(signed))


def width(text: str) -> int:
    """How many cells the text takes once it is visible."""
    return _cells(sanitize(text))


def shorten_start(text: str, cells: int) -> str:
    """The visible text in at most this many cells; what does not fit is left out at the beginning, behind `…`."""
    text = sanitize(text)
    if _cells(text) <= cells:
        return text
    start = len(text)
    room = cells - _cells(ELLIPSIS)
    while start and (room := room - _cells(text[start - 1])) >= 0:
        start -= 1
    return ELLIPSIS + text[start:]


def shorten(text: str, cells: int) -> str:
    """The visible text in at most this many cells; what does not fit ends in `…`, no wide character is halved."""
    # Every sign takes a cell, but for the few marks on it: of a huge value only the beginning matters.
    begun = text[: (cells + 2) * (MAX_MARKS + 2)]
    whole = len(begun) == len(text)
    text = sanitize(begun)
    if whole and _cells(text) <= cells:
        return text
    room = cells - _cells(ELLIPSIS)
    if room < 0:
        return ""
    end = 0
    for character in text:
        room -= _cells(character)
        if room < 0:
            break
        end += 1
    return text[:end].rstrip(" ") + ELLIPSIS


def shorten_middle(text: str, cells: int) -> str:
    """The visible text in at most this many cells; what does not fit is left out in the middle, as `…`."""
    text = sanitize(text)
    if _cells(text) <= cells:
        return text
    head = shorten(text, (cells + 1) // 2).removesuffix(ELLIPSIS)
    return head + shorten_start(text, cells - _cells(head))


def fit(text: str, cells: int, align: Literal["left", "right"] = "left") -> str:
    """The visible text in exactly this many cells, shortened or padded with spaces."""
    text = shorten(text, cells)
    padding = " " * (cells - _cells(text))
    return padding + text if align == "right" else text + padding


def timestamp(text: str) -> str:
    """A server's date and time to the minute, `2023-04-15 08:30`, with its zone as written: nothing is shifted.

    What is not a date and time is shown as it came.
    """
    moment = _MOMENT.fullmatch(text)
    if moment is None:
        return sanitize(text)
    date, time, zone = moment.groups()
    try:
        datetime.fromisoformat(f"{date}T{time}")
    except ValueError:
        return sanitize(text)
    return f"{date} {time} {zone.upper()}" if zone else f"{date} {time}"


def _cells(text: str) -> int:
    """The cells a terminal gives the text: one for a spacing mark (Devanagari's vowels), where Rich counts none."""
    if text.isascii():
        return len(text)
    return cell_len(text) + sum(unicodedata.category(character) == "Mc" for character in text)


@lru_cache(maxsize=4096)
def _replacement(character: str) -> str | None:
    """Return the replacement of a character, or `None` if it can be shown."""
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    if code in _REGIONAL_INDICATORS:
        # A pair is a flag of two cells here and of four there; squared letters take one each everywhere.
        return chr(_SQUARED_A + code - _REGIONAL_INDICATORS.start)
    if code in _INVISIBLE or code in _SKIN_TONES or unicodedata.category(character) in _UNSEEN:
        return _code(character)
    return None


def _code(character: str) -> str:
    return f"‹{ord(character):04X}›"


def _marks_left_out(marks: int) -> str:
    return f"‹+{marks - MAX_MARKS}›"


def _has_presentation(before: str, after: str) -> bool:
    """Whether a variation selector between these only picks the coloured or the plain look of a symbol."""
    return bool(before) and (unicodedata.category(before)[0] in "SP" or after == _KEYCAP)


def strip_aim_prefix(text: str) -> str:
    """The code in what a scanner typed: without the prefix that says of which kind it is."""
    return _AIM.sub("", text.strip()).strip()


def split_lines(text: str) -> list[str]:
    """Split at line ends, and not at the separators inside of codes (GS, RS), as `str.splitlines` would."""
    return _LINE_END.split(text)


class PastedText(NamedTuple):
    """What of a paste goes into a field: one line without control characters, and what became of the rest.

    `lines` is how many lines were joined (1: none), `tabs` how many tabs became spaces, and `left_out` how many
    control characters were left out.
    """

    text: str
    lines: int
    tabs: int
    left_out: int

    @property
    def remark(self) -> str:
        """What was changed, in sentences; empty when nothing was."""
        changes = []
        if self.lines > 1:
            changes.append(f"You pasted {self.lines} lines; they are now one line in this field")
        if self.tabs:
            changes.append("1 tab became a space" if self.tabs == 1 else f"{self.tabs} tabs became spaces")
        if self.left_out:
            what = "1 control character was" if self.left_out == 1 else f"{self.left_out} control characters were"
            changes.append(f"{what} left out")
        return " ".join(f"{change}." for change in changes)


def clean_paste(text: str) -> PastedText:
    """Make one line of a paste: lines joined, tabs as spaces, control and direction characters left out."""
    lines = [line for line in split_lines(text) if line.strip()]
    joined = " ".join(line.strip() for line in lines) if len(lines) > 1 else "".join(lines)
    spaced = joined.replace("\t", " ")
    cleaned = "".join(one for one in spaced if not _is_left_out(one))
    return PastedText(cleaned, max(1, len(lines)), joined.count("\t"), len(spaced) - len(cleaned))


def _is_left_out(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cs") or character in _DIRECTIONS_AND_BLANKS
