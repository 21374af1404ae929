"""What a terminal shows in which no screen has room."""

import textwrap
from typing import Final

from app.terminal.diff import CLEAR

#: The fewest columns and lines with room for every screen.
LEAST_COLUMNS: Final = 24
LEAST_LINES: Final = 10

_TEXT: Final = f"Make the window larger ({LEAST_COLUMNS}x{LEAST_LINES} at least). Ctrl+Q leaves."


def is_too_small(columns: int, lines: int) -> bool:
    """Return whether a terminal of this size has no room for the screens."""
    return columns < LEAST_COLUMNS or lines < LEAST_LINES


def too_small_output(columns: int, lines: int) -> str:
    """Return what clears the terminal and shows in it what to do."""
    return CLEAR + "\r\n".join(textwrap.wrap(_TEXT, columns - 1)[:lines] if columns > 1 else [])
