"""`dockbook ssh` beside sshd with a process for each who comes in: `python -m tests.bench.ssh`. Needs OpenSSH."""

import os
import select
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from time import perf_counter
from typing import Final

from tests.bench.programs import Programs, programs
from tests.bench.terminal import Terminal
from tests.ssh.server_process import SSHServerProcess, free_port, ssh_server
from tests.ssh.test_isolation import slow_line

_FIRST_ROWS: Final = "ACME-CORP"
_DOWN: Final = "\x1b[B"
_NEXT_PAGE: Final = "\x1b[19~"
_PREVIOUS_PAGE: Final = "\x1b[18~"
_SESSIONS: Final = 50
_STARTS: Final = 10
_KEYS: Final = 100
_KEYS_A_SECOND: Final = 5
_BUSY_SECONDS: Final = 20.0


@dataclass(frozen=True)
class SSHFigure:
    """What was measured, and at most what it should be."""

    what: str
    value: float
    unit: str
    at_most: float | None = None

    def __str__(self) -> str:
        limit = "" if self.at_most is None else f"{self.at_most:g}"
        verdict = "" if self.at_most is None else "kept" if self.value <= self.at_most else "MISSED"
        return f"| {self.what} | {self.value:,.2f} {self.unit} | {limit} | {verdict} |"


def main() -> None:
    """Measure, and print a table."""
    with tempfile.TemporaryDirectory() as folder, programs() as started, ExitStack() as stack:
        home = Path(folder)
        arguments = ("--sessions-per-key", "200", "--sessions", "200")
        server = stack.enter_context(ssh_server(home, *arguments, server_environment=dict(started.server)))
        sshd = stack.enter_context(sshd_of_processes(started, home)) if shutil.which("sshd") else None
        sys.stdout.write("| what | measured | at most | |\n|---|---|---|---|\n")
        for figure in figures(server, sshd):
            sys.stdout.write(f"{figure}\n")
            sys.stdout.flush()


def figures(server: SSHServerProcess, sshd: "Sshd | None") -> Iterator[SSHFigure]:
    """Measure everything, each in one run with what it is compared with."""
    warm_up(server)
    ours = first_rows(lambda number: server.terminal("anna", f"start{number}"))
    yield SSHFigure("`ssh` started to first rows, p50 of ten", ours * 1000, "ms")
    if sshd is not None:
        theirs = first_rows(lambda _: sshd.terminal())
        yield SSHFigure("the same, sshd and a process each", theirs * 1000, "ms")
        yield SSHFigure("first rows", ours / theirs, "x", 0.3)
    alone = memory_of([server.process.pid])
    with sessions(server) as terminals:
        each = (memory_of([server.process.pid]) - alone) / len(terminals)
        yield SSHFigure(f"memory a session, of {len(terminals)} at the list", each, "MiB", 1.5)
        if sshd is not None:
            with ExitStack() as stack:
                others = [stack.enter_context(sshd.terminal()) for _ in range(5)]
                for other in others:
                    other.until(_FIRST_ROWS)
                process = memory_of(sshd.programs()) / len(others)
                yield SSHFigure("memory of a process", process, "MiB")
                yield SSHFigure("memory", each / process, "x", 0.05)
                ours, theirs = processor_of_keys(terminals[0], [server.process.pid], others[0], sshd.programs())
                yield SSHFigure("processor a row key", ours, "ms")
                yield SSHFigure("processor a row key, compared", ours / theirs, "x", 0.85)
        latencies = busy(server, terminals)
        yield SSHFigure(
            f"p50 of a key, {_SESSIONS} x {_KEYS_A_SECOND} a second, one core", percentile(latencies, 50), "ms"
        )
        yield SSHFigure(
            f"p99 of a key, {_SESSIONS} x {_KEYS_A_SECOND} a second, one core", percentile(latencies, 99), "ms", 25
        )
    yield from back(server)
    yield from slow(server)
    yield come_and_go(server)


def warm_up(server: SSHServerProcess) -> None:
    """Have everything imported and opened that the first sessions need."""
    for number in range(5):
        with server.terminal("anna", f"warm{number}") as terminal:
            terminal.until(_FIRST_ROWS)
            terminal.press(_DOWN + "\r")
            terminal.press("\x11\x11")
            terminal.wait()


def first_rows(start: Callable[[int], Terminal]) -> float:
    """The seconds until the list is shown, median of ten starts."""
    times = []
    for number in range(_STARTS):
        with start(number) as terminal:
            times.append(terminal.until(_FIRST_ROWS))
            terminal.settle()
            terminal.press("\x11\x11")
            terminal.wait()
    return statistics.median(times)


@contextmanager
def sessions(server: SSHServerProcess) -> Iterator[list[Terminal]]:
    """So many sessions at the list."""
    with ExitStack() as stack:
        terminals = [stack.enter_context(server.terminal("anna", f"many{number}")) for number in range(_SESSIONS)]
        for terminal in terminals:
            terminal.until(_FIRST_ROWS)
            terminal.settle(0.1)
        yield terminals
    ended = server.admin("--who").stdout
    for place in [line.split()[1] for line in ended.splitlines()[1:]]:
        server.admin("--end", place)


def memory_of(pids: Sequence[int]) -> float:
    """The memory of processes (PSS) in MiB."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1024


def processor(pids: Sequence[int]) -> float:
    """The processor seconds of all threads of processes."""
    tasks = [task for pid in pids for task in Path(f"/proc/{pid}/task").iterdir()]
    return sum(int((task / "schedstat").read_text(encoding="ascii").split()[0]) for task in tasks) / 1e9


def processor_of_keys(
    one: Terminal, pids: Sequence[int], other: Terminal, other_pids: Sequence[int]
) -> tuple[float, float]:
    """The processor milliseconds of a row key, of both in turns; the median of the turns."""
    costs: tuple[list[float], list[float]] = ([], [])
    for turn in range(10):
        for terminal, owners, cost in ((one, pids, costs[0]), (other, other_pids, costs[1])):
            before = processor(owners)
            for _ in range(_KEYS // 10):
                terminal.press(_DOWN if turn % 2 else "\x1b[A", quiet=0.05)
            cost.append((processor(owners) - before) * 1000 / (_KEYS // 10))
    return statistics.median(costs[0]), statistics.median(costs[1])


def busy(server: SSHServerProcess, terminals: Sequence[Terminal]) -> list[float]:
    """The milliseconds from a key to its first output, while all terminals press keys."""
    cores = os.sched_getaffinity(server.process.pid)
    for task in Path(f"/proc/{server.process.pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), {min(cores)})
    poll = select.poll()
    by_file = {terminal._master: terminal for terminal in terminals}
    for file in by_file:
        poll.register(file, select.POLLIN)
    pressed: dict[int, float] = {}
    latencies: list[float] = []
    began, number = perf_counter(), 0
    pause = 1 / (_KEYS_A_SECOND * len(terminals))
    while (now := perf_counter()) - began < _BUSY_SECONDS:
        if now >= began + number * pause:
            terminal = terminals[number % len(terminals)]
            pressed[terminal._master] = now
            terminal.type(_DOWN if number // len(terminals) % 20 < 10 else "\x1b[A")
            number += 1
        wait = max(0.0, began + number * pause - perf_counter())
        for file, _ in poll.poll(wait * 1000):
            os.read(file, 65536)
            if file in pressed:
                latencies.append((perf_counter() - pressed.pop(file)) * 1000)
    for task in Path(f"/proc/{server.process.pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), cores)
    return latencies


def percentile(values: Sequence[float], percent: int) -> float:
    """The smallest value that so many percent do not exceed."""
    return sorted(values)[min(len(values) - 1, len(values) * percent // 100)]


def back(server: SSHServerProcess) -> Iterator[SSHFigure]:
    """What it takes to come back after a cut line, in the middle of an edit."""
    times, sizes = [], []
    with server.terminal("carl", "cut") as first:
        first.until(_FIRST_ROWS)
        first.press("\x1bOQ", until="F10 Save")
        first.press("Maple", until="Maple")
        os.kill(first.pid, signal.SIGKILL)
    for _ in range(_STARTS):
        with server.terminal("carl", "cut") as after:
            times.append(after.until("Maple"))
            after.settle()
            sizes.append(after.written)
            os.kill(after.pid, signal.SIGKILL)
    with server.terminal("carl", "cut") as last:
        last.until("Maple")
        last.press("\x1b", until="Leave")
        last.press("d", quiet=2)
    yield SSHFigure("back after a cut line", statistics.median(times), "s", 0.3)
    yield SSHFigure("the same at 80x24", statistics.median(sizes), "bytes", 1_500)


def slow(server: SSHServerProcess) -> Iterator[SSHFigure]:
    """Thirty pages in three seconds over 2 kB/s: how long until the newest is shown, and how many bytes that is."""
    with slow_line(server.port, 2_000) as port, server.terminal("anna", "radio", options=("-p", str(port))) as radio:
        radio.until("page 1 of")
        radio.settle(2)
        written, began = radio.written, perf_counter()
        for turn in range(30):
            # To the last of five pages and back, again and again, and at the end to the third.
            radio.type(_NEXT_PAGE if turn // 4 % 2 == 0 else _PREVIOUS_PAGE)
            radio.settle(0.1, at_most=0.1)
        radio.settle(3)
        assert "page 3 of" in radio.text
        yield SSHFigure("30 pages held at 2 kB/s: current after", radio.last_byte - began, "s", 8)
        yield SSHFigure("the same", (radio.written - written) / 1000, "kB", 15)


def come_and_go(server: SSHServerProcess) -> SSHFigure:
    """What sixty sessions leave behind."""
    warm_up(server)
    before = memory_of([server.process.pid])
    for number in range(60):
        with server.terminal("carl", f"passing{number}") as terminal:
            terminal.until(_FIRST_ROWS)
            terminal.press(_DOWN + "\r", quiet=0.1)
            terminal.press("\x11\x11", quiet=0.1)
            terminal.wait()
    # Garbage is collected when nobody types.
    time.sleep(2)
    return SSHFigure("60 sessions come and go", memory_of([server.process.pid]) - before, "MiB", 10)


@dataclass(frozen=True)
class Sshd:
    """OpenSSH's server, with a process of dockbook for each who comes in."""

    process: subprocess.Popen[bytes]
    port: int
    key: Path

    def terminal(self) -> Terminal:
        """A client on a terminal."""
        quiet = ("-o", "UserKnownHostsFile=/dev/null", "-o", "StrictHostKeyChecking=no", "-o", "LogLevel=ERROR")
        alone = ("-F", "/dev/null", "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none")
        argv = ["ssh", *quiet, *alone, "-i", str(self.key), "-p", str(self.port), "-tt", "127.0.0.1"]
        return Terminal(argv, os.environ, (80, 24))

    def programs(self) -> list[int]:
        """The processes of dockbook."""
        return [pid for pid in _below(self.process.pid) if b"app" in _arguments(pid)[1:4] and b"-m" in _arguments(pid)]


@contextmanager
def sshd_of_processes(started: Programs, home: Path) -> Iterator[Sshd]:
    """Run sshd, each of whose sessions is a process of dockbook."""
    port = free_port()
    key = home / "anna"
    folder = home / "sshd"
    folder.mkdir(mode=0o700)
    Path("/run/sshd").mkdir(exist_ok=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "host"], check=True)
    (folder / "authorized_keys").write_bytes((home / "anna.pub").read_bytes())
    environ = {**started.environ, **started.server}
    variables = " ".join(quote(f"{name}={value}") for name, value in environ.items() if name.isidentifier())
    config = folder / "config"
    config.write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder / 'host'}\nStrictModes no\nUsePAM no\n"
        f"PermitRootLogin yes\nAuthorizedKeysFile {folder / 'authorized_keys'}\nPidFile none\nMaxStartups 100\n"
        f"ForceCommand exec env {variables} {sys.executable} -m app\n",
        encoding="utf-8",
    )
    command = shutil.which("sshd")
    assert command is not None
    with subprocess.Popen([command, "-D", "-e", "-f", config], stderr=subprocess.DEVNULL) as process:
        try:
            time.sleep(0.5)
            yield Sshd(process, port, key)
        finally:
            process.terminate()


def _below(pid: int) -> Iterator[int]:
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text(encoding="ascii").split():
            yield int(child)
            yield from _below(int(child))


def _arguments(pid: int) -> list[bytes]:
    return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")


if __name__ == "__main__":
    main()
