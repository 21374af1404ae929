"""The driver of a session whose terminal is at the other end of a channel, or away, or another one later.

It has no threads and no signals: the event loop hands it bytes, and its output goes to the terminal at once, or waits
where the terminal is slow.
"""

from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Protocol

from textual import events
from textual.app import App
from textual.driver import Driver
from textual.geometry import Size
from textual.message import Message

from app.terminal.input_parser import InputParser
from app.terminal.screen_painter import ScreenPainter

if TYPE_CHECKING:
    import asyncio

#: Other screen, cursor off, kitty's keyboard, bracketed paste, no line wrap.
_START: Final = "\x1b[?1049h\x1b[?25l\x1b[>25u\x1b[?2004h\x1b[?7l"
STOP: Final = "\x1b[<u\x1b[?2004l\x1b[?7h\x1b[0m\x1b[?1049l\x1b[?25h"
#: Characters of one paste that are kept: more than any address, and no burden for the others.
_MAX_PASTE: Final = 64 * 1024

MIN_SIZE: Final = (20, 5)
MAX_SIZE: Final = (400, 150)


class Terminal(Protocol):
    """Where a session is shown."""

    @property
    def is_ready(self) -> bool:
        """Whether it takes output now."""

    def send(self, data: bytes) -> None:
        """Send it output; never waits."""


class TerminalHost(Protocol):
    """What a session has, as far as its driver is concerned."""

    driver: "ChannelDriver | None"

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines of the terminal it is, or was last, shown on."""

    @property
    def terminal(self) -> Terminal | None:
        """Where it is shown now."""


def clamped(columns: int, lines: int) -> tuple[int, int]:
    """Return a size to be drawn on: a client may claim four billion columns, or none."""
    return (
        min(max(columns or 80, MIN_SIZE[0]), MAX_SIZE[0]),
        min(max(lines or 24, MIN_SIZE[1]), MAX_SIZE[1]),
    )


class ChannelDriver(Driver):
    """Draws on the terminal of its host, if there is one, and reads what that sends."""

    def __init__(
        self, app: App[Any], *, debug: bool = False, mouse: bool = False, size: Any = None, host: TerminalHost
    ) -> None:
        # Without a size, Textual would ask for that of a terminal of this process.
        super().__init__(app, debug=debug, mouse=mouse, size=host.size)
        self._host = host
        self._painter = ScreenPainter(self._loop, lambda: host.size, self._is_ready, self._send)
        self._started = False
        self._expiry: asyncio.TimerHandle | None = None
        self._parser = InputParser(max_paste=_MAX_PASTE)
        host.driver = self

    def start_application_mode(self) -> None:
        self._started = True
        self._post_size()
        self.attached()

    def stop_application_mode(self) -> None:
        self._started = False
        self._send(STOP)

    def disable_input(self) -> None:
        """Nothing reads by itself."""

    def close(self) -> None:
        self._started = False
        self._painter.close()
        self._stop_expiry()
        self._host.driver = None

    def send_message(self, message: Message) -> None:
        self._app.post_message(message)

    def write(self, data: str) -> None:
        self._painter.write(data)

    def attached(self) -> None:
        """Show everything on a terminal that is new."""
        if not self._started or self._host.terminal is None:
            return
        # Half a sequence from the terminal before must not meet the input of this one.
        self._stop_expiry()
        self._parser = InputParser(max_paste=_MAX_PASTE)
        self._send(_START)
        if self._size != self._host.size:
            self._change_size()
        self._painter.start()

    def resized(self) -> None:
        """Lay the screen out for the size that the terminal has now."""
        self._change_size()
        self._painter.repaint()

    def feed(self, data: bytes) -> None:
        """Take bytes that the terminal sent."""
        self._handle(self._parser.feed(data, monotonic()))

    def _handle(self, found: list[events.Event]) -> None:
        for event in found:
            self.process_message(event)
        self._stop_expiry()
        if self._parser.deadline is not None:
            delay = max(0.0, self._parser.deadline - monotonic())
            self._expiry = self._loop.call_later(delay + 0.001, self._expire)

    def _expire(self) -> None:
        self._expiry = None
        self._handle(self._parser.expire(monotonic()))

    def _stop_expiry(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None

    def _change_size(self) -> None:
        self._size = self._host.size
        self._post_size()

    def _post_size(self) -> None:
        size = Size(*self._host.size)
        self._app.post_message(events.Resize(size, size))

    def _is_ready(self) -> bool | None:
        terminal = self._host.terminal
        return terminal.is_ready if terminal is not None and self._started else None

    def _send(self, text: str) -> None:
        if (terminal := self._host.terminal) is not None:
            terminal.send(text.encode("utf-8", "replace"))
