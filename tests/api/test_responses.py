"""What each response becomes: the contract's error table, and foreign bodies."""

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.body import UnreadableBody, parse_json
from app.api.responses import one_line
from app.errors import (
    ApiError,
    BadRequest,
    BodyTooLarge,
    Conflict,
    DockbookError,
    Forbidden,
    GatewayFault,
    IdRefused,
    NotAvailable,
    NotFound,
    PreconditionFailed,
    RateLimited,
    ServerFault,
    ServerUnavailable,
    Unauthorized,
    UnexpectedResponse,
    ValidationFailed,
)
from app.models.fields import PageRequest
from tests.fakes import ACME, EMPTY_PAGE, ScriptedTransport, client

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

TABLE = [
    (400, "bad_request", BadRequest),
    (400, "validation_error", ValidationFailed),
    (422, "validation_error", ValidationFailed),
    (401, "unauthorized", Unauthorized),
    (403, "forbidden", Forbidden),
    (404, "not_found", NotFound),
    (409, "conflict", Conflict),
    (412, "precondition_failed", PreconditionFailed),
    (413, "too_large", BodyTooLarge),
    (418, "teapot", ApiError),
    (429, "rate_limited", RateLimited),
    (500, "internal_error", ServerFault),
    (501, "not_implemented", NotAvailable),
    (502, "bad_gateway", GatewayFault),
    (599, "odd", ServerFault),
]
LOGIN = b"<!DOCTYPE html>\n<html><head><title>\n Sign in \x1b]52;c;eA==\x07</title></head>" + b"<p>x</p>" * 500
FOREIGN = [LOGIN, b"", b"OK", b'{"shortID": "A', b"[]", b"{}", b"null", b"\xff\xfe{\x00}\x00", b'"text"', b"7"]


async def failure(answer: httpx.Response, call: str) -> DockbookError:
    """The error raised when this call gets this response."""
    async with client(ScriptedTransport(lambda _: answer)) as api:
        calls: dict[str, Callable[[], Awaitable[object]]] = {
            "list": lambda: api.list_page(PageRequest()),
            "get": lambda: api.get("ACME-CORP"),
            "upsert": lambda: api.upsert(ACME),
            "discontinue": lambda: api.discontinue("ACME-CORP"),
        }
        with pytest.raises(DockbookError) as caught:
            await calls[call]()
    return caught.value


@pytest.mark.promise("A2")
@pytest.mark.parametrize("call", ["get", "upsert", "discontinue"])
@pytest.mark.parametrize(("status", "code", "kind"), TABLE)
async def test_contract_errors_map_to_exceptions(status: int, code: str, kind: type[ApiError], call: str) -> None:
    details = {"email": ["Not an address."], "odd": "One, not a list."}
    body = {"statusCode": status, "error": code, "message": "As it is.", "details": details}
    error = await failure(httpx.Response(status, json=body), call)
    assert type(error) is kind
    assert isinstance(error, ApiError)
    assert (error.response.status, error.response.code, error.response.message) == (status, code, "As it is.")
    assert error.response.details == {"email": ("Not an address.",), "odd": ("One, not a list.",)}
    assert error.outcome_unknown == issubclass(kind, ServerFault)
    if isinstance(error, Forbidden):
        assert error.permission == (130 if call == "get" else 131)
        assert str(error.permission) in error.text


@pytest.mark.parametrize(("status", "code", "kind"), TABLE)
async def test_empty_error_body_maps_by_status(status: int, code: str, kind: type[ApiError]) -> None:
    error = await failure(httpx.Response(status), "get")
    assert type(error) is (kind if code != "validation_error" else {400: BadRequest, 422: ApiError}[status])
    assert error.text.strip()


@pytest.mark.promise("W11")
async def test_problem_details_message_is_read() -> None:
    problem = {"type": "about:blank", "title": "Conflict", "detail": "Somebody was faster.", "status": 409}
    error = await failure(httpx.Response(409, json=problem), "upsert")
    assert isinstance(error, Conflict)
    assert error.response.message == "Somebody was faster."


@pytest.mark.promise("N5")
@pytest.mark.parametrize("status", [400, 403, 404, 405])
async def test_html_error_page_is_unexpected_response(status: int) -> None:
    error = await failure(httpx.Response(status, content=LOGIN, headers={"content-type": "text/html"}), "get")
    assert isinstance(error, UnexpectedResponse)
    assert error.status == status
    assert error.outcome_unknown == (status >= 500), "a refusal is certain, also from a gateway"
    assert f"({status}) is a web page, not customer data: “Sign in" in error.text


@pytest.mark.promise("W11", "W9")
@pytest.mark.parametrize("status", [400, 403, 404, 405, 409])
async def test_html_refusal_of_write_is_quoted_and_certain(status: int) -> None:
    error = await failure(httpx.Response(status, content=LOGIN, headers={"content-type": "text/html"}), "upsert")
    assert isinstance(error, ApiError)
    assert not isinstance(error, Forbidden), "a firewall knows nothing of permissions"
    assert not error.outcome_unknown
    assert "“Sign in" in error.text


@pytest.mark.promise("N5")
@pytest.mark.parametrize("status", [500, 502, 503, 504, 520])
async def test_5xx_page_is_server_unavailable(status: int) -> None:
    page = (
        b"<html><head><title>Busy</title><style>p{}</style></head><body><h1>Back &amp; soon</h1><p>x</p></body></html>"
    )
    error = await failure(httpx.Response(status, content=page, headers={"content-type": "text/html"}), "upsert")
    assert isinstance(error, ServerUnavailable)
    assert error.outcome_unknown
    assert error.title == "The server is not available just now"
    assert f"answered {status}: “Busy · Back & soon”" in error.text


REASONS: list[tuple[dict[str, Any], dict[str, tuple[str, ...]]]] = [
    (
        {"errors": {"$.email": ["Bad."], "Customer.Phone": ["Long."], "ZIP": ["No."]}},
        {"email": ("Bad.",), "phone": ("Long.",), "zip": ("No.",)},
    ),
    ({"Message": "Invalid.", "ModelState": {"customer.Email": ["Bad."]}}, {"email": ("Bad.",)}),
    ({"detail": [{"loc": ["body", "email"], "msg": "Bad."}]}, {"email": ("Bad.",)}),
    (
        {"errors": [{"source": {"pointer": "/data/attributes/email"}, "detail": "Bad.", "title": "T"}]},
        {"email": ("Bad.",)},
    ),
    ({"error": {"message": "M", "details": [{"field": "phone", "description": "Long."}]}}, {"phone": ("Long.",)}),
    ({"invalid-params": [{"name": "email", "reason": "Bad."}]}, {"email": ("Bad.",)}),
    ({"violations": [{"propertyPath": "email", "message": "Bad."}]}, {"email": ("Bad.",)}),
    ({"email": ["Bad."], "name": ["Needed."]}, {"email": ("Bad.",), "name": ("Needed.",)}),
    ({"errors": {"Address 2": "Long.", "vat": ["Odd."]}}, {"address2": ("Long.",), "vat": ("Odd.",)}),
]


@pytest.mark.promise("W11", "W6")
@pytest.mark.parametrize(("body", "details"), REASONS)
@pytest.mark.parametrize("status", [400, 422])
async def test_field_messages_are_read_from_any_shape(
    body: dict[str, Any], details: dict[str, tuple[str, ...]], status: int
) -> None:
    error = await failure(httpx.Response(status, json=body), "upsert")
    assert isinstance(error, ValidationFailed)
    assert error.response.details == details


@pytest.mark.promise("W11")
@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"title": "Not now."}, "Not now."),
        ({"error": {"code": 1, "message": "No."}}, "No."),
        ({"error_description": "Why."}, "Why."),
        ({"errors": ["Plain words."]}, "Plain words."),
        ({"message": "Bad.", "customer": {"shortID": "X", "name": "Acme"}}, "Bad."),
        ({"name": "ValidationError", "message": "Bad."}, "Bad."),
    ],
)
async def test_message_without_fields_is_read(body: dict[str, Any], message: str) -> None:
    error = await failure(httpx.Response(400, json=body), "upsert")
    assert isinstance(error, BadRequest)
    assert error.response.message == message
    assert not error.response.details


@pytest.mark.promise("W11")
@pytest.mark.parametrize("status", [400, 403, 406, 414])
async def test_refused_id_is_distinguished_from_other_refusals(status: int) -> None:
    page = httpx.Response(status, content=LOGIN, headers={"content-type": "text/html"})
    async with client(ScriptedTransport(lambda _: page)) as api:
        with pytest.raises(IdRefused, match=f"does not accept A&B in an address .{status}.") as caught:
            await api.get("A&B")
        assert not caught.value.outcome_unknown
        with pytest.raises(UnexpectedResponse):
            await api.get("ACME-CORP")


@pytest.mark.parametrize(("status", "kind"), [(401, Unauthorized), (413, BodyTooLarge), (429, RateLimited)])
async def test_status_alone_decides_401_413_and_429(status: int, kind: type[ApiError]) -> None:
    assert type(await failure(httpx.Response(status, content=LOGIN), "get")) is kind


@pytest.mark.promise("N5")
@pytest.mark.parametrize("call", ["list", "get", "upsert"])
@pytest.mark.parametrize("body", FOREIGN)
async def test_foreign_body_never_becomes_data(body: bytes, call: str) -> None:
    error = await failure(httpx.Response(200, content=body, headers={"content-type": "text/\x1bhtml"}), call)
    assert isinstance(error, UnexpectedResponse)
    assert error.outcome_unknown
    assert "/api/v1" in error.text
    assert error.text.isprintable()


@pytest.mark.promise("N5")
async def test_login_page_is_not_a_successful_discontinue() -> None:
    assert isinstance(await failure(httpx.Response(200, content=LOGIN), "discontinue"), UnexpectedResponse)
    async with client(ScriptedTransport(lambda _: httpx.Response(200, json=ACME))) as api:
        await api.discontinue("ACME-CORP")
    async with client(ScriptedTransport(lambda _: httpx.Response(204))) as api:
        await api.discontinue("ACME-CORP")


@pytest.mark.promise("N5")
@pytest.mark.parametrize("body", [EMPTY_PAGE, {"shortID": None}, {"shortID": True}, {"shortID": ["A"]}, {"name": "A"}])
async def test_object_without_id_is_unexpected_response(body: dict[str, Any]) -> None:
    assert isinstance(await failure(httpx.Response(200, json=body), "get"), UnexpectedResponse)


@pytest.mark.promise("N5")
@pytest.mark.parametrize("body", [ACME, {"value": None}, {"value": {}}, {"value": "x"}])
async def test_object_without_rows_is_unexpected_response(body: dict[str, Any]) -> None:
    assert isinstance(await failure(httpx.Response(200, json=body), "list"), UnexpectedResponse)


@pytest.mark.promise("N5")
async def test_404_of_list_means_wrong_address() -> None:
    error = await failure(httpx.Response(404, json={"error": "not_found", "message": "?"}), "list")
    assert isinstance(error, UnexpectedResponse)
    assert error.status == 404


@pytest.mark.promise("N5", "T1")
@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")), st.integers(1, 200))
def test_quoted_text_is_one_short_printable_line(text: str, length: int) -> None:
    line = one_line(text, length)
    assert len(line) <= length
    assert line.isprintable()


@pytest.mark.promise("N5")
@given(
    st.integers(200, 599),
    st.binary() | st.recursive(st.none() | st.text(), st.lists).map(lambda v: json.dumps(v).encode()),
)
async def test_any_response_raises_our_error(status: int, body: bytes) -> None:
    for call in ("get", "upsert", "list"):
        assert (await failure(httpx.Response(status, content=body), call)).text


@pytest.mark.promise("N5")
@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"\xc3",
        b"",
        b" \n",
        b"{,}",
        b"\xef\xbb\xbf",
        b"'a'",
    ],
)
def test_unreadable_json_raises_unreadable_body(body: bytes) -> None:
    with pytest.raises(UnreadableBody):
        parse_json(body)


@pytest.mark.promise("T5", "W5")
def test_oversized_numbers_stay_text() -> None:
    digits = "9" * 5000
    read = parse_json(f'\ufeff{{"a": {digits}, "b": -1e999, "c": NaN, "d": -Infinity, "e": 7, "e": 8}}'.encode())
    assert read == {"a": digits, "b": "-1e999", "c": "NaN", "d": "-Infinity", "e": 8}
