"""A screen that is laid out for one size at a time."""

from typing import Generic, TypeVar

from textual import events
from textual.widget import Widget

from app.screens.scan_target import ScanTargetScreen

Result = TypeVar("Result")


class LatestSizeScreen(ScanTargetScreen[Result], Generic[Result]):
    """Hears of the terminal's last size only.

    Each layout tells its screen of its size once more. Two of them under way at once, as while a window grows,
    would each have the screen laid out for itself, and call for the other, for ever.
    """

    #: What the last key moved in although something else has the focus: the rows below a text, for one.
    pointed: Widget | None = None

    async def on_event(self, event: events.Event) -> None:
        """Pass over a size that is not the terminal's any more."""
        if not isinstance(event, events.Resize) or event.size == self.app.size:
            await super().on_event(event)
