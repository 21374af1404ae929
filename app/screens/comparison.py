"""What conflict, draft and My changes share: a few sentences, values beside each other, and a few more sentences."""

from collections.abc import Sequence
from typing import ClassVar, Generic, TypeVar

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from app.screens.base import STYLES, DockScreen
from app.screens.context import Desk
from app.text.sanitize import sanitize
from app.widgets.comparison_view import ComparisonView

Result = TypeVar("Result")


class ReviewScreen(DockScreen[Result], Generic[Result]):
    """A full screen to compare on."""

    CSS_PATH = [STYLES / "review.tcss"]

    #: The columns.
    HEADINGS: ClassVar[tuple[str, ...]] = ()
    LABEL_CELLS: ClassVar[int] = 10

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.view = ComparisonView(self.HEADINGS, self.LABEL_CELLS)
        self._before = Static(classes="before", markup=False)
        self._after = Static(classes="after", markup=False)

    def body(self) -> ComposeResult:
        yield self._before
        yield self.view
        yield self._after

    def on_mount(self) -> None:
        super().on_mount()
        self.view.focus()

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        self.view.focus()

    def tell_before(self, *sentences: str) -> None:
        """Say what this is about."""
        self._before.update(_lines(sentences))

    def tell_after(self, *sentences: str) -> None:
        """Say what else is to be known; nothing takes no room."""
        self._after.display = bool(sentences)
        self._after.update(_lines(sentences))


def _lines(sentences: Sequence[str]) -> Content:
    return Content("\n".join(sanitize(sentence) for sentence in sentences))
