"""Lists and ends the sessions of a running server, over a socket that only its own account can open."""

import asyncio
import json
import os
import socket
import sys
from collections.abc import Callable
from contextlib import chdir, suppress
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from app.errors import SettingsError
from app.storage.files import os_error_text
from app.text.sanitize import sanitize

if TYPE_CHECKING:
    import argparse

    from app.ssh.sessions import Session, SessionManager

SOCKET_NAME: Final = "admin.sock"
_MAX_REQUEST: Final = 64 * 1024
#: Seconds for the server to answer.
_ANSWER_WITHIN: Final = 5.0
_ENDED: Final = "dockbook: the administrator ended this session. What was typed is kept as a draft.\n"
_COLUMNS: Final = ("name", "place", "since", "idle", "size", "screen", "terminal")


async def serve_admin(path: Path, manager: "SessionManager") -> asyncio.Server:
    """Answer requests of this account. Raises SettingsError."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, ValueError, asyncio.LimitOverrunError):
            request = json.loads(await reader.readline())
            writer.write(json.dumps(_answer(request, manager)).encode() + b"\n")
            await writer.drain()
        writer.close()

    # Of a server that was killed; one that runs would hold the port, too.
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


def _answer(request: dict[str, Any], manager: "SessionManager") -> Any:
    match request:
        case {"command": "who"}:
            return [_describe(session) for session in manager.sessions]
        case {"command": "end", "place": str(place)}:
            return manager.end_where(lambda session: session.place == place, _ENDED)
        case {"command": "message", "text": str(text)}:
            return manager.announce(sanitize(text))
    return None


def _describe(session: "Session") -> dict[str, str]:
    terminal = session.terminal
    return {
        "name": session.user.name,
        "place": session.place,
        "since": f"{session.started_at:%a %H:%M}",
        "idle": _span(monotonic() - session.last_key_at),
        "size": "{}x{}".format(*session.size),
        "screen": session.screen_title,
        "terminal": terminal.address if terminal is not None else f"away {_span(monotonic() - session.detached_at)}",
    }


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


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


def _table(rows: list[dict[str, str]]) -> str:
    lines = [[name.upper() for name in _COLUMNS], *([sanitize(row[name]) for name in _COLUMNS] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_COLUMNS))]
    return "".join(
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() + "\n" for line in lines
    )
