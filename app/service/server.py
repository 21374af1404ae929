"""Puts the service on a socket, until it is told to stop."""

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from types import FrameType
from typing import Final

import uvicorn
from starlette.applications import Starlette

from app.errors import SettingsError
from app.service.app import ROOT

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


def serve(app: Starlette, host: str, port: int, announce: Callable[[str], None]) -> None:
    """Answer on `host` and `port` (0 takes a free one) until SIGINT or SIGTERM, then end what is under way.

    `announce` gets the base URL once the socket listens. Raises `SettingsError` for a host that is not loopback,
    because nothing here is encrypted, and for an address that cannot be had.
    """
    address = _loopback(host)
    try:
        listening = listen(address, port)
    except (OSError, OverflowError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no such port"
        raise SettingsError(f"Cannot listen on {host} port {port}: {reason}. Choose another port.") from error
    with listening:
        name = f"[{address}]" if ":" in address else address
        url = f"http://{name}:{listening.getsockname()[1]}{ROOT}"
        # IDs and tokens would stand in an access log, so there is none.
        config = uvicorn.Config(
            app, log_config=None, log_level="error", access_log=False, lifespan="off", server_header=False,
            timeout_graceful_shutdown=5,
        )  # fmt: skip
        _Server(config, lambda: announce(url)).run(sockets=[listening])


def listen(address: str, port: int) -> socket.socket:
    """A socket that listens; raises OSError, or OverflowError for what is no port."""
    listening = socket.create_server((address, port), family=socket.AF_INET6 if ":" in address else socket.AF_INET)
    # asyncio does so for sockets of its own making. Without, an answer on a kept connection waits 40 ms for a receipt.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


class _Server(uvicorn.Server):
    """A server that says when it listens, and for which a signal is the normal end."""

    def __init__(self, config: uvicorn.Config, listens: Callable[[], None]) -> None:
        super().__init__(config)
        self._listens = listens

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._listens()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn would send itself the signal again when it is done, and so end in a traceback or an error code.
        before = {number: signal.signal(number, self._stop) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.handle_exit(number, frame)


def _loopback(host: str) -> str:
    try:
        address = ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        raise SettingsError(f"{host} is not an address to listen on. Use 127.0.0.1, ::1 or localhost.") from None
    if not address.is_loopback:
        raise SettingsError(f"{host} is not a loopback address, and plain serving is for loopback only.")
    return str(address)
