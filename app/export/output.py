"""Where an export is written: standard output, or a file that is replaced only when the export is complete."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from app.errors import ExportFailed
from app.storage.files import FileLock, delete_on_error, os_error_text, sync_dir

_TEMP_PREFIX: Final = ".dockbook-export-"
_TEMP_SUFFIX: Final = ".part"


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
        raise ExportFailed(f"{name} cannot be written: {os_error_text(error)}.") from error


@contextmanager
def atomic_output(path: Path) -> Iterator[OutputStream]:
    """A file for its owner alone that replaces the one at `path` only when the block ends without an error.

    A link is followed; a device or a named pipe is written to as it is.
    """
    name = str(path)
    with translate_errors(name):
        path = Path(os.path.realpath(path))
        if path.is_dir():
            raise ExportFailed(f"{name} is a folder. Give a file name too, such as {Path(name) / 'customers.csv'}.")
        is_special = path.exists() and not path.is_file()
    with ExitStack() as stack:
        if is_special:
            with translate_errors(name):
                descriptor = os.open(path, os.O_WRONLY)
            stack.callback(os.close, descriptor)
            yield OutputStream(descriptor, name)
            return
        with translate_errors(name):
            _remove_stale(path.parent)
            descriptor, temp, lock = _create_temp(path.parent)
        stack.callback(lock.release)
        stack.callback(os.close, descriptor)
        with delete_on_error(temp):
            yield OutputStream(descriptor, name)
            with translate_errors(name):
                os.fsync(descriptor)
                temp.replace(path)
        with suppress(OSError):
            # The content is safe; not every file system can sync the name.
            sync_dir(path.parent)


def _create_temp(folder: Path) -> tuple[int, Path, FileLock]:
    """Create a file in the same folder, because a file can be renamed in one step only within a file system.

    It is locked while this export runs, so that no other export removes it.
    """
    while True:
        descriptor, name = tempfile.mkstemp(prefix=_TEMP_PREFIX, suffix=_TEMP_SUFFIX, dir=folder)
        lock = FileLock(Path(name), create=False)
        try:
            if lock.acquire():
                return descriptor, lock.path, lock
        except FileNotFoundError:
            # Another export took it for a stale one before it was locked.
            pass
        except OSError:
            # Some file systems have no locks: there, stale files are not removed.
            return descriptor, lock.path, lock
        os.close(descriptor)


def _remove_stale(folder: Path) -> None:
    """Remove the files of exports that were killed: our own files that no process has locked."""
    for path in folder.glob(f"{_TEMP_PREFIX}*{_TEMP_SUFFIX}"):
        lock = FileLock(path, create=False)
        with suppress(OSError):
            if path.lstat().st_uid == os.geteuid() and lock.acquire():
                lock.release(delete=True)
