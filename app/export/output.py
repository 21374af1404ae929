"""Where an export goes: standard output, or a file that is there whole or not at all."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from app.errors import ExportFailed
from app.storage.files import open_file

_BESIDE: Final = ".dockbook-export-"
_PART: Final = ".part"


class OutputStream:
    """Takes bytes, unbuffered, so that nothing is left to fail after the last word was said."""

    def __init__(self, descriptor: int, name: str) -> None:
        self._descriptor = descriptor
        self._name = name
        self.written = 0

    def write(self, data: bytes) -> None:
        """Write all of it; raises `ExportFailed`, and `BrokenPipeError` when the reader has gone."""
        left = memoryview(data)
        with translate_errors(self._name):
            while left:
                count = os.write(self._descriptor, left)
                self.written += count
                left = left[count:]


@contextmanager
def translate_errors(name: str) -> Iterator[None]:
    """Turn an error of the operating system into ours, except that of a reader who has gone."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise ExportFailed(f"{name} cannot be written: {(error.strerror or str(error)).lower()}.") from error


@contextmanager
def atomic_output(path: Path) -> Iterator[OutputStream]:
    """A file for its owner alone that replaces the one at `path` only when the block ends without an error.

    A link is followed; a device or a named pipe is written to as it is.
    """
    name = str(path)
    with translate_errors(name):
        path = Path(os.path.realpath(path))
        special = path.exists() and not (path.is_file() or path.is_dir())
        if path.is_dir():
            raise ExportFailed(f"{name} is a folder. Name a file in it.")
        if special:
            descriptor = os.open(path, os.O_WRONLY)
        else:
            _sweep(path.parent)
            descriptor, beside = _open_beside(path.parent)
    try:
        yield OutputStream(descriptor, name)
        if not special:
            with translate_errors(name):
                os.fsync(descriptor)
                Path(beside).replace(path)
            _sync_folder(path.parent)
    except BaseException:
        if not special:
            Path(beside).unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def _open_beside(folder: Path) -> tuple[int, str]:
    """A file beside its place, because only within one file system can it be moved there in one step.

    It is locked for as long as this export runs, which tells others that somebody writes it.
    """
    while True:
        descriptor, beside = tempfile.mkstemp(prefix=_BESIDE, suffix=_PART, dir=folder)
        with suppress(OSError):
            # Some file systems have no locks: there, what is left lies until somebody removes it.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Before it was locked, another export may have taken it for one that was left.
        if os.fstat(descriptor).st_nlink:
            return descriptor, beside
        os.close(descriptor)


def _sweep(folder: Path) -> None:
    """Remove what exports left that were killed: files of our own that nobody has locked."""
    for path in folder.glob(f"{_BESIDE}*{_PART}"):
        with suppress(OSError):
            _remove_left(path)


def _remove_left(path: Path) -> None:
    descriptor = open_file(path, os.O_RDWR | os.O_NOFOLLOW)
    try:
        if os.fstat(descriptor).st_uid == os.geteuid():
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    """Make the new name last, where the file system can; the file itself is safe already."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
