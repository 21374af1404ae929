"""Changes settings in `config.toml` and leaves everything else in it, also comments, unchanged."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from app.errors import SettingsError
from app.storage.files import atomic_write, make_private_dir, os_error_text

_HEADER: Final = re.compile(r"^\s*\[")
_UI_HEADER: Final = re.compile(r"^\s*\[\s*ui\s*\]\s*(#.*)?$")


def write_ui_settings(path: Path, values: Mapping[str, int | str]) -> None:
    """Set these keys of the table `[ui]`; an empty text removes its key. Raises SettingsError and changes nothing when
    the file cannot be read, written, or changed this way.
    """
    by_hand = "Add to the table [ui] of it yourself: " + ", ".join(_line(name, value) for name, value in values.items())
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        before = tomllib.loads(text)
        changed = _changed(text, values)
        after = tomllib.loads(changed)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        why = os_error_text(error) if isinstance(error, OSError) else "it is no valid TOML"
        raise SettingsError(f"{path} cannot be changed: {why}. {by_hand}") from error
    if after != _expected(before, values):
        raise SettingsError(f"{path} cannot be changed: its table [ui] is written in another way. {by_hand}")
    try:
        _replace(path, changed)
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {os_error_text(error)}. {by_hand}") from error


def _changed(text: str, values: Mapping[str, int | str]) -> str:
    lines = text.splitlines()
    start = next((index for index, line in enumerate(lines) if _UI_HEADER.match(line)), None)
    if start is None:
        lines += ["", "[ui]"] if lines else ["[ui]"]
        start = len(lines) - 1
    end = next((index for index in range(start + 1, len(lines)) if _HEADER.match(lines[index])), len(lines))
    body = lines[start + 1 : end]
    for name, value in values.items():
        own = re.compile(rf"^\s*{re.escape(name)}\s*=")
        place = next((index for index, line in enumerate(body) if own.match(line)), 0)
        body = [line for line in body if not own.match(line)]
        if value != "":
            body.insert(min(place, len(body)), _line(name, value))
    return "\n".join([*lines[: start + 1], *body, *lines[end:]]) + "\n"


def _line(name: str, value: int | str) -> str:
    if isinstance(value, int):
        return f"{name} = {value}"
    escaped = "".join(f"\\u{ord(one):04x}" if ord(one) < 0x20 or one in '"\\' else one for one in value)
    return f'{name} = "{escaped}"'


def _expected(before: Mapping[str, Any], values: Mapping[str, int | str]) -> dict[str, Any]:
    ui = {name: value for name, value in before.get("ui", {}).items() if name not in values}
    return {**before, "ui": {**ui, **{name: value for name, value in values.items() if value != ""}}}


def _replace(path: Path, text: str) -> None:
    """Replace the file and keep its mode; a new one gets mode 0600."""
    make_private_dir(path.parent)
    target = path.resolve()
    mode = target.stat().st_mode & 0o777 if target.exists() else 0o600
    atomic_write(target, text.encode(), mode=mode)
