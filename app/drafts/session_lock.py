"""Which sessions run: each one locks a file of its own, and the kernel releases the lock when the process dies.

A process number would not do: numbers are reused.
"""

import math
import os
import threading
from contextlib import suppress
from pathlib import Path

from app.storage.files import FileLock, NotARegularFile, make_private_dir


class SessionLock:
    """The lock of one run of the program. Raises OSError when its file cannot be created."""

    def __init__(self, folder: Path) -> None:
        self.name = os.urandom(6).hex()
        self._lock = FileLock(_lock_file(folder, self.name))
        self._acquiring = threading.Lock()

    def acquire(self) -> None:
        """Show other sessions that this one runs, from now on."""
        with self._acquiring:
            make_private_dir(self._lock.path.parent)
            # Another session may lock the file for a moment, to find out whether this one has ended.
            self._lock.acquire(timeout=math.inf)

    def release(self) -> None:
        """Show other sessions that this one has ended."""
        self._lock.release(delete=True)


def is_running(folder: Path, name: str) -> bool:
    """Return whether the session with this name still runs, on any machine that shares the folder."""
    lock = FileLock(_lock_file(folder, name), create=False)
    try:
        # A shared lock, so that two sessions that ask at the same time do not mistake each other for the owner.
        is_free = lock.acquire(shared=True)
    except (FileNotFoundError, NotARegularFile):
        return False
    lock.release()
    return not is_free


def remove_stale(folder: Path) -> None:
    """Remove the lock files of sessions that have ended."""
    for path in folder.glob("*.lock"):
        lock = FileLock(path, create=False)
        with suppress(FileNotFoundError, NotARegularFile):
            if lock.acquire():
                lock.release(delete=True)


def _lock_file(folder: Path, name: str) -> Path:
    return folder / f"{name}.lock"
