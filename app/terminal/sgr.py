"""Text styles (colours, bold, reverse), and the shortest SGR codes from one to another."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

#: Attributes, by the SGR codes that turn them on and off.
_OFF: Final = {1: 22, 2: 22, 3: 23, 4: 24, 5: 25, 6: 25, 7: 27, 8: 28, 9: 29, 21: 24, 51: 54, 52: 54, 53: 55}
#: How many numbers follow after 38 and 48.
_COLOUR_LENGTH: Final = {"5": 1, "2": 3}


class SgrStyle(NamedTuple):
    """Attributes as the SGR codes that turn them on, and the two colours as SGR codes, empty for the terminal's own."""

    attributes: frozenset[int] = frozenset()
    foreground: str = ""
    background: str = ""

    @property
    def seen_on_blanks(self) -> bool:
        """Whether a blank in this look differs from a blank in none."""
        return bool(self.background) or not self.attributes <= {1, 2, 3, 5, 6, 8}


PLAIN: Final = SgrStyle()


@lru_cache(maxsize=1024)
def apply_sgr(look: SgrStyle, parameters: str) -> SgrStyle:
    """The look after an SGR sequence with these parameters; codes that are not known change nothing."""
    attributes, foreground, background = set(look.attributes), look.foreground, look.background
    codes = parameters.split(";")
    while codes:
        code = int(codes.pop(0) or 0)
        if code == 0:
            attributes, foreground, background = set(), "", ""
        elif code in _OFF:
            attributes.add(code)
        elif code in (38, 48):
            length = _COLOUR_LENGTH.get(codes[0], 0) + 1 if codes else 0
            colour = ";".join([str(code), *codes[:length]])
            del codes[:length]
            foreground, background = (colour, background) if code == 38 else (foreground, colour)
        elif 30 <= code <= 37 or 90 <= code <= 97:
            foreground = str(code)
        elif 40 <= code <= 47 or 100 <= code <= 107:
            background = str(code)
        elif code == 39:
            foreground = ""
        elif code == 49:
            background = ""
        else:
            attributes -= {on for on, off in _OFF.items() if off == code}
    return _interned(frozenset(attributes), foreground, background)


@lru_cache(maxsize=1024)
def _interned(attributes: frozenset[int], foreground: str, background: str) -> SgrStyle:
    """Return one object for each style, so that styles are compared by identity."""
    look = SgrStyle(attributes, foreground, background)
    return PLAIN if look == PLAIN else look


@lru_cache(maxsize=1024)
def transition(before: SgrStyle, after: SgrStyle) -> str:
    """The shortest SGR sequence that leads from one look to the other; empty when they are the same."""
    if before == after:
        return ""
    anew = _sequence([*(["0"] if after != PLAIN else []), *_sgr_codes(after)])
    lost = before.attributes - after.attributes
    off = {_OFF[code] for code in lost}
    # One code turns off bold and dim, and so with others: what stays is turned on again.
    again = {code for code in after.attributes if _OFF[code] in off} | (after.attributes - before.attributes)
    codes = [str(code) for code in (*sorted(off), *sorted(again))]
    if before.foreground != after.foreground:
        codes.append(after.foreground or "39")
    if before.background != after.background:
        codes.append(after.background or "49")
    return min(_sequence(codes), anew, key=len)


def _sgr_codes(look: SgrStyle) -> list[str]:
    return [*(str(code) for code in sorted(look.attributes)), *filter(None, (look.foreground, look.background))]


def _sequence(codes: Sequence[str]) -> str:
    return f"\x1b[{';'.join(codes)}m"
