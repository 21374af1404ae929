"""A widget that handles its own keys directly, before Textual sends them up to the bindings."""

from textual.widget import Widget


class DirectKeys(Widget):
    """Knows what the keys of its own bindings do: a key held down is most of what a program works on."""

    _direct: dict[str, str] | None = None

    async def run_direct_key(self, key: str) -> bool:
        """Do what the key is bound to here; false when it is bound elsewhere, or not at all."""
        if self._direct is None:
            active = self.screen.active_bindings
            self._direct = {key: one.binding.action for key, one in active.items() if one.node is self}
        action = self._direct.get(key)
        if action is None:
            return False
        await self.run_action(action)
        return True

    def on_blur(self) -> None:
        self._direct = None
