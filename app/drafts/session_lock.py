"""Which programs are running: each holds a lock on a file of its own, and the system lets go of it when it dies.

A process number alone would lie: numbers are given again.
"""

import fcntl
import os
import threading
from contextlib import suppress
from pathlib import Path

from app.storage.files import NotAFile, make_private, open_file


class SessionLock:
    """One run of the program. Its lock file is made when `hold` is first called; raises OSError when it cannot be."""

    def __init__(self, folder: Path) -> None:
        self.name = os.urandom(6).hex()
        self._path = _lock_file(folder, self.name)
        self._descriptor: int | None = None
        # Two threads of one program would wait for each other's lock on the file.
        self._holding = threading.Lock()

    def acquire(self) -> None:
        """Be seen as running from now on."""
        with self._holding:
            self._hold()

    def _hold(self) -> None:
        while self._descriptor is None:
            make_private(self._path.parent)
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                # Whoever sweeps up after the dead may have taken it for one of theirs in this moment.
                swept = not self._path.exists() or os.fstat(descriptor).st_ino != self._path.stat().st_ino
            except OSError:
                os.close(descriptor)
                raise
            if swept:
                os.close(descriptor)
            else:
                self._descriptor = descriptor

    def release(self) -> None:
        """Be seen as ended."""
        if self._descriptor is not None:
            self._path.unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = None


def is_running(folder: Path, name: str) -> bool:
    """Whether the session with this name still runs, on whichever machine shares the folder."""
    try:
        descriptor = open_file(_lock_file(folder, name), os.O_RDONLY)
    except (FileNotFoundError, NotAFile):
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def remove_stale(folder: Path) -> None:
    """Remove the lock files of sessions that have ended."""
    for path in folder.glob("*.lock"):
        with suppress(FileNotFoundError, BlockingIOError, NotAFile):
            _sweep(path)


def _sweep(path: Path) -> None:
    descriptor = open_file(path, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def _lock_file(folder: Path, name: str) -> Path:
    return folder / f"{name}.lock"
