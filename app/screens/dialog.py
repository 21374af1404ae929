"""What dialogs share: a box in the middle of an opaque screen, with a title and buttons that keys reach."""

from typing import ClassVar, Final, Generic, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from app.screens.frame import STYLES, DockScreen
from app.screens.sized import SizedScreen
from app.text import shorten

Result = TypeVar("Result")

_LONGEST: Final = 600  # cells of a line


class Dialog(SizedScreen[Result], ModalScreen[Result], Generic[Result]):
    """A box with a title, which is never outside text; Escape, F3 and F12 answer with nothing (`None`)."""

    CSS_PATH = [STYLES / "dialog.tcss"]

    #: The keys that work here, written on the box.
    KEYS: ClassVar[str] = "⏎ choose · Esc leave"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f3,f12", "cancel", "Cancel", id="cancel"),
    ]

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = title

    def body(self) -> ComposeResult:
        """What stands in the box."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            below = next((screen for screen in self.app.screen_stack if isinstance(screen, DockScreen)), None)
            # What a person must always see is in no header that this box may cover.
            flags = below.desk.flags if below is not None else ()
            box.border_title = "  ".join((self._title, *flags))
            box.border_subtitle = self.KEYS
            yield from self.body()

    def tell(self, text: str) -> None:
        """Say something of our own words in place of the keys."""
        self.query_one(".box").border_subtitle = text

    @property
    def takes_scans(self) -> bool:
        """Whether a scan is kept from the keys: where there is a field, it is typed into that."""
        return not isinstance(self.focused, Input)

    def scanned(self, text: str) -> None:
        """A scan chooses and answers nothing."""
        self.tell("nothing can be scanned here · Esc leave")

    def action_cancel(self) -> None:
        self.dismiss(None)


class Question(Dialog[str]):
    """A question with a few answers; the first is the safe one and has the focus.

    `lines` may hold outside text. The result is the key of the answer chosen, or `None`. Only the arrow keys move on
    from the safe answer: a scanner sends letters, Tab and Enter, and must never answer a question.
    """

    KEYS = "←→ move · ⏎ choose · Esc leave"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,up", "app.focus_previous", "Previous answer", id="answer-previous"),
        Binding("right,down", "app.focus_next", "Next answer", id="answer-next"),
        Binding("tab,shift+tab", "stay", "Stay on the answer", id="answer-stay", priority=True),
    ]

    def __init__(self, title: str, lines: list[str], answers: dict[str, str]) -> None:
        super().__init__(title)
        self._lines = lines
        self._answers = answers

    def body(self) -> ComposeResult:
        yield Static(Content("\n".join(shorten(line, _LONGEST) for line in self._lines)), classes="lines")
        with Horizontal(classes="answers"):
            for key, label in self._answers.items():
                yield Button(Content(label), id=f"answer-{key}", compact=True)

    def on_mount(self) -> None:
        self.query(Button).first().focus()

    def action_stay(self) -> None:
        """Tab does nothing here."""

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.dismiss((event.button.id or "").removeprefix("answer-"))
