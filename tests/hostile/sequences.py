"""Finds the control characters and escape sequences in terminal output, by kind."""

import re
from typing import Final

_SEQUENCE: Final = re.compile(
    r"\x1b\[(?P<private>[<-?]?)(?P<parameters>[0-9;:]*)(?P<between>[ -/]*)(?P<final>[@-~])"
    r"|\x1b(?P<string>[\]P_^X])(?P<content>[^\x07\x1b\x9c]*)(?P<end>\x07|\x1b\\|\x9c|$)"
    r"|\x1b(?P<other>[ -/]*[0-~])"
    r"|(?P<control>[\x00-\x1f\x7f\x80-\x9f])"
)


#: Cursor movements, which depend on what differs between two screens.
MOVES: Final = frozenset({"control 08", "control 0D", "ESC E", "CSI H", "CSI A", "CSI B", "CSI C", "CSI D", "CSI K"})


def kinds(sent: bytes) -> set[str]:
    """The kinds, such as `CSI ?1049h`, `CSI m` or `control 07`: positions and styles without their numbers."""
    return {_kind(found) for found in _SEQUENCE.finditer(sent.decode("utf-8"))}


def _kind(found: re.Match[str]) -> str:
    if found["final"]:
        # The number of a mode is part of its kind; that of a position or style is not.
        number = found["parameters"] if found["private"] else ""
        return f"CSI {found['private']}{number}{found['between']}{found['final']}"
    if found["string"]:
        return f"string {found['string']}{found['content'].partition(';')[0]}"
    if found["other"]:
        return f"ESC {found['other']}"
    return f"control {ord(found['control']):02X}"
