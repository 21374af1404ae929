"""Every private name of asyncssh that dockbook uses; a test fails first if one moves."""

import zlib
from typing import Any, Final

from asyncssh import SSHServerChannel, SSHServerConnection
from asyncssh.compression import Decompressor, _ZLibCompress, register_compression_alg

#: The largest packet that a client may send, unpacked: it would else unpack to half a gigabyte.
_MAX_UNPACKED: Final = 64 * 1024


async def confirm_received(connection: SSHServerConnection) -> None:
    """Return when the client has everything that was sent before: it answers requests in order, known to it or not.

    Returns too when the connection ends.
    """
    await connection._make_global_request(b"keepalive@openssh.com")  # noqa: SLF001


def unsent_bytes(connection: SSHServerConnection) -> int:
    """Return how many bytes wait for the socket."""
    transport = connection._transport  # noqa: SLF001
    return 0 if transport is None else transport.get_write_buffer_size()


def ignore_environment(channel: "SSHServerChannel[Any]") -> None:
    """Keep nothing of the environment variables that the client sends, however many."""
    channel._env = _Nothing()  # noqa: SLF001


class _Nothing(dict[bytes, bytes]):
    def __setitem__(self, key: bytes, value: bytes) -> None:
        """Keep nothing."""


def limit_compression() -> None:
    """Let no packet unpack to more than a client has to send."""
    register_compression_alg(b"zlib@openssh.com", _ZLibCompress, LimitedDecompressor, after_auth=True, default=True)


class LimitedDecompressor(Decompressor):
    """Unpacks packets of a limited size."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj()

    def decompress(self, data: bytes) -> bytes | None:
        """Return the packet; `None` ends the connection."""
        try:
            unpacked = self._zlib.decompress(data, _MAX_UNPACKED)
        except zlib.error:
            return None
        return None if self._zlib.unconsumed_tail else unpacked
