"""Secrets: kept out of every message, and read only from files that no other user can read; and who may write."""

import os
import shlex
import stat
from pathlib import Path
from typing import Final

from app.errors import SettingsError
from app.storage.files import os_error_text

_LARGEST: Final = 64 * 1024
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class Secret:
    """A text that shows itself only to who asks for it by `reveal`."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The secret itself, for the one request that needs it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(•••)"

    def __str__(self) -> str:
        return "•••"

    def __reduce__(self) -> str:
        raise TypeError("a secret is not pickled or copied")


def read_secret(path: Path, source: str) -> Secret:
    """The one line of a secret file; `source` names the setting in errors. Raises SettingsError."""
    text = read_private(path, source)
    value = text.strip()
    if not value:
        raise SettingsError(f"{source}: {path} is empty. It has to hold the client secret and nothing else.")
    if len(value.splitlines()) > 1:
        raise SettingsError(f"{source}: {path} has several lines. It has to hold the client secret and nothing else.")
    return Secret(value)


def read_private(path: Path, source: str) -> str:
    """The text of a file that only its owner can read. Raises SettingsError for any other, naming the cure."""
    try:
        with path.open("rb") as file:
            # Check the opened file: its name may refer to another one by now.
            require_private(os.fstat(file.fileno()), path, source)
            content = file.read(_LARGEST + 1)
    except OSError as error:
        raise SettingsError(f"{source}: {path} cannot be read: {os_error_text(error)}.") from None
    if len(content) > _LARGEST:
        raise SettingsError(f"{source}: {path} is too large to be a secret.")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise SettingsError(f"{source}: {path} is not UTF-8 text.") from None


def require_private(status: os.stat_result, path: Path, source: str) -> None:
    """Raise SettingsError if other users may use the file."""
    if status.st_mode & _OTHERS:
        raise SettingsError(
            f"{source}: {path} holds a secret, and other users can get at it "
            f"(mode {stat.S_IMODE(status.st_mode):03o}). Run: chmod 600 {shlex.quote(str(path))}"
        )


def require_unwritable(status: os.stat_result, path: Path) -> None:
    """Raise SettingsError if other users may write to a file with commands, which would run theirs."""
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise SettingsError(
            f"{path} has [commands], and other users can change it (mode {stat.S_IMODE(status.st_mode):03o}). "
            f"Run: chmod 600 {shlex.quote(str(path))}"
        )
