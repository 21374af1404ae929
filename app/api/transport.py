"""One request, one answer: the only place that knows httpx, its exceptions and its connections."""

import asyncio
import base64
import re
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

import httpx

from app import __version__
from app.api.body import MAX_BODY, MAX_REFUSAL, LargeBodyTurn, OversizedBody, UnreadableBody, read_body
from app.api.redaction import Redaction, address_without_secrets
from app.api.responses import ADVICE, ApiResponse, one_line
from app.api.retry import seconds_to_wait
from app.errors import (
    CertificateNotTrusted,
    ClientCertificateRefused,
    ConnectionFailed,
    ConnectionLost,
    ProxyRefused,
    ResponseTooLarge,
    SettingsError,
    UnexpectedResponse,
)

#: The path of the token endpoint.
TOKEN_PATH: Final = "/Token"  # noqa: S105 - a path

_CONNECT_SECONDS: Final = 5.0
_CONNECTIONS: Final = 8
#: Less than the 5 s after which common servers (uvicorn, Node) close an idle connection.
_IDLE_SECONDS: Final = 4.0
_SEARCHED_BYTES: Final = 4096
#: What anyio says when every address of a host fails.
_NO_REASON: Final = "All connection attempts failed"
_NO_ANSWER: Final = "no answer"
#: What TLS says, in capitals or small letters, when the server wants a certificate of the client, or another one.
_CERTIFICATE_ALERT: Final = re.compile(
    "alert[ _](?:certificate[ _]required|bad[ _]certificate|unknown[ _]ca|certificate[ _](?:unknown|expired|revoked)"
    "|unsupported[ _]certificate|no[ _]certificate)",
    re.IGNORECASE,
)
#: What the pages of nginx and IIS say for the same.
_CERTIFICATE_WANTED: Final = re.compile(
    b"^\\s*<.*(?:required SSL certificate|SSL certificate error|client certificate)", re.IGNORECASE | re.DOTALL
)
_CERTIFICATE_STATUSES: Final = frozenset({400, 403, 495, 496})
_NEVER_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
_HEADERS: Final = {
    "User-Agent": f"dockbook/{__version__}",
    "Accept": "application/json",
    "Accept-Encoding": "gzip",
}


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """A request: `path` is encoded already and follows the base.

    `read_timeout` is the longest silence in seconds; `None` if only the deadline of the call counts.
    """

    method: str
    path: str
    read_timeout: float | None
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    content: bytes | None = field(default=None, repr=False)
    limit: int = MAX_BODY
    secret: str = field(default="", repr=False)

    def with_token(self, token: str) -> "ApiRequest":
        """The same request with its bearer."""
        return replace(self, headers=self.headers | {"Authorization": f"Bearer {token}"}, secret=token)


class HttpTransport:
    """The connections to one server.

    The environment is not asked for proxies (`trust_env`): a variable left over in a shell must not send
    customers elsewhere; a proxy that is wanted is handed in. Every request other than a GET goes out on a new
    connection: a kept one may be closed by the server at that very moment, and then it is not known what became of
    the write. `hint` is said where no connection is made.
    """

    def __init__(
        self,
        base_url: str,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        ssl_context: ssl.SSLContext | None = None,
        proxy: str | None = None,
        hint: str = "",
    ) -> None:
        self._base = checked_base(base_url)
        self._transport = transport
        self._ssl_context = ssl_context
        self._redaction = Redaction()
        self._proxy = None if proxy is None else self._checked_proxy(proxy)
        self._hint = hint
        self._clients: dict[bool, httpx.AsyncClient] = {}
        self._large = asyncio.Lock()

    async def send(self, outgoing: ApiRequest) -> ApiResponse:
        """Send once and read the whole response, whatever its status; redirects are never followed.

        Raises ConnectionFailed if nothing was sent, and ConnectionLost, UnexpectedResponse or ResponseTooLarge
        when something was.
        """
        self._redaction.add(outgoing.secret, keep=outgoing.path == TOKEN_PATH)
        client = self._client(keep_alive=outgoing.method == "GET")
        request = client.build_request(
            outgoing.method,
            self._base + outgoing.path,
            params=outgoing.query or None,
            headers=outgoing.headers,
            content=outgoing.content,
            timeout=httpx.Timeout(outgoing.read_timeout, connect=_CONNECT_SECONDS, pool=None),
        )
        try:
            response = await client.send(request, stream=True, auth=None, follow_redirects=False)
            room = LargeBodyTurn(self._large)
            try:
                return await self._read(response, outgoing, room)
            finally:
                await response.aclose()
                room.release()
        except _NEVER_SENT as error:
            raise self._not_connected(error) from error
        except (httpx.TransportError, OSError) as error:
            if (refused := _refused_by_tls(error)) is not None:
                raise refused from error
            why = self._quoted(error) or type(error).__name__
            raise ConnectionLost(f"The connection to the server broke before its answer was whole ({why}).") from error

    async def close(self) -> None:
        """Close every connection."""
        while self._clients:
            _, client = self._clients.popitem()
            await client.aclose()

    def _client(self, *, keep_alive: bool) -> httpx.AsyncClient:
        """Built when first needed: reading the system's certificates takes tens of milliseconds."""
        if keep_alive not in self._clients:
            if self._ssl_context is None:
                secure = self._transport is None and (self._base.startswith("https:") or self._proxy is not None)
                self._ssl_context = ssl.create_default_context() if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            self._clients[keep_alive] = httpx.AsyncClient(
                headers=_HEADERS,
                transport=self._transport,
                verify=self._ssl_context,
                proxy=self._proxy,
                trust_env=False,
                limits=httpx.Limits(
                    max_connections=_CONNECTIONS,
                    max_keepalive_connections=_CONNECTIONS if keep_alive else 0,
                    keepalive_expiry=_IDLE_SECONDS,
                ),
                event_hooks={"response": [self._refuse_redirect]},
            )
        return self._clients[keep_alive]

    async def _read(self, response: httpx.Response, outgoing: ApiRequest, room: LargeBodyTurn) -> ApiResponse:
        headers = response.headers
        content = bytearray()
        trouble = ""
        refusing = not response.is_success
        limit = min(outgoing.limit, MAX_REFUSAL) if refusing else outgoing.limit
        try:
            content = await read_body(_raw(response), headers.get("content-encoding", ""), limit, room)
        except OversizedBody:
            trouble = f"it is larger than {_size(limit)}"
            if limit == MAX_BODY:
                raise ResponseTooLarge(f"The server's answer is larger than {_size(limit)}.") from None
        except UnreadableBody as error:
            trouble = str(error)
        answer = ApiResponse(
            status=response.status_code,
            headers=headers,
            content=content,
            retry_after=seconds_to_wait(headers.get("retry-after"), headers.get("date"), datetime.now(UTC)),
            redaction=self._redaction,
        )
        if trouble:
            raise answer.unexpected(f"Its body cannot be read: {trouble}.")
        if answer.status == 407 and self._proxy is not None:
            raise self._proxy_refused("407")
        if answer.status in _CERTIFICATE_STATUSES and _CERTIFICATE_WANTED.search(answer.content[:_SEARCHED_BYTES]):
            raise ClientCertificateRefused(answer.status)
        return answer

    async def _refuse_redirect(self, response: httpx.Response) -> None:
        """Runs before httpx looks where a redirect leads: a bad address there would pass for a broken connection."""
        if response.has_redirect_location:
            target = one_line(self._redaction(address_without_secrets(response.headers["location"])), 100)
            raise UnexpectedResponse(
                f"The server answered {response.status_code} and points to “{target}”, where dockbook does not follow. "
                f"{ADVICE}",
                status=response.status_code,
            )

    def _not_connected(self, error: httpx.TransportError) -> ConnectionFailed:
        if (refused := _refused_by_tls(error)) is not None:
            return refused
        why = self._quoted(error)
        if why in ("", _NO_REASON):
            why = _NO_ANSWER
        if isinstance(error, httpx.ProxyError):
            return self._proxy_refused(why)
        if self._proxy is not None:
            return ConnectionFailed(f"No connection to the proxy {self._proxy_host}: {why}. Check its address.")
        advice = "Check the network, then the address."
        if "handshake failure" in why.lower():
            advice = "It may want a client certificate (client_cert in the profile), or speak only an old TLS."
        hint = f" {self._hint}" if self._hint else ""
        reason = "" if why == _NO_ANSWER else f" ({why})"
        return ConnectionFailed(f"No connection to the server{reason}. {advice}{hint}")

    def _proxy_refused(self, why: str) -> ProxyRefused:
        cure = ""
        if why.startswith("407"):
            user = self._proxy is not None and self._proxy.auth is not None
            cure = (
                " It does not accept the user and password in its address."
                if user
                else " It wants a user and password: http://USER:PASSWORD@HOST:PORT."
            )
        return ProxyRefused(f"The proxy {self._proxy_host} does not let dockbook through ({why}).{cure}")

    def _quoted(self, error: Exception) -> str:
        return one_line(self._redaction(str(error)), 100)

    @property
    def _proxy_host(self) -> str:
        return "" if self._proxy is None else self._proxy.url.netloc.decode("ascii", "replace")

    def _checked_proxy(self, address: str) -> httpx.Proxy:
        url = _readable(address)
        if url is None or url.scheme not in ("http", "https") or not url.host:
            raise SettingsError("The address of the proxy must begin with http:// or https:// and name a host.")
        proxy = httpx.Proxy(url, ssl_context=ssl.create_default_context() if url.scheme == "https" else None)
        if proxy.auth is not None:
            user, password = proxy.auth
            self._redaction.add(password, keep=True)
            self._redaction.add(base64.b64encode(f"{user}:{password}".encode()).decode("ascii"), keep=True)
        return proxy


def checked_base(base_url: str) -> str:
    """The base without its last slash; `SettingsError` when nothing could be asked of it."""
    url = _readable(base_url)
    if url is None or url.scheme not in ("http", "https") or not url.host:
        raise SettingsError("The server address must begin with https:// (or http://) and name a host.")
    if url.userinfo or url.query or url.fragment:
        raise SettingsError("The server address must hold no user name, password, question mark or number sign.")
    return str(url).rstrip("/")


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


def _refused_by_tls(error: BaseException) -> CertificateNotTrusted | ClientCertificateRefused | None:
    """The error where one of the two certificates is the cause."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            why = one_line(cause.verify_message, 100).rstrip(".")
            return CertificateNotTrusted(
                f"The server's certificate is not trusted: {why}. Nothing was sent. "
                "If your company has its own certificate authority, name its file in the profile."
            )
        if isinstance(cause, ssl.SSLError) and _CERTIFICATE_ALERT.search(str(cause)):
            return ClientCertificateRefused()
        cause = cause.__cause__ or cause.__context__
    return None


def _size(limit: int) -> str:
    return f"{limit // 2**20} MiB" if limit >= 2**20 else f"{limit // 2**10} KiB"
