"""A program in a pty behind a terminal emulator, with every byte it writes counted and timed."""

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

#: The emulator would show the last letter of it.
_KITTY_KEYS: Final = re.compile(rb"\x1b\[<u")
_PATIENCE: Final = 30.0  # seconds

#: How long a program writes nothing before it is taken to have done what it was told.
QUIET: Final = 0.3

COLOURS: Final[Mapping[str, Mapping[str, str]]] = {
    "16": {"TERM": "xterm"},
    "256": {"TERM": "xterm-256color"},
    "truecolor": {"TERM": "xterm-256color", "COLORTERM": "truecolor"},
}


@dataclass(frozen=True, slots=True)
class Step:
    """What one thing that was done to the program cost: bytes, seconds to the last of them, seconds of processor."""

    written: int
    seconds: float
    cpu: float


class Emulator(pyte.Screen):
    """A screen which also tells dim text, by the attribute it would have for blinking."""

    def draw(self, data: str) -> None:
        if data.isascii():
            super().draw(data)
            return
        for character in data:
            # pyte leaves out all that follows on a mark that is not drawn over the one before it; terminals give
            # such a mark a cell.
            super().draw("\N{DOTTED CIRCLE}" if category(character) == "Mc" else character)

    def linefeed(self) -> None:
        # The kernel has put a carriage return before a line feed; where a line ends (NEL), pyte stays in its column.
        super().linefeed()
        self.carriage_return()

    def select_graphic_rendition(self, *attrs: int, private: bool = False) -> None:
        told: list[int] = []
        rest = list(attrs)
        while rest:
            code = rest.pop(0)
            if code in (38, 48):
                length = {5: 1, 2: 3}.get(rest[0] if rest else 0, 0) + 1
                told += [code, *rest[:length]]
                del rest[:length]
            else:
                told += {2: [5], 22: [22, 25]}.get(code, [code])
        super().select_graphic_rendition(*told)

    @property
    def seen(self) -> list[list[pyte.screens.Char]]:
        """The cells line by line; blanks that look the same are the same."""
        return [[_seen(self.buffer[y][x]) for x in range(self.columns)] for y in range(self.lines)]

    def report_device_status(self, mode: int, **kwargs: Any) -> None:
        """Nothing: there is nobody to report to."""


def _seen(cell: pyte.screens.Char) -> pyte.screens.Char:
    unseen = cell.data == " " and cell.bg == "default" and not (cell.reverse or cell.underscore or cell.strikethrough)
    return pyte.screens.Char(" ") if unseen else cell


class Terminal:
    """Runs the program; to be used in a `with` block, at whose end it is killed if it still runs."""

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
            kept = {name: value for name, value in environ.items() if name not in ("COLORTERM", "COLUMNS", "LINES")}
            os.execvpe(argv[0], list(argv), kept | dict(COLOURS[colours]))  # noqa: S606 - a shell would be measured too

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
        """All that can be seen."""
        return "\n".join(self.screen.display)

    def until(self, *texts: str) -> float:
        """Wait until one of the texts can be seen; the seconds from the spawn to the bytes that brought it."""
        while not any(text in self.text for text in texts):
            if not self._take(_PATIENCE):
                raise TimeoutError(f"{texts!r} never came:\n{self.text}")
        return self.last_byte - self.started

    def settle(self, quiet: float = QUIET, at_most: float = math.inf) -> None:
        """Read until nothing comes for so long, or at most for so many seconds."""
        end = perf_counter() + at_most
        while perf_counter() < end and self._take(quiet):
            pass

    def press(self, keys: str, until: str = "", quiet: float = QUIET) -> Step:
        """Type the keys at once, and wait for the text and for silence."""
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
        """Type one key after the other, each when nothing came for so long; what they cost together."""
        steps = [self.press(key, quiet=quiet) for key in keys]
        return Step(sum(s.written for s in steps), sum(s.seconds for s in steps), sum(s.cpu for s in steps))

    def resize(self, columns: int, lines: int) -> None:
        """Give the terminal another size."""
        self.screen.resize(lines, columns)
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def show(self, text: str) -> None:
        """Show what another program would write to the same terminal."""
        self._stream.feed(text.encode())

    def cpu(self) -> float:
        """The seconds of processor all threads of the program have used."""
        try:
            tasks = list(Path(f"/proc/{self.pid}/task").iterdir())
            return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9
        except OSError:
            return 0.0

    def memory(self) -> float:
        """The MiB that would be free without the program (PSS)."""
        for line in Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
        return 0.0

    def wait(self) -> int:
        """Wait for the end of the program; its exit code."""
        while self._take(_PATIENCE):
            pass
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def _take(self, seconds: float) -> bool:
        """Take what the program wrote; false when nothing came for so long, or it has ended."""
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
