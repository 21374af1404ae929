"""Crash reports: the kind of error and the places in the code, never a value, a message or a source line.

An exception's message may quote a customer or a token, so it stays unsaid, on the terminal and in the report.
"""

import errno
import os
import platform
import sys
import threading
import traceback
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from app.storage.files import make_private_dir, os_error_text, write_new_file
from app.text.sanitize import sanitize

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

CRASHED: Final = "an error in the program ended it"
INPUT_FAILED: Final = "the keyboard could not be read any more, and so it ended"

_TOLD_FRAMES: Final = 3
_MAX_FRAMES: Final = 60
_MAX_LINKED: Final = 8


def report(error: BaseException, folder: Path, happened: str = CRASHED) -> str:
    """Write a report into the folder and return a few lines for the person, which begin with a sentence."""
    places = [place for place in _places(error) if place.startswith("app/")] or _places(error)
    lines = [f"dockbook: {happened}: {_kind(error)}"]
    lines += [f"  at {place}" for place in places[-_TOLD_FRAMES:]]
    try:
        path = _write(_full(error), folder)
    except OSError as problem:
        lines.append(f"No report could be written: {os_error_text(problem)}.")
    else:
        lines.append(f"The report holds no customers and no secrets: {path}")
    return "\n".join(sanitize(line) for line in lines)


def silence_tracebacks(folder: Path) -> None:
    """Let no thread, destructor or forgotten task print a traceback with its values on the terminal."""
    import logging

    def of_thread(args: threading.ExceptHookArgs) -> None:
        # A terminal that has gone is no error in the program: those who watch it end it.
        gone = isinstance(args.exc_value, OSError) and args.exc_value.errno == errno.EIO
        if args.exc_value is not None and not gone:
            sys.stderr.write(report(args.exc_value, folder) + "\n")

    def of_destructor(_: "UnraisableHookArgs") -> None:
        """Print nothing: nothing was lost."""

    threading.excepthook = of_thread
    sys.unraisablehook = of_destructor
    # Without a handler, logging writes warnings to the terminal the screens are drawn on.
    logging.getLogger().addHandler(logging.NullHandler())


def _full(error: BaseException) -> str:
    from app import __version__

    lines = [
        f"dockbook {__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}",
        f"{datetime.now().astimezone().isoformat(timespec='seconds')}, TERM={os.environ.get('TERM', '')}",
    ]
    for relation, linked in _linked(error):
        lines += ["", f"{relation}{_kind(linked)}", *(f"  at {place}" for place in _places(linked))]
    return "\n".join(sanitize(line) for line in lines) + "\n"


def _write(text: str, folder: Path) -> Path:
    path = make_private_dir(folder) / f"crash-{datetime.now().astimezone():%Y%m%d-%H%M%S}-{os.getpid()}.txt"
    # A name that is taken, or a link that another user placed there, is never written through.
    write_new_file(path, text.encode("utf-8"), durable=False)
    return path


def _linked(error: BaseException) -> Iterator[tuple[str, BaseException]]:
    """The error and those it came from or consists of, a few of them, each once."""
    waiting: list[tuple[str, BaseException]] = [("", error)]
    seen: set[int] = set()
    while waiting and len(seen) < _MAX_LINKED:
        relation, linked = waiting.pop(0)
        if id(linked) in seen:
            continue
        seen.add(id(linked))
        yield relation, linked
        if isinstance(linked, BaseExceptionGroup):
            waiting += [("which contains ", part) for part in linked.exceptions]
        if linked.__cause__ is not None:
            waiting.append(("caused by ", linked.__cause__))
        elif linked.__context__ is not None:
            waiting.append(("while handling ", linked.__context__))


def _kind(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _places(error: BaseException) -> list[str]:
    """Where it happened, outermost first: file, line and function."""
    walk = list(traceback.walk_tb(error.__traceback__))[-_MAX_FRAMES:]
    return [f"{_short(frame.f_code.co_filename)}:{line} in {frame.f_code.co_name}" for frame, line in walk]


def _short(file: str) -> str:
    """The file without the folders above the package: they name the person and the machine."""
    parts = Path(file).parts
    here = Path(__file__).parts[:-3]
    if parts[: len(here)] == here and parts[len(here) : len(here) + 1] == ("app",):
        return "/".join(parts[len(here) :])
    return "/".join(parts[-3:])
