"""`dockbook ssh`: starts the server, keeps it healthy, and stops it."""

import asyncio
import faulthandler
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from app.backends import DaemonThreadExecutor, EmbeddedBackend, RemoteBackend
from app.config.paths import Paths
from app.config.settings import Settings
from app.errors import SettingsError
from app.ssh.admin import SOCKET_NAME, serve_admin
from app.ssh.authorized_users import AuthorizedUsers, User
from app.ssh.pipe import Pipe
from app.ssh.server import Doorkeeper, listen, open_host_key, open_sockets
from app.ssh.sessions import SessionLimits, SessionManager, SessionOwner
from app.ssh.shared_backend import SharedBackend, folder_of
from app.ssh.worker import inherited_pipe, run_worker
from app.ssh.worker_pool import WorkerPool
from app.storage.files import make_private_dir
from app.terminal.crash import report, silence_tracebacks
from app.textual_private import keep_task_factory

if TYPE_CHECKING:
    import argparse

_log = logging.getLogger("dockbook.ssh")

_STOPPED: Final = "dockbook: the server is stopped or restarted. What was typed is kept as a draft; connect again.\n"
_REVOKED: Final = "dockbook: your key was removed, or what it may do was changed. What was typed is kept as a draft.\n"

#: Seconds between signs that the event loop runs, and after which its absence is reported with its stack.
_BEAT: Final = 0.25
_STALLED: Final = 1.0
#: Seconds between two looks at the users file, and looks for who has lost a right: some were just coming in.
_USERS_LOOK: Final = 2.0
_REVOKING_LOOKS: Final = 3
#: Garbage is collected in full when nobody has pressed a key for this many seconds, or after so many sessions.
_QUIET: Final = 0.5
_COLLECT_AFTER: Final = 10
_COLLECT_AT_LEAST: Final = 300.0
_THRESHOLDS: Final = (2_000, 20, 1_000)
#: The first socket that systemd hands over.
_FIRST_INHERITED: Final = 3
#: Seconds for clients to take the last words and leave.
_LEAVE_WITHIN: Final = 1.0


def run_ssh(
    arguments: "argparse.Namespace",
    settings: Settings,
    site: str,
    folders: Paths,
    source: EmbeddedBackend | RemoteBackend,
) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit code. Raises SettingsError."""
    if settings.keys:
        from app.tui.keymap import check_keymap

        check_keymap(settings.keys)
    silence_tracebacks(folders.state)
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    _log.addHandler(handler)
    _log.setLevel(logging.INFO)
    limits = SessionLimits(arguments.sessions, arguments.sessions_per_key, arguments.keep, arguments.idle)

    def make_backend() -> SharedBackend:
        return SharedBackend(settings, site, folders, source, persist=arguments.demo is None)

    if arguments.worker_pipe is not None:
        _run(_work(make_backend, limits, folders, inherited_pipe(arguments.worker_pipe)))
        return 0
    if arguments.workers and arguments.demo is not None:
        raise SettingsError("--demo is a book of one process. Leave out --workers.")
    users = AuthorizedUsers(Path(arguments.users) if arguments.users else folders.config / "ssh_users")
    fingerprint = open_host_key(folders.config / "ssh_host_key")
    sockets = _inherited_sockets() or open_sockets(*arguments.listen, reuse_port=arguments.reuse_port)
    if arguments.workers:
        pool = WorkerPool(arguments.workers, limits, _start_worker)
        _run(_serve(pool, pool.start, folders, users, fingerprint, sockets, replace=arguments.reuse_port))
    else:
        _run(_serve_alone(make_backend, limits, folders, users, fingerprint, sockets, replace=arguments.reuse_port))
    return 0


def _run(program: Coroutine[Any, Any, None]) -> None:
    gc.set_threshold(*_THRESHOLDS)
    try:
        with asyncio.Runner() as runner:
            runner.get_loop().set_default_executor(DaemonThreadExecutor())
            keep_task_factory(runner.get_loop())
            runner.run(program)
    finally:
        faulthandler.cancel_dump_traceback_later()


async def _serve_alone(
    make_backend: Callable[[], SharedBackend],
    limits: SessionLimits,
    folders: Paths,
    users: AuthorizedUsers,
    fingerprint: str,
    sockets: list[socket.socket],
    *,
    replace: bool,
) -> None:
    """Hold the connections and run the sessions in one process."""
    backend = make_backend()
    manager = SessionManager(backend.make_app, limits, lambda error: _log.info("%s", report(error, folders.state)))

    try:
        jobs = _collect_garbage(manager), backend.run()
        await _serve(manager, None, folders, users, fingerprint, sockets, *jobs, replace=replace)
    finally:
        await backend.close()


async def _work(
    make_backend: Callable[[], SharedBackend], limits: SessionLimits, folders: Paths, pipe: socket.socket
) -> None:
    """Run sessions for the front at the other end of the pipe."""
    os.environ.pop("NOTIFY_SOCKET", None)
    backend = make_backend()
    # The front process enforces the limits.
    unlimited = limits._replace(sessions=sys.maxsize, sessions_per_key=sys.maxsize)
    manager = SessionManager(backend.make_app, unlimited, lambda error: _log.info("%s", report(error, folders.state)))
    stop = _stop_on_signals()
    jobs = [asyncio.create_task(job) for job in (backend.run(), manager.watch(), _collect_garbage(manager), _beat())]
    try:
        front = await Pipe.open(pipe)
        words = await run_worker(front, manager, stop)
        await manager.stop(words or _STOPPED)
        await front.close()
    finally:
        for job in jobs:
            job.cancel()
        await backend.close()


async def _start_worker(pipe: socket.socket) -> asyncio.subprocess.Process:
    descriptor = pipe.fileno()
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app", *sys.argv[1:], "--worker-pipe", str(descriptor)), pass_fds=[descriptor]
    )


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def _serve(
    sessions: SessionOwner,
    start: Callable[[], Awaitable[None]] | None,
    folders: Paths,
    users: AuthorizedUsers,
    fingerprint: str,
    sockets: list[socket.socket],
    *jobs: Coroutine[Any, Any, None],
    replace: bool,
) -> None:
    """Let terminals come in until a signal says to stop."""
    doorkeeper = Doorkeeper(users, sessions)
    stop = _stop_on_signals()
    if start is not None:
        await start()
    admin = await serve_admin(make_private_dir(folder_of(folders)) / SOCKET_NAME, sessions, replace=replace)
    acceptors = await listen(doorkeeper, folders.config / "ssh_host_key", sockets)
    running = [asyncio.create_task(job) for job in (sessions.watch(), _watch_users(users, sessions), _beat(), *jobs)]
    addresses = ", ".join("{}:{}".format(*sock.getsockname()[:2]) for sock in sockets)
    sys.stderr.write(f"dockbook: SSH on {addresses}, host key {fingerprint}\n")
    _notify("READY=1")
    failed = asyncio.create_task(_first_failure(running))
    await asyncio.wait({failed, asyncio.create_task(stop.wait())}, return_when=asyncio.FIRST_COMPLETED)
    _notify("STOPPING=1")
    for acceptor in acceptors:
        acceptor.close()
    admin.close()
    await sessions.stop(_STOPPED)
    await doorkeeper.close(_LEAVE_WITHIN)
    for job in (*running, failed):
        job.cancel()
    if failed.done() and not failed.cancelled():
        failed.result()


async def _first_failure(jobs: list[asyncio.Task[None]]) -> None:
    """Raise what ends one of the jobs, which end only by an error."""
    done, _ = await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
    for job in done:
        job.result()


async def _watch_users(users: AuthorizedUsers, sessions: SessionOwner) -> None:
    """Read the users again when their file changes; whose right was changed has to come in again."""

    def lost_right(user: User, _place: str) -> bool:
        now = users.find(user.fingerprint)
        return now is None or (now.name, now.may) != (user.name, user.may)

    looks = 0
    while True:
        await asyncio.sleep(_USERS_LOOK)
        if users.reload():
            _log.info("%s", users.problem or "the users file was read again")
            looks = _REVOKING_LOOKS if users.problem is None else 0
        if looks:
            looks -= 1
            await sessions.end_where(lost_right, _REVOKED)


async def _collect_garbage(manager: SessionManager) -> None:
    """Collect garbage while nobody types: with many sessions it takes a tenth of a second and more."""
    ended, collected_at = 0, monotonic()
    while True:
        await asyncio.sleep(_QUIET)
        now = monotonic()
        due = manager.ended != ended or now - collected_at > _COLLECT_AT_LEAST
        if due and (now - manager.last_key_at > _QUIET or manager.ended - ended >= _COLLECT_AFTER):
            ended, collected_at = manager.ended, now
            gc.collect()


async def _beat() -> None:
    """Show that the event loop runs; where it does not, the places in the code go to standard error, without values."""
    while True:
        faulthandler.dump_traceback_later(_STALLED, file=sys.stderr)
        _notify("WATCHDOG=1")
        await asyncio.sleep(_BEAT)


def _inherited_sockets() -> list[socket.socket]:
    """Return the sockets of systemd's socket activation, if there are any."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return []
    count = int(os.environ.get("LISTEN_FDS", "0"))
    return [socket.socket(fileno=number) for number in range(_FIRST_INHERITED, _FIRST_INHERITED + count)]


def _notify(state: str) -> None:
    """Report to systemd, if it asks for that."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        try:
            sock.sendto(state.encode(), address.replace("@", "\0", 1) if address.startswith("@") else address)
        except OSError as error:
            _log.info("systemd cannot be reached: %s", error)
