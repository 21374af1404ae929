"""The Customer API as five calls: each ends by its deadline, is retried where that is safe, and raises our errors."""

import asyncio
import re
import ssl
import time
import unicodedata
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import quote

import httpx

from app.api.auth import ClientCredentials, TokenCache
from app.api.body import dump_json
from app.api.responses import ADVICE, ApiResponse, error_from
from app.api.retry import RetryAfterGate, RetryPolicy
from app.api.split_pages import ListedPage, PageSplitter
from app.api.transport import ApiRequest, HttpTransport
from app.errors import (
    ApiError,
    ConnectionFailed,
    DeadlineExceeded,
    IdRefused,
    InvalidId,
    NotFound,
    UnclearResponse,
    UnexpectedResponse,
)
from app.models.customer import Customer, Page
from app.models.fields import ID_FIELD, PageRequest, Permission
from app.models.raw_customer import RawPage, parse_record

_SLOW: Final = "The server is overloaded or out of reach; try again in a while."
#: With which servers and firewalls answer to an address that they do not like.
_REFUSED_PATH: Final = frozenset({400, 403, 405, 406, 414, 421})
_LONGEST_SEGMENT: Final = 2_000
#: How many customers are parsed without a pause.
_AT_ONCE: Final = 25
_NOT_NAMES: Final = frozenset({".", "..", "All"})
_Row = TypeVar("_Row")
_STRONG_ETAG: Final = re.compile(r'"[!#-~]{0,200}"')


def asgi_transport(service: "Callable[..., Awaitable[None]]") -> httpx.AsyncBaseTransport:
    """The way to a service in this very process, whose failures are answers like any other."""
    return httpx.ASGITransport(service, raise_app_exceptions=False)


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds within which a call ends, its retries and its token included."""

    read: float = 20.0
    page: float = 30.0
    write: float = 30.0
    token: float = 10.0


class Created(NamedTuple):
    """The record after a creation, and whether the answer calls it new (201)."""

    customer: Customer
    is_new: bool


class CustomerApi:
    """A client of the Customer API at `base_url`, which ends in `/api/v1` [contract].

    Every call raises `DockbookError`s only, and can be cancelled at any moment. When a write raises one whose
    `outcome_unknown` is true, or is cancelled, the server may have carried it out: read the record again. After
    any other error it has not. `hint` is said where the server is not reached: what may be between.
    """

    def __init__(
        self,
        base_url: str,
        client_id: str,
        client_secret: str,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        ssl_context: ssl.SSLContext | None = None,
        proxy: str | None = None,
        hint: str = "",
        deadlines: Deadlines | None = None,
        retries: RetryPolicy | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._transport = HttpTransport(base_url, transport=transport, ssl_context=ssl_context, proxy=proxy, hint=hint)
        self._hint = f" {hint}" if hint else ""
        self._credentials = ClientCredentials(client_id, client_secret)
        self._deadlines = Deadlines() if deadlines is None else deadlines
        self._retries = RetryPolicy() if retries is None else retries
        self._retry_after = RetryAfterGate(self._retries, clock)
        self._tokens = TokenCache(self._request_token, clock=clock)
        self._split_pages = PageSplitter()

    async def list_page(self, request: PageRequest) -> Page:
        """One page of all customers, discontinued ones too."""
        listed = await self._list(request)
        return Page.from_wire(
            listed.body, await _read(listed.body["value"], Customer.from_wire), remarks=listed.remarks
        )

    async def list_raw(self, request: PageRequest) -> RawPage:
        """The same for the local copy, in less time."""
        body = (await self._list(request)).body
        return RawPage.from_wire(body, await _read(body["value"], parse_record))

    async def _list(self, request: PageRequest) -> ListedPage:
        """Return the body of a page; its `value` is a list. A page too large for one response is requested in parts."""
        return await self._split_pages.page(request, self._list_unsplit)

    async def _list_unsplit(self, request: PageRequest) -> dict[str, Any]:
        seconds = self._deadlines.page
        try:
            answer = await self._send(ApiRequest("GET", "/Customer/All", seconds / 2, query=request.query()), seconds)
        except NotFound as error:
            raise UnexpectedResponse(
                f"The server knows no customers at this address (404). {ADVICE}", status=404
            ) from error
        # To receive it took some time already.
        await asyncio.sleep(0)
        body = answer.json()
        if not isinstance(body, dict) or not isinstance(body.get("value"), list):
            raise answer.unexpected("This is not a page of customers.")
        return body

    async def get(self, short_id: str) -> Customer:
        """One customer, with its ETag where the server gives one.

        A server that compares IDs loosely may answer with a record whose ID differs in case or spaces.
        """
        seconds = self._deadlines.read
        path = encode_id(short_id)
        try:
            answer = await self._send(ApiRequest("GET", f"/Customer/{path}", seconds / 2), seconds)
        except (ApiError, UnexpectedResponse) as error:
            status = error.response.status if isinstance(error, ApiError) else error.status
            if path != short_id and status in _REFUSED_PATH:
                # Servers and firewalls refuse some characters in an address, before they look for the customer.
                raise IdRefused(short_id, status) from error
            raise
        return _customer(answer)

    async def upsert(self, body: Mapping[str, Any], *, if_match: str | None = None, only_new: bool = False) -> Customer:
        """Update the record that has the body's `shortID`, else create one; the whole record comes back.

        `if_match` (an ETag) and `only_new` are kept by our own service, with `PreconditionFailed`; another server
        may overlook them. Raises `ValueError` for an `if_match` that `get` and `upsert` never gave.
        """
        return _customer(await self._post(body, if_match=if_match, only_new=only_new))

    async def create(self, body: Mapping[str, Any], *, guarded: bool = True) -> Created:
        """The same for a customer that is thought to be new; `guarded` is `only_new`."""
        answer = await self._post(body, only_new=guarded)
        return Created(_customer(answer), answer.status == HTTPStatus.CREATED)

    async def _post(
        self, body: Mapping[str, Any], *, if_match: str | None = None, only_new: bool = False
    ) -> ApiResponse:
        short_id = body.get(ID_FIELD)
        if isinstance(short_id, str):
            encode_id(short_id)
        headers = {"Content-Type": "application/json"}
        if if_match is not None:
            if not _STRONG_ETAG.fullmatch(if_match):
                raise ValueError("if_match is no strong ETag")
            headers["If-Match"] = if_match
        if only_new:
            headers["If-None-Match"] = "*"
        seconds = self._deadlines.write
        outgoing = ApiRequest("POST", "/Customer", None, headers=headers, content=dump_json(body))
        return _carried_out(await self._send(outgoing, seconds))

    async def discontinue(self, short_id: str) -> None:
        """Mark a customer as discontinued; its history is kept."""
        seconds = self._deadlines.write
        answer = _carried_out(await self._send(ApiRequest("DELETE", f"/Customer/{encode_id(short_id)}", None), seconds))
        if answer.content and not answer.content.isspace():
            answer.json()

    async def close(self) -> None:
        """Close every connection and forget the token."""
        await self._tokens.close()
        await self._transport.close()

    async def _send(self, outgoing: ApiRequest, seconds: float) -> ApiResponse:
        """The successful answer to a request that needs a token, within `seconds`."""
        write = outgoing.method != "GET"
        maybe_sent = False

        async def attempt() -> ApiResponse:
            nonlocal maybe_sent
            await self._retry_after.wait(_time_left(scope))
            maybe_sent = True
            try:
                answer = await self._transport.send(outgoing.with_token(token.value))
            except ConnectionFailed:
                maybe_sent = False
                raise
            self._retry_after.observe(answer)
            maybe_sent = answer.status not in (401, 429)
            return answer

        try:
            async with asyncio.timeout(seconds) as scope:
                token = await self._tokens.get()
                answer = await self._retries.send(attempt, write=write, time_left=lambda: _time_left(scope))
                if answer.status == 401:
                    token = await self._tokens.replace(token)
                    answer = await attempt()
        except TimeoutError:
            text = f"No whole answer came within {seconds:g} seconds. {_SLOW}{self._hint}"
            raise DeadlineExceeded(text, sent=maybe_sent) from None
        if not answer.succeeded:
            raise error_from(answer, permission=Permission.MODIFY if write else Permission.LIST)
        return answer

    async def _request_token(self) -> ApiResponse:
        seconds = self._deadlines.token
        outgoing = self._credentials.request(seconds / 2)

        async def attempt() -> ApiResponse:
            await self._retry_after.wait(_time_left(scope))
            answer = await self._transport.send(outgoing)
            self._retry_after.observe(answer)
            return answer

        try:
            async with asyncio.timeout(seconds) as scope:
                # Requesting a token twice does no harm, so this is repeated like a read.
                return await self._retries.send(attempt, write=False, time_left=lambda: _time_left(scope))
        except TimeoutError:
            text = f"No access token came within {seconds:g} seconds. {_SLOW}{self._hint}"
            raise DeadlineExceeded(text, sent=False) from None


def encode_id(short_id: str) -> str:
    """Return the ID as one segment of a path. Raises InvalidId if it cannot be one.

    Other spellings of `All` are IDs by the contract; a server that takes them for the list answers with a page,
    which is then no customer.
    """
    if not short_id.strip() or short_id in _NOT_NAMES:
        raise InvalidId(f"“{short_id}” cannot be the ID of a customer that is asked for by its address.")
    if any(unicodedata.category(sign) in ("Cc", "Cs") for sign in short_id):
        raise InvalidId("This ID has broken or invisible characters: the server cannot be asked for it.")
    encoded = quote(short_id, safe="")
    if len(encoded) > _LONGEST_SEGMENT:
        raise InvalidId("This ID is too long: the server cannot be asked for it.")
    return encoded


async def _read(records: list[Any], read: Callable[[object], _Row]) -> list[_Row]:
    """Parse the rows of a page, with pauses in which keys are handled."""
    rows: list[_Row] = []
    for start in range(0, len(records), _AT_ONCE):
        if len(records) > _AT_ONCE:
            await asyncio.sleep(0)
        rows += map(read, records[start : start + _AT_ONCE])
    return rows


def _carried_out(answer: ApiResponse) -> ApiResponse:
    """The answer to a write, unless it says only that the write was accepted."""
    if answer.status == HTTPStatus.ACCEPTED:
        raise UnclearResponse("The server took the change, but does not say that it is done (202).")
    return answer


def _customer(answer: ApiResponse) -> Customer:
    record = answer.json()
    key = record.get(ID_FIELD) if isinstance(record, dict) else None
    if not isinstance(key, str | int | float) or isinstance(key, bool):
        raise answer.unexpected("This is not a customer.")
    # A weak tag never matches (RFC 9110, 13.1.1): sent back, it would make every save fail.
    etag = answer.headers.get("etag", "")
    return Customer.from_wire(record, etag if _STRONG_ETAG.fullmatch(etag) else None)


def _time_left(scope: asyncio.Timeout) -> float:
    ends = scope.when()
    return float("inf") if ends is None else ends - asyncio.get_running_loop().time()
