"""Whoever finds goes first: what can wait stands still meanwhile, for Python lets one thread at a time go on."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from typing import Final

#: Seconds after which a step is made although somebody finds: a search of everything must not hold up a save.
_LONGEST: Final = 0.05


class Way:
    """Taken on the event loop, given in the threads of one mirror."""

    def __init__(self) -> None:
        self._finders = 0
        self._free = Event()
        self._free.set()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Somebody finds while the block runs."""
        self._finders += 1
        self._free.clear()
        try:
            yield
        finally:
            self._finders -= 1
            if not self._finders:
                self._free.set()

    def give(self) -> None:
        """To be called between two steps of what can wait."""
        if not self._free.is_set():
            self._free.wait(_LONGEST)
