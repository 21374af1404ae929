"""The terminal's encoding, as the locale says it.

It is read from the variables and not asked of Python or the C library: on a machine that lacks the locale both fall
back to another one, and the terminal at the other end of an SSH connection does not change with it.
"""

import codecs
import sys
from collections.abc import Mapping
from typing import Final

UTF_8: Final = "utf-8"

#: What Python itself puts into LC_CTYPE where the locale has no encoding (PEP 538).
_COERCED: Final = frozenset({"C.UTF-8", "C.utf8", "UTF-8"})


def terminal_encoding(environ: Mapping[str, str]) -> str:
    """The Python codec of what the terminal sends and shows; UTF-8 where the locale names none (`C`, or nothing)."""
    for name in ("LC_ALL", "LC_CTYPE", "LANG"):
        value = environ.get(name)
        if value and not (name == "LC_CTYPE" and value in _COERCED and _is_coerced(environ)):
            return _codec(value)
    return UTF_8


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
    """Whether it writes ASCII as it is, and no sequences that switch between sets of characters."""
    plain = all(chr(code).encode(codec) == bytes([code]) for code in range(0x80))
    return plain and b"\x1b" not in "éжあ中한".encode(codec, "ignore")


def _codeset(locale_name: str) -> str | None:
    """What stands between the point and the modifier, as in `de_DE.ISO-8859-15@euro`."""
    return locale_name.partition("@")[0].partition(".")[2] or None
