"""The command `dockbook serve`: serves a book with new credentials and prints how to use them."""

import asyncio
import sys
from typing import Final

from app.models.fields import Permission
from app.service.app import create_app
from app.service.credentials import Credentials
from app.service.database.credential_table import IssuedCredential
from app.service.server import serve
from app.service.store import Store

#: Every line of it can be pasted into a shell.
_ANNOUNCEMENT: Final = """\
# The service listens on {url} until Ctrl+C.
# It describes itself at {url}/openapi.json

# May see customers (130):
{viewer}

# May see and change customers (130 and 131):
{editor}

# A token for curl or schemathesis, to be sent as "Authorization: Bearer TOKEN":
# printf 'user = "%s:%s"' "$DOCKBOOK_CLIENT_ID" "$DOCKBOOK_CLIENT_SECRET" |
#   curl -s -K - -d grant_type=client_credentials "$DOCKBOOK_URL/Token"
"""


def run_serve(store: Store, host: str, port: int) -> None:
    """Serve the store until a signal, then close it. The URL and two new credentials go to standard output.

    Raises `SettingsError` when the service cannot listen there.
    """
    try:
        credentials = Credentials()
        viewer, editor = (
            credentials.issue(frozenset(held)) for held in ({Permission.LIST}, {Permission.LIST, Permission.MODIFY})
        )

        def announce(url: str) -> None:
            texts = {"viewer": _export_line(url, viewer), "editor": _export_line(url, editor)}
            sys.stdout.write(_ANNOUNCEMENT.format(url=url, **texts))
            sys.stdout.flush()

        serve(create_app(store, credentials), host, port, announce)
    finally:
        asyncio.run(store.close())


def _export_line(url: str, issued: IssuedCredential) -> str:
    return (
        f"export DOCKBOOK_URL={url} DOCKBOOK_CLIENT_ID={issued.client_id} DOCKBOOK_CLIENT_SECRET={issued.client_secret}"
    )
