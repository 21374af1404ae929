"""The texts that were typed into a field and used, to bring them back with ↑."""

from typing import Final

_MOST: Final = 50


class TypedHistory:
    """The last texts, the newest first, for as long as the program runs; blanks around them do not count."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._shown: str | None = None

    def add(self, text: str) -> None:
        """Remember a text that was used."""
        text = text.strip()
        self._shown = None
        if text:
            self._texts = [text, *(other for other in self._texts if other != text)][:_MOST]

    def before(self, text: str) -> str | None:
        """Return what to show instead of this text: what was used before it, if it is empty or was brought back itself.

        `None` if nothing was, or if a person typed the text.
        """
        if not text:
            following = 0
        elif text == self._shown and text in self._texts:
            following = self._texts.index(text) + 1
        else:
            return None
        if following >= len(self._texts):
            return None
        self._shown = self._texts[following]
        return self._shown

    def stop(self) -> None:
        """Take the text that was brought back for one that was typed."""
        self._shown = None
