"""Lists and ends the sessions of a running server, over a socket that only its own account can open."""

import asyncio
import json
import os
import socket
import sys
from collections.abc import Callable
from contextlib import chdir, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from app.errors import SettingsError
from app.ssh.session_row import SessionRow
from app.storage.files import os_error_text
from app.text.sanitize import sanitize

if TYPE_CHECKING:
    import argparse

    from app.ssh.sessions import SessionOwner

SOCKET_NAME: Final = "admin.sock"
_MAX_REQUEST: Final = 64 * 1024
#: Seconds for the server to answer.
_ANSWER_WITHIN: Final = 5.0
_ENDED: Final = "dockbook: the administrator ended this session. What was typed is kept as a draft.\n"


async def serve_admin(path: Path, sessions: "SessionOwner", *, replace: bool) -> asyncio.Server:
    """Answer requests of this account; `replace` another server that does. Raises SettingsError."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, ValueError, asyncio.LimitOverrunError):
            request = json.loads(await reader.readline())
            writer.write(json.dumps(await _answer(request, sessions)).encode() + b"\n")
            await writer.drain()
        writer.close()

    if not replace and _is_answered(path):
        raise SettingsError(
            "another dockbook ssh of this account is running. Stop it, or add --reuse-port to take over."
        )
    # Of a server that was killed, or is about to be stopped.
    await asyncio.to_thread(path.unlink, missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    # So that nobody can open it before its mode is set.
    mask = os.umask(0o077)
    try:
        _at(path, listener.bind)
    except OSError as error:
        listener.close()
        raise SettingsError(f"the socket {path} cannot be used: {os_error_text(error)}.") from None
    finally:
        os.umask(mask)
    return await asyncio.start_unix_server(answer, sock=listener, limit=_MAX_REQUEST)


def _at(path: Path, use: Callable[[str], None]) -> None:
    """Use a socket's path from its own folder: the address of a socket has room for a hundred characters only."""
    with chdir(path.parent):
        use(path.name)


async def _answer(request: dict[str, Any], sessions: "SessionOwner") -> Any:
    match request:
        case {"command": "who"}:
            return await sessions.describe()
        case {"command": "end", "place": str(place)}:
            return await sessions.end_where(lambda _user, at: at == place, _ENDED)
        case {"command": "message", "text": str(text)}:
            return await sessions.announce(sanitize(text))
    return None


def _is_answered(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            _at(path, connection.connect)
        except OSError:
            return False
    return True


def run_admin(path: Path, arguments: "argparse.Namespace") -> int:
    """Ask the server that runs, and show its answer. Raises SettingsError."""
    if arguments.who:
        sessions = _request(path, {"command": "who"})
        sys.stdout.write(_table(sessions) if sessions else "Nobody is here.\n")
        return 0
    if arguments.end is not None:
        ended = _request(path, {"command": "end", "place": arguments.end})
        if not ended:
            raise SettingsError(f"no session is at {sanitize(arguments.end)}. List them with: dockbook ssh --who")
        sys.stdout.write(f"{_sessions(ended)} ended.\n")
        return 0
    shown = _request(path, {"command": "message", "text": arguments.message})
    sys.stdout.write(f"Shown on {_sessions(shown)}.\n")
    return 0


def _sessions(count: int) -> str:
    return "1 session" if count == 1 else f"{count} sessions"


def _request(path: Path, request: dict[str, str]) -> Any:
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_ANSWER_WITHIN)
            _at(path, connection.connect)
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile("rb") as answer:
                return json.loads(answer.readline())
    except (FileNotFoundError, ConnectionRefusedError):
        raise SettingsError("no dockbook ssh of this account is running.") from None
    except (OSError, ValueError) as error:
        raise SettingsError(f"the server gives no answer on {path}: {error}.") from None


def _table(rows: list[list[str]]) -> str:
    lines = [[name.upper() for name in SessionRow._fields], *([sanitize(cell) for cell in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(SessionRow._fields))]
    return "".join(
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() + "\n" for line in lines
    )
