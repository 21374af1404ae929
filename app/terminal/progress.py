"""A progress bar of one line for work that is done before the screens open."""

import time
from typing import Final, TextIO

_BAR: Final = 30
_EVERY: Final = 0.1  # seconds


class Progress:
    """Shows how far some work is; where nobody watches (no terminal) only its end is told.

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
            filled = _BAR * done // max(total, 1)
            bar = "#" * filled + "." * (_BAR - filled)
            self._stream.write(f"\r{self._label} [{bar}] {done:,} of {total:,}")
        else:
            self._stream.write(f"{self._label}: {done:,} of {total:,}")
        if finished:
            self._stream.write("\n")
        self._stream.flush()
