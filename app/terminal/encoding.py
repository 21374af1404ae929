"""The terminal's encoding, as the locale says it, and what stands for the signs it lacks.

It is read from the variables and not asked of Python or the C library: on a machine that lacks the locale both fall
back to another one, and the terminal at the other end of an SSH connection does not change with it.
"""

import codecs
import re
import sys
import unicodedata
from collections.abc import Mapping
from typing import Final

from rich.cells import cell_len

UTF_8: Final = "utf-8"
_UNKNOWN: Final = "?"

#: Signs in ASCII: those the program draws, and those that texts are often set with. All of them take one cell.
_LIKE: Final = {
    sign: plain
    for plain, signs in {
        "^": "▲↑",
        "v": "▼↓",
        "<": "←‹«",
        ">": "→›»",
        "*": "•●■",
        "x": "×✗",
        "+": "✓┌┐└┘├┤┬┴┼╭╮╰╯",
        "-": "–—‐‑−─━▔",
        "|": "│┃▏",
        "[": "▐",
        "]": "▌",
        "~": "≈",
        "=": "⏎",
        "_": "␠▁",
        "#": "▂▃▄▅▆▇█▀",
        ".": "…·",
        "'": "‘’",
        '"': "“”„",
        ",": "‚",
        "o": "◌",
        " ": "\xa0",
    }.items()
    for sign in signs
}
#: What Textual writes between texts.
_SEQUENCE: Final = re.compile(r"(\x1b\[[^@-~]*[@-~])")

#: What Python itself puts into LC_CTYPE where the locale has no encoding (PEP 538).
_COERCED: Final = frozenset({"C.UTF-8", "C.utf8", "UTF-8"})


def terminal_encoding(environ: Mapping[str, str]) -> str:
    """The Python codec of what the terminal sends and shows; UTF-8 where the locale names none (`C`, or nothing)."""
    for name in ("LC_ALL", "LC_CTYPE", "LANG"):
        value = environ.get(name)
        if value and not (name == "LC_CTYPE" and value in _COERCED and _is_coerced(environ)):
            return _codec(value)
    return UTF_8


class Repertoire:
    """The characters that a terminal can show in its encoding."""

    def __init__(self, encoding: str) -> None:
        self.encoding = encoding
        self._is_whole = encoding == UTF_8
        self._shown: dict[str, str] = {}

    def __contains__(self, character: str) -> bool:
        try:
            encoded = character.encode(self.encoding)
            # Some encodings write a character as another one: the yen as a backslash.
            same = encoded.decode(self.encoding) == character
        except UnicodeError:
            return False
        # Terminals for East Asian encodings give two cells to all that takes more than one byte, Cyrillic too.
        return same and (len(encoded) == 1 or _cells(character) > 1)

    def spell(self, output: str) -> str:
        """The output with a substitute, as many cells wide, for each character that the encoding lacks."""
        if self._is_whole or output.isascii():
            return output
        parts = _SEQUENCE.split(output)
        parts[::2] = [part if part.isascii() else self._spell_text(part) for part in parts[::2]]
        return "".join(parts)

    def _spell_text(self, text: str) -> str:
        # Most encodings have accents only in one piece with their letters.
        composed = unicodedata.normalize("NFC", text)
        if _cells(composed) == _cells(text):
            text = composed
        return "".join([self._shown.get(character) or self._learn(character) for character in text])

    def _learn(self, character: str) -> str:
        shown = character if character in self else _LIKE.get(character, _UNKNOWN * _cells(character))
        self._shown[character] = shown
        return shown


def _cells(text: str) -> int:
    """The cells of visible text: one for a spacing mark, too, where Rich counts none."""
    return cell_len(text) + sum(unicodedata.category(character) == "Mc" for character in text)


def _is_coerced(environ: Mapping[str, str]) -> bool:
    return bool(sys.flags.utf8_mode) and not environ.get("PYTHONUTF8")


def _codec(locale_name: str) -> str:
    codeset = _codeset(locale_name)
    if codeset is None and "_" in locale_name:
        # Only then: its table is large. `en_US` is short for `en_US.ISO-8859-1`.
        import locale

        codeset = _codeset(locale.normalize(locale_name))
    try:
        codec = codecs.lookup(codeset or UTF_8).name
        return codec if _is_for_terminals(codec) else UTF_8
    except (LookupError, ValueError):
        return UTF_8


def _is_for_terminals(codec: str) -> bool:
    """Whether the codec writes ASCII unchanged, and no sequences that switch character sets."""
    plain = all(chr(code).encode(codec) == bytes([code]) for code in range(0x80))
    return plain and b"\x1b" not in "éжあ中한".encode(codec, "ignore")


def _codeset(locale_name: str) -> str | None:
    """What stands between the point and the modifier, as in `de_DE.ISO-8859-15@euro`."""
    return locale_name.partition("@")[0].partition(".")[2] or None
