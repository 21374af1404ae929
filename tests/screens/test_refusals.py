"""Refused saves: messages appear where they belong, typed text stays, and a next step is shown."""

from typing import Any

import httpx
import pytest

from tests.harness import Forward, Intercept, always, json_response, run_app


def refuse_saves(status: int, body: object) -> Intercept:
    """An intercept that refuses every save."""
    return always(lambda: json_response(status, body), "POST")


@pytest.mark.promise("W11")
@pytest.mark.parametrize(
    "body",
    [
        {"errors": {"$.Phone": ["Too long."]}, "title": "One or more validation errors occurred."},
        {"Message": "Invalid.", "ModelState": {"customer.phone": ["Too long."]}},
        {"detail": [{"loc": ["body", "phone"], "msg": "Too long."}]},
        {"statusCode": 400, "error": "validation_error", "message": "No.", "details": {"PHONE": ["Too long."]}},
        {"statusCode": 400, "error": "bad_request", "message": "No.", "details": {"phone": ["Too long."]}},
    ],
)
async def test_message_stands_at_its_field(body: dict[str, Any]) -> None:
    async with run_app() as it:
        await it.press("e", "end", "X")
        it.transport.intercept = refuse_saves(400, body)
        await it.press("f10")
        it.sees("! Too long.", "Not saved. Please correct the marked fields.", "Acme CorporationX")


@pytest.mark.promise("W11", "W6")
async def test_messages_for_other_fields_are_listed() -> None:
    async with run_app() as it:
        await it.press("e", "end", "X")
        it.transport.intercept = refuse_saves(400, {"errors": {"vat": ["Needed."], "": ["And more."]}})
        await it.press("f10")
        it.sees("Not saved. The server says: “Bad Request (400).” vat: Needed. And more.", "Acme CorporationX")


@pytest.mark.promise("W11")
@pytest.mark.parametrize("status", [400, 409])
async def test_reason_without_a_field_is_quoted(status: int) -> None:
    async with run_app() as it:
        await it.press("e", "end", "X")
        it.transport.intercept = refuse_saves(status, {"message": "Blocked [/] by policy."})
        await it.press("f10")
        it.sees("Not saved. The server says: “Blocked [/] by policy.”", "Acme CorporationX")


@pytest.mark.promise("N5")
async def test_gateway_error_page_is_reported_as_unavailable() -> None:
    async with run_app() as it:
        await it.press("e", "end", "X")
        page = httpx.Response(503, headers={"content-type": "text/html"}, content=b"<title>503</title><h1>Busy</h1>")
        it.transport.intercept = always(lambda: page)
        await it.press("f10")
        it.sees("not available just now", "503", "Acme CorporationX")
        it.misses("customer API")


@pytest.mark.promise("W11")
async def test_save_of_missing_customer_shows_next_step() -> None:
    async with run_app() as it:
        await it.press("e", "end", "X")
        body = {"statusCode": 404, "error": "not_found", "message": "No such customer."}
        it.transport.intercept = always(lambda: json_response(404, body), "GET")
        await it.press("f10")
        it.sees("Not saved: ACME-CORP is not on the server any more.", "Esc leaves the form;", "CorporationX")


async def refuse_single_reads(request: httpx.Request, forward: Forward) -> httpx.Response:
    """A server that refuses to read single customers, as for an ID with `&`."""
    if request.method == "GET" and not request.url.path.endswith("/All"):
        return httpx.Response(400, headers={"content-type": "text/html"}, content=b"<title>Bad Request</title>")
    return await forward()


ODD = [{"shortID": "A&B", "name": "Amp", "phone": "1"}]


@pytest.mark.promise("W11")
@pytest.mark.parametrize("mirror", [False, True])
async def test_refused_id_is_saved_only_after_warning(mirror: bool) -> None:
    async with run_app(records=ODD, mirror=mirror) as it:
        it.transport.intercept = refuse_single_reads
        await it.press("enter")
        it.sees("A&B · Amp")
        it.misses("offline")
        await it.press("f5")
        it.sees("A&B · Amp", "The server cannot be asked for this ID")
        it.misses("offline")
        await it.press("e", "end", "X", "f10")
        it.sees("Save without looking first?", "your save overwrites it")
        await it.press("f10")
        it.sees("Save without looking first?", "Close this first")
        assert it.transport.count("POST") == 0
        await it.press("enter")
        it.sees("AmpX")
        assert it.transport.count("POST") == 0
        await it.press("f10", "right", "enter")
        assert it.transport.count("POST") == 1
        assert (await it.record("A&B"))["name"] == "AmpX"


@pytest.mark.promise("W2")
async def test_create_is_refused_if_id_cannot_be_read() -> None:
    async with run_app() as it:
        it.transport.intercept = refuse_single_reads
        await it.press("f6", *"C&D", "down", "X", "f10")
        it.sees("does not accept C&D in an address")
        assert it.transport.count("POST") == 0


@pytest.mark.promise("W5")
@pytest.mark.parametrize("number", ["0.10", "1E5", "12345678901234567890123", "-0", "1.0e-7"])
async def test_number_in_text_field_is_sent_unchanged(number: str) -> None:
    sent: list[bytes] = []

    async def numbered(request: httpx.Request, forward: Forward) -> httpx.Response:
        if request.method == "POST":
            sent.append(request.content)
        response = await forward()
        await response.aread()
        return httpx.Response(response.status_code, content=response.content.replace(b'"62701"', number.encode()))

    async with run_app(1, intercept=numbered) as it:
        await it.press("e", "end", "X", "f10")
        assert f'"zip":{number},' in sent[0].decode()
