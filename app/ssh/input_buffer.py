"""Input of a terminal on its way to a session: whole, in order, and no faster than the session works it off."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from app.ssh.sessions import TerminalSession

#: Bytes given to the session at once, and the keys that it may have waiting before it gets more.
_SLICE: Final = 256
_MAX_WAITING_KEYS: Final = 64
#: Seconds until the session is looked at again.
_PAUSE: Final = 0.02


class InputBuffer:
    """Holds input until there is a session: what is typed or scanned while a terminal connects is part of it.

    `on_taken` is called after every change, with the number of bytes that the session took.
    """

    def __init__(self, on_taken: Callable[[int], None]) -> None:
        self._on_taken = on_taken
        self._held = bytearray()
        self._timer: asyncio.TimerHandle | None = None
        self._session: TerminalSession | None = None

    @property
    def session(self) -> "TerminalSession | None":
        """Who gets the input."""
        return self._session

    @session.setter
    def session(self, session: "TerminalSession | None") -> None:
        self._session = session
        self._pump()

    @property
    def is_empty(self) -> bool:
        """Whether the session has taken everything."""
        return not self._held

    def add(self, data: bytes) -> None:
        """Take input."""
        self._held += data
        self._pump()

    def clear(self) -> None:
        """Drop what is held."""
        dropped = len(self._held)
        self._held.clear()
        self._on_taken(dropped)

    def close(self) -> None:
        """Give nobody anything any more."""
        self._session = None
        if self._timer is not None:
            self._timer.cancel()

    def _pump(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        taken = 0
        session = self._session
        while self._held and session is not None and session.waiting_keys < _MAX_WAITING_KEYS:
            data = bytes(self._held[:_SLICE])
            del self._held[:_SLICE]
            session.feed(data)
            taken += len(data)
        if self._held and session is not None:
            self._timer = asyncio.get_running_loop().call_later(_PAUSE, self._pump)
        self._on_taken(taken)
