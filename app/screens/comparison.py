"""What conflict, draft and My changes share: a few sentences, values beside each other, and a few more sentences."""

from collections.abc import Sequence
from typing import ClassVar, Final, Generic, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from app.screens.base import BaseScreen
from app.screens.context import AppContext
from app.screens.styles import STYLES
from app.text.sanitize import sanitize
from app.widgets.comparison_view import ComparisonView
from app.widgets.narrow import is_narrow

Result = TypeVar("Result")

_OTHER_LINES: Final = 7  # header, status, keys, and a row of three values


class ComparisonScreen(BaseScreen[Result], Generic[Result]):
    """A full screen to compare on."""

    CSS_PATH = [STYLES / "comparison.tcss"]

    #: The columns.
    HEADINGS: ClassVar[tuple[str, ...]] = ()
    #: What stands before the values in a narrow terminal, if not that.
    SHORT_HEADINGS: ClassVar[tuple[str, ...]] = ()
    LABEL_CELLS: ClassVar[int] = 10

    def __init__(self, context: AppContext) -> None:
        super().__init__(context)
        self.view = ComparisonView(self.HEADINGS, self.LABEL_CELLS, self.SHORT_HEADINGS)
        self._before = Static(classes="before", markup=False)
        self._after = Static(classes="after", markup=False)

    def compose_body(self) -> ComposeResult:
        yield self._before
        yield self.view
        yield self._after

    def on_mount(self) -> None:
        super().on_mount()
        self.view.focus()

    def on_resize(self, event: events.Resize) -> None:
        narrow = is_narrow(event.size.width)
        self.set_class(narrow, "-narrow")
        if narrow:
            room = max(2, event.size.height - _OTHER_LINES)
            self._before.styles.max_height, self._after.styles.max_height = (room + 1) // 2, room // 2
        else:
            self._before.styles.max_height = self._after.styles.max_height = None

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        self.view.focus()

    def set_intro(self, *sentences: str) -> None:
        """Say what this is about."""
        self._before.update(_lines(sentences))

    def set_footnote(self, *sentences: str) -> None:
        """Say what else is to be known; nothing takes no room."""
        self._after.display = bool(sentences)
        self._after.update(_lines(sentences))


def _lines(sentences: Sequence[str]) -> Content:
    return Content("\n".join(sanitize(sentence) for sentence in sentences))
