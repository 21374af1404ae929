"""Serves the service on a socket, with TLS or on loopback, until a signal stops it."""

import asyncio
import logging
import resource
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn, TextIO

import uvicorn
from starlette.types import ASGIApp

from app.errors import SettingsError
from app.service.access_log import AccessLog
from app.service.app import ROOT
from app.service.http_protocol import Acceptor, LimitedProtocol, Limits
from app.storage.files import os_error_text

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_BACKLOG: Final = 1024
#: File descriptors that connections leave for the store, its journal, and the program itself.
_RESERVED_DESCRIPTORS: Final = 64
_LIMITS: Final = Limits()


def serve(
    app: ASGIApp,
    host: str,
    port: int,
    on_listening: Callable[[str], None],
    *,
    tls_cert: Path | None = None,
    tls_key: Path | None = None,
    insecure: bool = False,
    access_log: TextIO | None = None,
    limits: Limits = _LIMITS,
) -> None:
    """Serve on `host` and `port` (0 picks a free one) until SIGINT or SIGTERM, then finish the open requests.

    Calls `on_listening` with the base URL once the socket listens. Raises `SettingsError` for an address that cannot be
    used, for one other than loopback without TLS, unless `insecure` is set, and for a bad certificate or key.
    """
    tls = _tls_context(tls_cert, tls_key)
    address = _address(host, encrypted=tls is not None or insecure)
    try:
        listening = listen(address, port)
    except (OSError, OverflowError) as error:
        reason = os_error_text(error) if isinstance(error, OSError) else "no such port"
        raise SettingsError(f"Cannot listen on {host} port {port}: {reason}. Choose another port.") from error
    # Its warnings of connections that clients reset would let strangers fill the log.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    with listening:
        name = f"[{address}]" if ":" in address else address
        url = f"{'https' if tls else 'http'}://{name}:{listening.getsockname()[1]}{ROOT}"
        # Without a limit for the shutdown uvicorn waits for the requests; the server ends their connections itself.
        config = uvicorn.Config(
            app if access_log is None else AccessLog(app, access_log),
            http=LimitedProtocol, ws="none", lifespan="off", log_config=None, log_level="error", access_log=False,
            server_header=False, proxy_headers=False, timeout_graceful_shutdown=None,
        )  # fmt: skip
        server = _Server(config, lambda: on_listening(url), replace(limits, connections=_connections(limits)), tls)
        server.run(sockets=[listening])


def listen(address: str, port: int) -> socket.socket:
    """Return a listening socket; raises OSError, or OverflowError for a port out of range."""
    listening = socket.create_server(
        (address, port),
        family=socket.AF_INET6 if ":" in address else socket.AF_INET,
        backlog=_BACKLOG,
        dualstack_ipv6=address == "::" and socket.has_dualstack_ipv6(),
    )
    # asyncio sets this on its own sockets. Without it, a response on a kept connection waits 40 ms for an ACK.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


class _Server(uvicorn.Server):
    """A server that limits its connections, reports when it listens, and treats a signal as the normal end."""

    def __init__(
        self, config: uvicorn.Config, on_listening: Callable[[], None], limits: Limits, tls: ssl.SSLContext | None
    ) -> None:
        super().__init__(config)
        self._on_listening = on_listening
        self._limits = limits
        self._tls = tls
        self._acceptors: list[Acceptor] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup([])
        for listening in sockets or []:
            acceptor = Acceptor(listening, self._new_protocol, self._limits, self._tls)
            acceptor.start()
            self._acceptors.append(acceptor)
        self._on_listening()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for acceptor in self._acceptors:
            acceptor.close()
        asyncio.get_running_loop().call_later(self._limits.shutdown_seconds, self._abort_connections)
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn would raise the signal again when it is done, and end with a traceback or an error code.
        before = {number: signal.signal(number, self._stop) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _new_protocol(self, on_lost: Callable[[LimitedProtocol], None]) -> LimitedProtocol:
        return LimitedProtocol(
            self.config, self.server_state, self.lifespan.state, limits=self._limits, on_lost=on_lost
        )

    def _abort_connections(self) -> None:
        for connection in list(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.abort()

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.handle_exit(number, frame)


def _connections(limits: Limits) -> int:
    """Return how many connections the file descriptors of this process allow."""
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if descriptors == resource.RLIM_INFINITY:
        return limits.connections
    return max(1, min(limits.connections, descriptors - _RESERVED_DESCRIPTORS))


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address. Raises `SettingsError` if it is none."""
    return _parse_address(host).is_loopback


def _address(host: str, *, encrypted: bool) -> str:
    address = _parse_address(host)
    if not address.is_loopback and not encrypted:
        raise SettingsError(
            f"{host} is not a loopback address, so others could read the secrets and customers on their way. "
            "Give --tls-cert and --tls-key, or --insecure if something else protects them."
        )
    return str(address)


def _parse_address(host: str) -> IPv4Address | IPv6Address:
    try:
        return ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        raise SettingsError(
            f"{host} is not an address to listen on. Use localhost or an IP address, such as 127.0.0.1 or ::1."
        ) from None


def _tls_context(cert: Path | None, key: Path | None) -> ssl.SSLContext | None:
    if cert is None and key is None:
        return None
    if cert is None or key is None:
        raise SettingsError("TLS needs both the certificate (--tls-cert) and its key (--tls-key).")
    for path, what, marker in (
        (cert, "TLS certificate", b"-----BEGIN CERTIFICATE-----"),
        (key, "TLS key", b"PRIVATE KEY-----"),
    ):
        try:
            content = path.read_bytes()
        except OSError as error:
            raise SettingsError(f"Cannot read the {what} {path}: {os_error_text(error)}.") from error
        if marker not in content:
            raise SettingsError(f"{path} is no {what} in PEM format.")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(cert, key, partial(_refuse_password, key))
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise SettingsError(f"The TLS key {key} does not belong to the certificate {cert}.") from error
        raise SettingsError(f"The TLS certificate {cert} or its key {key} is damaged ({error.reason}).") from error
    return context


def _refuse_password(key: Path) -> NoReturn:
    raise SettingsError(
        f"The TLS key {key} is protected by a password, which nobody could type at a start. Give a key without one."
    )
