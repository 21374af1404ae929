"""Progress on one line, for work that is done before the screens open or without them."""

import time
from typing import Final, TextIO

_BAR: Final = 30
_EVERY: Final = 0.1  # seconds


class Progress:
    """Shows the progress of some work; without a terminal only its end.

    Call it with what is done and what there is in all.
    """

    def __init__(self, label: str, stream: TextIO) -> None:
        self._label = label
        self._stream = stream
        self._watched = stream.isatty()
        self._shown_at = 0.0

    def __call__(self, done: int, total: int) -> None:
        finished = done >= total
        now = time.monotonic()
        if not finished and (not self._watched or now - self._shown_at < _EVERY):
            return
        self._shown_at = now
        if self._watched:
            self._stream.write(f"\r{bar(self._label, done, total)}")
        else:
            self._stream.write(f"{self._label}: {done:,} of {total:,}")
        if finished:
            self._stream.write("\n")
        self._stream.flush()


class ProgressLine:
    """One line that is written over until it is left; where it shall not be `watched`, nothing is written."""

    def __init__(self, stream: TextIO, *, watched: bool) -> None:
        self._stream = stream
        self._watched = watched
        self._width = 0
        self._shown_at = 0.0

    def show(self, text: str, *, often: bool = False) -> None:
        """Show this text instead of the one before; with `often`, not every text is shown."""
        now = time.monotonic()
        if not self._watched or (often and now - self._shown_at < _EVERY):
            return
        self._shown_at = now
        self._stream.write(f"\r{text.ljust(self._width)}")
        self._stream.flush()
        self._width = len(text)

    def leave(self) -> None:
        """Make what comes next begin on a line of its own, over the text that stands there."""
        if self._width:
            self._stream.write(f"\r{' ' * self._width}\r")
            self._stream.flush()
        self._width = 0


def bar(label: str, done: int, total: int) -> str:
    """A bar of text."""
    filled = min(_BAR * done // max(total, 1), _BAR)
    return f"{label} [{'#' * filled}{'.' * (_BAR - filled)}] {done:,} of {total:,}"
