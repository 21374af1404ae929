"""Serves the service on a socket until a signal stops it, with TLS where other machines can reach it."""

import asyncio
import errno
import resource
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from pathlib import Path
from types import FrameType
from typing import Any, Final, NamedTuple

import uvicorn
from starlette.types import ASGIApp

from app.errors import SettingsError
from app.service.app import ROOT
from app.service.http_protocol import BoundedProtocol, Limits
from app.storage.files import os_error_text

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
#: Connections that wait to be accepted; asyncio accepts as many at once before any of them can be closed.
_BACKLOG: Final = 128
_HANDSHAKE_SECONDS: Final = 10.0
_MAX_FILES: Final = 65_536


class Listener(NamedTuple):
    """Where to listen: an IP address and a port (0 picks a free one), and the files of certificate and key for TLS."""

    address: str
    port: int
    tls_cert: str | None = None
    tls_key: str | None = None

    @classmethod
    def from_options(
        cls, host: str, port: int, tls_cert: str | None = None, tls_key: str | None = None, *, insecure: bool = False
    ) -> "Listener":
        """Check the options.

        Raises `SettingsError` for a name that is no address, for files that cannot be used, and for an address that
        other machines can reach, unless there is TLS or it is `insecure` on purpose.
        """
        try:
            address = ip_address("127.0.0.1" if host == "localhost" else host)
        except ValueError:
            raise SettingsError(
                f"{host} is not an address to listen on. Use 127.0.0.1, ::1, localhost, an address of this machine, or "
                "0.0.0.0 for all of them."
            ) from None
        if (tls_cert is None) != (tls_key is None):
            raise SettingsError("TLS needs both --tls-cert and --tls-key.")
        if tls_cert is not None and tls_key is not None:
            _check_certificate(tls_cert, tls_key)
        if not address.is_loopback and tls_cert is None and not insecure:
            raise SettingsError(
                f"{host} can be reached by other machines, and nothing would be encrypted. Use 127.0.0.1, or give "
                "--tls-cert and --tls-key, or --insecure behind a proxy that encrypts."
            )
        return cls(str(address), port, tls_cert, tls_key)

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return ip_address(self.address).is_loopback

    @property
    def encrypts(self) -> bool:
        """Whether it speaks TLS."""
        return self.tls_cert is not None

    def url(self, port: int) -> str:
        """The base URL of the API."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{'https' if self.encrypts else 'http'}://{host}:{port}{ROOT}"


def serve(
    app: ASGIApp,
    listener: Listener,
    on_listening: Callable[[str], None],
    limits: Limits = Limits(),  # noqa: B008
) -> None:
    """Serve until SIGINT or SIGTERM, then finish the open requests.

    Calls `on_listening` with the base URL once the socket listens. Raises `SettingsError` for an address or port that
    cannot be used.
    """
    try:
        listening = listen(listener.address, listener.port)
    except (OSError, OverflowError) as error:
        reason = os_error_text(error) if isinstance(error, OSError) else "no such port"
        raise SettingsError(
            f"Cannot listen on {listener.address} port {listener.port}: {reason}. Choose another port."
        ) from error
    _allow_many_files()
    with listening:
        url = listener.url(listening.getsockname()[1])
        protocol = type("Protocol", (BoundedProtocol,), {"limits": limits})
        # uvicorn's own access log would contain IDs.
        config = uvicorn.Config(
            app, http=protocol, ws="none", log_config=None, log_level="error", access_log=False, lifespan="off",
            server_header=False, proxy_headers=False, timeout_keep_alive=limits.idle, timeout_graceful_shutdown=5,
            ssl_certfile=listener.tls_cert, ssl_keyfile=listener.tls_key,
        )  # fmt: skip
        _Server(config, lambda: on_listening(url)).run(sockets=[listening])


def listen(address: str, port: int) -> socket.socket:
    """Return a listening socket; raises OSError, or OverflowError for a port out of range."""
    listening = socket.create_server(
        (address, port), family=socket.AF_INET6 if ":" in address else socket.AF_INET, backlog=_BACKLOG
    )
    # asyncio sets this on its own sockets. Without it, a response on a kept connection waits 40 ms for an ACK.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


class _Server(uvicorn.Server):
    """A server that reports when it listens, and that treats a signal as the normal end."""

    def __init__(self, config: uvicorn.Config, on_listening: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_listening = on_listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Like uvicorn's, with a deadline for the handshake of TLS and a short queue."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(_on_loop_error)
        tls: dict[str, Any] = {"ssl_handshake_timeout": _HANDSHAKE_SECONDS} if self.config.ssl else {}
        self.servers = [
            await loop.create_server(self._create_protocol, sock=sock, ssl=self.config.ssl, backlog=_BACKLOG, **tls)
            for sock in sockets or []
        ]
        self.started = True
        self._on_listening()

    def _create_protocol(self) -> asyncio.Protocol:
        protocol: asyncio.Protocol = self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state={}
        )
        return protocol

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn would raise the signal again when it is done, and end with a traceback or an error code.
        before = {number: signal.signal(number, self._stop) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.handle_exit(number, frame)


def _on_loop_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Without files to spare, asyncio reports every single connection; it tries again by itself a second later."""
    error = context.get("exception")
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
        return
    loop.default_exception_handler(context)


def _allow_many_files() -> None:
    """Raise the number of files this process may have open, where it is low by default."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MAX_FILES if hard == resource.RLIM_INFINITY else min(hard, _MAX_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):
            # Without it, there is room for fewer connections at a time.
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _check_certificate(cert: str, key: str) -> None:
    for option, path in (("--tls-cert", cert), ("--tls-key", key)):
        try:
            Path(path).read_bytes()
        except OSError as error:
            raise SettingsError(f"{option}: {path} cannot be read: {os_error_text(error)}.") from None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # An encrypted key is an error: a service has nobody to ask for its password.
        context.load_cert_chain(cert, key, password="")
    except ssl.SSLError as error:
        raise SettingsError(
            f"{cert} and {key} cannot be used ({error.reason or error}). Both have to be PEM files that belong "
            "together, the key without a password."
        ) from None
