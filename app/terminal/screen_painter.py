"""Keeps a terminal in step with what Textual draws, and lets nothing else reach it.

What is not the language of Textual's updates, nor one of the sequences below that Textual sends on purpose, is dropped.
"""

import asyncio
import re
from collections.abc import Callable
from typing import Final

from app.terminal.diff import CLEAR, ScreenDiff

#: Modes: other screen, cursor, line wrap, bracketed paste, mouse; kitty's keyboard; bell; the clipboard (OSC 52). Each
#: comes alone in a write of its own: inside of an update they are nobody's.
_ALLOWED: Final = re.compile(
    r"\x1b\[\?(?:1049|25|7|2004|1000|1003|1006|1015)[hl]|\x1b\[(?:>[0-9]{1,2}|<)u|\a|\x1b\]52;c;[A-Za-z0-9+/=]*\a"
)

#: Asked for by Textual, and not wanted: word of the window's focus, which repaints; whether updates may be bracketed
#: and sizes told in the stream, which ask the terminal and wait for what it answers.
_IGNORED: Final = re.compile(r"\x1b\[\?(?:1004|2048|2026|1016)[hl]|\x1b\[\?[0-9]+\$p|\x1b\]22;[^\x1b\a]*\a")

#: Seconds until what could not be painted is: the terminal is slower than the program, or has another size.
_SOON: Final = 0.05


class ScreenPainter:
    """Sends a terminal what changed on its screen; a terminal that is slower gets the newest state, not old ones.

    `send` writes to the terminal; `is_ready` says whether it takes output now, `None` if there is none at all.
    `size` gives its columns and lines.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        size: Callable[[], tuple[int, int]],
        is_ready: Callable[[], bool | None],
        send: Callable[[str], None],
    ) -> None:
        self._loop = loop
        self._size = size
        self._is_ready = is_ready
        self._send = send
        self._diff = ScreenDiff(*size(), for_screens=True)
        self._unknown = False
        self._timer: asyncio.TimerHandle | None = None

    def write(self, data: str, spell: Callable[[str], str] = str) -> None:
        """Take an update, spelled in the terminal's characters, or pass on one of the few other things there are."""
        if _ALLOWED.fullmatch(data):
            self._send(data)
        elif not _IGNORED.fullmatch(data):
            self._diff.buffer.feed(spell(data))
            self.paint()

    def start(self) -> None:
        """Clear a terminal whose contents are unknown, and paint everything."""
        self._send(CLEAR)
        self._diff.forget(*self._size())
        self._diff.cleared()
        self._unknown = False
        self.paint()

    def repaint(self) -> None:
        """Paint the whole screen again, soon."""
        self._unknown = True
        self._paint_soon()

    def paint(self) -> None:
        """Paint what changed, now or as soon as the terminal takes it."""
        ready = self._is_ready()
        if ready is None:
            return
        # A terminal that is slower than the program gets fewer updates, not old ones, and is not waited for.
        if not ready:
            self._paint_soon()
            return
        if self._unknown:
            self._unknown = False
            self._diff.forget(*self._size())
        if output := self._diff.output():
            self._send(output)

    def close(self) -> None:
        """Paint nothing more."""
        if self._timer is not None:
            self._timer.cancel()

    def _paint_soon(self) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(_SOON, self._paint_now)

    def _paint_now(self) -> None:
        self._timer = None
        self.paint()
