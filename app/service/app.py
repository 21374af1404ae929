"""The Customer API over HTTP: routes, permissions, responses and the one format of every error."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from app.errors import ApiError, StoreError
from app.models.fields import Permission
from app.service.credentials import Credentials, Grant
from app.service.database.base import RequestWait, request_wait
from app.service.errors import forbidden, not_found, unauthorized
from app.service.request_parsing import (
    check_headers,
    parse_client_credentials,
    parse_if_match,
    parse_only_new,
    parse_page_request,
    parse_path_id,
    parse_upsert,
)
from app.service.rows import StoredCustomer
from app.service.store import Store

ROOT: Final = "/api/v1"
_CUSTOMER: Final = f"{ROOT}/Customer"
_OPENAPI: Final = Path(__file__).with_name("openapi.json")
#: An answer of a database that takes longer than this (seconds) counts as none.
_READY_SECONDS: Final = 3.0
#: A page of so many rows costs as much as two requests, for the rate limit.
_ROWS_PER_REQUEST: Final = 100
_HEADERS: Final = {"X-API-Version": "v1", "Cache-Control": "no-store"}

Handler = Callable[[Request], Awaitable[Response]]


def create_app(store: Store, credentials: Credentials) -> Starlette:
    """Build the service; the caller opens and closes the store."""
    api = _CustomerApi(store, credentials)
    health = _Health(store)
    app = Starlette(
        routes=[
            # The most frequent ones first: they are tried one after the other.
            _route(f"{_CUSTOMER}/All", GET=api.page),
            _route(f"{_CUSTOMER}/{{id:path}}", GET=api.get, DELETE=api.discontinue),
            _route(_CUSTOMER, POST=api.upsert),
            _route(f"{ROOT}/Token", POST=api.token),
            _route(f"{ROOT}/openapi.json", GET=_openapi),
            _route("/healthz", GET=health.live),
            _route("/readyz", GET=health.ready),
        ],
        exception_handlers={
            ApiError: _on_api_error,
            StoreError: _on_store_error,
            HTTPException: _on_http_error,
            ClientDisconnect: _on_disconnect,
            Exception: _on_error,
        },
    )
    app.router.redirect_slashes = False
    return app


def _route(path: str, **handlers: Handler) -> Route:
    return Route(path, _MethodRouter(path.replace(":path", ""), handlers))


class _MethodRouter:
    """Routes the methods of one path; for any other method the answer is 405 with `Allow`."""

    def __init__(self, path: str, handlers: dict[str, Handler]) -> None:
        if "GET" in handlers:
            handlers["HEAD"] = handlers["GET"]
        self._path = path
        self._handlers = handlers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})["path_template"] = self._path
        handler = self._handlers.get(scope["method"])
        if handler is None:
            raise HTTPException(405, headers={"Allow": ", ".join(sorted(self._handlers))})
        request = Request(scope, receive, send)
        check_headers(request)
        request_wait.set(RequestWait())
        response = await handler(request)
        await response(scope, receive, send)


class _Health:
    """Whether the process lives, and whether its database can be written [ours]."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._check: asyncio.Task[bool] | None = None

    async def live(self, _request: Request) -> Response:
        """`GET /healthz`."""
        return _json_response({"status": "ok"})

    async def ready(self, _request: Request) -> Response:
        """`GET /readyz`. However many ask, the database is asked once at a time."""
        if self._check is None or self._check.done():
            self._check = asyncio.create_task(self._can_write())
        done, _ = await asyncio.wait([self._check], timeout=_READY_SECONDS)
        if done and self._check.result():
            return _json_response({"status": "ok"})
        return _error_response(503, "not_ready", "The database cannot be written now.")

    async def _can_write(self) -> bool:
        try:
            await self._store.check_writable()
        except (ApiError, StoreError):
            return False
        return True


class _CustomerApi:
    """The endpoints of the contract."""

    def __init__(self, store: Store, credentials: Credentials) -> None:
        self._store = store
        self._credentials = credentials

    async def token(self, request: Request) -> Response:
        """`POST /Token` [system]."""
        client_id, secret = await parse_client_credentials(request)
        address = request.client.host if request.client else ""
        token = await self._credentials.issue_token(client_id, secret, address)
        request.state.client_id = client_id
        return _json_response(
            {"access_token": token, "token_type": "bearer", "expires_in": self._credentials.expires_in}
        )

    async def page(self, request: Request) -> Response:
        """`GET /Customer/All` [spec]."""
        grant = await self._require(request, Permission.LIST)
        wanted = parse_page_request(request)
        self._credentials.count(grant.client_id, wanted.page_size / _ROWS_PER_REQUEST)
        found = await self._store.page(wanted)
        total, page, size = str(found.total), str(wanted.page), str(wanted.page_size)
        pages = -(-found.total // wanted.page_size)
        more = "true" if wanted.page < pages else "false"
        counts = f'"totalCount":{total},"page":{page},"pageSize":{size},"pageCount":{pages},"hasMore":{more}'
        return Response(
            b'{"value":%b,%b}' % (found.records, counts.encode()),
            headers=_HEADERS | {"X-Total-Count": total, "X-Page-Size": size, "X-Page": page},
            media_type="application/json",
        )

    async def get(self, request: Request) -> Response:
        """`GET /Customer/{id}` [spec]."""
        await self._require(request, Permission.LIST)
        customer = await self._store.get(_path_id(request))
        if customer is None:
            raise not_found()
        return _customer_response(customer)

    async def upsert(self, request: Request) -> Response:
        """`POST /Customer` [spec]."""
        grant = await self._require(request, Permission.MODIFY)
        short_id, changes = await parse_upsert(request)
        request.state.customer_id = short_id
        customer, created = await self._store.upsert(
            short_id,
            changes,
            if_match=parse_if_match(request),
            only_new=parse_only_new(request),
            client_id=grant.client_id,
        )
        return _customer_response(customer, HTTPStatus.CREATED if created else HTTPStatus.OK)

    async def discontinue(self, request: Request) -> Response:
        """`DELETE /Customer/{id}` [spec]."""
        grant = await self._require(request, Permission.MODIFY)
        short_id = _path_id(request)
        if not await self._store.discontinue(short_id, parse_if_match(request), client_id=grant.client_id):
            raise not_found()
        return Response(status_code=HTTPStatus.NO_CONTENT, headers=_HEADERS)

    async def _require(self, request: Request, permission: Permission) -> Grant:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise unauthorized("A bearer token is required.")
        grant = await self._credentials.authenticate(token.strip())
        request.state.client_id = grant.client_id
        if permission not in grant.permissions:
            raise forbidden(permission)
        return grant


def _path_id(request: Request) -> str:
    short_id = parse_path_id(request, f"{_CUSTOMER}/")
    request.state.customer_id = short_id
    return short_id


def _json_response(body: object, status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse(body, status, {**_HEADERS, **(headers or {})})


def _customer_response(customer: StoredCustomer, status: int = HTTPStatus.OK) -> Response:
    return Response(customer.json, status, {**_HEADERS, "ETag": customer.etag}, media_type="application/json")


def _error_response(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Response:
    return _json_response({"statusCode": status, "error": code, "message": message}, status, headers)


async def _openapi(_request: Request) -> Response:
    return FileResponse(_OPENAPI, headers=_HEADERS, media_type="application/json")


async def _on_api_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, ApiError):
        raise error
    refusal = error.response
    body: dict[str, object] = {
        "statusCode": refusal.status,
        "error": refusal.code,
        "message": refusal.message,
    }
    if refusal.details:
        body["details"] = {field: list(messages) for field, messages in refusal.details.items()}
    headers = {}
    if refusal.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Basic realm="dockbook"' if request.scope["path"] == f"{ROOT}/Token" else "Bearer"
    if refusal.retry_after is not None:
        headers["Retry-After"] = str(round(refusal.retry_after))
    return _json_response(body, refusal.status, headers)


async def _on_http_error(_request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return _error_response(405, "method_not_allowed", "This method is not available here.", error.headers)
    return _error_response(404, "not_found", "There is nothing at this path.", error.headers)


async def _on_store_error(_request: Request, error: Exception) -> Response:
    # SQLite's message ("database or disk is full") helps; the error's own text names files on this machine.
    reason = f": {error.__cause__}" if isinstance(error.__cause__, sqlite3.Error) else ""
    return _error_response(500, "internal_error", f"The store of the service failed{reason}.")


async def _on_error(_request: Request, _error_: Exception) -> Response:
    return _error_response(500, "internal_error", "The service failed.")


async def _on_disconnect(_request: Request, _error_: Exception) -> Response:
    return _error_response(400, "bad_request", "The body was not sent to its end.")
