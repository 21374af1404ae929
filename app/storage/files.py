"""Files and folders for their owner alone."""

import errno
import os
import stat
from pathlib import Path


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
