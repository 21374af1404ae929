"""Where dockbook keeps its files on this machine: the XDG folders, the same on Linux and macOS."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Self

_NAME = "dockbook"


class Paths(NamedTuple):
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
