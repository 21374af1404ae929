"""Help: what the screen is for and every key of it."""

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from app.screens.base import BaseScreen
from app.screens.styles import STYLES
from app.widgets.key_names import Action, actions_of, key_name

if TYPE_CHECKING:
    from typing import Any

_KEY_CELLS = 20


class HelpScreen(BaseScreen[None]):
    """Explains the screen below it, and lists its keys."""

    CSS_PATH = [STYLES / "help.tcss"]

    FOOTER = ("leave",)

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f3,q,f12", "leave", "Back", id="leave"),
    ]

    def __init__(self, explained: "BaseScreen[Any]") -> None:
        super().__init__(explained.context)
        self._about = explained.HELP_TEXT
        self._subject = explained.header.title
        self._actions = actions_of(explained)

    def compose_body(self) -> ComposeResult:
        with VerticalScroll():
            yield Static(self._about, classes="about", markup=False)
            yield Static(_keys(self._actions), classes="keys")
            yield Static(_NOTES, classes="about", markup=False)

    def on_mount(self) -> None:
        super().on_mount()
        self.header.title = f"Help · {self._subject}"
        self.query_one(VerticalScroll).focus()

    def action_leave(self) -> None:
        self.dismiss()


_NOTES = (
    "Signs such as ␛ or ‹202E› stand for characters that cannot be seen. The stored value keeps them.\n"
    "A save reads the record again before it writes. With a server that gives an ETag nobody's change can be "
    "overwritten; without one, only a change made in the moment between that read and the write could be."
)


def _keys(actions: list[Action]) -> Content:
    lines = []
    for action in actions:
        keys = "  ".join(key_name(key) for key in action.keys)
        lines.append(
            Content.assemble((f"{keys:<{_KEY_CELLS}}", "bold $accent"), " ", action.tooltip or action.description)
        )
    return Content("\n").join(lines)
