"""A program on a pty with a terminal emulator; its output is counted and timed."""

import fcntl
import math
import os
import pty
import re
import select
import signal
import struct
import termios
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from types import TracebackType
from typing import Any, Final, Self
from unicodedata import category

import pyte

#: The emulator would show the last letter of this sequence.
_KITTY_KEYS: Final = re.compile(rb"\x1b\[<u")
_PATIENCE: Final = 30.0  # seconds

#: Seconds without output after which a program counts as done.
QUIET: Final = 0.3

COLOURS: Final[Mapping[str, Mapping[str, str]]] = {
    "16": {"TERM": "xterm"},
    "256": {"TERM": "xterm-256color"},
    "truecolor": {"TERM": "xterm-256color", "COLORTERM": "truecolor"},
}


@dataclass(frozen=True, slots=True)
class Step:
    """What one action cost: bytes, seconds until the last byte, processor seconds."""

    written: int
    seconds: float
    cpu: float


class Emulator(pyte.Screen):
    """A screen that records dim text as blinking, because pyte has no attribute for it."""

    def draw(self, data: str) -> None:
        if data.isascii():
            super().draw(data)
            return
        for character in data:
            # pyte drops everything after a spacing mark; terminals give
            # such a mark a cell.
            super().draw("\N{DOTTED CIRCLE}" if category(character) == "Mc" else character)

    def linefeed(self) -> None:
        # The kernel adds a carriage return to a line feed; pyte would stay in its column at NEL.
        super().linefeed()
        self.carriage_return()

    def select_graphic_rendition(self, *attrs: int, private: bool = False) -> None:
        attributes: list[int] = []
        rest = list(attrs)
        while rest:
            code = rest.pop(0)
            if code in (38, 48):
                length = {5: 1, 2: 3}.get(rest[0] if rest else 0, 0) + 1
                attributes += [code, *rest[:length]]
                del rest[:length]
            else:
                attributes += {2: [5], 22: [22, 25]}.get(code, [code])
        super().select_graphic_rendition(*attributes)

    @property
    def seen(self) -> list[list[pyte.screens.Char]]:
        """The cells line by line; blanks that look equal are equal."""
        return [[_seen(self.buffer[y][x]) for x in range(self.columns)] for y in range(self.lines)]

    def report_device_status(self, mode: int, **kwargs: Any) -> None:
        """Do nothing: no program reads the report."""


def _seen(cell: pyte.screens.Char) -> pyte.screens.Char:
    unseen = cell.data == " " and cell.bg == "default" and not (cell.reverse or cell.underscore or cell.strikethrough)
    return pyte.screens.Char(" ") if unseen else cell


class Terminal:
    """Runs the program in a `with` block, and kills it at the end."""

    def __init__(
        self,
        argv: Sequence[str],
        environ: Mapping[str, str],
        size: tuple[int, int] = (100, 30),
        colours: str = "truecolor",
    ) -> None:
        columns, lines = size
        self.screen = Emulator(columns, lines)
        self._stream = pyte.ByteStream(self.screen)
        self.written = 0
        self.output = bytearray()
        self.started = perf_counter()
        self.last_byte = self.started
        self.pid, self._master = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
            inherited = {
                name: value for name, value in environ.items() if name not in ("COLORTERM", "COLUMNS", "LINES")
            }
            os.execvpe(argv[0], list(argv), inherited | dict(COLOURS[colours]))  # noqa: S606 - a shell would be measured too

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass
        os.close(self._master)

    @property
    def text(self) -> str:
        """The text on the screen."""
        return "\n".join(self.screen.display)

    def until(self, *texts: str) -> float:
        """Wait until one of the texts is on the screen; returns the seconds from the start to its bytes."""
        while not any(text in self.text for text in texts):
            if not self._read(_PATIENCE):
                raise TimeoutError(f"{texts!r} did not appear:\n{self.text}")
        return self.last_byte - self.started

    def settle(self, quiet: float = QUIET, at_most: float = math.inf) -> None:
        """Read until there was no output for `quiet` seconds, or for at most `at_most` seconds."""
        end = perf_counter() + at_most
        while perf_counter() < end and self._read(quiet):
            pass

    def press(self, keys: str, until: str = "", quiet: float = QUIET) -> Step:
        """Type the keys at once, and wait for the text and the end of output."""
        written, cpu, sent = self.written, self.cpu(), perf_counter()
        self.last_byte = sent
        os.write(self._master, keys.encode())
        if until:
            self.until(until)
        self.settle(quiet)
        return Step(self.written - written, self.last_byte - sent, self.cpu() - cpu)

    def type(self, keys: str) -> None:
        """Type the keys at once, and read nothing."""
        os.write(self._master, keys.encode())

    def press_all(self, keys: Iterable[str], quiet: float = 0.05) -> Step:
        """Type the keys one by one, each after the output has ended; returns their total cost."""
        steps = [self.press(key, quiet=quiet) for key in keys]
        return Step(sum(s.written for s in steps), sum(s.seconds for s in steps), sum(s.cpu for s in steps))

    def resize(self, columns: int, lines: int) -> None:
        """Resize the terminal."""
        self.screen.resize(lines, columns)
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def show(self, text: str) -> None:
        """Show text as another program would write it to the terminal."""
        self._stream.feed(text.encode())

    def cpu(self) -> float:
        """The processor seconds used by all threads of the program."""
        try:
            tasks = list(Path(f"/proc/{self.pid}/task").iterdir())
            return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9
        except OSError:
            return 0.0

    def memory(self) -> float:
        """The memory of the program (PSS) in MiB."""
        for line in Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
        return 0.0

    def wait(self) -> int:
        """Wait until the program ends; returns its exit code."""
        while self._read(_PATIENCE):
            pass
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def _read(self, seconds: float) -> bool:
        """Read output; returns false if there was none for this time or the program ended."""
        if not select.select([self._master], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self._master, 1 << 16)
        except OSError:  # the other side is closed
            return False
        if not data:
            return False
        self.last_byte = perf_counter()
        self.written += len(data)
        self.output += data
        self._stream.feed(_KITTY_KEYS.sub(b"", data))
        return True
