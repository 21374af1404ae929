"""OAuth 2 client credentials: one token for all calls, renewed in time [contract, "Authentication"]."""

import asyncio
import math
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode

from app.api.body import MAX_TOKEN_BODY, UnreadableBody, parse_json
from app.api.responses import ApiResponse, error_from, one_line
from app.api.transport import TOKEN_PATH, ApiRequest
from app.errors import CredentialsRejected, DockbookError, ServerFault, SettingsError, TokenUnavailable, TransportError
from app.models.fields import Permission

_LONGEST_TOKEN: Final = 16 * 2**10
_SCHEME: Final = re.compile(r"bearer\s+", re.IGNORECASE)
#: Codes that call the client ID or secret wrong.
_WRONG: Final = frozenset({"invalid_client", "invalid_grant", "unauthorized", "invalid_credentials"})
_ASK_ADMIN: Final = "Ask your administrator of the warehouse system."
#: What to do about a code that does not.
_ADVICE: Final = {
    "unsupported_grant_type": f"It does not offer client credentials. {_ASK_ADMIN}",
    "unauthorized_client": f"This client ID may not use client credentials. {_ASK_ADMIN}",
    "invalid_scope": f"It wants to know what the token is for, which dockbook does not say. {_ASK_ADMIN}",
    "invalid_request": "It does not understand the request. Check the address of this profile (it ends in /api/v1).",
    "forbidden": f"This user, or this machine, may not sign in; the client ID and secret may be right. {_ASK_ADMIN}",
}
_ADVICE_BY_STATUS: Final = {400: _ADVICE["invalid_request"], 403: _ADVICE["forbidden"]}
_LARGEST_MARGIN: Final = 60.0


@dataclass(frozen=True, slots=True)
class Token:
    """An access token, and when to renew it on the monotonic clock; `inf` when the server did not say."""

    value: str = field(repr=False)
    renew_at: float


class ClientCredentials:
    """A client ID and secret: what a request for a token is made of."""

    def __init__(self, client_id: str, client_secret: str) -> None:
        form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
        try:
            self._form = urlencode(form).encode("ascii")
        except UnicodeEncodeError:
            raise SettingsError("The client ID or the client secret holds characters that cannot be sent.") from None
        self._secret = client_secret

    def request(self, read_timeout: float) -> ApiRequest:
        """The request for a token."""
        return ApiRequest(
            "POST",
            TOKEN_PATH,
            read_timeout,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            content=self._form,
            limit=MAX_TOKEN_BODY,
            secret=self._secret,
        )


class TokenCache:
    """The current token of one set of credentials.

    However many requests wait, one task asks; a request that is cancelled while it waits leaves the task to the
    others. `ask` sends the request for a token and answers within its own deadline.
    """

    def __init__(
        self, ask: Callable[[], Awaitable[ApiResponse]], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._token: Token | None = None
        self._asking: asyncio.Task[Token] | None = None

    async def get(self) -> Token:
        """Return a token; request one if there is none, or if it is about to expire."""
        token = self._token
        if token is None or self._clock() >= token.renew_at:
            return await self._renewed()
        return token

    async def replace(self, refused: Token) -> Token:
        """Return a token to replace `refused`: the one that came meanwhile, or a new one."""
        if self._token is refused:
            self._token = None
        return await self.get()

    async def close(self) -> None:
        """Forget the token and stop asking."""
        self._token = None
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait({self._asking})

    async def _renewed(self) -> Token:
        if self._asking is None:
            self._asking = asyncio.create_task(self._fetch())
            self._asking.add_done_callback(self._asked)
        asking = self._asking
        # Unlike awaiting the task, this does not cancel it when one of those who wait is cancelled.
        await asyncio.wait({asking})
        return asking.result()

    def _asked(self, task: asyncio.Task[Token]) -> None:
        self._asking = None
        if not task.cancelled() and task.exception() is None:
            self._token = task.result()

    async def _fetch(self) -> Token:
        # The lifetime is counted from before the request: it can only be longer.
        asked_at = self._clock()
        try:
            return _token(await self._ask(), asked_at)
        except (TransportError, ServerFault) as error:
            # Whatever became of this request, the call that waits for the token was not sent.
            error.sent = False
            raise


def _token(answer: ApiResponse, asked_at: float) -> Token:
    if answer.status in (400, 401, 403):
        raise _refused(answer)
    if answer.status == 429 or answer.status >= 500:
        raise error_from(answer, permission=Permission.LIST)
    if not answer.succeeded:
        # Above all no NotFound: the caller would take it for the customer's.
        raise answer.unexpected("A token was asked for.")
    body = answer.json()
    value = body.get("access_token") if isinstance(body, dict) else None
    if isinstance(body, dict) and value is None and isinstance(body.get("error"), str):
        raise _refused(answer)
    if not isinstance(value, str) or not value.strip():
        raise answer.unexpected("A token was asked for, and none is in it.")
    kind = body.get("token_type")
    if kind is not None and "bearer" not in str(kind).lower() and str(kind).strip():
        shown = one_line(answer.without_secret(str(kind)), 40)
        raise TokenUnavailable(f"The server gave a token of a kind that dockbook does not know: {shown}. {_ASK_ADMIN}")
    # Some servers include the word "Bearer".
    value = _SCHEME.sub("", value.strip())
    if not value or len(value) > _LONGEST_TOKEN or not all("!" <= sign <= "~" for sign in value):
        raise TokenUnavailable(f"The server gave a token that cannot be sent. {_ASK_ADMIN}")
    life = _lifetime(body.get("expires_in"))
    return Token(value, asked_at + life - min(_LARGEST_MARGIN, life / 10) if math.isfinite(life) else math.inf)


def _lifetime(expires_in: object) -> float:
    """Return the lifetime of a token in seconds; `inf` if the server gives none: then a 401 ends it."""
    if isinstance(expires_in, bool) or not isinstance(expires_in, int | float | str):
        return math.inf
    try:
        life = float(expires_in)
    except (ValueError, OverflowError):
        return math.inf
    return life if life > 0 else math.inf


def _refused(answer: ApiResponse) -> DockbookError:
    """The error of a refused request for a token, in the contract's shape or in that of OAuth 2 (RFC 6749, 5.2).

    That the client ID and secret are wrong is only said where the server says so.
    """
    error = error_from(answer, permission=Permission.LIST) if not answer.succeeded else None
    if isinstance(error, TransportError):
        return error
    try:
        body = parse_json(answer.content) if answer.content.strip() else {}
    except UnreadableBody:
        # Only a 401 comes here with a page: whose login it wants is not known.
        return TokenUnavailable(f"Something asks for a login. {answer.unexpected().text}", retry_allowed=False)
    said = code = ""
    if isinstance(body, dict):
        said = next((str(body[name]) for name in ("error_description", "message", "error") if body.get(name)), "")
        code = str(body.get("error") or "").strip().lower()
    quoted = f" It says: “{one_line(answer.without_secret(said), 150)}”." if said else ""
    if code in _WRONG or (answer.status == 401 and code not in _ADVICE):
        return CredentialsRejected(
            f"The server does not accept the client ID and secret of this profile ({answer.status}).{quoted} "
            "They may have been changed or disabled."
        )
    advice = _ADVICE.get(code, _ADVICE_BY_STATUS.get(answer.status, _ASK_ADMIN))
    return TokenUnavailable(f"The server gives no access token ({answer.status}).{quoted} {advice}")
