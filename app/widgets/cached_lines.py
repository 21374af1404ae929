"""A widget that keeps its rendered lines while nothing about it changes."""

from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from app.textual_private import lines_are_current


class CachedLines(Widget):
    """Saves Textual from computing colours, paddings and edges of every widget for each row that moves."""

    _lines_kept: tuple[Region, list[Strip]] | None = None

    def render_lines(self, crop: Region) -> list[Strip]:
        if self._lines_kept is None or not lines_are_current(self) or self._lines_kept[0] != crop:
            self._lines_kept = (crop, super().render_lines(crop))
        return self._lines_kept[1]
