"""A widget that acts on its own keys when they reach it; else each goes all the way up before it is looked up."""

from typing import TYPE_CHECKING

from textual.geometry import NULL_OFFSET
from textual.widget import Widget

if TYPE_CHECKING:
    from textual import events


class OwnKeys(Widget):
    """Does at once what the keys of this widget are bound to: a key held down is most of what a program does."""

    _own: dict[str, str] | None = None

    async def _on_key(self, event: "events.Key") -> None:
        if self._own is None:
            active = self.screen.active_bindings
            self._own = {key: one.binding.action for key, one in active.items() if one.node is self}
        action = self._own.get(event.key)
        if action is not None:
            event.stop()
            event.prevent_default()
            await self.run_action(action)

    def on_focus(self) -> None:
        # No text cursor is in here. Where one was last, the terminal's would be put back after every row.
        self.app.cursor_position = NULL_OFFSET

    def on_blur(self) -> None:
        self._own = None
