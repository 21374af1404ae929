"""Help: the keys one needs first, all keys of the screen below, and what that screen is for."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from app.screens.base import BaseScreen
from app.screens.first_day import first_day
from app.screens.palette import by_use
from app.screens.styles import STYLES
from app.text.sanitize import width
from app.widgets.key_names import actions_of, key_name

if TYPE_CHECKING:
    from typing import Any

#: The cells between the edges from which on the keys stand in two columns.
_TWO_COLUMNS: Final = 58
_BETWEEN_COLUMNS: Final = 3
#: Cells of the keys in front of what they do; more keys have a line of their own.
_KEY_CELLS: Final = 12
_KEY_CELLS_OF_ONE: Final = 6
_NOTES: Final = (
    "Signs such as ␛ or ‹202E› stand for characters that cannot be seen. They are kept as they are.\n\n"
    "Before a save, dockbook reads the customer again. With a server that gives an ETag, nobody's change can be "
    "overwritten. With another server, only a change made in the very moment of your save could be."
)


class HelpScreen(BaseScreen[None]):
    """Explains the screen below it, and lists its keys."""

    CSS_PATH = [STYLES / "help.tcss"]

    FOOTER = ("leave",)

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f3,q,f12", "leave", "Back", id="leave"),
    ]

    def __init__(self, explained: "BaseScreen[Any]") -> None:
        super().__init__(explained.context)
        self._subject = explained.header.title
        actions = sorted(actions_of(explained), key=by_use)
        self._first = [(" ".join(map(key_name, line.keys)), line.text) for line in first_day(explained, actions)]
        self._all = [(" ".join(map(key_name, action.keys)), action.title) for action in actions]
        self._keys = Static()
        self._scroll = VerticalScroll(self._keys, Static(_prose(explained.HELP_TEXT)))

    def compose_body(self) -> ComposeResult:
        self._show_keys_in_columns()
        yield self._scroll

    def on_mount(self) -> None:
        super().on_mount()
        self.header.title = f"Help · {self._subject}"
        self._scroll.focus()
        self.watch(self._scroll, "scroll_y", self._show_rest)

    def on_resize(self) -> None:
        self._show_keys_in_columns()
        self.call_after_refresh(self._show_rest)

    def _show_keys_in_columns(self) -> None:
        cells = self.app.size.width - 2
        first = Content("\n").join(_in_columns(self._first, cells))
        every = Content("\n").join(_in_columns(self._all, cells))
        self._keys.update(Content("\n").join([*_titled("Keys you need first", first), *_titled("All keys", every)]))

    def action_leave(self) -> None:
        self.dismiss()

    def _show_rest(self) -> None:
        self.status.position = "↓ more below" if self._scroll.scroll_y < self._scroll.max_scroll_y else ""


def _prose(about: str) -> Content:
    return Content("\n").join([*_titled("What this screen is for", about), Content(_NOTES)])


def _titled(title: str, text: str | Content) -> Sequence[Content]:
    """The text below its title, if there is any."""
    text = text if isinstance(text, Content) else Content(text)
    return [Content.assemble((title, "bold"), "\n", text, "\n")] if text else []


def _in_columns(rows: Sequence[tuple[str, str]], cells: int) -> Iterable[Content]:
    """The keys and what they do, beside each other where there is room, read from top to bottom."""
    if cells < _TWO_COLUMNS:
        return [line for keys, text in rows for line in _entry(keys, text, _KEY_CELLS_OF_ONE, cells)]
    column = (cells - _BETWEEN_COLUMNS) // 2
    entries = [_entry(keys, text, _KEY_CELLS, column) for keys, text in rows]
    left: list[Content] = []
    lines = sum(map(len, entries))
    while entries and len(left) < lines / 2:
        left += entries.pop(0)
    right = [line for entry in entries for line in entry]
    right += [Content("")] * (len(left) - len(right))
    gap = " " * _BETWEEN_COLUMNS
    return [
        Content.assemble(one.pad_right(column - one.cell_length), gap, two)
        for one, two in zip(left, right, strict=True)
    ]


def _entry(keys: str, text: str, key_cells: int, cells: int) -> Sequence[Content]:
    """A key and what it does, folded to so many cells; where the keys are too long, below them."""
    indent = " " * key_cells
    folded = [Content(indent) + line for line in Content(text).wrap(max(1, cells - key_cells))]
    if width(keys) >= key_cells:
        return [Content.styled(keys, "bold $accent"), *folded]
    first = Content.assemble((keys, "bold $accent"), " " * (key_cells - width(keys)))
    return [first + folded[0][key_cells:], *folded[1:]]
