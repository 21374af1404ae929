"""A widget that hands out its lines as they were while nothing about it changed."""

from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget


class CachedLines(Widget):
    """Spares Textual working out colours, paddings and edges of every widget on the screen for each row that moves."""

    _lines_kept: tuple[Region, list[Strip]] | None = None

    def render_lines(self, crop: Region) -> list[Strip]:
        cache = self._styles_cache
        known = cache._cache and not cache._dirty_lines  # noqa: SLF001 - told nowhere else
        if self._lines_kept is None or not known or self._lines_kept[0] != crop:
            self._lines_kept = (crop, super().render_lines(crop))
        return self._lines_kept[1]
