"""Client credentials, the tokens issued for them, their permissions, and the rate limits of both."""

import hashlib
import hmac
import math
import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from app.service.errors import rate_limited, unauthorized

#: Customers List, and Create/Modify Customer [spec].

_MAX_FAILURES: Final = 5
_FAILURE_WINDOW: Final = 30.0
_MAX_UNKNOWN_CLIENTS: Final = 1024
_MAX_TOKENS: Final = 4096
#: After a pause, a client may send as many requests at once as its rate allows in this many seconds.
_BURST_SECONDS: Final = 4.0


@dataclass(frozen=True, slots=True)
class IssuedCredential:
    """A new credential. The secret exists only here; the service keeps its hash."""

    client_id: str
    client_secret: str = field(repr=False)
    permissions: frozenset[int]


@dataclass(slots=True)
class _Account:
    secret_hash: bytes
    permissions: frozenset[int]
    failures: deque[float] = field(default_factory=deque)
    tokens: OrderedDict[bytes, float] = field(default_factory=OrderedDict)
    used: float = 0.0
    used_at: float = 0.0


class Credentials:
    """The credentials of one running service, in memory.

    Secrets and tokens carry 256 random bits, so a plain SHA-256 is enough to store them. A client ID is locked for
    half a minute after five wrong secrets, and holds at most 4096 tokens: a new one replaces the oldest. With
    `requests_per_second`, each client has that rate for itself, so that a noisy one does not slow the others.
    """

    def __init__(
        self,
        *,
        expires_in: int = 14399,
        requests_per_second: float = math.inf,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.expires_in = expires_in
        self._rate = requests_per_second
        self._clock = clock
        self._accounts: dict[str, _Account] = {}
        self._owners: dict[bytes, str] = {}
        self._unknown_clients: OrderedDict[str, deque[float]] = OrderedDict()

    def issue(self, permissions: frozenset[int]) -> IssuedCredential:
        """Create a credential with these SecurityIDs."""
        issued = IssuedCredential(f"dockbook-{secrets.token_hex(8)}", secrets.token_urlsafe(32), permissions)
        self._accounts[issued.client_id] = _Account(_hashed(issued.client_secret), permissions)
        return issued

    def set_permissions(self, client_id: str, permissions: frozenset[int]) -> None:
        """Change the permissions of a credential, effective at once, also for tokens it already has."""
        self._accounts[client_id].permissions = permissions

    def disable(self, client_id: str) -> None:
        """Revoke a credential and its tokens."""
        for token in self._accounts.pop(client_id).tokens:
            del self._owners[token]

    def issue_token(self, client_id: str, secret: str) -> str:
        """Issue a token that is valid for `expires_in` seconds.

        Raises `Unauthorized` for an unknown ID or a wrong secret, and `RateLimited` after too many of those.
        """
        now = self._clock()
        account = self._accounts.get(client_id)
        failures = account.failures if account else self._unknown_clients.get(client_id, deque())
        while failures and failures[0] <= now - _FAILURE_WINDOW:
            failures.popleft()
        if len(failures) >= _MAX_FAILURES:
            raise rate_limited(max(1, math.ceil(failures[0] + _FAILURE_WINDOW - now)))
        # An unknown ID costs the same comparison, so that timing does not reveal which IDs exist.
        right = hmac.compare_digest(account.secret_hash if account else bytes(32), _hashed(secret))
        if account is None or not right:
            failures.append(now)
            if account is None:
                self._remember_unknown(client_id, failures)
            raise unauthorized("The client_id or client_secret is not known.")
        failures.clear()
        return self._new_token(client_id, account, now)

    def authenticate(self, token: str) -> frozenset[int]:
        """Return the SecurityIDs of this token. Called once per request, it counts the request.

        Raises `Unauthorized` when the token is invalid or has expired, and `RateLimited` when its client is too fast.
        """
        now = self._clock()
        key = _hashed(token)
        owner = self._owners.get(key)
        if owner is not None:
            account = self._accounts[owner]
            self._drop_expired(account, now)
            if key in account.tokens:
                self._count(account, now)
                return account.permissions
        raise unauthorized("The access token is not valid or has expired.")

    def _count(self, account: _Account, now: float) -> None:
        """Drain the leaky bucket of this client, then add one request to it; raises `RateLimited` when it is full."""
        if math.isinf(self._rate):
            return
        account.used = max(0.0, account.used - (now - account.used_at) * self._rate)
        account.used_at = now
        excess = account.used + 1 - self._rate * _BURST_SECONDS
        if excess > 0:
            raise rate_limited(max(1, math.ceil(excess / self._rate)))
        account.used += 1

    def _new_token(self, client_id: str, account: _Account, now: float) -> str:
        self._drop_expired(account, now)
        while len(account.tokens) >= _MAX_TOKENS:
            oldest, _ = account.tokens.popitem(last=False)
            del self._owners[oldest]
        token = secrets.token_urlsafe(32)
        key = _hashed(token)
        account.tokens[key] = now + self.expires_in
        self._owners[key] = client_id
        return token

    def _drop_expired(self, account: _Account, now: float) -> None:
        # All tokens have the same lifetime, so the oldest is always the first to expire.
        while account.tokens:
            key, expires = next(iter(account.tokens.items()))
            if expires > now:
                return
            del account.tokens[key]
            del self._owners[key]

    def _remember_unknown(self, client_id: str, failures: deque[float]) -> None:
        self._unknown_clients[client_id] = failures
        self._unknown_clients.move_to_end(client_id)
        if len(self._unknown_clients) > _MAX_UNKNOWN_CLIENTS:
            self._unknown_clients.popitem(last=False)


def _hashed(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
