"""Tokens: shared by all calls, renewed on the monotonic clock, and shown nowhere."""

import asyncio
import json
import logging
import time as wall
import traceback
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from app.api.client import CustomerApi, Deadlines
from app.errors import (
    ConnectionFailed,
    CredentialsRejected,
    DeadlineExceeded,
    DockbookError,
    RateLimited,
    ServerFault,
    SettingsError,
    TokenUnavailable,
    TransportError,
    Unauthorized,
    UnexpectedResponse,
)
from tests.fakes import ACME, BASE, CLIENT_ID, SECRET, TOKEN, FakeClock, ScriptedTransport, client, responses_in_turn


class TokenServer:
    """A server that issues numbered tokens and accepts only the newest."""

    def __init__(self, **fields: object) -> None:
        self.granted = 0
        self.rejects_all = False
        self._fields = fields

    def issue_token(self, _: httpx.Request) -> httpx.Response:
        """Issue the next token."""
        self.granted += 1
        return httpx.Response(200, json=TOKEN | self._fields | {"access_token": f"canary-token-{self.granted}"})

    def respond(self, request: httpx.Request) -> httpx.Response:
        """Return the customer if the token is the newest."""
        newest = request.headers["authorization"] == f"Bearer canary-token-{self.granted}"
        if self.rejects_all or not newest:
            return httpx.Response(401, json={"statusCode": 401, "error": "unauthorized", "message": "Expired."})
        return httpx.Response(200, json=ACME)


async def read_concurrently(api: CustomerApi, calls: int = 100) -> None:
    """Read a customer many times concurrently."""
    await asyncio.gather(*(api.get("ACME-CORP") for _ in range(calls)))


@pytest.mark.promise("A1")
async def test_concurrent_calls_share_one_token() -> None:
    server = TokenServer()
    time = FakeClock()
    transport = ScriptedTransport(server.respond, issue_token=server.issue_token)
    async with client(transport, time=time) as api:
        await read_concurrently(api)
        assert server.granted == 1
        time.now += 14_399
        await read_concurrently(api)
        assert server.granted == 2
        server.granted += 1
        await read_concurrently(api)
        assert server.granted == 4
        assert len(transport.requests) == 100 + 100 + 200


@pytest.mark.promise("A1")
async def test_late_401_reuses_newer_token() -> None:
    server = TokenServer()
    arrived, gate = asyncio.Event(), asyncio.Event()

    class DelayedTransport(ScriptedTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            answer = await super().handle_async_request(request)
            if request.url.path.endswith("/LATE") and not arrived.is_set():
                arrived.set()
                await gate.wait()
            return answer

    async with client(DelayedTransport(server.respond, issue_token=server.issue_token)) as api:
        await api.get("ACME-CORP")
        server.granted += 1
        call = asyncio.create_task(api.get("LATE"))
        await arrived.wait()
        await api.get("ACME-CORP")
        gate.set()
        await call
    assert server.granted == 3


@pytest.mark.promise("A1", "A3")
@pytest.mark.parametrize(("lifetime", "margin"), [(14_399, 60.0), (300, 30.0), ("300", 30.0), (10.0, 1.0)])
async def test_token_is_renewed_before_expiry(lifetime: object, margin: float) -> None:
    server = TokenServer(expires_in=lifetime)
    time = FakeClock()
    async with client(ScriptedTransport(server.respond, issue_token=server.issue_token), time=time) as api:
        await api.get("ACME-CORP")
        time.now += float(str(lifetime)) - margin - 0.5
        await api.get("ACME-CORP")
        assert server.granted == 1
        time.now += 0.5
        await api.get("ACME-CORP")
        assert server.granted == 2


@pytest.mark.promise("A1")
@pytest.mark.parametrize("lifetime", [None, 0, -1, "soon", "nan", True, [], 1e300, 10**400])
async def test_invalid_lifetime_keeps_token_until_401(lifetime: object) -> None:
    server = TokenServer(expires_in=lifetime)
    time = FakeClock()
    async with client(ScriptedTransport(server.respond, issue_token=server.issue_token), time=time) as api:
        for _ in range(5):
            await api.get("ACME-CORP")
            time.now += 1e6
        assert server.granted == 1
        server.granted += 1
        await api.get("ACME-CORP")
        assert server.granted == 3


@pytest.mark.promise("A3")
async def test_wall_clock_does_not_affect_expiry(monkeypatch: pytest.MonkeyPatch) -> None:
    server = TokenServer()
    real = wall.time
    async with client(ScriptedTransport(server.respond, issue_token=server.issue_token)) as api:
        for shift in (0, 86_400, -86_400):
            monkeypatch.setattr(wall, "time", lambda shift=shift: real() + shift)
            await read_concurrently(api, 10)
    assert server.granted == 1


@pytest.mark.promise("A1")
async def test_second_401_raises_unauthorized() -> None:
    server = TokenServer()
    server.rejects_all = True
    transport = ScriptedTransport(server.respond, issue_token=server.issue_token)
    async with client(transport) as api:
        with pytest.raises(Unauthorized) as caught:
            await api.upsert(ACME)
    assert (server.granted, len(transport.requests)) == (2, 2)
    assert not caught.value.outcome_unknown


@pytest.mark.promise("A1", "N2")
async def test_write_broken_on_replay_has_unknown_outcome() -> None:
    transport = ScriptedTransport(responses_in_turn(httpx.Response(401), httpx.ReadError("reset")))
    async with client(transport) as api:
        with pytest.raises(TransportError) as caught:
            await api.upsert(ACME)
    assert caught.value.outcome_unknown
    assert len(transport.requests) == 2


@pytest.mark.promise("A1")
async def test_cancelled_waiter_leaves_token_request_running() -> None:
    gate = asyncio.Event()

    class SlowTokenTransport(ScriptedTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.path.endswith("/Token"):
                await gate.wait()
            return await super().handle_async_request(request)

    transport = SlowTokenTransport(lambda _: httpx.Response(200, json=ACME))
    async with client(transport) as api:
        calls = [asyncio.create_task(api.get("ACME-CORP")) for _ in range(5)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        calls[0].cancel()
        calls[3].cancel()
        await asyncio.wait(calls[:1])
        gate.set()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [isinstance(outcome, asyncio.CancelledError) for outcome in outcomes] == [True, False, False, True, False]
    assert len(transport.tokens) == 1


@pytest.mark.promise("N3")
async def test_token_deadline_ends_all_waiting_calls() -> None:
    class SilentTransport(ScriptedTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await super().handle_async_request(request)
            await asyncio.Event().wait()
            raise AssertionError

    transport = SilentTransport(lambda _: httpx.Response(200))
    async with client(transport, deadlines=Deadlines(token=0.02)) as api:
        outcomes = await asyncio.gather(*(api.upsert(ACME) for _ in range(10)), return_exceptions=True)
    for outcome in outcomes:
        assert isinstance(outcome, DeadlineExceeded)
        assert not outcome.outcome_unknown
    assert (len(transport.tokens), len(transport.requests)) == (1, 0)


@pytest.mark.promise("N1", "W9")
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (httpx.ConnectError("refused"), ConnectionFailed),
        (httpx.ReadError("reset"), TransportError),
        (500, ServerFault),
        (503, ServerFault),
        (429, RateLimited),
    ],
    ids=repr,
)
async def test_token_request_is_retried_like_read(fault: httpx.TransportError | int, kind: type[DockbookError]) -> None:
    transport = ScriptedTransport(
        lambda _: httpx.Response(200, json=ACME),
        issue_token=lambda _: httpx.Response(fault) if isinstance(fault, int) else type(fault)(str(fault)),
    )
    async with client(transport) as api:
        with pytest.raises(kind) as caught:
            await api.upsert(ACME)
        assert not caught.value.outcome_unknown
        assert (len(transport.tokens), len(transport.requests)) == (3, 0)


@pytest.mark.promise("A7")
@pytest.mark.parametrize("status", [400, 401, 403])
@pytest.mark.parametrize(
    "body",
    [
        {"error": "invalid_client", "error_description": "Unknown client."},
        {"statusCode": 401, "error": "unauthorized", "message": "Unknown client."},
    ],
)
async def test_rejected_credentials_are_not_retried(status: int, body: dict[str, Any]) -> None:
    transport = ScriptedTransport(
        lambda _: httpx.Response(200), issue_token=lambda _: httpx.Response(status, json=body)
    )
    async with client(transport) as api:
        with pytest.raises(CredentialsRejected, match=r"Unknown client\..*may have been changed"):
            await api.get("ACME-CORP")
    assert len(transport.tokens) == 1


@pytest.mark.promise("N5", "A7")
@pytest.mark.parametrize("status", [200, 302, 400, 401, 404, 405])
async def test_login_page_is_not_a_token(status: int) -> None:
    answer = httpx.Response(status, html="<title>Sign in</title>", headers={"location": "/login"})
    async with client(ScriptedTransport(lambda _: httpx.Response(200), issue_token=lambda _: answer)) as api:
        with pytest.raises(
            TokenUnavailable if status == 401 else UnexpectedResponse, match=r"Sign in|/login"
        ) as caught:
            await api.upsert(ACME)
    assert not isinstance(caught.value, CredentialsRejected), "the page may belong to a gateway"
    assert not caught.value.outcome_unknown


@pytest.mark.promise("N5")
@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"access_token": ""}', b'{"access_token": 7}', b"null"])
async def test_response_without_token_is_unexpected(body: bytes) -> None:
    issue_token = responses_in_turn(httpx.Response(200, content=body))
    async with client(ScriptedTransport(lambda _: httpx.Response(200), issue_token=issue_token)) as api:
        with pytest.raises(UnexpectedResponse):
            await api.get("ACME-CORP")


@pytest.mark.promise("A7")
@pytest.mark.parametrize("token", ["a b", "a\r\nX-Evil: 1", "ä", "\x00", "x" * 20_000, "a\ud800"])
async def test_unsendable_token_is_refused(token: str) -> None:
    issue_token = responses_in_turn(httpx.Response(200, content=json.dumps({"access_token": token})))
    transport = ScriptedTransport(lambda _: httpx.Response(200), issue_token=issue_token)
    async with client(transport) as api:
        with pytest.raises(TokenUnavailable) as caught:
            await api.get("ACME-CORP")
    assert not isinstance(caught.value, CredentialsRejected), "the server accepted the credentials"
    assert transport.requests == []


@pytest.mark.promise("A7")
async def test_token_type_other_than_bearer_is_refused() -> None:
    issue_token = responses_in_turn(httpx.Response(200, json=TOKEN | {"token_type": "mac"}))
    async with client(ScriptedTransport(lambda _: httpx.Response(200), issue_token=issue_token)) as api:
        with pytest.raises(TokenUnavailable, match="mac") as caught:
            await api.get("ACME-CORP")
    assert not isinstance(caught.value, CredentialsRejected)


@pytest.mark.promise("A7")
@pytest.mark.parametrize(
    "fields",
    [
        *({"token_type": kind} for kind in ("Bearer", " BEARER ", "BearerToken", "bearer_token", "", None)),
        {"token_type": "urn:ietf:params:oauth:token-type:bearer"},
        *(
            {"access_token": token}
            for token in (" canary-token-1\n", "Bearer canary-token-1", "bearer  canary-token-1")
        ),
        *({"expires_in": lifetime} for lifetime in ("14399", " 14399 ", "14399.0", 14399.5)),
    ],
    ids=repr,
)
async def test_token_variants_are_accepted(fields: dict[str, object]) -> None:
    transport = ScriptedTransport(
        lambda _: httpx.Response(200, json=ACME),
        issue_token=responses_in_turn(httpx.Response(200, json=TOKEN | fields)),
    )
    async with client(transport) as api:
        await api.get("ACME-CORP")
    assert transport.requests[0].headers["authorization"] == "Bearer canary-token-1"


@pytest.mark.promise("A7")
@pytest.mark.parametrize(
    ("status", "body", "wrong", "advice"),
    [
        (401, {}, True, "may have been changed"),
        (401, {"error": "unauthorized"}, True, "may have been changed"),
        (400, {"error": "invalid_client"}, True, "may have been changed"),
        (200, {"error": "invalid_client"}, True, "may have been changed"),
        (400, {"error": "invalid_request"}, False, "/api/v1"),
        (400, {"error": "bad_request", "message": "No."}, False, "“No.”"),
        (400, {"error": "unsupported_grant_type"}, False, "client credentials"),
        (401, {"error": "unauthorized_client"}, False, "may not use client credentials"),
        (400, {"error": "invalid_scope"}, False, "what the token is for"),
        (403, {"error": "forbidden"}, False, "may not sign in"),
        (403, {}, False, "may not sign in"),
        (200, {"error": "temporarily_unavailable"}, False, "Ask your administrator"),
    ],
)
async def test_credentials_are_rejected_only_if_server_does(
    status: int, body: dict[str, str], wrong: bool, advice: str
) -> None:
    issue_token = responses_in_turn(httpx.Response(status, json=body) if body else httpx.Response(status))
    async with client(ScriptedTransport(lambda _: httpx.Response(200), issue_token=issue_token)) as api:
        with pytest.raises(TokenUnavailable, match=advice) as caught:
            await api.get("ACME-CORP")
    assert isinstance(caught.value, CredentialsRejected) == wrong
    assert caught.value.retry_allowed != wrong


@pytest.mark.promise("A7")
async def test_rejected_token_is_not_rejected_credentials() -> None:
    async with client(ScriptedTransport(lambda _: httpx.Response(401))) as api:
        with pytest.raises(Unauthorized) as caught:
            await api.get("ACME-CORP")
    assert "client ID" not in caught.value.text
    assert "token" in caught.value.title


async def test_token_request_is_a_form() -> None:
    transport = ScriptedTransport(lambda _: httpx.Response(200, json=ACME))
    async with client(transport) as api:
        await api.get("ACME-CORP")
    request = transport.tokens[0]
    assert (request.method, str(request.url)) == ("POST", f"{BASE}/Token")
    form = f"grant_type=client_credentials&client_id={CLIENT_ID}&client_secret={SECRET}"
    assert request.content == form.encode()
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert "authorization" not in request.headers


@pytest.mark.promise("A4")
async def test_secrets_appear_in_no_error_or_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    shown_texts: list[str] = []

    def echo(request: httpx.Request) -> httpx.Response:
        secrets = f"{request.content.decode()} {request.headers.get('authorization', '')}"
        bodies = [
            httpx.Response(
                400,
                json={"error": secrets, "message": secrets, "error_description": secrets, "details": {"x": secrets}},
            ),
            httpx.Response(404, html=f"<p>{secrets}</p>"),
            httpx.Response(200, html=f"<title>{secrets}</title>"),
            httpx.Response(500, json={"error": "internal_error", "message": secrets}),
            httpx.Response(302, headers={"location": f"/{quote(secrets)}?{secrets}"}),
            httpx.Response(200, content=b"x", headers={"content-type": secrets}),
            httpx.Response(400, json={"error": "validation_error", "details": {secrets: [secrets]}}),
            httpx.Response(200, content=" " * 8150 + secrets),
        ]
        return bodies[len(shown_texts) % len(bodies)]

    for respond, issue_token in ((echo, None), (lambda _: httpx.Response(200), echo)):
        async with client(ScriptedTransport(respond, issue_token=issue_token)) as api:
            for _ in range(8):
                with pytest.raises(DockbookError) as caught:
                    await api.upsert({"shortID": "A"})
                shown = "".join(traceback.format_exception(caught.value))
                shown_texts.append(f"{shown} {caught.value!r} {vars(caught.value)} {api!r} {vars(api)}")
    for text in (*shown_texts, caplog.text):
        assert SECRET not in text
        assert "canary-token-1" not in text
        assert "canary-se" not in text, "not a part of it either"


@pytest.mark.promise("A4")
@pytest.mark.parametrize(
    "base",
    [
        "",
        "wms.test",
        "ftp://wms.test/api/v1",
        "http://",
        "http://u:canary@wms.test/",
        "http://u:canary/x@wms.test/",
        "http://wms.test/?a",
        "http://x:99999999/",
        "http://" + "a" * 70,
    ],
)
def test_invalid_url_error_hides_password(base: str) -> None:
    with pytest.raises(SettingsError) as caught:
        CustomerApi(base, CLIENT_ID, SECRET)
    assert "canary" not in caught.value.text


@pytest.mark.promise("A4")
def test_unsendable_secret_is_not_shown() -> None:
    secret = "can" + "ary\udc80"
    with pytest.raises(SettingsError) as caught:
        CustomerApi(BASE, CLIENT_ID, secret)
    assert "canary" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.promise("A4", "A6")
@pytest.mark.parametrize("proxy", ["socks5://x", "http://", "::canary", "http://u:canary@x:99999999/"])
def test_invalid_proxy_error_hides_password(proxy: str) -> None:
    with pytest.raises(SettingsError) as caught:
        CustomerApi(BASE, CLIENT_ID, SECRET, proxy=proxy)
    assert "canary" not in caught.value.text
