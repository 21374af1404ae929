"""Client credentials and tokens: those of the database, for every process, and temporary ones of this process."""

import hmac
import math
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, NamedTuple

from app.service.database import credential_table
from app.service.database.base import Database
from app.service.database.credential_table import IssuedCredential, hash_secret, new_credential
from app.service.errors import unauthorized
from app.service.rate_limit import FailureLimit, RateLimit
from app.service.rows import format_timestamp

#: What the database said of a token is believed for this long (seconds): by then a disabled credential is out.
_BELIEVED: Final = 30.0
_MAX_KNOWN: Final = 10_000
#: After a pause, a client may send as many requests at once as its rate allows in this many seconds.
_BURST_SECONDS: Final = 4.0
#: Wrong secrets: 5 for one client ID from one address, 100 from one address, each in half a minute.
_FAILURE_WINDOW: Final = 30.0
_MAX_FAILURES: Final = 5
_MAX_FAILURES_OF_ADDRESS: Final = 100
#: New tokens of one client a second, and how many seconds of them at once.
_TOKENS_PER_SECOND: Final = 10.0
_TOKEN_BURST_SECONDS: Final = 20.0


class Grant(NamedTuple):
    """Whom a token belongs to, and what it permits."""

    client_id: str
    permissions: frozenset[int]


class _Known(NamedTuple):
    grant: Grant
    expires: float
    believed_until: float


class Credentials:
    """Checks secrets and tokens.

    With `requests_per_second`, each client has that rate for itself, so that a noisy one does not slow the others; each
    process counts alone. Wrong secrets lock a client ID only for the address they came from. `clock` gives seconds
    since 1970.
    """

    def __init__(
        self,
        database: Database | None = None,
        *,
        expires_in: int = 14399,
        requests_per_second: float = math.inf,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.expires_in = expires_in
        self._database = database
        self._clock = clock
        self._requests = RateLimit(requests_per_second, _BURST_SECONDS)
        self._tokens = RateLimit(_TOKENS_PER_SECOND, _TOKEN_BURST_SECONDS)
        self._failures = FailureLimit(_MAX_FAILURES, _FAILURE_WINDOW)
        self._failures_of_address = FailureLimit(_MAX_FAILURES_OF_ADDRESS, _FAILURE_WINDOW)
        self._known: OrderedDict[str, _Known] = OrderedDict()
        #: Client IDs of this process alone, with the hash of the secret and the permissions.
        self._temporary: dict[str, tuple[str, frozenset[int]]] = {}
        self._temporary_tokens: OrderedDict[str, tuple[str, float]] = OrderedDict()

    def issue(self, permissions: frozenset[int], client_id: str = "") -> IssuedCredential:
        """Create a credential with these SecurityIDs that ends with this process."""
        issued = new_credential(permissions, client_id)
        self._temporary[issued.client_id] = (hash_secret(issued.client_secret), permissions)
        return issued

    def set_permissions(self, client_id: str, permissions: frozenset[int]) -> None:
        """Change the permissions of a temporary credential, effective at once, also for tokens it already has."""
        self._temporary[client_id] = (self._temporary[client_id][0], permissions)

    def disable(self, client_id: str) -> None:
        """Revoke a temporary credential and its tokens."""
        del self._temporary[client_id]

    async def issue_token(self, client_id: str, secret: str, address: str = "") -> str:
        """Issue a token that is valid for `expires_in` seconds.

        Raises `Unauthorized` for an unknown ID or a wrong secret, and `RateLimited` after too many of those from this
        address, or too many tokens.
        """
        now = self._clock()
        self._failures.check((client_id, address), now)
        self._failures_of_address.check(address, now)
        expected = await self._secret_hash(client_id)
        # An unknown ID costs the same comparison, so that timing does not reveal which IDs exist.
        right = hmac.compare_digest(expected or hash_secret(""), hash_secret(secret))
        if not expected or not right:
            self._failures.record_failure((client_id, address), now)
            self._failures_of_address.record_failure(address, now)
            raise unauthorized("The client_id or client_secret is not known.")
        self._failures.record_success((client_id, address))
        self._tokens.take(client_id, now)
        return await self._new_token(client_id, now)

    async def authenticate(self, token: str) -> Grant:
        """Return whose token this is. Called once per request, it counts the request.

        Raises `Unauthorized` when the token is invalid or has expired, and `RateLimited` when its client is too fast.
        """
        now = self._clock()
        grant = await self._grant(hash_secret(token), now)
        if grant is None:
            raise unauthorized("The access token is not valid or has expired.")
        self._requests.take(grant.client_id, now)
        return grant

    def count(self, client_id: str, cost: float) -> None:
        """Count what a request costs beyond that of a small one. Raises `RateLimited`."""
        self._requests.take(client_id, self._clock(), cost)

    async def _secret_hash(self, client_id: str) -> str:
        temporary = self._temporary.get(client_id)
        if temporary is not None:
            return temporary[0]
        if self._database is None or "\0" in client_id:
            return ""
        found = await self._database.read(lambda session: credential_table.find(session, client_id), quick=True)
        return "" if found is None or found.disabled else found.secret_hash

    async def _new_token(self, client_id: str, now: float) -> str:
        token = secrets.token_urlsafe(32)
        token_hash = hash_secret(token)
        expires = now + self.expires_in
        if client_id in self._temporary:
            while self._temporary_tokens and next(iter(self._temporary_tokens.values()))[1] <= now:
                self._temporary_tokens.popitem(last=False)
            self._temporary_tokens[token_hash] = (client_id, expires)
        elif self._database is not None:
            await self._database.write(
                lambda session: credential_table.add_token(session, token_hash, client_id, _text(expires), _text(now))
            )
        return token

    async def _grant(self, token_hash: str, now: float) -> Grant | None:
        temporary = self._temporary_tokens.get(token_hash)
        if temporary is not None:
            client_id, expires = temporary
            account = self._temporary.get(client_id)
            return Grant(client_id, account[1]) if account is not None and expires > now else None
        if self._database is None:
            return None
        known = self._known.get(token_hash)
        if known is None or known.believed_until <= now:
            found = await self._database.read(
                lambda session: credential_table.find_token(session, token_hash), quick=True
            )
            if found is None:
                self._known.pop(token_hash, None)
                return None
            client_id, expires_text, permissions = found
            expires = datetime.fromisoformat(expires_text).replace(tzinfo=UTC).timestamp()
            known = _Known(Grant(client_id, permissions), expires, now + _BELIEVED)
            self._known[token_hash] = known
            if len(self._known) > _MAX_KNOWN:
                self._known.popitem(last=False)
        return known.grant if known.expires > now else None


def _text(moment: float) -> str:
    return format_timestamp(datetime.fromtimestamp(moment, UTC).replace(tzinfo=None))
