"""The driver that sends a terminal only what changed, and nothing but text, looks, places and a few known modes.

All output of the program passes through here. What is not the language of Textual's updates, nor one of the sequences
below that Textual sends on purpose, does not reach the terminal.
"""

import os
import re
import signal
from collections.abc import Callable
from types import FrameType
from typing import Any, Final

from textual.message import Message

from app.terminal.diff import CLEAR, ScreenDiff
from app.terminal.suspend import SuspendingDriver
from app.textual_private import is_writing

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


class LeanDriver(SuspendingDriver):
    """Textual's driver with a painter before the terminal."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._diff = ScreenDiff(*self._get_terminal_size(), for_screens=True)
        self._unknown = False
        self._waiting = False

    def start_application_mode(self) -> None:
        """Begin, or come back from being suspended: the screen is cleared and painted whole."""
        super().start_application_mode()
        if is_writing(self) is None:
            return  # in the background, where a terminal may not be written to
        tell_textual = signal.getsignal(signal.SIGWINCH)
        if callable(tell_textual):
            self._loop.add_signal_handler(signal.SIGWINCH, self._resized, tell_textual)
        super().write(CLEAR)
        self._diff.forget(*self._get_terminal_size())
        self._diff.cleared()
        self._paint()

    def send_message(self, message: Message) -> None:
        # May be called by any thread, and makes no task of each key.
        self._app.post_message(message)

    def write(self, data: str) -> None:
        """Take an update, or pass on one of the few other things there are."""
        if _ALLOWED.fullmatch(data):
            super().write(data)
        elif not _IGNORED.fullmatch(data):
            self._diff.buffer.feed(self.repertoire.spell(data))
            self._paint()

    def repaint(self) -> None:
        """Paint the whole screen again."""
        self._unknown = True
        self._paint_soon()

    def _paint(self) -> None:
        writing = is_writing(self)
        if writing is None:
            return
        # A terminal that is slower than the program gets fewer updates, not old ones, and is not waited for.
        if writing:
            self._paint_soon()
            return
        if self._unknown:
            self._unknown = False
            self._diff.forget(*self._get_terminal_size())
        output = self._diff.output()
        if output:
            super().write(output)

    def _paint_soon(self) -> None:
        if not self._waiting:
            self._waiting = True
            self._loop.call_later(_SOON, self._paint_now)

    def _paint_now(self) -> None:
        self._waiting = False
        self._paint()

    def _resized(self, tell_textual: Callable[[int, FrameType | None], object]) -> None:
        """Terminals do different things with what they show when their size changes."""
        tell_textual(signal.SIGWINCH, None)
        # Textual paints for the new size, but not when it hears of none.
        self.repaint()

    def _get_terminal_size(self) -> tuple[int, int]:
        try:
            columns, lines = os.get_terminal_size(self.fileno)
        except OSError:
            columns, lines = 0, 0
        return columns or 80, lines or 25
