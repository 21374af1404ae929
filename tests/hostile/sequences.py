"""What a terminal would do with some bytes: every control character and escape sequence in them, by kind."""

import re
from typing import Final

_SEQUENCE: Final = re.compile(
    r"\x1b\[(?P<private>[<-?]?)(?P<parameters>[0-9;:]*)(?P<between>[ -/]*)(?P<final>[@-~])"
    r"|\x1b(?P<string>[\]P_^X])(?P<content>[^\x07\x1b\x9c]*)(?P<end>\x07|\x1b\\|\x9c|$)"
    r"|\x1b(?P<other>[ -/]*[0-~])"
    r"|(?P<control>[\x00-\x1f\x7f\x80-\x9f])"
)


#: What a painter may send at any time to get from one place to another: which of them depends on what differs.
MOVES: Final = frozenset({"control 08", "control 0D", "ESC E", "CSI H", "CSI A", "CSI B", "CSI C", "CSI D", "CSI K"})


def kinds(sent: bytes) -> set[str]:
    """`CSI ?1049h`, `CSI m`, `OSC 52`, `ESC c`, `control 07`, …: places and looks without their numbers."""
    return {_kind(found) for found in _SEQUENCE.finditer(sent.decode("utf-8"))}


def _kind(found: re.Match[str]) -> str:
    if found["final"]:
        # A mode's number is what it does; of a place or a look it is not.
        number = found["parameters"] if found["private"] else ""
        return f"CSI {found['private']}{number}{found['between']}{found['final']}"
    if found["string"]:
        return f"string {found['string']}{found['content'].partition(';')[0]}"
    if found["other"]:
        return f"ESC {found['other']}"
    return f"control {ord(found['control']):02X}"
