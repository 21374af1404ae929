"""The line at the bottom: the few keys that matter here, and never a key cut in half."""

from textual.content import Content
from textual.reactive import reactive

from app.text.sanitize import width
from app.widgets.cached_lines import CachedLines
from app.widgets.key_names import Action, key_name


class KeyBar(CachedLines):
    """Keys and what they do, as many whole ones as fit; the last, help, is always among them.

    Those of the `actions` whose ids are in `dimmed` are there but do nothing now.
    """

    actions: reactive[tuple[Action, ...]] = reactive(())
    dimmed: reactive[frozenset[str]] = reactive(frozenset[str]())

    def render(self) -> Content:
        room = self.size.width - 1
        shown = list(self.actions)
        while len(shown) > 1 and sum(_cells(action) for action in shown) > room:
            del shown[-2]
        parts: list[Content | str | tuple[str, str]] = [" "]
        for action in shown:
            off = action.id in self.dimmed
            parts.append((key_name(action.key), "dim" if off else "bold $accent"))
            parts.append((f" {action.description}  ", "dim" if off else ""))
        return Content.assemble(*parts)


def _cells(action: Action) -> int:
    return width(key_name(action.key)) + width(action.description) + 3
