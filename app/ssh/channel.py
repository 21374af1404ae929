"""One SSH channel: a pty on which a session of dockbook is shown, with flow control down to what the client has."""

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Protocol

import asyncssh

from app.ssh.asyncssh_private import confirm_received, ignore_environment, unsent_bytes
from app.ssh.input_buffer import InputBuffer
from app.terminal.channel_driver import clamped

if TYPE_CHECKING:
    from app.ssh.authorized_users import User
    from app.ssh.sessions import SessionOwner, TerminalSession

#: What a client may send ahead, and the largest packet, in bytes: 2 MiB, the default, would be two million keys.
WINDOW: Final = 8 * 1024
MAX_PACKET: Final = 4 * 1024

#: Bytes after which the client is asked whether it has them, and those without an answer that put off painting.
_ASK_AFTER: Final = 2_000
_MAX_UNCONFIRMED: Final = 4_000
#: Bytes that may wait in this process, beyond what the kernel took.
_MAX_UNSENT: Final = 4_096

#: Seconds in which a client answers if somebody is there.
_ANSWER_WITHIN: Final = 0.25
#: Seconds to answer a question before the session.
_DECIDE_WITHIN: Final = 60.0


class ChannelOwner(Protocol):
    """The connection of a channel."""

    ssh: asyncssh.SSHServerConnection
    address: str

    @property
    def is_allowed(self) -> bool:
        """Whether the user may still be here."""

    def session_began(self) -> None:
        """A session was asked for."""

    def session_ended(self) -> None:
        """The channel is closed: there is nothing to stay for."""


class Channel(asyncssh.SSHServerSession[bytes]):
    """A terminal at the other end of an SSH connection."""

    def __init__(self, connection: ChannelOwner, user: "User", place: str, sessions: "SessionOwner") -> None:
        self._connection = connection
        self.user = user
        self.place = place
        self._sessions = sessions
        self._channel: asyncssh.SSHServerChannel[bytes] | None = None
        self.size: tuple[int, int] | None = None
        self._ended = False
        self._paused = False
        self._unconfirmed = 0
        self._asking: asyncio.Task[None] | None = None
        self._input = InputBuffer(self._pace_reading)
        self._decision: asyncio.Future[bool] | None = None

    # Called by asyncssh.

    def connection_made(self, chan: "asyncssh.SSHServerChannel[bytes]") -> None:
        self._channel = chan
        ignore_environment(chan)

    def pty_requested(self, term_type: str, term_size: tuple[int, int, int, int], term_modes: Any) -> bool:
        self.size = clamped(term_size[0], term_size[1])
        return True

    def shell_requested(self) -> bool:
        if self.size is None and self._channel is not None:
            self._channel.write_stderr(b"dockbook needs a terminal: ssh -t\r\n")
        return self.size is not None

    def exec_requested(self, command: str) -> bool:
        return False

    def subsystem_requested(self, subsystem: str) -> bool:
        return False

    def session_started(self) -> None:
        self._connection.session_began()
        self._sessions.open(self)

    def terminal_size_changed(self, width: int, height: int, pixwidth: int, pixheight: int) -> None:
        size = clamped(width, height)
        if size != self.size:
            self.size = size
            if self.session is not None:
                self.session.resized(size)

    def data_received(self, data: bytes, datatype: Any) -> None:
        if self._decision is not None:
            self._decide(data)
        else:
            self._input.add(data)

    def eof_received(self) -> bool:
        self._decide(b"")
        return True

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = True
        self._input.close()
        if self._asking is not None:
            self._asking.cancel()
        self._decide(b"")
        self._sessions.lost(self)
        self._connection.session_ended()

    # Called by sessions and their manager.

    @property
    def session(self) -> "TerminalSession | None":
        """The session that is shown."""
        return self._input.session

    @session.setter
    def session(self, session: "TerminalSession | None") -> None:
        self._input.session = session

    @property
    def address(self) -> str:
        """The address the client comes from."""
        return self._connection.address

    @property
    def is_gone(self) -> bool:
        """Whether the connection has ended."""
        return self._ended

    @property
    def is_ready(self) -> bool:
        """Whether the client has nearly all that was sent to it."""
        return not (
            self._paused
            or self._ended
            or self._unconfirmed > _MAX_UNCONFIRMED
            or (self._channel is not None and self._channel.get_write_buffer_size() > _MAX_UNSENT)
            or unsent_bytes(self._connection.ssh) > _MAX_UNSENT
        )

    def send(self, data: bytes) -> None:
        """Send output; what a client that has gone does not get, the next one gets whole."""
        if self._ended or self._channel is None:
            return
        with suppress(OSError):
            self._channel.write(data)
            self._unconfirmed += len(data)
            if self._unconfirmed >= _ASK_AFTER and self._asking is None:
                self._asking = asyncio.get_running_loop().create_task(self._ask())

    def end(self, code: int, text: str = "") -> None:
        """Close the channel, with a few lines for the person."""
        if self._ended or self._channel is None:
            return
        self._ended = True
        with suppress(OSError):
            if text:
                self._channel.write(text.replace("\n", "\r\n").encode("utf-8", "replace"))
            self._channel.exit(code)

    async def is_alive(self) -> bool:
        """Whether somebody is there: the client answers at once. A line that was cut may look whole for a minute."""
        try:
            async with asyncio.timeout(_ANSWER_WITHIN):
                await confirm_received(self._connection.ssh)
        except TimeoutError:
            return False
        return not self._ended

    async def confirm(self, question: str) -> bool:
        """Ask before the session; Enter says yes, any other key and silence no."""
        self._decision = asyncio.get_running_loop().create_future()
        # It was typed before the question, and is no answer.
        self._input.clear()
        self.send(question.replace("\n", "\r\n").encode("utf-8", "replace"))
        try:
            async with asyncio.timeout(_DECIDE_WITHIN):
                return await self._decision and self._connection.is_allowed
        except TimeoutError:
            return False
        finally:
            self._decision = None

    def _decide(self, data: bytes) -> None:
        if self._decision is not None and not self._decision.done():
            self._decision.set_result(data in (b"\r", b"\n", b"\r\n"))

    async def _ask(self) -> None:
        """Ask the client until it has nearly all that was sent."""
        while self._unconfirmed >= _ASK_AFTER and not self._ended:
            sent = self._unconfirmed
            await confirm_received(self._connection.ssh)
            self._unconfirmed -= sent
        self._asking = None

    def _pace_reading(self, _taken: int) -> None:
        """Read no more than the session works off."""
        if self._channel is None or self._ended:
            return
        if self._input.is_empty:
            self._channel.resume_reading()
        else:
            self._channel.pause_reading()
