"""The folder of a book that is not kept. Each new one removes the folders of processes that were killed."""

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from app.storage.files import FileLock

_PREFIX: Final = "dockbook-"
_LOCK_NAME: Final = "alive"


class TempFolder:
    """A private folder that `remove` deletes; if that never runs, the next `create` of any process does.

    Its lock file is locked as long as the process lives that created it.
    """

    def __init__(self, path: Path, lock: FileLock) -> None:
        self.path = path
        self._lock = lock

    @classmethod
    def create(cls) -> Self:
        """Create a folder, and remove the folders of processes that have ended."""
        for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
            with suppress(OSError):
                # It may be gone by now, or be the folder of another program.
                _remove_stale(path)
        while True:
            path = Path(tempfile.mkdtemp(prefix=_PREFIX))
            lock = FileLock(path / _LOCK_NAME)
            # Another process may remove the folder before its lock file is locked.
            with suppress(FileNotFoundError):
                if lock.acquire():
                    return cls(path, lock)

    def remove(self) -> None:
        """Remove the folder with everything in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.release()


def _remove_stale(path: Path) -> None:
    if path.is_symlink() or path.stat().st_uid != os.getuid():
        return
    lock = FileLock(path / _LOCK_NAME, create=False)
    if lock.acquire():
        shutil.rmtree(path, ignore_errors=True)
        lock.release()
