"""The options of the commands that serve a database and look after it. Imports nothing slow."""

import argparse
from collections.abc import Callable
from typing import Any, Final

Command = Callable[[argparse.Namespace], int]

DEFAULT_PORT: Final = 8350
#: Requests a second of one credential: more than any terminal makes, also while it downloads all customers.
DEFAULT_RATE: Final = 500
_DATABASE: Final = (
    "a SQLite file, or postgresql://HOST/NAME; without it that of DOCKBOOK_DATABASE, or the local book. A password "
    "belongs into DOCKBOOK_DATABASE or ~/.pgpass"
)
_PERMISSIONS: Final = (130, 131)


def add_serve_options(parser: argparse.ArgumentParser) -> None:
    """The options of `dockbook serve`."""
    _add_database(parser)
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (%(default)s)")
    parser.add_argument("--port", type=_port, default=DEFAULT_PORT, help="the port, 0 for a free one (%(default)s)")
    parser.add_argument("--tls-cert", metavar="FILE", help="the certificate, with its chain, in PEM format")
    parser.add_argument("--tls-key", metavar="FILE", help="its private key, in PEM format, no password")
    parser.add_argument(
        "--insecure", action="store_true", help="serve other machines without TLS: behind a proxy that encrypts"
    )
    parser.add_argument(
        "--rate",
        type=_rate,
        default=DEFAULT_RATE,
        metavar="N",
        help="requests a second for each credential, 0 for no limit (%(default)s)",
    )
    parser.add_argument(
        "--access-log",
        metavar="FILE",
        help="one line of JSON for each request, - for standard output; by default there if it is not a terminal",
    )


def add_database_commands(commands: "argparse._SubParsersAction[Any]", run: Callable[[str], Command]) -> None:
    """The commands `credential`, `history`, `backup`, `check` and `migrate`; `run(name)` is what carries one out."""
    credential = commands.add_parser(
        "credential",
        help="add, list, rotate and disable the credentials of a service",
        description="Look after the credentials of the service. A secret is shown once, when it is made.",
        allow_abbrev=False,
    )
    actions = credential.add_subparsers(title="actions", metavar="ACTION", required=True)
    for name, text in (
        ("add", "make a credential and show its secret"),
        ("list", "list all credentials"),
        ("rotate", "make a new secret; tokens of the old one work until they expire, at most 4 hours"),
        ("disable", "no more tokens; those issued end within a minute"),
    ):
        action = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".", allow_abbrev=False)
        if name != "list":
            action.add_argument("name", metavar="NAME", help="what you call it")
        if name == "add":
            action.add_argument(
                "--permission",
                type=int,
                choices=_PERMISSIONS,
                action="append",
                metavar="N",
                help="130 to see customers, 131 to change them; repeat it for both (both by default)",
            )
        _add_database(action)
        action.set_defaults(run=run(f"credential_{name}"))

    history = commands.add_parser(
        "history",
        help="show every change of a customer",
        description="Show every change of a customer: when, by which credential, and what.",
        allow_abbrev=False,
    )
    history.add_argument("short_id", metavar="ID")
    history.add_argument("--json", action="store_true", help="the records before and after each change, as JSON")
    backup = commands.add_parser(
        "backup",
        help="copy the book to a file, also while it is served",
        description="Copy the book, as it is at this moment, to a new file. On PostgreSQL use pg_dump.",
        allow_abbrev=False,
    )
    backup.add_argument("file", metavar="FILE")
    check = commands.add_parser(
        "check",
        help="check that the database is whole",
        description="Check integrity, counts and history of the database. Exit code 1 if it is not whole.",
        allow_abbrev=False,
    )
    migrate = commands.add_parser(
        "migrate",
        help="create or update the tables on PostgreSQL",
        description="Create the tables on PostgreSQL, or bring them up to date. A SQLite file is updated when opened.",
        allow_abbrev=False,
    )
    for name, parser in (("history", history), ("backup", backup), ("check", check), ("migrate", migrate)):
        _add_database(parser)
        parser.set_defaults(run=run(name))


def _add_database(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--database", metavar="URL", help=_DATABASE)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 6 and int(text) <= 65_535):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 0 to 65,535")
    return int(text)


def _rate(text: str) -> float:
    if not (text.isascii() and text.isdigit() and len(text) < 7):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of requests from 0 to 999,999")
    return float(text) or float("inf")
