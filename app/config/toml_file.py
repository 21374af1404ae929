"""Reads `config.toml`: profiles, looks and keys, checked key by key so that a slip of the pen is named, not ignored."""

import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from app.config.secrets import Secret, require_private, require_unwritable
from app.errors import SettingsError
from app.storage.files import open_regular_file, os_error_text

PAGE_SIZES: Final = (25, 50, 100, 250)
SCAN_GAP_MS: Final = 90
_LONGEST_NAME: Final = 40
_OF_A_SHELL: Final = frozenset({"|", "||", "&", "&&", ";", "<", ">", ">>", "2>", "2>&1"})
#: Control characters that scanners are set to send around a code, by their ASCII names.
CONTROL_NAMES: Final = {
    "SOH": "\x01",
    "STX": "\x02",
    "ETX": "\x03",
    "EOT": "\x04",
    "ENQ": "\x05",
    "ACK": "\x06",
    "TAB": "\t",
    "LF": "\n",
    "CR": "\r",
    "FS": "\x1c",
    "GS": "\x1d",
    "RS": "\x1e",
    "US": "\x1f",
}


class Profile(NamedTuple):
    """One `[profiles.NAME]` table: a server, who asks it, and how its TLS is checked."""

    url: str | None = None
    client_id: str | None = None
    client_secret: Secret | None = None
    client_secret_file: Path | None = None
    read_only: bool = False
    ca_file: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    verify: bool = True
    allow_http: bool = False
    proxy: Secret | None = None


class ConfigFile(NamedTuple):
    """What the config file says; `page_size` None fits the page to the terminal."""

    path: Path
    profile: str | None = None
    profiles: Mapping[str, Profile] = MappingProxyType({})
    page_size: int | None = None
    mouse: bool = False
    lean: bool | None = None
    scan_gap_ms: int = SCAN_GAP_MS
    scan_prefix: str = ""
    scan_suffix: str = ""
    bell: bool = True
    mirror: bool = True
    refresh_seconds: int = 45
    keys: Mapping[str, str] = MappingProxyType({})
    commands: Mapping[str, Sequence[str]] = MappingProxyType({})


_TOP: Final[dict[str, type]] = {"profile": str, "profiles": dict, "ui": dict, "keys": dict, "commands": dict}
_UI: Final[dict[str, type]] = {
    "page_size": object,
    "mouse": bool,
    "lean": bool,
    "scan_gap_ms": int,
    "scan_prefix": str,
    "scan_suffix": str,
    "bell": bool,
    "mirror": bool,
    "refresh_seconds": int,
}
_PROFILE: Final[dict[str, type]] = {
    "url": str,
    "client_id": str,
    "client_secret": str,
    "client_secret_file": str,
    "read_only": bool,
    "ca_file": str,
    "client_cert": str,
    "client_key": str,
    "verify": bool,
    "allow_http": bool,
    "proxy": str,
}
_PATHS: Final = ("client_secret_file", "ca_file", "client_cert", "client_key")
_KINDS: Final = {str: "text in quotes", bool: "true or false", int: "a whole number", dict: "a table"}


def read_config(path: Path) -> ConfigFile:
    """Read the config file; a missing one is empty. Raises SettingsError."""
    try:
        with os.fdopen(open_regular_file(path, os.O_RDONLY), "rb") as file:
            status = os.fstat(file.fileno())
            content = file.read()
    except FileNotFoundError:
        return ConfigFile(path)
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {os_error_text(error)}.") from None
    # Most people have no such file, and need not wait for its grammar.
    import tomllib

    try:
        document = tomllib.loads(content.decode("utf-8"))
    except UnicodeDecodeError:
        raise SettingsError(f"{path} is not UTF-8 text. Save it as UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f'{path} is not valid TOML: {error}. Text goes in quotes: name = "text".') from None

    top = _table(document, str(path), _TOP)
    profiles = {
        name: _profile(values, f"{path}: [profiles.{name}]", path.parent)
        for name, values in top.get("profiles", {}).items()
    }
    if any(profile.client_secret for profile in profiles.values()):
        require_private(status, path, "client_secret")
    if any(profile.proxy is not None and "@" in profile.proxy.reveal() for profile in profiles.values()):
        require_private(status, path, "proxy")
    commands = _commands(top.get("commands", {}), f"{path}: [commands]")
    if commands:
        require_unwritable(status, path)
    ui = _table(top.get("ui", {}), f"{path}: [ui]", _UI)
    return ConfigFile(
        path=path,
        profile=top.get("profile"),
        profiles=profiles,
        page_size=_page_size(ui.get("page_size", "fit"), f"{path}: [ui]"),
        mouse=ui.get("mouse", False),
        lean=ui.get("lean"),
        scan_gap_ms=_scan_gap(ui.get("scan_gap_ms", SCAN_GAP_MS), f"{path}: [ui]"),
        scan_prefix=_frame_character("scan_prefix", ui.get("scan_prefix", ""), f"{path}: [ui]"),
        scan_suffix=_frame_character("scan_suffix", ui.get("scan_suffix", ""), f"{path}: [ui]"),
        bell=ui.get("bell", True),
        mirror=ui.get("mirror", True),
        refresh_seconds=_refresh_seconds(ui.get("refresh_seconds", 45), f"{path}: [ui]"),
        keys=_keys(top.get("keys", {}), f"{path}: [keys]"),
        commands=commands,
    )


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant."""
    from difflib import get_close_matches

    close = get_close_matches(word, list(known), n=1)
    return close[0] if close else None


def _profile(values: object, where: str, folder: Path) -> Profile:
    table = _table(values, where, _PROFILE)
    for name in [name for name, value in table.items() if value == ""]:
        raise SettingsError(f"{where} {name} is empty. Fill it in or remove the line.")
    if "client_secret" in table and "client_secret_file" in table:
        raise SettingsError(f"{where} has both client_secret and client_secret_file. Keep one of them.")
    if "client_key" in table and "client_cert" not in table:
        raise SettingsError(f"{where} has client_key without client_cert. Add the certificate that belongs to the key.")
    for name in ("client_secret", "proxy"):
        if name in table:
            table[name] = Secret(table[name])
    for name in _PATHS:
        if name in table:
            table[name] = folder / Path(table[name]).expanduser()
    return Profile(**table)


def _table(values: object, where: str, known: Mapping[str, type]) -> dict[str, Any]:
    """A copy of a table whose keys are known and whose values have the known types."""
    if not isinstance(values, dict):
        raise SettingsError(f"{where} has to be a table.")
    for name, value in values.items():
        if name not in known:
            meant = did_you_mean(name, known)
            hint = f"Did you mean {meant}?" if meant else f"Known are: {', '.join(sorted(known))}."
            raise SettingsError(f"{where} does not know the setting {name}. {hint}")
        if not isinstance(value, known[name]):
            # The value stays out of the message: it may be a secret.
            raise SettingsError(f"{where} {name} has to be {_KINDS[known[name]]}.")
    return dict(values)


def _page_size(value: object, where: str) -> int | None:
    if value == "fit":
        return None
    if isinstance(value, int) and value in PAGE_SIZES and not isinstance(value, bool):
        return value
    allowed = ", ".join(map(str, PAGE_SIZES))
    raise SettingsError(
        f'{where} page_size cannot be {value!r}. It is one of {allowed}, or "fit" for the terminal\'s height.'
    )


def _scan_gap(value: int, where: str) -> int:
    if isinstance(value, bool) or not 0 <= value <= 200:
        raise SettingsError(f"{where} scan_gap_ms cannot be {value}. It is from 0, which takes no scans, to 200.")
    return value


def _frame_character(name: str, value: str, where: str) -> str:
    """The character around a code, given as itself or by its name (`STX`)."""
    value = CONTROL_NAMES.get(value.upper(), value)
    if value and (len(value) > 1 or value.isalnum() or value in " \x1b\x7f"):
        names = ", ".join(CONTROL_NAMES)
        raise SettingsError(
            f'{where} {name} cannot be {value!r}. It is one sign that no code has, like "^", or one of {names}.'
        )
    return value


def _refresh_seconds(value: int, where: str) -> int:
    if isinstance(value, bool) or not 10 <= value <= 3_600:
        raise SettingsError(f"{where} refresh_seconds cannot be {value}. It is from 10 to 3600.")
    return value


def _keys(values: dict[str, Any], where: str) -> dict[str, str]:
    """Binding ids with their keys, several as a list or separated by commas."""
    keys: dict[str, str] = {}
    for name, value in values.items():
        listed = value if isinstance(value, list) else [value]
        if not listed or not all(isinstance(key, str) and key for key in listed):
            raise SettingsError(f'{where} {name} has to be a key or a list of keys, like "f2" or ["f2", "e"].')
        keys[name] = ",".join(listed)
    return keys


def _commands(values: dict[str, Any], where: str) -> dict[str, Sequence[str]]:
    """Names with the program and its arguments, split as a shell would, for which there is no shell."""
    commands: dict[str, Sequence[str]] = {}
    for name, value in values.items():
        if not name.strip() or not name.isprintable() or len(name) > _LONGEST_NAME:
            raise SettingsError(
                f"{where} {name!r} cannot be a name. It is a few words, at most {_LONGEST_NAME} letters."
            )
        if not isinstance(value, str):
            raise SettingsError(f'{where} {name} has to be text in quotes, like {name} = "lp -d dock".')
        try:
            words = shlex.split(value)
        except ValueError as error:
            raise SettingsError(f"{where} {name} has a quote or \\ without its end: {error}.") from None
        if not words or not words[0] or "\0" in value:
            raise SettingsError(f'{where} {name} names no program. It is like {name} = "lp -d dock".')
        if signs := [word for word in words if word in _OF_A_SHELL]:
            raise SettingsError(
                f"{where} {name} has {signs[0]}, which only a shell knows, and none is used. Put it into a script."
            )
        commands[name] = tuple(words)
    return commands
