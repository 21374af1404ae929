"""The driver's reader: a thread that waits for bytes, notes when they came, and hands on what they mean."""

import os
import select
from time import monotonic
from typing import Final

from textual import events
from textual.drivers.linux_driver import LinuxDriver

from app.terminal.input_parser import InputParser, escape_delay

#: Seconds between two looks whether the driver is to stop.
_LOOK: Final = 0.1
_MOST_BYTES: Final = 64 * 1024


class InputDriver(LinuxDriver):
    """Textual's driver with a reader of ours; the terminal is asked for nothing it would have to answer."""

    #: The codec of what the terminal sends.
    encoding = "utf-8"

    def run_input_thread(self) -> None:
        """Read until the driver stops reading. Raises EOFError, or OSError, when the terminal is gone."""
        parser = InputParser(self.encoding, mouse=self._mouse, escape_delay=escape_delay(os.environ.get("ESCDELAY")))
        poll = select.poll()
        poll.register(self.fileno, select.POLLIN)
        while not self.exit_event.is_set():
            wait = _LOOK if parser.deadline is None else min(_LOOK, max(0.0, parser.deadline - monotonic()))
            if poll.poll(wait * 1000):
                data = os.read(self.fileno, _MOST_BYTES)
                if not data:
                    raise EOFError
                self._send(parser.feed(data, monotonic()))
            self._send(parser.expire(monotonic()))

    def _send(self, found: list[events.Event]) -> None:
        for event in found:
            self.process_message(event)

    def _query_in_band_window_resize(self) -> None:
        """The signal SIGWINCH says when the size changed."""

    def _request_terminal_sync_mode_support(self) -> None:
        """Do not ask: updates are sent in one piece."""
