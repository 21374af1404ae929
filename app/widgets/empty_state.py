"""What stands in place of rows when there are none: still loading, really empty, or failed."""

from textual.content import Content
from textual.widgets import Static

from app.text.sanitize import sanitize


class EmptyState(Static):
    """A title, a text and what to do, in the middle; a failure never looks like an empty list."""

    def show(self, title: str, text: str = "", hint: str = "", failed: bool = False) -> None:
        """Show a state; `text` may be a server's words."""
        self.set_class(failed, "-failed")
        head = ("! " if failed else "") + sanitize(title)
        parts: list[tuple[str, str]] = [(head, "bold $error" if failed else "bold")]
        if text:
            parts.append((f"\n\n{sanitize(text)}", ""))
        if hint:
            parts.append((f"\n\n{hint}", "dim"))
        self.update(Content.assemble(*parts))
