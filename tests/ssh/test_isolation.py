"""One session leaves the others alone, a slow line shows the newest state, and what ended leaves nothing (H4 to H6)."""

import asyncio
import gc
import os
import re
import signal
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

from app.backends import EmbeddedBackend
from app.config.paths import Paths
from app.config.settings import Options, load_settings
from app.ssh.authorized_users import User
from app.ssh.sessions import Session, SessionLimits, SessionManager, TerminalSession
from app.ssh.shared_backend import SharedBackend
from app.textual_private import keep_task_factory
from app.tui.app import DockbookApp
from tests.bench.terminal import Terminal
from tests.ssh.server_process import SSHServerProcess, ssh_server

#: MiB that a misbehaving session may cost.
GROWTH = 10.0


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SSHServerProcess]:
    """A server of 300 customers, so that there are pages."""
    with ssh_server(tmp_path_factory.mktemp("ssh"), "--demo", "300", "--sessions-per-key", "50") as running:
        yield running


def memory(server: SSHServerProcess) -> float:
    """The memory of the server (PSS) in MiB."""
    rollup = Path(f"/proc/{server.process.pid}/smaps_rollup").read_text(encoding="ascii")
    return next(int(line.split()[1]) / 1024 for line in rollup.splitlines() if line.startswith("Pss:"))


@contextmanager
def working(terminal: Terminal) -> Iterator[None]:
    """After the block, a key of this terminal still does its work."""
    yield
    terminal.settle(1)
    number = re.search(r"page ([0-9]+) of 15", terminal.text)
    assert number is not None
    terminal.press("\x1b[19~", until=f"page {int(number[1]) + 1} of 15")


@pytest.mark.promise("H4")
def test_flood_and_endless_paste_cost_little_and_stop_nobody(many: SSHServerProcess) -> None:
    with many.terminal("bob", "calm") as calm, many.terminal("anna", "flood") as flood:
        calm.until("by ID")
        flood.until("by ID")
        before = memory(many)
        os.set_blocking(flood._master, False)
        for sent in ("\x1b[B\x1b[A" * 5_000, "\x1b[200~" + "customer " * 200_000):
            left = sent.encode()
            for _ in range(20):
                left = left[write_some(flood, left) :]
                calm.press("\x1b[B", quiet=0.05)
                flood.settle(0, at_most=0.1)
            with working(calm):
                assert memory(many) - before <= GROWTH
        os.kill(flood.pid, signal.SIGKILL)


def write_some(terminal: Terminal, data: bytes) -> int:
    """Type as much as the terminal takes now; returns how many bytes that was."""
    written = 0
    try:
        while written < len(data):
            written += os.write(terminal._master, data[written : written + 1024])
    except BlockingIOError:
        return written
    return written


@pytest.mark.promise("H4")
def test_stalled_terminal_costs_nothing_and_shows_newest_state_afterwards(many: SSHServerProcess) -> None:
    with many.terminal("bob", "beside") as beside, many.terminal("anna", "stalled") as stalled:
        beside.until("by ID")
        stalled.until("by ID")
        before = memory(many)
        os.kill(stalled.pid, signal.SIGSTOP)
        stalled.type("\x1b[19~" * 40)
        for _ in range(20):
            beside.press("\x1b[B", quiet=0.05)
        assert memory(many) - before <= GROWTH
        written = stalled.written
        os.kill(stalled.pid, signal.SIGCONT)
        stalled.until("This is the last page", "page 15 of 15")
        stalled.settle()
        assert stalled.written - written <= 15_000


@pytest.mark.promise("H5")
def test_slow_line_shows_newest_state_not_a_queue_of_old_ones(many: SSHServerProcess) -> None:
    with slow_line(many.port, 2_000) as port:
        options = ("-p", str(port))
        with many.terminal("anna", "radio", options=options) as radio:
            radio.until("page 1 of")
            radio.settle(2)
            written = radio.written
            for _ in range(30):
                radio.type("\x1b[19~" if radio.written % 2 else "\x1b[18~")
            for _ in range(14):
                radio.type("\x1b[19~")
            radio.until("page 15 of 15")
            radio.settle(2)
            assert radio.written - written <= 15_000


@contextmanager
def slow_line(port: int, rate: int) -> Iterator[int]:
    """A port that passes on to another one, so many bytes a second from there."""
    with socket.create_server(("127.0.0.1", 0)) as listener, ExitStack() as stack:

        def serve() -> None:
            near, _ = listener.accept()
            far = socket.create_connection(("127.0.0.1", port))
            # What the kernel holds is not on the line yet.
            near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2048)
            far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            for end in (near, far):
                stack.callback(end.close)
            threading.Thread(target=copy, args=(near, far, 0), daemon=True).start()
            copy(far, near, rate)

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]


def copy(source: socket.socket, target: socket.socket, rate: int) -> None:
    """Pass bytes on until one end closes; `rate` bytes a second, 0 for as fast as they come."""
    try:
        while data := source.recv(512 if rate else 65536):
            if rate:
                time.sleep(len(data) / rate)
            target.sendall(data)
    except OSError:
        return


class Screenless:
    """A terminal that remembers what it was sent."""

    address = "test"
    is_ready = True
    is_gone = False

    def __init__(self, place: str, size: tuple[int, int] = (80, 24)) -> None:
        self.user = User("anna", "change", "SHA256:test")
        self.place = place
        self.size: tuple[int, int] | None = size
        self.session: TerminalSession | None = None
        self.output = bytearray()
        self._received = asyncio.Event()
        self.ended: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()

    def send(self, data: bytes) -> None:
        self.output += data
        self._received.set()

    async def received(self) -> None:
        """Wait for more output."""
        self._received.clear()
        await self._received.wait()

    async def is_alive(self) -> bool:
        return True

    async def confirm(self, question: str) -> bool:
        return True

    def end(self, code: int, text: str = "") -> None:
        self.ended.set_result((code, text))


@asynccontextmanager
async def session_manager(home: Path) -> AsyncIterator[SessionManager]:
    """The sessions of a book with three customers, in this process."""
    keep_task_factory(asyncio.get_running_loop())
    folders = Paths.from_environment({"HOME": str(home)})
    settings = load_settings(Options(), {}, folders, server=False)
    backend = SharedBackend(settings, "test", folders, EmbeddedBackend(None, 3), persist=True)
    background = asyncio.create_task(backend.run())
    manager = SessionManager(backend.make_app, SessionLimits(100, 50, 60, 60), raise_it)
    try:
        yield manager
    finally:
        await manager.stop("bye")
        background.cancel()
        await asyncio.wait({background})
        await backend.close()


def raise_it(error: Exception) -> NoReturn:
    raise error


def session_at(manager: SessionManager, place: str) -> Session:
    """The session at this place."""
    return next(session for session in manager.sessions if session.place == place)


async def shown(terminal: Screenless, text: bytes) -> None:
    """Wait until the terminal was sent this text."""
    async with asyncio.timeout(30):
        while text not in terminal.output:
            await terminal.received()


@pytest.mark.promise("H4")
async def test_crash_ends_one_session_with_a_sentence(tmp_path: Path) -> None:
    async with session_manager(tmp_path) as manager:
        broken, whole = Screenless("broken"), Screenless("whole")
        for terminal in (broken, whole):
            manager.open(terminal)
            await shown(terminal, b"by ID")
        app = session_at(manager, "broken").app
        assert app is not None
        app.call_later(lambda: 1 / 0)
        code, text = await broken.ended
        assert code == 1
        assert text.startswith("dockbook: an error in the program ended it: ZeroDivisionError.\n")
        assert str(tmp_path) not in text
        assert [session.place for session in manager.sessions] == ["whole"]
        assert whole.session is not None
        whole.output.clear()
        whole.session.feed(b"\x1b[B\r")
        await shown(whole, b"Contact")
    assert await whole.ended == (0, "bye")
    assert len(list((tmp_path / ".local/state/dockbook").glob("crash-*.txt"))) == 1


@pytest.mark.promise("H6")
async def test_sessions_that_ended_leave_nothing(tmp_path: Path) -> None:
    def alive() -> int:
        gc.collect()
        return sum(isinstance(one, DockbookApp) for one in gc.get_objects())

    async def come_and_go(count: int) -> None:
        for _ in range(count):
            terminal = Screenless("passing")
            manager.open(terminal)
            await shown(terminal, b"by ID")
            assert terminal.session is not None
            terminal.session.feed(b"\r")
            await shown(terminal, b"Contact")
            terminal.session.feed(b"\x11")
            await terminal.ended

    async with session_manager(tmp_path) as manager:
        await come_and_go(3)
        before, tasks, threads = alive(), asyncio.all_tasks(), threading.active_count()
        await come_and_go(10)
        if others := asyncio.all_tasks() - tasks:
            # Those of the sessions end; those of the local copy, which has just begun, do not.
            await asyncio.wait(others, timeout=1)
        assert len(asyncio.all_tasks()) <= len(tasks) + 3
        # Python keeps a few threads for short work.
        assert threading.active_count() <= threads + 6
        # A pooled connection and the threads of the local copy each keep the last who used them.
        assert alive() <= before + 2


@pytest.mark.slow
@pytest.mark.promise("H6")
def test_memory_after_sixty_sessions(many: SSHServerProcess) -> None:
    def come_and_go(count: int) -> None:
        for _ in range(count):
            with many.terminal("carl", "passing") as terminal:
                terminal.until("by ID")
                terminal.press("\x1b[B\r")
                terminal.press("\x11\x11")
                terminal.wait()

    come_and_go(20)
    before, threads, files = memory(many), thread_count(many), open_files(many)
    come_and_go(60)
    while "carl" in many.admin("--who").stdout:
        pass
    assert memory(many) - before <= GROWTH
    assert thread_count(many) <= threads
    assert open_files(many) <= files


def open_files(server: SSHServerProcess) -> int:
    """How many files and sockets the server has open."""
    return len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))


def thread_count(server: SSHServerProcess) -> int:
    """How many threads the server has."""
    return len(list(Path(f"/proc/{server.process.pid}/task").iterdir()))


async def test_half_a_sequence_of_one_terminal_does_not_meet_the_input_of_the_next(tmp_path: Path) -> None:
    async with session_manager(tmp_path) as manager:
        first, second = Screenless("same"), Screenless("same", (60, 20))
        manager.open(first)
        await shown(first, b"by ID")
        session = session_at(manager, "same")
        session.feed(b"\x1b[200~half a paste")
        manager.open(second)
        await shown(second, b"by ID")
        assert (await first.ended)[0] == 0
        assert session.size == (60, 20)
        session.feed(b"\r")
        await shown(second, b"Contact")


async def test_standard_streams_and_task_factory_stay(tmp_path: Path) -> None:
    before = sys.stdout, sys.stderr, asyncio.get_running_loop().get_task_factory()
    async with session_manager(tmp_path) as manager:
        for place in ("one", "two"):
            terminal = Screenless(place)
            manager.open(terminal)
            await shown(terminal, b"by ID")
        assert await manager.end_where(lambda _user, place: place == "one", "") == 1
    assert (sys.stdout, sys.stderr, asyncio.get_running_loop().get_task_factory()) == before
