"""The line at the bottom: the few keys that matter here, and never a key cut in half."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from textual.content import Content
from textual.reactive import reactive

from app.text.sanitize import width
from app.widgets.cached_lines import CachedLines
from app.widgets.key_names import Action, key_name
from app.widgets.narrow import is_narrow

#: Cells below which the key of help has no word beside it.
_KEY_ALONE = 32


class KeyPair(NamedTuple):
    """Two actions, by their ids, that share a place in the key bar."""

    first: str
    second: str
    description: str


#: What stands in a place of the key bar: an action, by its id, or two.
Place = str | KeyPair


class Hint(NamedTuple):
    """What is shown in a place of the key bar."""

    id: str
    key: str
    description: str


def hints(places: Iterable[Place], actions: Mapping[str, Action]) -> Iterator[Hint]:
    """Return what stands in these places; an action that cannot be done now has none."""
    for place in places:
        if isinstance(place, str):
            if place in actions:
                yield Hint(place, key_name(actions[place].key), actions[place].description)
        elif place.first in actions and place.second in actions:
            keys = "/".join(key_name(actions[name].key) for name in place[:2])
            yield Hint(place.first, keys, place.description)


class KeyBar(CachedLines):
    """Keys and what they do, as many whole ones as fit; the last, help, is always among them.

    Those whose ids are in `dimmed` are there but do nothing now.
    """

    hints: reactive[tuple[Hint, ...]] = reactive(())
    dimmed: reactive[frozenset[str]] = reactive(frozenset[str]())

    def render(self) -> Content:
        cells = self.size.width
        narrow = is_narrow(cells)
        after = " " if narrow else "  "
        shown = [
            (hint, f"{'' if narrow and not hint.key[-1:].isalpha() else ' '}{hint.description}{after}")
            for hint in self.hints
        ]
        if shown and cells < _KEY_ALONE:
            shown[-1] = (shown[-1][0], after)
        # Behind the last one nothing has to be free.
        while len(shown) > 1 and sum(width(hint.key) + width(text) for hint, text in shown) - len(after) > cells - 1:
            del shown[-2]
        parts: list[Content | str | tuple[str, str]] = [" "]
        for hint, text in shown:
            off = hint.id in self.dimmed
            parts.append((hint.key, "dim" if off else "bold $accent"))
            parts.append((text, "dim" if off else ""))
        return Content.assemble(*parts)
