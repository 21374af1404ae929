"""Whoever finds goes first: what can wait stands still meanwhile, for Python lets one thread at a time go on."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event
from time import monotonic
from typing import Final

#: Most finds take less; a search of everything must not hold up the others.
_LONGEST: Final = 0.05


class Way:
    """Taken on the event loop; given there, and in the threads of one mirror.

    However many steps there are, they wait no longer than until somebody has been finding for `longest` seconds; and
    not at all while a person waits for what is done.
    """

    def __init__(self, longest: float = _LONGEST) -> None:
        self._longest = longest
        self._finders = self._waiting = 0
        self._since = 0.0
        self._free = Event()
        self._free.set()
        self._freed = asyncio.Event()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Somebody finds while the block runs."""
        if not self._finders:
            self._since = monotonic()
        self._finders += 1
        self._free.clear()
        self._freed.clear()
        try:
            yield
        finally:
            self._finders -= 1
            if not self._finders:
                self._free.set()
                self._freed.set()

    @contextmanager
    def needed(self) -> Iterator[None]:
        """A person waits, while the block runs, for what would give way."""
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1

    def give(self) -> None:
        """To be called between two steps of what can wait."""
        if not self._free.is_set() and (left := self._left) > 0:
            self._free.wait(left)

    async def given(self) -> None:
        """The same on the event loop."""
        if self._finders and (left := self._left) > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._freed.wait()
        else:
            await asyncio.sleep(0)

    @property
    def _left(self) -> float:
        """The seconds that are still to be waited."""
        return 0.0 if self._waiting else self._since + self._longest - monotonic()
