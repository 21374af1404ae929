"""The tables of credentials and tokens. Secrets and tokens carry 256 random bits, so a plain SHA-256 hides them."""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from app.errors import SettingsError
from app.service.database.base import Session
from app.service.rows import format_timestamp


@dataclass(frozen=True, slots=True)
class IssuedCredential:
    """A new credential, or a new secret of one. The secret exists only here; the service keeps its hash."""

    client_id: str
    client_secret: str = field(repr=False)
    permissions: frozenset[int]


class StoredCredential(NamedTuple):
    """A credential of the database: `created` and `disabled` (empty unless it is) are times in UTC."""

    client_id: str
    name: str
    secret_hash: str
    permissions: frozenset[int]
    created: str
    disabled: str


_SELECT = "SELECT client_id, name, secret_hash, permissions, created, disabled FROM credential"


def hash_secret(text: str) -> str:
    """The SHA-256 of a secret or token, in hexadecimal."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def new_credential(permissions: frozenset[int], client_id: str = "") -> IssuedCredential:
    """Make a client ID, unless one is given, and a secret."""
    return IssuedCredential(client_id or f"dockbook-{secrets.token_hex(8)}", secrets.token_urlsafe(32), permissions)


def add(name: str, permissions: frozenset[int]) -> Callable[[Session], IssuedCredential]:
    """Store a new credential. Raises `SettingsError` if the name is taken."""

    def write(session: Session) -> IssuedCredential:
        if find_by_name(session, name) is not None:
            raise SettingsError(f"There is a credential {name} already. Choose another name, or rotate that one.")
        issued = new_credential(permissions)
        session.execute(
            "INSERT INTO credential (client_id, name, secret_hash, permissions, created)"
            " VALUES (:client_id, :name, :secret_hash, :permissions, :created)",
            {
                "client_id": issued.client_id,
                "name": name,
                "secret_hash": hash_secret(issued.client_secret),
                "permissions": " ".join(map(str, sorted(permissions))),
                "created": format_timestamp(session.now),
            },
        )
        return issued

    return write


def rotate(name: str) -> Callable[[Session], IssuedCredential]:
    """Give the credential a new secret; tokens issued with the old one live on until they expire."""

    def write(session: Session) -> IssuedCredential:
        found = _require(session, name)
        if found.disabled:
            raise SettingsError(f"The credential {name} is disabled. Add a new one.")
        issued = new_credential(found.permissions, found.client_id)
        session.execute(
            "UPDATE credential SET secret_hash = :secret_hash WHERE client_id = :client_id",
            {"secret_hash": hash_secret(issued.client_secret), "client_id": issued.client_id},
        )
        return issued

    return write


def disable(name: str) -> Callable[[Session], None]:
    """Disable the credential and its tokens."""

    def write(session: Session) -> None:
        found = _require(session, name)
        if not found.disabled:
            session.execute(
                "UPDATE credential SET disabled = :now WHERE client_id = :client_id",
                {"now": format_timestamp(session.now), "client_id": found.client_id},
            )
            session.execute("DELETE FROM token WHERE client_id = :client_id", {"client_id": found.client_id})

    return write


def list_all(session: Session) -> list[StoredCredential]:
    """All credentials, by name."""
    return [_from_row(row) for row in session.execute(f"{_SELECT} ORDER BY name").fetchall()]


def find(session: Session, client_id: str) -> StoredCredential | None:
    """The credential with this client ID."""
    row = session.execute(f"{_SELECT} WHERE client_id = :client_id", {"client_id": client_id}).fetchone()
    return None if row is None else _from_row(row)


def find_by_name(session: Session, name: str) -> StoredCredential | None:
    """The credential with this name."""
    row = session.execute(f"{_SELECT} WHERE name = :name", {"name": name}).fetchone()
    return None if row is None else _from_row(row)


def add_token(session: Session, token_hash: str, client_id: str, expires: str, now: str) -> None:
    """Store a token, and delete those that have expired."""
    session.execute("DELETE FROM token WHERE expires < :now", {"now": now})
    session.execute(
        "INSERT INTO token (hash, client_id, expires) VALUES (:hash, :client_id, :expires)",
        {"hash": token_hash, "client_id": client_id, "expires": expires},
    )


def find_token(session: Session, token_hash: str) -> tuple[str, str, frozenset[int]] | None:
    """The client ID, the time of expiry and the permissions of a token whose credential is not disabled."""
    row = session.execute(
        "SELECT token.client_id, token.expires, credential.permissions FROM token"
        " JOIN credential ON credential.client_id = token.client_id"
        " WHERE token.hash = :hash AND credential.disabled = ''",
        {"hash": token_hash},
    ).fetchone()
    return None if row is None else (row[0], row[1], _permissions(row[2]))


def _require(session: Session, name: str) -> StoredCredential:
    found = find_by_name(session, name)
    if found is None:
        raise SettingsError(f"There is no credential {name}. See: dockbook credential list")
    return found


def _from_row(row: tuple[str, str, str, str, str, str]) -> StoredCredential:
    client_id, name, secret_hash, permissions, created, disabled = row
    return StoredCredential(client_id, name, secret_hash, _permissions(permissions), created, disabled)


def _permissions(text: str) -> frozenset[int]:
    return frozenset(map(int, text.split()))
