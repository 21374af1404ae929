"""Serves the service on a loopback socket until a signal stops it."""

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
from app.storage.files import os_error_text

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


def serve(app: Starlette, host: str, port: int, on_listening: Callable[[str], None]) -> None:
    """Serve on `host` and `port` (0 picks a free one) until SIGINT or SIGTERM, then finish the open requests.

    Calls `on_listening` with the base URL once the socket listens. Raises `SettingsError` for a host that is not
    loopback, because nothing here is encrypted, and for an address that cannot be used.
    """
    address = _loopback(host)
    try:
        listening = listen(address, port)
    except (OSError, OverflowError) as error:
        reason = os_error_text(error) if isinstance(error, OSError) else "no such port"
        raise SettingsError(f"Cannot listen on {host} port {port}: {reason}. Choose another port.") from error
    with listening:
        name = f"[{address}]" if ":" in address else address
        url = f"http://{name}:{listening.getsockname()[1]}{ROOT}"
        # An access log would contain IDs, so there is none.
        config = uvicorn.Config(
            app, log_config=None, log_level="error", access_log=False, lifespan="off", server_header=False,
            timeout_graceful_shutdown=5,
        )  # fmt: skip
        _Server(config, lambda: on_listening(url)).run(sockets=[listening])


def listen(address: str, port: int) -> socket.socket:
    """Return a listening socket; raises OSError, or OverflowError for a port out of range."""
    listening = socket.create_server((address, port), family=socket.AF_INET6 if ":" in address else socket.AF_INET)
    # asyncio sets this on its own sockets. Without it, a response on a kept connection waits 40 ms for an ACK.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


class _Server(uvicorn.Server):
    """A server that reports when it listens, and that treats a signal as the normal end."""

    def __init__(self, config: uvicorn.Config, on_listening: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_listening = on_listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_listening()

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


def _loopback(host: str) -> str:
    try:
        address = ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        raise SettingsError(f"{host} is not an address to listen on. Use 127.0.0.1, ::1 or localhost.") from None
    if not address.is_loopback:
        raise SettingsError(f"{host} is not a loopback address, and plain serving is for loopback only.")
    return str(address)
