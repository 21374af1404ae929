"""The process that runs sessions, for a front that holds the keys and the connections."""

import asyncio
import socket
from typing import TYPE_CHECKING, Final

from app.ssh.authorized_users import User
from app.ssh.input_buffer import InputBuffer
from app.ssh.pipe import Message, Pipe

if TYPE_CHECKING:
    from app.ssh.sessions import SessionManager, TerminalSession

#: Bytes that may be on their way to the front before painting is put off.
_MAX_UNTAKEN: Final = 4_000


class WorkerTerminal:
    """A terminal at the other end of the front."""

    def __init__(self, pipe: Pipe, number: int, user: User, place: str, address: str, size: tuple[int, int]) -> None:
        self._pipe = pipe
        self._number = number
        self._untaken = 0
        self.user = user
        self.place = place
        self.address = address
        self.size: tuple[int, int] | None = size
        self.is_gone = False
        self._input = InputBuffer(self._report_taken)

    @property
    def session(self) -> "TerminalSession | None":
        """The session that is shown."""
        return self._input.session

    @session.setter
    def session(self, session: "TerminalSession | None") -> None:
        self._input.session = session

    def type(self, data: bytes) -> None:
        """Take what was typed."""
        self._input.add(data)

    def lose(self) -> None:
        """The terminal is gone."""
        self.is_gone = True
        self._input.close()

    def _report_taken(self, count: int) -> None:
        if count:
            self._pipe.send("read", self._number, count)

    @property
    def is_ready(self) -> bool:
        """Whether the client has nearly all that was sent to it."""
        return self._untaken <= _MAX_UNTAKEN

    def send(self, data: bytes) -> None:
        """Send output."""
        self._untaken += len(data)
        self._pipe.send("output", self._number, data=data)

    def taken(self, count: int) -> None:
        """The client has so many bytes more."""
        self._untaken -= count

    def end(self, code: int, text: str = "") -> None:
        """Let the terminal go, with a few lines for the person."""
        self._pipe.send("end", self._number, (code, text))

    async def is_alive(self) -> bool:
        """Whether somebody is there."""
        return bool(await self._pipe.request("is-alive", self._number))

    async def confirm(self, question: str) -> bool:
        """Ask a question that Enter answers with yes."""
        self._input.clear()
        return bool(await self._pipe.request("confirm", (self._number, question)))


async def run_worker(pipe: Pipe, manager: "SessionManager", stop: asyncio.Event) -> str:
    """Run the sessions that the front asks for, until it says to stop or has gone; returns the last words for them."""
    terminals: dict[int, WorkerTerminal] = {}
    manager.on_change = lambda: pipe.send(
        "sessions", fields=[(session.user[:3], session.place) for session in manager.sessions]
    )

    async def read() -> str:
        async for message in pipe.messages():
            if message.kind == "stop":
                return str(message.fields)
            await _handle(message, pipe, manager, terminals)
        return ""

    reading, stopping = asyncio.create_task(read()), asyncio.create_task(stop.wait())
    await asyncio.wait({reading, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if reading.done():
        return reading.result()
    reading.cancel()
    return ""


async def _handle(
    message: Message, pipe: Pipe, manager: "SessionManager", terminals: dict[int, WorkerTerminal]
) -> None:
    kind, number, fields, _ = message
    if kind == "open":
        user, place, address, (columns, lines) = fields
        terminal = terminals[number] = WorkerTerminal(pipe, number, User(*user), place, address, (columns, lines))
        manager.open(terminal)
    elif kind == "lost":
        if number in terminals:
            lost = terminals.pop(number)
            lost.lose()
            manager.lost(lost)
    elif kind == "describe":
        pipe.send("reply", number, await manager.describe())
    elif kind == "announce":
        pipe.send("reply", number, await manager.announce(fields))
    elif kind == "end-where":
        chosen, words = fields
        wanted = {(fingerprint, place) for fingerprint, place in chosen}
        ended = await manager.end_where(lambda user, place: (user.fingerprint, place) in wanted, words)
        pipe.send("reply", number, ended)
    elif number in terminals:
        _pass_on(message, terminals[number])


def _pass_on(message: Message, terminal: WorkerTerminal) -> None:
    """Give the session what its terminal sent."""
    kind, _, fields, data = message
    if kind == "input":
        terminal.type(data)
    elif kind == "size":
        terminal.size = (fields[0], fields[1])
        if terminal.session is not None:
            terminal.session.resized(terminal.size)
    elif kind == "taken":
        terminal.taken(fields)


def inherited_pipe(descriptor: int) -> socket.socket:
    """Return the end of the socket pair that the front left open for this process."""
    return socket.socket(fileno=descriptor)
