"""The line in which one types what to find: the place in the results at its right, the cursor always in the text."""

from typing import TYPE_CHECKING, ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from app.models.find_query import complete_field
from app.text.sanitize import shorten, width
from app.widgets.form_field import SafeInput
from app.widgets.narrow import is_narrow
from app.widgets.typed_history import TypedHistory

if TYPE_CHECKING:
    from textual import events

_LABEL: Final = " Find: "
_SHORT_LABEL: Final = " /"
_PLACE: Final = 56  # cells, at most, where the line is short
_LEAST_TEXT: Final = 16
_SHORT_PLACE: Final = 12  # cells


class SearchInput(SafeInput):
    """The text of a search. Keys that move go to the rows; from an empty text ↑ brings back earlier searches."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "enter", "Open", id="open"),
        Binding("escape,f12", "leave", "Back", id="find-leave", tooltip="Leave find, back to where you were"),
        Binding("tab", "down", "To the rows", id="find-rows", tooltip="Complete a field name, or go to the rows"),
        Binding("down", "move_rows('move', 1)", "Next row", id="row-down"),
        Binding("up", "move_rows('move', -1)", "Previous row", id="row-up"),
        Binding("pagedown", "move_rows('leaf', 1)", "A screen down, then the next page", id="screen-down"),
        Binding("pageup", "move_rows('leaf', -1)", "A screen up, then the previous page", id="screen-up"),
    ]

    class MoveRows(Message):
        """The rows are to move: by a row (`move`) or a screen (`leaf`)."""

        def __init__(self, how: str, step: int) -> None:
            super().__init__()
            self.how = how
            self.step = step

    class Entered(Message):
        """What was found is to be opened."""

    class Scanned(Message):
        """A scanner typed the text; its customer is to be opened."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Left(Message):
        """Find is over."""

    class FocusRows(Message):
        """The focus is to go to the rows."""

    def __init__(self) -> None:
        super().__init__("", "type or scan")
        self.history = TypedHistory()
        #: What was typed before a field name was completed, and after.
        self._typed = ""
        self._completed: str | None = None

    def action_enter(self) -> None:
        self.history.add(self.value)
        self.post_message(self.Entered())

    def action_down(self) -> None:
        completed = complete_field(self.value) if self.cursor_at_end else ""
        if completed:
            self._typed, self._completed = self.value, completed
            self.begin(completed)
            return
        if self.value == self._completed:
            # The second time, the word was no field's name.
            self.begin(self._typed)
        self._completed = None
        self.history.add(self.value)
        self.post_message(self.FocusRows())

    def action_leave(self) -> None:
        self.history.add(self.value)
        self.post_message(self.Left())

    def action_move_rows(self, how: str, step: int) -> None:
        if step < 0 and how == "move" and (before := self.history.before(self.value)) is not None:
            self.begin(before)
            return
        self.history.stop()
        self.post_message(self.MoveRows(how, step))

    def begin(self, text: str) -> None:
        """Start with this text."""
        self.value = text
        self.action_end()

    def select_whole(self) -> None:
        """Let the next text take the place of this one."""
        self.select_all()

    def take_code(self, typed: str, code: str) -> bool:
        """Put a scanned code in place of what the scanner typed; the next one takes its place. False if it is gone."""
        if not self.value.endswith(typed):
            return False
        self.value = (self.value.removesuffix(typed) + code).strip()
        self.select_whole()
        self.post_message(self.Scanned(self.value))
        return True


class SearchBar(Widget):
    """`Find: bri▏        3 of 48 · page 1 of 1`: shown during a search."""

    position = reactive("")

    def __init__(self) -> None:
        super().__init__()
        self.input = SearchInput()

    def compose(self) -> ComposeResult:
        yield self.input

    def on_resize(self, event: "events.Resize") -> None:
        self.input.styles.margin = (0, 0, 0, width(_label(event.size.width)))
        # A width of its own, so that a longer count does not move the text.
        self.input.styles.width = _text_cells(event.size.width)

    @staticmethod
    def room_in(cells: int) -> int:
        """Return how many of these cells are free for the position."""
        return max(0, cells - width(_label(cells)) - _text_cells(cells) - 2)

    def render(self) -> Content:
        label = _label(self.size.width)
        position = shorten(self.position, self.room_in(self.size.width))
        gap = self.size.width - width(label) - width(position) - 1
        return Content.assemble((label, "bold"), " " * max(0, gap), (position, "dim"), " ")


def _label(cells: int) -> str:
    return _SHORT_LABEL if is_narrow(cells) else _LABEL


def _text_cells(cells: int) -> int:
    free = cells - width(_label(cells))
    if is_narrow(cells):
        return max(1, min(_LEAST_TEXT, free - _SHORT_PLACE))
    return max(min(_LEAST_TEXT, free), free - _PLACE)
