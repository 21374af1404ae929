"""Where dockbook keeps its files on this machine: the XDG folders, the same on Linux and macOS."""

import errno
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Self

_NAME = "dockbook"


class Folders(NamedTuple):
    """The folders of settings, the local book, drafts and reports, and the mirror; none needs to exist yet."""

    config: Path
    data: Path
    state: Path
    cache: Path

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Self:
        """The folders the XDG variables name; a relative path there is ignored, as their standard says."""
        home = Path(environ.get("HOME") or Path.home())

        def folder(variable: str, default: str) -> Path:
            given = Path(environ.get(variable, ""))
            return (given if given.is_absolute() else home / default) / _NAME

        return cls(
            config=folder("XDG_CONFIG_HOME", ".config"),
            data=folder("XDG_DATA_HOME", ".local/share"),
            state=folder("XDG_STATE_HOME", ".local/state"),
            cache=folder("XDG_CACHE_HOME", ".cache"),
        )

    @property
    def config_file(self) -> Path:
        """The settings of this person."""
        return self.config / "config.toml"

    @property
    def book(self) -> Path:
        """The SQLite file of the local book."""
        return self.data / "customers.db"

    @property
    def drafts(self) -> Path:
        """The folder of drafts."""
        return self.state / "drafts"


def make_private(folder: Path) -> Path:
    """Make the folder, and see that only its owner can look into it; raises OSError when that cannot be."""
    for missing in [above for above in (*reversed(folder.parents), folder) if not above.exists()]:
        # `parents=True` would make those above as everybody may read them.
        missing.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_mode & 0o077:
        folder.chmod(0o700)
    return folder


class NotAFile(OSError):
    """What has this name is a folder, a named pipe or something else that is no file."""


def open_file(path: Path, flags: int) -> int:
    """Open a file that is one, and return its descriptor; raises `NotAFile` for all else there can be of that name.

    Opened without more ado, a named pipe would wait for somebody at its other end, and with it the whole screen.
    """
    try:
        descriptor = os.open(path, flags | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
    except OSError as error:
        if error.errno in (errno.EISDIR, errno.ENXIO):
            raise NotAFile(errno.EINVAL, "Not a file", str(path)) from None
        raise
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        raise NotAFile(errno.EINVAL, "Is a directory" if stat.S_ISDIR(mode) else "Not a file", str(path))
    return descriptor
