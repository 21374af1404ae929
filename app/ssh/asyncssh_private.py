"""Every private name of asyncssh that dockbook uses; a test fails first if one moves."""

from typing import Any

from asyncssh import SSHServerChannel, SSHServerConnection


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
