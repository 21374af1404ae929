"""How keys are named on screen, and which of them the active screen has, one row an action."""

import string
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from textual.binding import Binding

from app.text.sanitize import sanitize
from app.textual_private import key_of_character

if TYPE_CHECKING:
    from textual.binding import ActiveBinding
    from textual.dom import DOMNode
    from textual.screen import Screen

_NAMES: Final = {
    "enter": "⏎",
    "escape": "Esc",
    "delete": "Del",
    "insert": "Ins",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "home": "Home",
    "end": "End",
    "tab": "Tab",
    "space": "Space",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "question_mark": "?",
    "slash": "/",
    "colon": ":",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "left_curly_bracket": "{",
    "right_curly_bracket": "}",
}


#: Keys that type a character and are not called by it.
_SIGNS: Final = {key_of_character(sign): sign for sign in string.punctuation} | {"space": " "}


class Action(NamedTuple):
    """Something the person can do now: the keys that do it, in order, what it is called, and whose action it is.

    There is no key for what is only on letters while those are typed into a field.
    """

    id: str
    keys: tuple[str, ...]
    description: str
    action: str
    node: "DOMNode"
    tooltip: str

    @property
    def key(self) -> str:
        """The first key."""
        return self.keys[0]

    @property
    def title(self) -> str:
        """What it does, in as many words as that takes."""
        return self.tooltip or self.description


def key_name(key: str) -> str:
    """A key as printed on a keyboard: `F2`, `Del`, `Ctrl+Q`."""
    *modifiers, name = key.split("+")
    if len(name) > 1 and name[0] == "f" and name[1:].isdigit():
        name = name.upper()
    elif modifiers:
        name = _NAMES.get(name, name.upper())
    else:
        name = _NAMES.get(name, name)
    return sanitize("+".join([*(modifier.capitalize() for modifier in modifiers), name]))


def actions_of(screen: "Screen[Any]") -> list[Action]:
    """What can be done on the screen now, in the order of its bindings; only bindings with an id are meant."""
    keys: dict[str, list[str]] = {}
    first: dict[str, ActiveBinding] = {}
    focused = screen.focused
    for key, active in screen.active_bindings.items():
        name = active.binding.id
        # A letter that is typed into a field does nothing else there.
        typed = focused is not None and focused.check_consume_key(key, _typed(key))
        if name and (active.binding.priority or not typed):
            keys.setdefault(name, []).append(key)
            first.setdefault(name, active)
    return [
        Action(
            name,
            tuple(keys[name]),
            active.binding.description,
            active.binding.action,
            active.node,
            active.binding.tooltip,
        )
        for name, active in first.items()
    ]


def actions_behind_field(screen: "Screen[Any]") -> list[Action]:
    """What the screen and the app can do, and have only on keys that type into the field which has the focus."""
    focused = screen.focused
    if focused is None:
        return []
    return [
        Action(binding.id, (), binding.description, binding.action, node, binding.tooltip)
        for node in (screen, screen.app)
        for base in type(node).__mro__
        for binding in vars(base).get("BINDINGS", ())
        if isinstance(binding, Binding)
        if binding.id and all(focused.check_consume_key(key, _typed(key)) for key in binding.key.split(","))
    ]


def _typed(key: str) -> str | None:
    """The character that the key types."""
    return key if len(key) == 1 else _SIGNS.get(key)
