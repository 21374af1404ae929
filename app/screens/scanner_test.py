"""Test the scanner: shows what it sends, what dockbook makes of it, and keeps the settings that fit it."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from app.screens.base import BaseScreen
from app.screens.styles import STYLES

if TYPE_CHECKING:
    from textual.timer import Timer

    from app.screens.context import AppContext

#: Seconds without a key that end a test scan.
_SILENCE: Final = 1.2
_LABEL_CELLS: Final = 12
#: Keys that do here what they do elsewhere, when they come alone.
_OWN_KEYS: Final = ("escape", "f3", "f12", "f10", "f1", "ctrl+q")


class ScannerTestScreen(BaseScreen[None]):
    """Shows a test scan.

    `report` reads its keys, and `keep` stores the settings of the last report and returns what to say of it.
    """

    CSS_PATH = [STYLES / "help.tcss"]
    FOOTER = ("keep", "leave")
    HELP_TEXT = "Scan any code. No customer is looked up. You see what came, and what dockbook takes it for."

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f10", "keep", "Keep", id="keep", tooltip="Keep the settings that fit this scanner"),
        Binding("escape,f3,f12", "leave", "Back", id="leave"),
    ]

    def __init__(
        self,
        context: "AppContext",
        report: Callable[[Sequence[events.Event]], Sequence[tuple[str, str]]],
        keep: Callable[[], str],
    ) -> None:
        super().__init__(context)
        self._report = report
        self._keep = keep
        self._lines = Static(Content("Scan any code now. No customer is looked up."))
        self._keys: list[events.Event] = []
        self._silence: Timer | None = None

    def compose_body(self) -> ComposeResult:
        with VerticalScroll():
            yield self._lines

    def on_mount(self) -> None:
        super().on_mount()
        self.header.title = "Test the scanner"

    def captures(self, event: events.Event) -> bool:
        return bool(self._keys) or not (isinstance(event, events.Key) and event.key in _OWN_KEYS)

    def key_captured(self, event: events.Event) -> None:
        """Add a key to the scan under way; a paste is a whole one."""
        if isinstance(event, events.Paste):
            self._lines.update(
                Content("It came as a paste. On the list and on a customer, dockbook takes a paste as a scan.")
            )
            return
        self._keys.append(event)
        if self._silence is not None:
            self._silence.stop()
        self._silence = self.set_timer(_SILENCE, self._show)

    def action_keep(self) -> None:
        self.show_hint(self._keep())

    def action_leave(self) -> None:
        self.dismiss()

    def _show(self) -> None:
        keys, self._keys = self._keys, []
        parts = [
            Content.assemble((f"{label:<{_LABEL_CELLS}}", "dim"), text, "\n") for label, text in self._report(keys)
        ]
        self._lines.update(
            Content("").join([*parts, Content("\nPress F10 to keep these settings, or scan again to compare.")])
        )
