"""What counts as a narrow terminal: handhelds, where a customer takes two lines and all is shown in fewer words."""

from typing import Final

#: Cells from which a line has room for whole words.
_WIDE: Final = 60


def is_narrow(cells: int) -> bool:
    """Return whether a terminal this many cells wide is narrow."""
    return cells < _WIDE
