"""Checks the `[keys]` of the config file against the bindings there are: Textual would ignore what cannot be."""

import re
import string
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from textual.binding import Binding

from app.config.toml_file import did_you_mean
from app.errors import SettingsError
from app.screens.customer_list.screen import CustomerListScreen
from app.screens.detail import DetailScreen
from app.screens.dialogs import ConfirmDialog
from app.screens.form import FormScreen
from app.screens.help import HelpScreen
from app.screens.select_dialog import SelectDialog
from app.textual_private import key_of_character
from app.tui.app import DockbookApp
from app.widgets.customer_table import CustomerTable
from app.widgets.form_field import FieldInput
from app.widgets.record_view import RecordView
from app.widgets.search_bar import SearchInput

#: What listens to keys at the same time.
_TOGETHER: Final[Sequence[Sequence[type]]] = (
    (CustomerTable, CustomerListScreen, DockbookApp),
    (SearchInput, CustomerListScreen, DockbookApp),
    (RecordView, DetailScreen, DockbookApp),
    (FieldInput, FormScreen, DockbookApp),
    (HelpScreen, DockbookApp),
    (ConfirmDialog,),
    (SelectDialog,),
)

_NAMED: Final = (
    *("enter", "escape", "tab", "space", "backspace", "delete", "insert", "home", "end", "pageup", "pagedown"),
    *("up", "down", "left", "right"),
    *(key_of_character(sign) for sign in string.punctuation),
)
_KEY: Final = re.compile(rf"((ctrl|shift)\+)*(f([1-9]|1[0-9]|2[0-4])|{'|'.join(_NAMED)}|\w)")
#: What PuTTY, tmux and scanners mangle or send by themselves.
_MANGLED: Final = ("ctrl+j", "left_square_bracket", "right_square_bracket", "O")
_SAFE_IN_FIELDS: Final = re.compile(r"(shift\+)?f[0-9]+|ctrl\+.+")


def check_keymap(keymap: Mapping[str, str]) -> None:
    """Raise SettingsError for an action that there is not, a key that no keyboard has, and a key used twice."""
    bindings = {binding.id: binding for parts in _TOGETHER for binding in _bindings(parts) if binding.id}
    for name, keys in keymap.items():
        if name not in bindings:
            meant = did_you_mean(name, bindings)
            hint = f"Did you mean {meant}?" if meant else f"Known are: {', '.join(sorted(bindings))}."
            raise SettingsError(f"[keys] does not know the action {name}. {hint}")
        for key in keys.split(","):
            _check_key(name, key, bindings[name])
    for parts in _TOGETHER:
        _check_clashes(parts, keymap)


def _check_key(name: str, key: str, binding: Binding) -> None:
    if not _KEY.fullmatch(_plain(key)):
        raise SettingsError(f"[keys] {name}: {key!r} is not a key. Keys are like f2, e, ctrl+e, pageup, slash.")
    if _plain(key) in _MANGLED:
        raise SettingsError(f"[keys] {name}: terminals and scanners do not send {key} reliably. Take another key.")
    if binding.priority and not _SAFE_IN_FIELDS.fullmatch(key):
        raise SettingsError(f"[keys] {name}: {key} is needed in fields, where this works too. Take an F-key or ctrl.")


def _plain(key: str) -> str:
    """The key by the name Textual has for it: `question_mark` for `?`."""
    return key_of_character(key) if len(key) == 1 and not key.isalnum() else key


def _check_clashes(parts: Sequence[type], keymap: Mapping[str, str]) -> None:
    """A key means one thing at a time; where the defaults say otherwise, they mean it."""
    taken: dict[str, str] = {}
    for binding in _bindings(parts):
        name = binding.id or ""
        for key in keymap.get(name, binding.key).split(","):
            other = taken.setdefault(_plain(key), name)
            if other != name and (name in keymap or other in keymap):
                raise SettingsError(f"[keys] {key} would mean both {other} and {name}. Give one of them another key.")


def _bindings(parts: Sequence[type]) -> Iterator[Binding]:
    for part in parts:
        for base in part.__mro__:
            if base.__module__.startswith("app."):
                yield from (binding for binding in vars(base).get("BINDINGS", ()) if isinstance(binding, Binding))
