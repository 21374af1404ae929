"""The line above the keys: what just happened, and where one is."""

from typing import Literal, NamedTuple

from textual.content import Content
from textual.geometry import Size
from textual.reactive import reactive
from textual.timer import Timer

from app.text.sanitize import sanitize, shorten, width
from app.widgets.cached_lines import Still

Level = Literal["info", "warning", "error"]

_SIGNS: dict[Level, tuple[str, str]] = {
    "info": ("", ""),
    "warning": ("! ", "$warning"),
    "error": ("! ", "bold $error"),
}
_MOST_LINES = 5


class Notice(NamedTuple):
    """A sentence for the person, as it came; it is made safe when it is shown."""

    text: str
    level: Level = "info"


class StatusLine(Still):
    """A notice at the left, the position at the right; a long notice takes more lines rather than being cut.

    An info goes away by itself after `linger` seconds; a warning or an error stays until the next notice. With
    `gives_way` the line is not there while it has nothing to say.
    """

    notice: reactive[Notice | None] = reactive(None, layout=True)
    position = reactive("", layout=True)
    linger = 10.0
    gives_way = False

    _fading: Timer | None = None

    def say(self, text: str, level: Level = "info") -> None:
        """Show a notice in place of the one before."""
        self.notice = Notice(text, level)

    def hush(self) -> None:
        """Take the notice away."""
        self.notice = None

    def watch_notice(self, notice: Notice | None) -> None:
        if self._fading is not None:
            self._fading.stop()
            self._fading = None
        if notice is not None and notice.level == "info":
            self._fading = self.set_timer(self.linger, self.hush)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._lines(container.width))

    def render(self) -> Content:
        return Content("\n").join(self._lines(self.size.width))

    def _lines(self, cells: int) -> list[Content]:
        position = shorten(self.position, cells - 2)
        if self.notice is None and not position and self.gives_way:
            return []
        if self.notice is None:
            return [_spread(Content(""), position, cells)]
        sign, style = _SIGNS[self.notice.level]
        # Of a value of millions of characters the first lines are read, if any.
        text = sanitize(" ".join(self.notice.text[: cells * _MOST_LINES].split()))
        if width(sign) + width(text) + width(position) + 4 <= cells:
            return [_spread(Content.styled(sign + text, style), position, cells)]
        lines = list(Content.styled(sign + text, style).wrap(max(1, cells - 2)))
        if len(lines) >= _MOST_LINES:
            kept = lines[: _MOST_LINES - 1]
            kept[-1] = Content.styled(shorten(kept[-1].plain + " " * cells, cells - 3).rstrip() + "…", style)
            lines = kept
        lines = [Content(" ") + line for line in lines]
        return [*lines, _spread(Content(""), position, cells)] if position else lines


def _spread(left: Content, position: str, cells: int) -> Content:
    gap = " " * max(1, cells - left.cell_length - width(position) - 2)
    return Content.assemble(" ", left, gap, (position, "dim"), " ")
