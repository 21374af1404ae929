"""Private files and folders: atomic writes, locks between processes, and opening regular files only."""

import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_POLL_SECONDS: Final = 0.002


class NotARegularFile(OSError):
    """The path names a folder, a named pipe, a link that may not be followed, or another thing that is no file."""


class FileLock:
    """A lock between processes on a file. The kernel releases it when its process ends, however that happens.

    Two `FileLock`s of one process exclude each other too. One `FileLock` is for one thread at a time.
    """

    def __init__(self, path: Path, *, create: bool = True) -> None:
        self.path = path
        self._flags = os.O_RDWR | os.O_NOFOLLOW | (os.O_CREAT if create else 0)
        self._descriptor: int | None = None

    @property
    def was_deleted(self) -> bool:
        """Whether the file of a held lock was deleted or replaced: another process could lock its successor."""
        return self._descriptor is not None and not _is_open_as(self._descriptor, self.path)

    def acquire(self, *, shared: bool = False, timeout: float = 0.0) -> bool:
        """Take the lock; return False if another holds it for `timeout` seconds. A held lock whose file was deleted is
        taken again, on a new file.

        Raises `OSError` when the file cannot be opened: without `create`, `FileNotFoundError` when there is none.
        """
        if self._descriptor is not None and not self.was_deleted:
            return True
        deadline = time.monotonic() + timeout
        while not self._try_acquire(fcntl.LOCK_SH if shared else fcntl.LOCK_EX):
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL_SECONDS)
        return True

    def release(self, *, delete: bool = False) -> None:
        """Give up the lock, if it is held; `delete` removes its file first."""
        if self._descriptor is None:
            return
        if delete:
            self.path.unlink(missing_ok=True)
        os.close(self._descriptor)
        self._descriptor = None

    def _try_acquire(self, kind: int) -> bool:
        while True:
            descriptor = open_regular_file(self.path, self._flags)
            try:
                fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                return False
            except OSError:
                os.close(descriptor)
                raise
            if _is_open_as(descriptor, self.path):
                self.release()
                self._descriptor = descriptor
                return True
            # Its holder deleted the file between our opening and our locking it.
            os.close(descriptor)


def make_private_dir(path: Path) -> Path:
    """Make the folder and its missing parents with mode 0700, and return it. An existing folder loses looser modes."""
    for folder in [parent for parent in reversed(path.parents) if not parent.exists()]:
        # `mkdir(parents=True)` would make the parents readable for everybody.
        folder.mkdir(mode=0o700, exist_ok=True)
    path.mkdir(mode=0o700, exist_ok=True)
    if path.stat().st_mode & 0o077:
        path.chmod(0o700)
    return path


def open_regular_file(path: Path, flags: int) -> int:
    """Open a regular file and return its descriptor; raises `NotARegularFile` for anything else of that name.

    Opening a named pipe would otherwise wait for its other end, and block the whole screen.
    """
    try:
        descriptor = os.open(path, flags | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
    except OSError as error:
        if error.errno in (errno.EISDIR, errno.ENXIO, errno.ELOOP):
            raise NotARegularFile(errno.EINVAL, "Not a file", str(path)) from None
        raise
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        raise NotARegularFile(errno.EINVAL, "Is a directory" if stat.S_ISDIR(mode) else "Not a file", str(path))
    return descriptor


def write_new_file(path: Path, content: bytes, *, mode: int = 0o600, durable: bool = True) -> None:
    """Create the file and write it, down to the disk if `durable`. Raises `FileExistsError` if the name is taken."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        if mode != 0o600:
            # Only then, because some file systems have no modes to change.
            os.fchmod(descriptor, mode)
        if durable:
            os.fsync(descriptor)


@contextmanager
def delete_on_error(path: Path) -> Iterator[None]:
    """Delete the file when the block raises."""
    try:
        yield
    except BaseException:
        with suppress(OSError):
            # The first error says more.
            path.unlink()
        raise


def atomic_write(path: Path, content: bytes, *, mode: int = 0o600, durable: bool = True) -> None:
    """Replace the file in one step: readers, and a crash, find the old content or the new."""
    temp = path.with_name(f".{path.name}-{os.urandom(6).hex()}")
    with delete_on_error(temp):
        write_new_file(temp, content, mode=mode, durable=durable)
        temp.replace(path)


def sync_dir(path: Path) -> None:
    """Make the names of new, renamed and deleted files in this folder survive a power failure."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def os_error_text(error: OSError) -> str:
    """Return the reason of the error in lower case, without the path, which the message around it names."""
    return (error.strerror or type(error).__name__).lower()


def _is_open_as(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        # Any error other than a missing file shows again when the file is next opened.
        return False
