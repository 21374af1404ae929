"""One request, one answer: the only place that knows httpx, its exceptions and its connections."""

import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

import httpx

from app import __version__
from app.api.answers import ADVICE, Answer, printable
from app.api.body import MAX_BODY, OversizedBody, UnreadableBody, read_body
from app.api.retry import seconds_to_wait
from app.errors import (
    AnswerTooLarge,
    CertificateNotTrusted,
    ConnectionFailed,
    ConnectionLost,
    NotTheApi,
    SettingsError,
)

_CONNECT_SECONDS: Final = 5.0
_CONNECTIONS: Final = 8
#: Less than the 5 s after which common servers (uvicorn, Node) close an idle connection.
_IDLE_SECONDS: Final = 4.0
_NEVER_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
_HEADERS: Final = {
    "User-Agent": f"dockbook/{__version__}",
    "Accept": "application/json",
    "Accept-Encoding": "gzip",
}


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request: `path` is encoded already and follows the base.

    `patience` is the longest silence in seconds; `None` where only the deadline of the whole call counts.
    """

    method: str
    path: str
    patience: float | None
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    content: bytes | None = field(default=None, repr=False)
    limit: int = MAX_BODY
    secret: str = field(default="", repr=False)

    def signed(self, token: str) -> "Outgoing":
        """The same request with its bearer."""
        return replace(self, headers=self.headers | {"Authorization": f"Bearer {token}"}, secret=token)


class Wire:
    """The connections to one server.

    The environment is not asked for proxies (`trust_env`): a variable left over in somebody's shell must not send
    customers elsewhere; a proxy that is wanted is handed in. Every request other than a GET goes out on a new
    connection: a kept one may be closed by the server at that very moment, and then nobody knows what became of
    the write.
    """

    def __init__(
        self,
        base_url: str,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        ssl_context: ssl.SSLContext | None = None,
        proxy: str | None = None,
    ) -> None:
        self._base = checked_base(base_url)
        self._transport = transport
        self._ssl_context = ssl_context
        self._proxy = None if proxy is None else _checked_proxy(proxy)
        self._clients: dict[bool, httpx.AsyncClient] = {}

    async def exchange(self, outgoing: Outgoing) -> Answer:
        """Send once and read the answer whole, whatever its status; redirects are never followed.

        Raises `ConnectionFailed` when nothing was sent, and `ConnectionLost`, `NotTheApi` or `AnswerTooLarge`
        when something was.
        """
        client = self._client(keep=outgoing.method == "GET")
        request = client.build_request(
            outgoing.method,
            self._base + outgoing.path,
            params=outgoing.query or None,
            headers=outgoing.headers,
            content=outgoing.content,
            timeout=httpx.Timeout(outgoing.patience, connect=_CONNECT_SECONDS, pool=None),
        )
        try:
            response = await client.send(request, stream=True, auth=None, follow_redirects=False)
            try:
                return await self._read(response, outgoing)
            finally:
                await response.aclose()
        except _NEVER_SENT as error:
            raise _not_connected(error) from error
        except (httpx.TransportError, OSError) as error:
            why = printable(str(error), 100) or type(error).__name__
            raise ConnectionLost(f"The connection to the server broke before its answer was whole ({why}).") from error

    async def close(self) -> None:
        """Close every connection."""
        while self._clients:
            _, client = self._clients.popitem()
            await client.aclose()

    def _client(self, *, keep: bool) -> httpx.AsyncClient:
        """Built when first needed: reading the system's certificates takes tens of milliseconds."""
        if keep not in self._clients:
            if self._ssl_context is None:
                secure = self._transport is None and (self._base.startswith("https:") or self._proxy is not None)
                self._ssl_context = ssl.create_default_context() if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            self._clients[keep] = httpx.AsyncClient(
                headers=_HEADERS,
                transport=self._transport,
                verify=self._ssl_context,
                proxy=self._proxy,
                trust_env=False,
                limits=httpx.Limits(
                    max_connections=_CONNECTIONS,
                    max_keepalive_connections=_CONNECTIONS if keep else 0,
                    keepalive_expiry=_IDLE_SECONDS,
                ),
                event_hooks={"response": [_refuse_redirect]},
            )
        return self._clients[keep]

    async def _read(self, response: httpx.Response, outgoing: Outgoing) -> Answer:
        headers = response.headers
        content = b""
        trouble = ""
        try:
            content = await read_body(_raw(response), headers.get("content-encoding", ""), outgoing.limit)
        except OversizedBody:
            raise AnswerTooLarge(f"The server's answer is larger than {outgoing.limit // 1024} KiB.") from None
        except UnreadableBody as error:
            trouble = str(error)
        answer = Answer(
            status=response.status_code,
            headers=headers,
            content=content,
            retry_after=seconds_to_wait(headers.get("retry-after"), headers.get("date"), datetime.now(UTC)),
            secret=outgoing.secret,
        )
        if trouble:
            raise answer.foreign(f"Its body cannot be read: {trouble}.")
        return answer


def checked_base(base_url: str) -> str:
    """The base without its last slash; `SettingsError` when nothing could be asked of it."""
    url = _readable(base_url)
    if url is None or url.scheme not in ("http", "https") or not url.host:
        raise SettingsError("The server address must begin with https:// (or http://) and name a host.")
    if url.userinfo or url.query or url.fragment:
        raise SettingsError("The server address must hold no user name, password, question mark or number sign.")
    return str(url).rstrip("/")


def _checked_proxy(address: str) -> httpx.Proxy:
    url = _readable(address)
    if url is None or url.scheme not in ("http", "https") or not url.host:
        raise SettingsError("The address of the proxy must begin with http:// or https:// and name a host.")
    return httpx.Proxy(url)


def _readable(address: str) -> httpx.URL | None:
    """The address; `None`, for the reason may quote a password, when it is none or could not be connected to."""
    try:
        url = httpx.URL(address.strip())
        # The system's look-up encodes the name so; it would fail with an error that httpx does not know.
        url.host.encode("idna")
    except (httpx.InvalidURL, UnicodeError):
        return None
    return url if url.port is None or 0 < url.port < 2**16 else None


def _raw(response: httpx.Response) -> AsyncIterator[bytes]:
    """The body as it comes off the wire, not unpacked."""
    if not isinstance(response.stream, httpx.AsyncByteStream):
        raise TypeError("the transport is not asynchronous")
    return aiter(response.stream)


async def _refuse_redirect(response: httpx.Response) -> None:
    """Runs before httpx looks where a redirect leads: a bad address there would pass for a broken connection."""
    if response.has_redirect_location:
        target = printable(response.headers["location"], 100)
        raise NotTheApi(
            f"The server answered {response.status_code} and points to “{target}”, where dockbook does not follow. "
            f"{ADVICE}",
            status=response.status_code,
        )


def _not_connected(error: httpx.TransportError) -> ConnectionFailed:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return CertificateNotTrusted(
                f"The server's certificate is not trusted: {printable(cause.verify_message, 100)}. Nothing was sent. "
                "If your company has its own certificate authority, name its file in the profile."
            )
        cause = cause.__cause__ or cause.__context__
    why = printable(str(error), 100) or "no answer to the call"
    return ConnectionFailed(f"No connection to the server: {why}. Check the address and the network.")
