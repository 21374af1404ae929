"""The options of `dockbook ssh`. Imports nothing slow."""

import argparse
import re
from typing import Final

DEFAULT_LISTEN: Final = "127.0.0.1:8322"
_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0}
_MAX_SESSIONS: Final = 1000


def add_ssh_options(parser: argparse.ArgumentParser) -> None:
    """The options of the server, and those that ask a running one."""
    parser.add_argument(
        "--listen",
        type=_address,
        default=_address(DEFAULT_LISTEN),
        metavar="HOST:PORT",
        help=f"the address to listen on ({DEFAULT_LISTEN})",
    )
    parser.add_argument(
        "--users", metavar="FILE", help="who may come in (ssh_users beside config.toml); its form is in docs/ssh.md"
    )
    parser.add_argument(
        "--keep", type=_duration, default=1800.0, metavar="TIME", help="how long a session waits for its terminal (30m)"
    )
    parser.add_argument(
        "--idle",
        type=_duration,
        default=1800.0,
        metavar="TIME",
        help="disconnect a terminal at which nobody types for so long (30m)",
    )
    parser.add_argument("--sessions", type=_count, default=100, metavar="N", help="sessions at most (%(default)s)")
    parser.add_argument(
        "--sessions-per-key", type=_count, default=5, metavar="N", help="sessions at most of one key (%(default)s)"
    )
    parser.add_argument(
        "--reuse-port", action="store_true", help="listen beside an older process, which is to be stopped then"
    )
    parser.add_argument(
        "--workers", type=_count, default=0, metavar="N", help="run the sessions in N processes, 25 in each at most"
    )
    parser.add_argument("--worker-pipe", type=int, help=argparse.SUPPRESS)
    asked = parser.add_argument_group("for a running server").add_mutually_exclusive_group()
    asked.add_argument("--who", action="store_true", help="list the sessions")
    asked.add_argument("--end", metavar="PLACE", help="end the session at this place; drafts are kept")
    asked.add_argument("--message", metavar="TEXT", help="show a text on every screen")


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not (port.isascii() and port.isdigit() and int(port) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is no HOST:PORT, such as {DEFAULT_LISTEN} or [::]:8322")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _duration(text: str) -> float:
    found = re.fullmatch(r"([0-9]{1,6})([smh]?)", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no time, such as 90s, 30m or 8h")
    return int(found[1]) * _UNITS[found[2] or "s"]


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= _MAX_SESSIONS):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {_MAX_SESSIONS}")
    return int(text)
