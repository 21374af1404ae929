"""Sessions of dockbook, which outlive the terminals they are shown on, and who gets which."""

import asyncio
import io
import logging
import sys
from collections.abc import Callable, Sequence
from contextvars import Context
from time import monotonic
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from rich.console import Console

from app.ssh.authorized_users import User
from app.ssh.session_row import SessionRow
from app.terminal.channel_driver import STOP, ChannelDriver, Terminal
from app.textual_private import keep_standard_streams
from app.timing import local_now

if TYPE_CHECKING:
    from datetime import datetime

    from app.tui.app import DockbookApp

#: Makes the app of a session. What has to be closed after it is closed by the function returned beside it.
AppFactory = Callable[["Session"], "tuple[DockbookApp, Callable[[], None]]"]

_log = logging.getLogger("dockbook.ssh")

#: Seconds between two looks for sessions whose time has come.
_LOOK: Final = 1.0
#: Seconds for the apps to end by themselves when the server stops.
_END_WITHIN: Final = 1.5


class SessionLimits(NamedTuple):
    """How many sessions there may be, and for how many seconds.

    `keep`: without a terminal, until the session ends; `idle`: without a key, until its terminal is sent away.
    """

    sessions: int
    sessions_per_key: int
    keep: float
    idle: float

    def refuse(self, places: Sequence[str], total: int) -> str:
        """Return why a key with sessions at these places gets no other one; empty if it does."""
        if len(places) >= self.sessions_per_key:
            where = ", ".join(sorted(places))
            return f"dockbook: your key has {len(places)} sessions ({where}), and may have no more. Leave one with q.\n"
        if total >= self.sessions:
            return f"dockbook: all {total} sessions are taken. Try again later.\n"
        return ""


class TerminalSession(Protocol):
    """A session, as its terminal sees it."""

    @property
    def waiting_keys(self) -> int:
        """How many keys have not done their work yet."""

    def feed(self, data: bytes) -> None:
        """Take what was typed."""

    def resized(self, size: tuple[int, int]) -> None:
        """The terminal has another size."""


class AttachableTerminal(Terminal, Protocol):
    """A terminal that asks for a session, has one, or has lost it."""

    session: TerminalSession | None
    size: tuple[int, int] | None

    @property
    def address(self) -> str:
        """The address it comes from."""

    @property
    def user(self) -> User:
        """Who is at the terminal."""

    @property
    def place(self) -> str:
        """The name of the place, by which one comes back to a session."""

    @property
    def is_gone(self) -> bool:
        """Whether the terminal was lost."""

    async def is_alive(self) -> bool:
        """Whether somebody is there."""

    async def confirm(self, question: str) -> bool:
        """Ask a question that Enter answers with yes."""

    def end(self, code: int, text: str = "") -> None:
        """Let the terminal go, with a few lines for the person."""


class SessionOwner(Protocol):
    """Whoever gives terminals their sessions: those of this process, or of others."""

    def open(self, terminal: AttachableTerminal) -> None:
        """Give the terminal its session, or a new one."""

    def lost(self, terminal: AttachableTerminal) -> None:
        """The terminal has gone; its session is kept for a while."""

    async def describe(self) -> list[SessionRow]:
        """Return a line about each session, without customers."""

    async def end_where(self, chosen: Callable[[User, str], bool], last_words: str) -> int:
        """End the sessions whose user and place are chosen; returns how many."""

    async def announce(self, text: str) -> int:
        """Show a text on every screen; returns on how many."""

    async def watch(self) -> None:
        """Look after the sessions, until cancelled."""

    async def stop(self, last_words: str) -> None:
        """End all sessions, and wait for them, but not for ever."""


class Session:
    """One run of dockbook, of one person at one place; `terminal` is `None` while it is shown nowhere."""

    def __init__(self, user: User, place: str, size: tuple[int, int]) -> None:
        self.user = user
        self.place = place
        self.size = size
        self.terminal: AttachableTerminal | None = None
        self.driver: ChannelDriver | None = None
        self.app: DockbookApp | None = None
        self.task: asyncio.Task[None] | None = None
        self.started_at: datetime = local_now()
        self.last_key_at = self.detached_at = monotonic()
        #: What is shown on the terminal after the session.
        self.last_words = ""

    @property
    def waiting_keys(self) -> int:
        """How many keys have not done their work yet; before the screens are there, more than it may have."""
        if self.app is None or self.driver is None:
            return sys.maxsize
        return self.app.key_queue.waiting + self.app.message_queue_size

    @property
    def screen_title(self) -> str:
        """What kind of screen it shows, without names of customers."""
        screen = self.app.screen_stack[-1] if self.app is not None and self.app.screen_stack else None
        return type(screen).__name__.removesuffix("Screen") if screen is not None else "starting"

    def attach(self, terminal: AttachableTerminal) -> None:
        """Show the session on this terminal, and on no other."""
        before, self.terminal, terminal.session = self.terminal, terminal, self
        self.last_key_at = monotonic()
        self.size = terminal.size or self.size
        if before is not None:
            before.session = None
            _log.info("detached %s", _name(self))
            before.end(0, f"{STOP}dockbook: this session goes on at another terminal.\n")
        if self.driver is not None:
            self.driver.attached()

    def detach(self) -> None:
        """Be shown nowhere; what is typed is kept."""
        self.terminal = None
        self.detached_at = monotonic()

    def resized(self, size: tuple[int, int]) -> None:
        """The terminal has another size."""
        self.size = size
        if self.driver is not None:
            self.driver.resized()

    def feed(self, data: bytes) -> None:
        """Take what was typed."""
        self.last_key_at = monotonic()
        if self.driver is not None:
            self.driver.feed(data)

    def exit(self, last_words: str = "") -> None:
        """End the session; drafts are kept as they are."""
        self.last_words = last_words
        if self.app is not None:
            self.app.exit(0)


class SessionManager:
    """All sessions of this process.

    A session belongs to a key and a place: whoever comes with both is given it again, on a terminal of any size.
    `crashed` is called with the error that ended a session.
    """

    def __init__(self, make_app: AppFactory, limits: SessionLimits, crashed: Callable[[Exception], None]) -> None:
        self._make_app = make_app
        self._limits = limits
        self._crashed = crashed
        self._opening: set[asyncio.Task[None]] = set()
        self._stopping = False
        #: Called when there is another session, or one less.
        self.on_change: Callable[[], None] = _nothing
        self.sessions: list[Session] = []
        #: Counts sessions that have ended, for whoever frees their memory.
        self.ended = 0

    @property
    def last_key_at(self) -> float:
        """When somebody last pressed a key, in seconds of the monotonic clock."""
        return max((session.last_key_at for session in self.sessions), default=0.0)

    def open(self, terminal: AttachableTerminal) -> None:
        """Give the terminal its session, or a new one."""
        task = asyncio.get_running_loop().create_task(self._open(terminal))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    def lost(self, terminal: AttachableTerminal) -> None:
        """The terminal has gone; its session is kept for a while."""
        terminal.session = None
        for session in self.sessions:
            if session.terminal is terminal:
                session.detach()
                _log.info("detached %s", _name(session))

    async def describe(self) -> list[SessionRow]:
        """Return a line about each session, without customers."""
        return [_describe(session) for session in self.sessions]

    async def end_where(self, chosen: Callable[[User, str], bool], last_words: str) -> int:
        """End the sessions whose user and place are chosen; returns how many."""
        ended = [session for session in self.sessions if chosen(session.user, session.place)]
        for session in ended:
            session.exit(last_words)
        return len(ended)

    async def announce(self, text: str) -> int:
        """Show a text on every screen; returns on how many."""
        shown = 0
        for session in self.sessions:
            if session.app is not None:
                session.app.announce(text)
                shown += 1
        return shown

    async def watch(self) -> None:
        """End sessions whose time is over, and let terminals go at which nobody types, until cancelled."""
        while True:
            await asyncio.sleep(_LOOK)
            now = monotonic()
            for session in list(self.sessions):
                if session.terminal is None:
                    if now - session.detached_at >= self._limits.keep:
                        _log.info("expired %s", _name(session))
                        session.exit()
                elif now - session.last_key_at >= self._limits.idle:
                    terminal = session.terminal
                    terminal.session = None
                    session.detach()
                    _log.info("detached %s", _name(session))
                    terminal.end(0, f"{STOP}dockbook: nobody typed for a while. Connect again to go on.\n")

    async def stop(self, last_words: str) -> None:
        """End all sessions, and wait for them, but not for ever."""
        self._stopping = True
        await self.end_where(lambda _user, _place: True, last_words)
        tasks = [session.task for session in self.sessions if session.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=_END_WITHIN)

    async def _open(self, terminal: AttachableTerminal) -> None:
        mine = [session for session in self.sessions if session.user.fingerprint == terminal.user.fingerprint]
        session = next((session for session in mine if session.place == terminal.place), None)
        if self._stopping:
            terminal.end(1, "dockbook: the server is stopping. Connect again in a moment.\n")
        elif session is not None:
            await self._take_over(session, terminal)
        elif refusal := self._limits.refuse([session.place for session in mine], len(self.sessions)):
            terminal.end(1, refusal)
        else:
            self._start(terminal)

    async def _take_over(self, session: Session, terminal: AttachableTerminal) -> None:
        while (other := session.terminal) is not None and await other.is_alive():
            minutes = round((monotonic() - session.last_key_at) / 60)
            question = (
                f"dockbook: {session.place} is open on another terminal (last key {minutes} min ago).\n"
                "Enter continues it here; any other key leaves it there. "
            )
            if not await terminal.confirm(question):
                terminal.end(0, "\nThe session stays where it is. For one of your own: ssh OTHER-NAME@…\n")
                return
            if session.terminal is other:
                break
            # A third terminal has it by now: that one is asked about.
        if terminal.is_gone:
            return
        if session not in self.sessions:
            # It ended meanwhile.
            await self._open(terminal)
            return
        session.attach(terminal)
        _log.info("attached %s", _name(session))

    def _start(self, terminal: AttachableTerminal) -> None:
        session = Session(terminal.user, terminal.place, terminal.size or (80, 24))
        self.sessions.append(session)
        self.on_change()
        session.attach(terminal)
        _log.info("started %s", _name(session))
        # Not in the context of this call: what it opens would be kept by it, and it by the connection.
        session.task = asyncio.get_running_loop().create_task(self._run(session), context=Context())

    async def _run(self, session: Session) -> None:
        words = ""
        code = 0
        close = _nothing
        try:
            app, close = self._make_app(session)
            session.app = app
            keep_standard_streams(app)
            # What Textual says of a crash is for the person it happened to.
            app.error_console = Console(file=(said := io.StringIO()), markup=False, highlight=False)
            await app.run_async(mouse=False)
            code, words = app.return_code or 0, said.getvalue()
        except Exception as error:  # noqa: BLE001 - it ends one session, and not the server
            self._crashed(error)
            code, words = 1, "dockbook: an error in the program ended the session. Connect again to go on.\n"
        finally:
            self.sessions.remove(session)
            self.on_change()
            self.ended += 1
            await asyncio.to_thread(close)
            if session.terminal is not None:
                session.terminal.session = None
                session.terminal.end(code, session.last_words or words)
            session.terminal = session.driver = session.app = None
            _log.info("ended %s", _name(session))


def _name(session: Session) -> str:
    return f"{session.user.name} at {session.place} ({session.user.fingerprint})"


def _describe(session: Session) -> SessionRow:
    now, terminal = monotonic(), session.terminal
    return SessionRow(
        name=session.user.name,
        place=session.place,
        since=f"{session.started_at:%a %H:%M}",
        idle=_span(now - session.last_key_at),
        size="{}x{}".format(*session.size),
        screen=session.screen_title,
        terminal=terminal.address if terminal is not None else f"away {_span(now - session.detached_at)}",
    )


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def _nothing() -> None:
    """There is nothing to close."""
