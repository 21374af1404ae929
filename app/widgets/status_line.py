"""The line above the keys: notices, or a legend, at the left, the position at the right."""

from collections.abc import Hashable
from typing import Literal, NamedTuple

from textual.content import Content
from textual.geometry import Size
from textual.reactive import reactive
from textual.timer import Timer

from app.text.sanitize import sanitize, shorten, width
from app.widgets.cached_lines import CachedLines
from app.widgets.line_limit import fold
from app.widgets.narrow import is_narrow

Level = Literal["hint", "info", "warning", "error"]

_SIGNS: dict[Level, tuple[str, str]] = {
    "hint": ("", ""),
    "info": ("", ""),
    "warning": ("! ", "$warning"),
    "error": ("! ", "bold $error"),
}
_MOST_LINES = 5
_MOST_SHORT_LINES = 8


class Notice(NamedTuple):
    """A sentence for the person, sanitized only when it is shown; `kind` identifies it independently of its wording."""

    text: str
    level: Level = "info"
    kind: Hashable = None


class StatusLine(CachedLines):
    """Notices at the left, the position at the right; long notices take more lines rather than being cut.

    A hint is about the key before, and goes with the next one that does something. It and an info disappear after
    `timeout` seconds; a warning or an error stays until the next notice. `help` is about what is being typed, and takes
    the place of the legend. With `hide_when_empty` the line takes no room while it shows none of them.
    """

    notices: reactive[tuple[Notice, ...]] = reactive((), layout=True)
    position = reactive("", layout=True)
    legend = reactive("")
    help = reactive("", layout=True)
    timeout = 10.0
    hide_when_empty = False

    _fading: Timer | None = None

    @property
    def level(self) -> Level | None:
        """The level of the first notice; `None` while there is none."""
        return self.notices[0].level if self.notices else None

    def show_notice(self, text: str, level: Level = "info", kind: Hashable = None) -> None:
        """Show a notice instead of those before."""
        self.notices = (Notice(text, level, kind),)

    def add_warning(self, text: str, kind: Hashable = None) -> None:
        """Show a warning behind the warnings that are shown, and instead of any other notice."""
        before = self.notices if self.level == "warning" else ()
        notice = Notice(text, "warning", kind)
        self.notices = before if notice in before else (*before, notice)

    def has_notice(self, kind: Hashable) -> bool:
        """Whether a notice of this kind is shown."""
        return any(notice.kind == kind for notice in self.notices)

    def clear_notice(self, kind: Hashable = None) -> None:
        """Remove the notices of this kind, or all of them."""
        self.notices = tuple(notice for notice in self.notices if kind is not None and notice.kind != kind)

    def clear_hint(self) -> None:
        """Remove a hint: a key does something."""
        if self.level == "hint":
            self.clear_notice()

    def watch_notices(self) -> None:
        if self._fading is not None:
            self._fading.stop()
            self._fading = None
        if self.level in ("hint", "info"):
            self._fading = self.set_timer(self.timeout, self.clear_notice)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._lines(container.width))

    def render(self) -> Content:
        return Content("\n").join(self._lines(self.size.width))

    def _lines(self, cells: int) -> list[Content]:
        position = shorten(self.position, cells - 2)
        most = min(_MOST_SHORT_LINES, self.app.size.height // 2) if is_narrow(cells) else _MOST_LINES
        level = self.level
        if level is None and self.help:
            return [Content(" ") + line for line in fold(self.help, cells - 2, most, "dim")]
        if level is None and not position and self.hide_when_empty:
            return []
        if level is None:
            legend = self.legend if width(self.legend) + width(position) + 4 <= cells else ""
            return [_justify(Content.styled(legend, "dim"), position, cells)]
        sign, style = _SIGNS[level]
        # Of a value of millions of characters only the first lines are read.
        shown = (notice.text[: cells * most] for notice in self.notices)
        text = sanitize(" ".join(" ".join(shown).split()))
        if width(sign) + width(text) + width(position) + 4 <= cells:
            return [_justify(Content.styled(sign + text, style), position, cells)]
        lines = [Content(" ") + line for line in fold(sign + text, cells - 2, most - 1, style)]
        return [*lines, _justify(Content(""), position, cells)] if position else lines


def _justify(left: Content, position: str, cells: int) -> Content:
    gap = " " * max(1, cells - left.cell_length - width(position) - 2)
    return Content.assemble(" ", left, gap, (position, "dim"), " ")
