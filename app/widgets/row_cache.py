"""Renders rows as lines, and keeps the lines of rows that do not change."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from rich.segment import Segment
from textual.strip import Strip

from app.text.sanitize import width
from app.widgets.match_highlight import StyledText

if TYPE_CHECKING:
    from rich.style import Style


class RowCache:
    """What was worked out for the rows: the pieces of their lines, and strips by row, line, first cells and look."""

    def __init__(self) -> None:
        self.pieces: dict[int, Sequence[Sequence[StyledText]]] = {}
        self.strips: dict[tuple[int, int, str, str], Strip] = {}


def join_pieces(pieces: Sequence[StyledText], usual: "Style", looks: Mapping[str, "Style"], cells: int) -> Strip:
    """Join pieces in exactly this many cells; neighbours of the same style become one segment."""
    segments: list[Segment] = []
    used = sum(width(piece.text) for piece in pieces)
    padded = [*pieces, StyledText(" " * max(0, cells - used))]
    for look, group in groupby(padded, key=lambda piece: piece.style):
        text = "".join(piece.text for piece in group)
        segments.append(Segment(text, usual + looks[look] if look else usual))
    return Strip(segments, max(cells, used)).crop(0, cells)
