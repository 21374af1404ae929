"""What a terminal shows in which no screen has room."""

import textwrap
from typing import Final

#: The fewest columns and lines with room for every screen.
LEAST_SIZE: Final = (24, 10)

_TEXT: Final = "Make the window larger ({}x{} at least). Ctrl+Q leaves.".format(*LEAST_SIZE)


def is_too_small(columns: int, lines: int) -> bool:
    """Return whether a terminal of this size has no room for the screens."""
    return columns < LEAST_SIZE[0] or lines < LEAST_SIZE[1]


def too_small_text(columns: int, lines: int) -> str:
    """Return what an empty terminal is to show instead."""
    return "\r\n".join(textwrap.wrap(_TEXT, columns - 1)[:lines]) if columns > 1 else ""
