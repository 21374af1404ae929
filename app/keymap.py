"""Checks the `[keys]` of the config file against the bindings there are: Textual would ignore an unknown one."""

import importlib
import pkgutil
from collections.abc import Iterable, Iterator

from textual.binding import Binding
from textual.dom import DOMNode

import app.screens
import app.tui
import app.widgets
from app.config_file import closest
from app.errors import SettingsError


def check_keymap(ids: Iterable[str]) -> None:
    """Raise SettingsError for the id of a binding that no screen and no widget has."""
    # Some screens are imported only when they are opened, and all of them are needed here.
    for package in (app.screens, app.widgets):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    known = sorted({binding.id for node in _descendants(DOMNode) for binding in _own_bindings(node) if binding.id})
    for name in ids:
        if name not in known:
            meant = closest(name, known)
            hint = f"Did you mean {meant}?" if meant else f"Known are: {', '.join(known)}."
            raise SettingsError(f"[keys] does not know the action {name}. {hint}")


def _descendants(node: type[DOMNode]) -> Iterator[type[DOMNode]]:
    for child in node.__subclasses__():
        yield child
        yield from _descendants(child)


def _own_bindings(node: type[DOMNode]) -> Iterator[Binding]:
    if node.__module__.startswith("app."):
        yield from (binding for binding in node.__dict__.get("BINDINGS", ()) if isinstance(binding, Binding))
