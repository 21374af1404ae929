"""What dialogs share: a box in the middle of an opaque screen, with a title and buttons that keys reach."""

from typing import ClassVar, Final, Generic, TypeVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from app.screens.base import BaseScreen
from app.screens.latest_size import LatestSizeScreen
from app.screens.styles import STYLES
from app.text.sanitize import shorten, width

Result = TypeVar("Result")

_LONGEST: Final = 600  # cells of a line
#: Cells; styles/dialogs.tcss says the same.
_AROUND_ANSWER: Final = 6
_AROUND_STACKED: Final = 2
_BETWEEN_ANSWERS: Final = 2
_LEAST_ANSWER: Final = 8


class Dialog(LatestSizeScreen[Result], ModalScreen[Result], Generic[Result]):
    """A box with a title, which is never outside text; Escape, F3 and F12 answer with nothing (`None`)."""

    CSS_PATH = [STYLES / "dialogs.tcss"]

    #: The keys that work here, written on the box.
    KEYS: ClassVar[str] = "⏎ choose · Esc cancel"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f3,f12", "cancel", "Cancel", id="cancel"),
    ]

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = title

    def compose_body(self) -> ComposeResult:
        """What stands in the box."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            below = next((screen for screen in self.app.screen_stack if isinstance(screen, BaseScreen)), None)
            # What a person must always see is in no header that this box may cover.
            flags = below.context.flags if below is not None else ()
            box.border_title = "  ".join((self._title, *flags))
            box.border_subtitle = self.KEYS
            yield from self.compose_body()

    @property
    def cells(self) -> int:
        """The cells of a line in the box; styles/dialogs.tcss says the same."""
        width = self.app.size.width
        return width - 2 if self.app.has_class("-lean") else min(66, width * 96 // 100) - 6

    def remark(self, text: str) -> None:
        """Show a remark in place of the keys."""
        self.query_one(".box").border_subtitle = Text(text)

    def action_cancel(self) -> None:
        self.dismiss(None)


class ConfirmDialog(Dialog[str]):
    """A question with a few answers; the first is the safe one and has the focus.

    Answers that do not stand beside each other stand one below the other.

    `lines` may hold outside text. The result is the key of the answer chosen, or `None`. Only the arrow keys move on
    from the safe answer: a scanner sends letters, Tab and Enter, and must never answer a question.
    """

    KEYS = "←→ move · ⏎ choose · Esc cancel"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,up", "app.focus_previous", "Previous answer", id="answer-previous"),
        Binding("right,down", "app.focus_next", "Next answer", id="answer-next"),
        Binding("tab,shift+tab", "stay", "Stay on the answer", id="answer-stay", priority=True),
    ]

    def __init__(self, title: str, lines: list[str], answers: dict[str, str]) -> None:
        super().__init__(title)
        self._lines = lines
        self._answers = answers

    def compose_body(self) -> ComposeResult:
        yield Static(Content("\n".join(shorten(line, _LONGEST) for line in self._lines)), classes="lines")
        with Horizontal(classes="answers"):
            for key in self._answers:
                yield Button("", id=f"answer-{key}", compact=True)

    def on_mount(self) -> None:
        self.query(Button).first().focus()
        self._arrange()

    def on_resize(self) -> None:
        self._arrange()

    def action_stay(self) -> None:
        """Tab does nothing here."""

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.dismiss((event.button.id or "").removeprefix("answer-"))

    def _arrange(self) -> None:
        """Put the answers beside each other, or where there is no room one below the other."""
        needed = [max(width(label) + _AROUND_ANSWER, _LEAST_ANSWER) for label in self._answers.values()]
        stacked = sum(needed) + _BETWEEN_ANSWERS * len(needed) > self.cells
        self.query_one(".box").set_class(stacked, "-stacked")
        room = self.cells - _AROUND_STACKED
        for button, label in zip(self.query(Button), self._answers.values(), strict=True):
            button.label = Content(shorten(label, room))
