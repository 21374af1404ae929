"""The driver that sends the terminal of this process only what changed."""

import os
import signal
from collections.abc import Callable
from types import FrameType
from typing import Any

from textual.message import Message

from app.terminal.screen_painter import ScreenPainter
from app.terminal.suspend import SuspendingDriver
from app.textual_private import is_writing


class LeanDriver(SuspendingDriver):
    """Textual's driver with a painter before the terminal."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._painter = ScreenPainter(self._loop, self._get_terminal_size, self._is_ready, super().write)

    def start_application_mode(self) -> None:
        """Begin, or come back from being suspended: the screen is cleared and painted whole."""
        super().start_application_mode()
        if is_writing(self) is None:
            return  # in the background, where a terminal may not be written to
        tell_textual = signal.getsignal(signal.SIGWINCH)
        if callable(tell_textual):
            self._loop.add_signal_handler(signal.SIGWINCH, self._resized, tell_textual)
        self._painter.start()

    def send_message(self, message: Message) -> None:
        # May be called by any thread, and makes no task of each key.
        self._app.post_message(message)

    def write(self, data: str) -> None:
        """Take an update, or pass on one of the few other things there are."""
        self._painter.write(data, self.repertoire.spell)

    def repaint(self) -> None:
        """Paint the whole screen again."""
        self._painter.repaint()

    def _is_ready(self) -> bool | None:
        writing = is_writing(self)
        return None if writing is None else not writing

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
