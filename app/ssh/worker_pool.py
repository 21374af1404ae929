"""The front's side of workers: which of them runs whose session, and what goes to and fro."""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from app.ssh.authorized_users import User
from app.ssh.pipe import Kind, Message, Pipe
from app.ssh.session_row import SessionRow
from app.terminal.channel_driver import STOP

if TYPE_CHECKING:
    from app.ssh.sessions import AttachableTerminal, SessionLimits

_log = logging.getLogger("dockbook.ssh")

#: With more, the pauses in which a worker collects its garbage can be felt.
SESSIONS_PER_WORKER: Final = 25
#: Seconds between two looks whether a terminal takes output again.
_LOOK: Final = 0.05
#: Seconds until a worker that ended is replaced.
_PAUSE: Final = 1.0
#: Seconds for a worker to answer; garbage takes it a fraction of one.
_ANSWER_WITHIN: Final = 4.0
#: Seconds for the workers to end.
_END_WITHIN: Final = 3.0
_LOST: Final = f"{STOP}dockbook: an error in the server ended this session. Connect again to go on.\n"

#: Starts a worker that inherits this socket.
Start = Callable[[socket.socket], Awaitable[asyncio.subprocess.Process]]


class RemoteSession:
    """A session in a worker, as its terminal sees it."""

    def __init__(self, pipe: Pipe, number: int) -> None:
        self._pipe = pipe
        self._number = number
        self._unread = 0

    @property
    def waiting_keys(self) -> int:
        """How many bytes the worker has not read yet: about as many keys."""
        return self._unread

    def feed(self, data: bytes) -> None:
        """Pass on what was typed."""
        self._unread += len(data)
        self._pipe.send("input", self._number, data=data)

    def read(self, size: int) -> None:
        """The worker has read so many bytes."""
        self._unread -= size

    def resized(self, size: tuple[int, int]) -> None:
        """Pass on the size."""
        self._pipe.send("size", self._number, size)


class Worker:
    """A process that runs sessions; `listed` are the users whose sessions it has said it has, by key and place."""

    def __init__(self, pipe: Pipe, process: asyncio.subprocess.Process) -> None:
        self.pipe = pipe
        self.process = process
        self.listed: dict[tuple[str, str], User] = {}
        self.terminals: dict[int, AttachableTerminal] = {}
        self.sessions: dict[int, RemoteSession] = {}

    @property
    def users(self) -> dict[tuple[str, str], User]:
        """The users whose sessions it has, or is about to have."""
        asking = {(one.user.fingerprint, one.place): one.user for one in self.terminals.values()}
        return self.listed | asking


class WorkerPool:
    """Gives every terminal a session in one of the workers, and always the same to the same key and place."""

    def __init__(self, size: int, limits: "SessionLimits", start: Start) -> None:
        self._size = size
        self._limits = limits._replace(sessions=min(limits.sessions, size * SESSIONS_PER_WORKER))
        self._start = start
        self._numbers = count(1)
        self._workers: list[Worker] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False

    async def start(self) -> None:
        """Start all workers."""
        for _ in range(self._size):
            await self._add()

    def open(self, terminal: "AttachableTerminal") -> None:
        """Have the terminal's session run by its worker, or by the one with the fewest."""
        key = terminal.user.fingerprint, terminal.place
        worker = next((worker for worker in self._workers if key in worker.users), None)
        if worker is None:
            everybody = [one for worker in self._workers for one in worker.users]
            mine = [place for fingerprint, place in everybody if fingerprint == terminal.user.fingerprint]
            refusal = self._limits.refuse(mine, len(everybody))
            worker = min(self._workers, key=lambda one: len(one.users), default=None)
            if self._stopping or worker is None or len(worker.users) >= SESSIONS_PER_WORKER:
                refusal = refusal or "dockbook: the server is starting or stopping. Connect again in a moment.\n"
            if worker is None or refusal:
                terminal.end(1, refusal)
                return
        number = next(self._numbers)
        worker.terminals[number] = terminal
        session = worker.sessions[number] = RemoteSession(worker.pipe, number)
        terminal.session = session
        size = terminal.size or (80, 24)
        worker.pipe.send("open", number, (terminal.user[:3], terminal.place, terminal.address, size))

    def lost(self, terminal: "AttachableTerminal") -> None:
        """The terminal has gone; its session is kept for a while."""
        terminal.session = None
        for worker in self._workers:
            for number, other in list(worker.terminals.items()):
                if other is terminal:
                    worker.pipe.send("lost", number)
                    self._forget(worker, number)

    async def describe(self) -> list[SessionRow]:
        """Return a line about each session, without customers."""
        answers = await asyncio.gather(*(self._ask(worker, "describe") for worker in self._workers))
        return [SessionRow(*row) for rows in answers for row in rows or ()]

    async def end_where(self, chosen: Callable[[User, str], bool], last_words: str) -> int:
        """End the sessions whose user and place are chosen; returns how many."""
        ending = [
            self._ask(worker, "end-where", (keys, last_words))
            for worker in self._workers
            if (keys := [key for key, user in worker.users.items() if chosen(user, key[1])])
        ]
        return sum(answer or 0 for answer in await asyncio.gather(*ending))

    async def announce(self, text: str) -> int:
        """Show a text on every screen; returns on how many."""
        answers = await asyncio.gather(*(self._ask(worker, "announce", text) for worker in self._workers))
        return sum(answer or 0 for answer in answers)

    async def watch(self) -> None:
        """End workers that hang and replace those that ended, until cancelled."""
        while True:
            await asyncio.sleep(_PAUSE)
            await self.describe()
            if len(self._workers) < self._size and not self._stopping:
                _log.info("a worker ended; another one is started")
                try:
                    await self._add()
                except OSError as error:
                    # There may be memory for it in a second.
                    _log.info("no worker can be started: %s", error)

    async def stop(self, last_words: str) -> None:
        """Have all workers end their sessions and themselves."""
        self._stopping = True
        processes = [worker.process for worker in self._workers]
        for worker in self._workers:
            worker.pipe.send("stop", fields=last_words)
        if processes:
            ends = [asyncio.create_task(process.wait()) for process in processes]
            await asyncio.wait(ends, timeout=_END_WITHIN)
            await asyncio.wait(self._tasks, timeout=_PAUSE) if self._tasks else None
        for process in processes:
            if process.returncode is None:
                process.kill()

    async def _ask(self, worker: Worker, kind: Kind, fields: object = None) -> Any:
        """Return a worker's answer; one that gives none is ended, for whoever is in it sees nothing any more."""
        try:
            async with asyncio.timeout(_ANSWER_WITHIN):
                return await worker.pipe.request(kind, fields)
        except TimeoutError:
            if worker.process.returncode is None:
                _log.info("a worker gave no answer for %g seconds and is ended", _ANSWER_WITHIN)
                worker.process.kill()
            return None

    async def _add(self) -> None:
        ours, theirs = socket.socketpair()
        try:
            process = await self._start(theirs)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        worker = Worker(await Pipe.open(ours), process)
        self._workers.append(worker)
        task = asyncio.create_task(self._serve(worker))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, worker: Worker) -> None:
        """Do what the worker asks for, until it ends."""
        async for message in worker.pipe.messages():
            self._handle(worker, message)
        self._workers.remove(worker)
        for terminal in worker.terminals.values():
            terminal.session = None
            terminal.end(1, _LOST)
        await worker.pipe.close()
        await worker.process.wait()

    def _handle(self, worker: Worker, message: Message) -> None:
        kind, number, fields, data = message
        if kind == "sessions":
            worker.listed = {(user[2], place): User(*user) for user, place in fields}
        elif kind == "is-alive":
            self._reply_later(worker, number, worker.terminals.get(fields), _ask_alive)
        elif kind == "confirm":
            of, question = fields
            self._reply_later(worker, number, worker.terminals.get(of), lambda one: one.confirm(question))
        elif (terminal := worker.terminals.get(number)) is not None:
            if kind == "output":
                terminal.send(data)
                self._confirm(worker, number, terminal, len(data))
            elif kind == "read":
                worker.sessions[number].read(fields)
            elif kind == "end":
                self._forget(worker, number)
                terminal.session = None
                terminal.end(*fields)

    def _forget(self, worker: Worker, number: int) -> None:
        del worker.terminals[number], worker.sessions[number]

    def _confirm(self, worker: Worker, number: int, terminal: "AttachableTerminal", size: int) -> None:
        """Let the worker know that the client has what was sent, as soon as it has."""
        if terminal.is_ready:
            worker.pipe.send("taken", number, size)
        elif number in worker.terminals:
            asyncio.get_running_loop().call_later(_LOOK, self._confirm, worker, number, terminal, size)

    def _reply_later(
        self,
        worker: Worker,
        number: int,
        terminal: "AttachableTerminal | None",
        ask: "Callable[[AttachableTerminal], Awaitable[bool]]",
    ) -> None:
        async def reply() -> None:
            worker.pipe.send("reply", number, terminal is not None and await ask(terminal))

        task = asyncio.create_task(reply())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _ask_alive(terminal: "AttachableTerminal") -> bool:
    return await terminal.is_alive()
