"""Listens for SSH connections: who may come in, how long a stranger may stay, and that nothing but a pty is given."""

import asyncio
import errno
import logging
import socket
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import asyncssh

from app.errors import SettingsError
from app.ssh.asyncssh_private import limit_compression
from app.ssh.authorized_users import AuthorizedUsers, User
from app.ssh.channel import MAX_PACKET, WINDOW, Channel
from app.storage.files import make_private_dir, os_error_text, write_new_file
from app.text.sanitize import sanitize

if TYPE_CHECKING:
    from app.ssh.sessions import SessionOwner

_log = logging.getLogger("dockbook.ssh")

#: Seconds for a stranger to show a key, and for a user to open a session.
LOGIN_TIMEOUT: Final = 20.0
#: Connections that have not shown a key: beyond them, the oldest of the busiest address has to go.
MAX_STRANGERS: Final = 100
#: Keys that a connection may try, and those that an address may within a minute before answers to wrong ones are slow.
_MAX_TRIES: Final = 6
_QUICK_REFUSALS: Final = 10
_REFUSAL_PERIOD: Final = 60.0
_SLOW_REFUSAL: Final = 2.0
#: Addresses whose refusals are remembered.
_MAX_ADDRESSES: Final = 10_000
#: Seconds between requests that show whether a client is there, and how many it may leave unanswered.
_KEEPALIVE: Final = 15
_MAX_MISSED: Final = 3
_MAX_PLACE: Final = 64


class Doorkeeper:
    """What all connections share: who is known, how many strangers there are, and who was refused lately."""

    def __init__(self, users: AuthorizedUsers, sessions: "SessionOwner", login_timeout: float = LOGIN_TIMEOUT) -> None:
        self.login_timeout = login_timeout
        self.users = users
        self.sessions = sessions
        self._strangers: dict[Connection, None] = {}
        self._connections: set[Connection] = set()
        self._refusals: dict[str, deque[float]] = {}

    def connected(self, connection: "Connection") -> None:
        """A stranger has come; if there are too many, one of the address that sent the most has to leave."""
        self._strangers[connection] = None
        self._connections.add(connection)
        if len(self._strangers) > MAX_STRANGERS:
            busiest = Counter(stranger.address for stranger in self._strangers).most_common(1)[0][0]
            oldest = next(stranger for stranger in self._strangers if stranger.address == busiest)
            self.known(oldest)
            oldest.abort()

    def known(self, connection: "Connection") -> None:
        """The connection is no stranger any more."""
        self._strangers.pop(connection, None)

    def gone(self, connection: "Connection") -> None:
        """The connection has ended."""
        self.known(connection)
        self._connections.discard(connection)

    async def close(self, within: float) -> None:
        """Give the clients so many seconds to leave, then end all connections."""
        for stranger in list(self._strangers):
            stranger.abort()
        leaving = [connection.ssh.wait_closed() for connection in self._connections]
        if leaving:
            await asyncio.wait([asyncio.ensure_future(one) for one in leaving], timeout=within)
        for connection in list(self._connections):
            connection.abort()

    def delay_of_refusal(self, address: str) -> float:
        """Return how many seconds the answer to a wrong key takes; that to a right one is never delayed."""
        now = monotonic()
        refused = self._refusals.setdefault(address, deque(maxlen=_QUICK_REFUSALS))
        slow = len(refused) == _QUICK_REFUSALS and now - refused[0] < _REFUSAL_PERIOD
        refused.append(now)
        if len(self._refusals) > _MAX_ADDRESSES:
            del self._refusals[next(iter(self._refusals))]
        return _SLOW_REFUSAL if slow else 0.0


class Connection(asyncssh.SSHServer):
    """One connection: a stranger, then a user, with one channel at most."""

    def __init__(self, doorkeeper: Doorkeeper) -> None:
        self._doorkeeper = doorkeeper
        self.ssh: asyncssh.SSHServerConnection
        self.address = ""
        self.place = ""
        self.user: User | None = None
        self._offered: User | None = None
        self._tries = 0
        self._has_channel = False
        self._no_session: asyncio.TimerHandle | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self.ssh = conn
        self.address = str(conn.get_extra_info("peername", ("",))[0])
        self._doorkeeper.connected(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._doorkeeper.gone(self)
        if self._no_session is not None:
            self._no_session.cancel()

    def abort(self) -> None:
        """End the connection without a word."""
        self.ssh.abort()

    def begin_auth(self, username: str) -> bool:
        self.place = username
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    async def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        self._offered = None
        user = self._doorkeeper.users.find(key.get_fingerprint())
        if user is not None and user.may_come_from(self.address) and 0 < len(username) <= _MAX_PLACE:
            self._offered = user
            return True
        self._tries += 1
        _log.info("refused %s from %s", key.get_fingerprint(), self.address)
        await asyncio.sleep(self._doorkeeper.delay_of_refusal(self.address))
        if self._tries >= _MAX_TRIES:
            self.ssh.disconnect(asyncssh.DISC_NO_MORE_AUTH_METHODS_AVAILABLE, "Too many keys were tried.")
        return False

    def auth_completed(self) -> None:
        # The key that was offered last is the one whose signature was right.
        self.user = self._offered
        self._doorkeeper.known(self)
        self._leave_soon()

    def _leave_soon(self) -> None:
        """End the connection unless a session is opened."""
        loop = asyncio.get_running_loop()
        disconnect = partial(self.ssh.disconnect, asyncssh.DISC_BY_APPLICATION, "No session was opened.")
        self._no_session = loop.call_later(self._doorkeeper.login_timeout, disconnect)

    @property
    def is_allowed(self) -> bool:
        """Whether the user may still be here: the users file may have changed since the key was shown."""
        if self.user is None:
            return False
        now = self._doorkeeper.users.find(self.user.fingerprint)
        return now is not None and (now.name, now.may) == (self.user.name, self.user.may)

    def session_requested(self) -> Any:
        if self._has_channel or self.user is None or not self.is_allowed:
            return False
        self._has_channel = True
        channel = self.ssh.create_server_channel(encoding=None, window=WINDOW, max_pktsize=MAX_PACKET)
        return channel, Channel(self, self.user, sanitize(self.place), self._doorkeeper.sessions)

    def session_began(self) -> None:
        """The connection has what it came for."""
        if self._no_session is not None:
            self._no_session.cancel()

    def session_ended(self) -> None:
        """There is nothing to stay for."""
        self._leave_soon()


async def listen(doorkeeper: Doorkeeper, host_key: Path, sockets: "list[socket.socket]") -> list[asyncssh.SSHAcceptor]:
    """Accept connections on these sockets."""
    limit_compression()
    return [
        await asyncssh.listen(
            sock=sock,
            server_factory=lambda: Connection(doorkeeper),
            server_host_keys=[str(host_key)],
            # No file of the machine changes what is allowed here.
            config=None,
            server_version="dockbook",
            public_key_auth=True,
            password_auth=False,
            kbdint_auth=False,
            host_based_auth=False,
            gss_host=None,
            allow_pty=True,
            line_editor=False,
            encoding=None,
            agent_forwarding=False,
            x11_forwarding=False,
            allow_scp=False,
            sftp_factory=None,
            rdns_lookup=False,
            compression_algs=["zlib@openssh.com", "none"],
            login_timeout=doorkeeper.login_timeout,
            keepalive_interval=_KEEPALIVE,
            keepalive_count_max=_MAX_MISSED,
            backlog=256,
        )
        for sock in sockets
    ]


def open_host_key(path: Path) -> str:
    """Make the host key on the first start; return its fingerprint. Raises SettingsError."""
    try:
        make_private_dir(path.parent)
        if not path.exists():
            key = asyncssh.generate_private_key("ssh-ed25519", comment="dockbook")
            write_new_file(path, key.export_private_key())
        mode = path.stat().st_mode
        if mode & 0o077:
            raise SettingsError(f"{path} is a private key that other users can get at. Run: chmod 600 {path}")
        return asyncssh.read_private_key(path).get_fingerprint()
    except OSError as error:
        raise SettingsError(f"the host key {path} cannot be used: {os_error_text(error)}.") from None
    except asyncssh.KeyImportError as error:
        raise SettingsError(f"the host key {path} cannot be used: {sanitize(str(error))}.") from None


def open_sockets(host: str, port: int, *, reuse_port: bool) -> list[socket.socket]:
    """Listen on this address. Raises SettingsError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise SettingsError(f"--listen: {sanitize(host)} is no address of this machine: {error.strerror}.") from None
    sockets: list[socket.socket] = []
    with _closing_on_error(sockets):
        for family, kind, protocol, _, address in dict.fromkeys(found):
            sock = socket.socket(family, kind, protocol)
            sockets.append(sock)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if reuse_port:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                sock.bind(address)
            except OSError as error:
                hint = " Another program listens there." if error.errno == errno.EADDRINUSE else ""
                raise SettingsError(f"--listen: {host}:{port}: {os_error_text(error)}.{hint}") from None
    return sockets


@contextmanager
def _closing_on_error(sockets: list[socket.socket]) -> Iterator[None]:
    try:
        yield
    except BaseException:
        for sock in sockets:
            sock.close()
        raise
