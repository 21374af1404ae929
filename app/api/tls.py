"""TLS of the connection to the server: authorities, a certificate of one's own, and whether the server's is checked."""

import ssl
from pathlib import Path

from app.errors import SettingsError


def tls_context(
    ca_file: Path | None, client_cert: Path | None, client_key: Path | None, *, verify: bool
) -> ssl.SSLContext:
    """Return a context with the system's authorities, unless a file of others is given. Raises SettingsError."""
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError):
        raise SettingsError(f"ca_file: {ca_file} holds no certificate authorities in PEM format.") from None
    if client_cert is not None:
        try:
            # An encrypted key is an error: a prompt for its password would wait behind the screens.
            context.load_cert_chain(client_cert, client_key, password="")
        except (OSError, ssl.SSLError):
            raise SettingsError(
                f"client_cert: {client_cert} and its key cannot be used. "
                "Both have to be PEM files that belong together, the key without a password."
            ) from None
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
