"""The `dockbook` command: turns options into settings, and settings into the screens or the service.

The only place where the parts are put together. Nothing slow is imported before it is known to be needed.
"""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NoReturn

from app import __version__
from app.service.options import add_database_commands, add_serve_options
from app.ssh.options import add_ssh_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.backends import EmbeddedBackend, RemoteBackend
    from app.config.paths import Paths
    from app.config.settings import Settings

DONE: Final = 0
FAILED: Final = 1
WRONG_USAGE: Final = 2
INTERRUPTED: Final = 130

DEMO_CUSTOMERS: Final = 48
MAX_DEMO_CUSTOMERS: Final = 1_000_000

#: What TERM is where nothing can be placed on a line.
_CURSORLESS: Final = frozenset({"dumb", "unknown"})

FORMATS: Final = ("csv", "json", "jsonl", "xlsx")
STATUSES: Final = ("all", "active", "discontinued")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; an error is one message on standard error."""
    try:
        arguments = _parser().parse_args(argv)
        run: Callable[[argparse.Namespace], int] = arguments.run
        return run(arguments)
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the process ends here
        return _tell(error)


def _tell(error: Exception) -> int:
    """Report an error, and return its exit code."""
    from app.errors import DockbookError, SettingsError

    if isinstance(error, DockbookError):
        from app.text.sanitize import sanitize

        sys.stderr.write(f"dockbook: {sanitize(error.text)}\n")
        return WRONG_USAGE if isinstance(error, SettingsError) else FAILED
    from app.config.paths import Paths
    from app.terminal.crash import report

    sys.stderr.write(report(error, Paths.from_environment(os.environ).state) + "\n")
    return FAILED


class _Parser(argparse.ArgumentParser):
    """A parser that reports errors like the rest of the program."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"formatter_class": _as_wide_as_the_terminal, **kwargs})

    def error(self, message: str) -> NoReturn:
        from app.errors import SettingsError

        wrong = re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", message)
        if wrong is not None:
            from difflib import get_close_matches

            near = get_close_matches(wrong[1], re.findall(r"[\w.-]+", wrong[2]), 1)
            if near:
                raise SettingsError(f"{wrong[1]} is not a choice here. Did you mean {near[0]}?")
        raise SettingsError(f"{message}. Try: {self.prog} --help")


class _ShowVersion(argparse.Action):
    """Shows the version, and whether SQLite lacks FTS5; sqlite3 is imported only then."""

    def __init__(self, option_strings: Sequence[str], dest: str) -> None:
        super().__init__(option_strings, dest, nargs=0, help="show the version and exit")

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from app.mirror.search.index import fts5_available

        sys.stdout.write(version_text(has_fts5=fts5_available()))
        parser.exit()


def version_text(*, has_fts5: bool) -> str:
    """The version, and what this Python lacks."""
    missing = "" if has_fts5 else "The SQLite of this Python has no FTS5: find takes longer.\n"
    return f"dockbook {__version__}\n{missing}"


def _as_wide_as_the_terminal(prog: str) -> argparse.HelpFormatter:
    """Left to itself, argparse imports archives and compression to learn the width."""
    columns = os.environ.get("COLUMNS", "")
    try:
        width = int(columns) if columns.isdecimal() else os.get_terminal_size(1).columns
    except OSError:
        width = 0
    return argparse.HelpFormatter(prog, width=(width or 80) - 2)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="dockbook",
        description="The address book of the loading dock. Without options it opens the server of the settings, "
        "or the local book.",
        epilog="Settings come from options, then DOCKBOOK_URL, DOCKBOOK_CLIENT_ID, DOCKBOOK_CLIENT_SECRET, "
        "DOCKBOOK_CLIENT_SECRET_FILE, DOCKBOOK_PROFILE and DOCKBOOK_PROXY, then config.toml in "
        "$XDG_CONFIG_HOME/dockbook.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_ShowVersion)
    source = parser.add_mutually_exclusive_group()
    _add_demo(source, "a temporary book of N sample customers, gone when you leave")
    source.add_argument("--url", help="the server, https://HOST/api/v1")
    parser.add_argument("--profile", metavar="NAME", help="the [profiles.NAME] of config.toml")
    parser.add_argument("--read-only", action="store_true", help="change nothing: look only")
    parser.add_argument("--no-mirror", action="store_true", help="keep the copy of all customers in memory only")
    parser.add_argument(
        "--mouse", action="store_true", help="use the mouse here; the terminal then needs Shift to select text"
    )
    parser.add_argument("--plain-output", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument(
        "--lean",
        action=argparse.BooleanOptionalAction,
        help="send less to the terminal: fewer frames a second (on by default over SSH)",
    )
    parser.set_defaults(run=_open_screens)

    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    serve = commands.add_parser(
        "serve",
        help="serve customers to others over HTTP",
        description="Serve the local book, a database or sample customers until interrupted. Add credentials first "
        "(dockbook credential add NAME); without any, two are made for this run.",
        allow_abbrev=False,
    )
    # An option before the command counts too; without SUPPRESS the default after it would replace the value.
    _add_demo(serve, "serve a temporary book of N sample customers, gone when you leave", default=argparse.SUPPRESS)
    add_serve_options(serve)
    serve.set_defaults(run=_serve)
    ssh = commands.add_parser(
        "ssh",
        help="let terminals come in over SSH: many sessions in one process, no accounts",
        description="Serve the screens over SSH until interrupted. A session outlives its connection: whoever comes "
        "back with the same key and user name goes on where they were. Needs the extra ssh: pip install '.[ssh]'.",
        allow_abbrev=False,
    )
    ssh_source = ssh.add_mutually_exclusive_group()
    _add_demo(ssh_source, "a temporary book of N sample customers, gone at the end", default=argparse.SUPPRESS)
    ssh_source.add_argument("--url", default=argparse.SUPPRESS, help="the server, https://HOST/api/v1")
    ssh.add_argument("--profile", metavar="NAME", default=argparse.SUPPRESS, help="the [profiles.NAME] of config.toml")
    add_ssh_options(ssh)
    ssh.set_defaults(run=_ssh)
    _add_export(commands)
    add_database_commands(commands, lambda name: partial(_run_database_command, name))
    return parser


def _add_export(commands: "argparse._SubParsersAction[_Parser]") -> None:
    export = commands.add_parser(
        "export",
        help="write all customers to standard output or a file",
        description="Write all customers, or fail with exit code 1: never some of them in silence. "
        "Asks the server of the settings, or the local book.",
        allow_abbrev=False,
    )
    # No defaults: an option before the command counts too.
    source = export.add_mutually_exclusive_group()
    _add_demo(source, "a temporary book of N sample customers, gone when you leave", default=argparse.SUPPRESS)
    source.add_argument("--url", default=argparse.SUPPRESS, help="the server, https://HOST/api/v1")
    export.add_argument(
        "--profile", metavar="NAME", default=argparse.SUPPRESS, help="the [profiles.NAME] of config.toml"
    )
    export.add_argument("--format", choices=FORMATS, help="by default that of FILE's ending, or csv")
    export.add_argument("--status", choices=STATUSES, default="all", help="which customers (%(default)s)")
    export.add_argument(
        "--find", metavar="TEXT", default="", help="only customers that match, as / finds them on the list"
    )
    export.add_argument(
        "--raw", action="store_true", help="csv: text as it is, also where a spreadsheet would run it as a formula"
    )
    export.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="only you can read it (mode 0600); an old one is replaced at the end",
    )
    export.set_defaults(run=_export)


def _add_demo(parser: "argparse._ActionsContainer", text: str, default: str | None = None) -> None:
    parser.add_argument(
        "--demo",
        metavar="N",
        nargs="?",
        type=_demo_size,
        const=DEMO_CUSTOMERS,
        default=default,
        help=f"{text} ({DEMO_CUSTOMERS} by default, at most {MAX_DEMO_CUSTOMERS:,})",
    )


def _demo_size(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= MAX_DEMO_CUSTOMERS):
        hint = f" (Try: dockbook {text} --demo)" if text in ("serve", "export") else ""
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {MAX_DEMO_CUSTOMERS:,}{hint}")
    return int(text)


def _open_screens(arguments: argparse.Namespace) -> int:
    from app.errors import SettingsError
    from app.tui.run import run_tui

    settings, folders = _settings(arguments)
    # A stream that was closed before the start is None.
    if not all(stream and stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise SettingsError("the screens need a terminal; input, output and error output have to be one.")
    if os.environ.get("TERM") in _CURSORLESS:
        raise SettingsError(
            f"the screens need a terminal that places its cursor, and TERM is {os.environ['TERM']}. "
            "Set TERM to what yours is, such as xterm."
        )
    site = settings.site if arguments.demo is None else "demo"
    source = _source(settings, folders, arguments.demo)
    # A demo is temporary, so neither drafts nor list settings are stored.
    kept = arguments.demo is None
    return run_tui(settings, site, folders, source, persist=kept, plain_output=arguments.plain_output)


def _settings(arguments: argparse.Namespace) -> "tuple[Settings, Paths]":
    """The settings that the options, the environment and the config file come to."""
    from app.config.paths import Paths
    from app.config.settings import Options, load_settings
    from app.errors import SettingsError

    demo: int | None = arguments.demo
    if demo is not None and arguments.profile is not None:
        raise SettingsError("--demo has no server, and so no profile. Leave one of them out.")
    if demo is not None and arguments.url is not None:
        raise SettingsError("--demo has no server, and so no --url. Leave one of them out.")
    folders = Paths.from_environment(os.environ)
    options = Options(
        arguments.profile,
        arguments.url,
        arguments.read_only,
        arguments.mouse,
        no_mirror=arguments.no_mirror,
        lean=arguments.lean,
    )
    return load_settings(options, os.environ, folders, server=demo is None), folders


def _source(settings: "Settings", folders: "Paths", demo: int | None) -> "EmbeddedBackend | RemoteBackend":
    from app.backends import EmbeddedBackend, RemoteBackend

    if settings.url is not None:
        return RemoteBackend(settings)
    return EmbeddedBackend(folders.book if demo is None else None, demo or 0, read_only=settings.read_only)


def _export(arguments: argparse.Namespace) -> int:
    from pathlib import Path

    from app.export.command import run_export
    from app.export.spec import ExportSpec, format_for

    # To read is all it takes, and so the book is opened for no more.
    arguments.read_only = True
    settings, folders = _settings(arguments)
    output = Path(arguments.output) if arguments.output not in (None, "-") else None
    form = arguments.format or format_for(output)
    order = ExportSpec(form, arguments.status, arguments.raw, output, arguments.find)
    return run_export(order, lambda: _source(settings, folders, arguments.demo))


def _serve(arguments: argparse.Namespace) -> int:
    from app.errors import SettingsError
    from app.service.command import run_serve

    for option in ("profile", "url", "read_only", "mouse", "no_mirror"):
        if getattr(arguments, option):
            raise SettingsError(f"--{option.replace('_', '-')} is for the screens, not for serve. Leave it out.")
    demo: int | None = arguments.demo
    if demo is not None:
        from app.backends import open_store

        if arguments.database is not None:
            raise SettingsError("--demo serves samples, and --database a database. Leave one of them out.")
        return run_serve(open_store(None, demo), arguments)
    from app.service.database.open import open_to_serve
    from app.service.store import Store

    return run_serve(Store(open_to_serve(_database(arguments))), arguments)


def _ssh(arguments: argparse.Namespace) -> int:
    from app.errors import SettingsError
    from app.tui.run import prepare_imports

    prepare_imports(os.environ, lean=True)
    settings, folders = _settings(arguments)
    try:
        import asyncssh  # noqa: F401
    except ImportError:
        raise SettingsError("SSH is not set up here. Run in the clone of dockbook: pip install '.[ssh]'") from None
    if arguments.who or arguments.end is not None or arguments.message is not None:
        from app.ssh.admin import SOCKET_NAME, run_admin

        return run_admin(folders.state / "ssh" / SOCKET_NAME, arguments)
    from app.ssh.command import run_ssh

    site = settings.site if arguments.demo is None else "demo"
    return run_ssh(arguments, settings, site, folders, _source(settings, folders, arguments.demo))


def _run_database_command(name: str, arguments: argparse.Namespace) -> int:
    from app.service.admin import run_command

    return run_command(name, arguments, _database(arguments))


def _database(arguments: argparse.Namespace) -> str:
    """The database of the option, of the environment, or the local book."""
    from app.config.paths import Paths
    from app.service.database.open import refuse_password

    if arguments.database:
        refuse_password("--database", arguments.database)
        database: str = arguments.database
        return database
    return os.environ.get("DOCKBOOK_DATABASE") or str(Paths.from_environment(os.environ).book)
