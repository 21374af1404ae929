"""Whoever finds goes first: what can wait stands still meanwhile, for Python lets one thread at a time go on."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event
from typing import Final

#: A search of everything must not hold up a save.
_LONGEST: Final = 0.05


class Way:
    """Taken on the event loop; given there, and in the threads of one mirror, for at most `longest` seconds a step."""

    def __init__(self, longest: float = _LONGEST) -> None:
        self._longest = longest
        self._finders = 0
        self._free = Event()
        self._free.set()
        self._freed = asyncio.Event()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Somebody finds while the block runs."""
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

    def give(self) -> None:
        """To be called between two steps of what can wait."""
        if not self._free.is_set():
            self._free.wait(self._longest)

    async def given(self) -> None:
        """The same on the event loop."""
        if self._finders:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._longest):
                    await self._freed.wait()
        else:
            await asyncio.sleep(0)
