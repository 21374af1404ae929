"""The command `dockbook serve`: serves a database, and shows how to use it."""

import asyncio
import os
import sys
from argparse import Namespace
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

from app.errors import SettingsError
from app.models.fields import Permission
from app.service.app import create_app
from app.service.credentials import Credentials
from app.service.database import credential_table
from app.service.database.credential_table import IssuedCredential
from app.service.server import is_loopback, serve
from app.service.store import Store
from app.storage.files import os_error_text

if TYPE_CHECKING:
    from app.service.database.credential_table import StoredCredential

#: Every line of it can be pasted into a shell.
_LISTENING: Final = """\
# The service listens on {url} until Ctrl+C.
# It describes itself at {url}/openapi.json
"""
_TEMPORARY: Final = """
# May see customers (130):
{viewer}

# May see and change customers (130 and 131):
{editor}

# A token for curl or schemathesis, to be sent as "Authorization: Bearer TOKEN":
# printf 'user = "%s:%s"' "$DOCKBOOK_CLIENT_ID" "$DOCKBOOK_CLIENT_SECRET" |
#   curl -s -K - -d grant_type=client_credentials "$DOCKBOOK_URL/Token"
"""


def run_serve(store: Store, options: Namespace) -> int:
    """Serve the store until a signal, then close it. The URL and new credentials go to standard output.

    Raises `SettingsError` when the service cannot listen there.
    """
    try:
        with ExitStack() as opened:
            stored = [one for one in asyncio.run(store.database.read(credential_table.list_all)) if not one.disabled]
            if not stored and not is_loopback(options.host):
                raise SettingsError("There is no credential yet. Add one first: dockbook credential add NAME")
            log = _access_log(options.access_log, opened)
            credentials = Credentials(store.database, requests_per_second=options.rate)
            text = _LISTENING + (_describe(stored) if stored else _temporary(credentials))

            def announce(url: str) -> None:
                sys.stdout.write(text.replace("{url}", url))
                sys.stdout.flush()

            serve(
                create_app(store, credentials),
                options.host,
                options.port,
                announce,
                tls_cert=None if options.tls_cert is None else Path(options.tls_cert),
                tls_key=None if options.tls_key is None else Path(options.tls_key),
                insecure=options.insecure,
                access_log=log,
            )
    finally:
        asyncio.run(store.close())
    return 0


def _access_log(name: str | None, opened: ExitStack) -> TextIO | None:
    if name is None:
        return None if sys.stdout.isatty() else sys.stdout
    if name == "-":
        return sys.stdout
    try:
        return opened.enter_context(open(name, "a", encoding="utf-8", opener=_private))
    except OSError as error:
        raise SettingsError(f"The access log {name} cannot be written: {os_error_text(error)}.") from None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _describe(stored: "list[StoredCredential]") -> str:
    lines = [f"#   {one.name} ({' and '.join(map(str, sorted(one.permissions)))})\n" for one in stored]
    return "# Credentials:\n" + "".join(lines)


def _temporary(credentials: Credentials) -> str:
    viewer, editor = (
        credentials.issue(frozenset(held)) for held in ({Permission.LIST}, {Permission.LIST, Permission.MODIFY})
    )
    return _TEMPORARY.format(viewer=_export_line(viewer), editor=_export_line(editor))


def _export_line(issued: IssuedCredential) -> str:
    return (
        f"export DOCKBOOK_URL={{url}} DOCKBOOK_CLIENT_ID={issued.client_id} "
        f"DOCKBOOK_CLIENT_SECRET={issued.client_secret}"
    )
