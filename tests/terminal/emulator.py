"""The real program on a real pty, read through a terminal emulator."""

import fcntl
import os
import pty
import re
import resource
import select
import signal
import struct
import sys
import termios
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any, Final

import pyte

from tests.bench.terminal import Emulator

#: Seconds to wait for something that should happen.
TIMEOUT: Final = 20.0

_IDLE_CPU: Final = 0.03  # seconds of processor time in a quarter of a second

_ENCLOSING: Final = re.compile("([\u0488\u0489\u1abe\u20dd-\u20e4\ua670-\ua672])")

#: Variables that change what the program does.
_CLEARED: Final = ("DOCKBOOK_", "XDG_", "SSH_", "COLUMNS", "LINES", "NO_COLOR", "TEXTUAL")


@dataclass
class Terminal:
    """A program on a pty; `sent` is its output, `before` the terminal's modes at the start.

    `child` is the process to wait for: the program, or the shell that runs it and writes to `stops` when it stops.
    """

    pid: int
    master: int
    child: int
    stops: int
    columns: int = 80
    lines: int = 24
    encoding: str = "utf-8"
    sent: bytearray = field(default_factory=bytearray)
    status: int | None = None
    used: resource.struct_rusage | None = None

    def __post_init__(self) -> None:
        self.screen = Emulator(self.columns, self.lines)
        self._stream = pyte.Stream(self.screen)
        self._decode = getincrementaldecoder(self.encoding)().decode
        self.before = self.modes()

    @property
    def text(self) -> str:
        """The text on the screen."""
        return "\n".join(self.screen.display)

    def type(self, keys: str) -> None:
        """Send keys."""
        os.write(self.master, keys.encode())

    def until(self, seen: str | Callable[[str], bool]) -> None:
        """Read until the text is on the screen, or the screen satisfies the condition."""
        satisfied = seen if callable(seen) else lambda text: seen in text
        ends = monotonic() + TIMEOUT
        while not satisfied(self.text):
            if not self.read(ends - monotonic()):
                raise AssertionError(f"{seen!r} did not appear:\n{self.text}")

    def quiet(self, seconds: float = 0.3) -> None:
        """Read until there was no output for this time."""
        while self.read(seconds):
            continue

    def quiet_for(self, seconds: float) -> None:
        """Read all output for this time."""
        ends = monotonic() + seconds
        while (left := ends - monotonic()) > 0:
            self.read(left)

    def read(self, seconds: float) -> bool:
        """Read output that arrives within this time; returns false if there is none."""
        if not select.select([self.master], [], [], max(0.0, seconds))[0]:
            return False
        try:
            piece = os.read(self.master, 65_536)
        except OSError:
            return False
        self.sent += piece
        # pyte drops the rest of a piece at an enclosing mark.
        for part in _ENCLOSING.split(self._decode(piece)):
            self._stream.feed(part)
        return bool(piece)

    def resize(self, lines: int, columns: int) -> None:
        """Resize the terminal."""
        self.screen.resize(lines, columns)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def modes(self) -> list[Any]:
        """The current modes of the terminal."""
        return termios.tcgetattr(self.master)

    def kill(self, number: signal.Signals) -> None:
        """Send a signal."""
        os.kill(self.pid, number)

    def cpu(self) -> float:
        """The seconds of processor time used so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text("ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stall(self) -> None:
        """Cause much output, read none of it, and wait until the program blocks."""
        for _ in range(200):
            self.type("?")
            select.select([], [], [], 0.01)
        before = -1.0
        for _ in range(40):
            now = self.cpu()
            if now - before < _IDLE_CPU:
                break
            before = now
            select.select([], [], [], 0.25)

    def hang_up(self) -> None:
        """Close the window."""
        if self.master >= 0:
            os.close(self.master)
            self.master = -1

    def ended(self, seconds: float, *, reading: bool = True) -> int | None:
        """Wait for the end; returns the exit code (negative for a signal), or `None` after this time."""
        ends = monotonic() + seconds
        while self.status is None and monotonic() < ends:
            if reading and self.master >= 0:
                self.read(0.02)
            else:
                select.select([], [], [], 0.02)
            pid, status, used = os.wait4(self.child, os.WNOHANG)
            if pid:
                self.status, self.used = os.waitstatus_to_exitcode(status), used
        return self.status

    def stopped(self) -> bool:
        """Wait until the program stops; returns false if it ends instead."""
        ends = monotonic() + TIMEOUT
        while monotonic() < ends:
            self.read(0.02)
            if select.select([self.stops], [], [], 0)[0]:
                return bool(os.read(self.stops, 1))
        return False


def _run_as_job(argv: Sequence[str], environ: Mapping[str, str], report: int) -> int:
    """Act as a shell that runs the program as a job; writes the job's process ID, and a dot when it stops."""
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    job = os.fork()
    if not job:
        os.setpgid(0, 0)
        os.tcsetpgrp(0, os.getpid())
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        os.execve(sys.executable, [sys.executable, *argv], environ)  # noqa: S606 - no shell is wanted
    os.write(report, f"{job}\n".encode())
    status = os.waitpid(job, os.WUNTRACED)[1]
    while os.WIFSTOPPED(status):
        os.write(report, b".")
        status = os.waitpid(job, os.WUNTRACED)[1]
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


@contextmanager
def terminal(
    argv: Sequence[str],
    home: Path,
    *,
    environ: Mapping[str, str] | None = None,
    lines: int = 24,
    columns: int = 80,
    ignores_hangup: bool = False,
    job: bool = False,
    encoding: str = "utf-8",
) -> Iterator[Terminal]:
    """Run `python` with these arguments on a pty, with this home; `ignores_hangup` works like nohup.

    The program leads the session, as over SSH, or is a `job` of a shell that does.
    """
    clean = {name: value for name, value in os.environ.items() if not name.startswith(_CLEARED)}
    clean |= {"HOME": str(home), "TMPDIR": str(home), "TERM": "xterm-256color", **(environ or {})}
    gate, hold = os.pipe()
    stops, report = os.pipe()
    child, master = pty.fork()
    if not child:
        # Wait until the terminal is set up and its modes are recorded.
        os.close(hold)
        os.read(gate, 1)
        if job:
            os._exit(_run_as_job(argv, clean, report))
        if ignores_hangup:
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        os.execve(sys.executable, [sys.executable, *argv], clean)  # noqa: S606 - no shell is wanted
    running = Terminal(child, master, child, stops, columns, lines, encoding)
    running.resize(lines, columns)
    for descriptor in (gate, hold, report):
        os.close(descriptor)
    if job:
        running.pid = _read_number(stops)
    try:
        yield running
    finally:
        if running.status is None:
            os.kill(running.pid, signal.SIGCONT)
            os.kill(running.pid, signal.SIGKILL)
            running.ended(TIMEOUT)
        running.hang_up()
        os.close(stops)


def _read_number(descriptor: int) -> int:
    digits = b""
    while not digits.endswith(b"\n"):
        piece = os.read(descriptor, 1)
        assert piece, "the shell ended before it ran the program"
        digits += piece
    return int(digits)
