"""The folder of a book that nobody keeps; those of processes that were killed are swept up by the next one."""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path
from typing import Final, Self

_PREFIX: Final = "dockbook-"
_ALIVE: Final = "alive"  # locked as long as the process lives that made the folder, however it ends


class ThrowawayFolder:
    """A private folder that is gone after `remove`, or, where that never runs, when the next one is made."""

    def __init__(self, path: Path, alive: int) -> None:
        self.path = path
        self._alive = alive

    @classmethod
    def make(cls) -> Self:
        """Make a folder, and remove those whose makers are gone."""
        parent = Path(tempfile.gettempdir())
        for left in parent.glob(f"{_PREFIX}*"):
            _sweep(left)
        while True:
            path = Path(tempfile.mkdtemp(prefix=_PREFIX))
            alive = os.open(path / _ALIVE, os.O_CREAT | os.O_RDWR, 0o600)
            if _lock(alive):
                return cls(path, alive)
            # Somebody who sweeps was faster than the lock.
            os.close(alive)

    def remove(self) -> None:
        """Remove the folder with everything in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._alive)


def _sweep(folder: Path) -> None:
    try:
        if folder.is_symlink() or folder.stat().st_uid != os.getuid():
            return
        alive = os.open(folder / _ALIVE, os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        # It went meanwhile, or is not one of ours.
        return
    try:
        if _lock(alive):
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(alive)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
