"""A1, A3 and A4: one token for all, measured on the right clock, and no secret anywhere else."""

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


class Granting:
    """A server that grants numbered tokens and takes only the newest."""

    def __init__(self, **fields: object) -> None:
        self.granted = 0
        self.refusing = False
        self._fields = fields

    def grant(self, _: httpx.Request) -> httpx.Response:
        """The next token."""
        self.granted += 1
        return httpx.Response(200, json=TOKEN | self._fields | {"access_token": f"canary-token-{self.granted}"})

    def answer(self, request: httpx.Request) -> httpx.Response:
        """The customer, to the newest token."""
        newest = request.headers["authorization"] == f"Bearer canary-token-{self.granted}"
        if self.refusing or not newest:
            return httpx.Response(401, json={"statusCode": 401, "error": "unauthorized", "message": "Expired."})
        return httpx.Response(200, json=ACME)


async def all_at_once(api: CustomerApi, calls: int = 100) -> None:
    """Many reads side by side."""
    await asyncio.gather(*(api.get("ACME-CORP") for _ in range(calls)))


@pytest.mark.promise("A1")
async def test_concurrent_calls_share_one_token() -> None:
    server = Granting()
    time = FakeClock()
    transport = ScriptedTransport(server.answer, granting=server.grant)
    async with client(transport, time=time) as api:
        await all_at_once(api)
        assert server.granted == 1
        time.now += 14_399
        await all_at_once(api)
        assert server.granted == 2
        server.granted += 1
        await all_at_once(api)
        assert server.granted == 4
        assert len(transport.asked) == 100 + 100 + 200


@pytest.mark.promise("A1")
async def test_late_401_reuses_newer_token() -> None:
    server = Granting()
    late, gate = asyncio.Event(), asyncio.Event()

    class Late(ScriptedTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            answer = await super().handle_async_request(request)
            if request.url.path.endswith("/LATE") and not late.is_set():
                late.set()
                await gate.wait()
            return answer

    async with client(Late(server.answer, granting=server.grant)) as api:
        await api.get("ACME-CORP")
        server.granted += 1
        call = asyncio.create_task(api.get("LATE"))
        await late.wait()
        await api.get("ACME-CORP")
        gate.set()
        await call
    assert server.granted == 3


@pytest.mark.promise("A1", "A3")
@pytest.mark.parametrize(("life", "margin"), [(14_399, 60.0), (300, 30.0), ("300", 30.0), (10.0, 1.0)])
async def test_token_is_renewed_before_expiry(life: object, margin: float) -> None:
    server = Granting(expires_in=life)
    time = FakeClock()
    async with client(ScriptedTransport(server.answer, granting=server.grant), time=time) as api:
        await api.get("ACME-CORP")
        time.now += float(str(life)) - margin - 0.5
        await api.get("ACME-CORP")
        assert server.granted == 1
        time.now += 0.5
        await api.get("ACME-CORP")
        assert server.granted == 2


@pytest.mark.promise("A1")
@pytest.mark.parametrize("life", [None, 0, -1, "soon", "nan", True, [], 1e300, 10**400])
async def test_invalid_lifetime_keeps_token_until_401(life: object) -> None:
    server = Granting(expires_in=life)
    time = FakeClock()
    async with client(ScriptedTransport(server.answer, granting=server.grant), time=time) as api:
        for _ in range(5):
            await api.get("ACME-CORP")
            time.now += 1e6
        assert server.granted == 1
        server.granted += 1
        await api.get("ACME-CORP")
        assert server.granted == 3


@pytest.mark.promise("A3")
async def test_wall_clock_does_not_affect_expiry(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Granting()
    real = wall.time
    async with client(ScriptedTransport(server.answer, granting=server.grant)) as api:
        for shift in (0, 86_400, -86_400):
            monkeypatch.setattr(wall, "time", lambda shift=shift: real() + shift)
            await all_at_once(api, 10)
    assert server.granted == 1


@pytest.mark.promise("A1")
async def test_second_401_raises_unauthorized() -> None:
    server = Granting()
    server.refusing = True
    transport = ScriptedTransport(server.answer, granting=server.grant)
    async with client(transport) as api:
        with pytest.raises(Unauthorized) as caught:
            await api.upsert(ACME)
    assert (server.granted, len(transport.asked)) == (2, 2)
    assert not caught.value.outcome_unknown


@pytest.mark.promise("A1", "N2")
async def test_write_broken_on_replay_has_unknown_outcome() -> None:
    transport = ScriptedTransport(responses_in_turn(httpx.Response(401), httpx.ReadError("reset")))
    async with client(transport) as api:
        with pytest.raises(TransportError) as caught:
            await api.upsert(ACME)
    assert caught.value.outcome_unknown
    assert len(transport.asked) == 2


@pytest.mark.promise("A1")
async def test_cancelled_waiter_leaves_token_request_running() -> None:
    gate = asyncio.Event()

    class Slow(ScriptedTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.path.endswith("/Token"):
                await gate.wait()
            return await super().handle_async_request(request)

    transport = Slow(lambda _: httpx.Response(200, json=ACME))
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
    class Silent(ScriptedTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await super().handle_async_request(request)
            await asyncio.Event().wait()
            raise AssertionError

    transport = Silent(lambda _: httpx.Response(200))
    async with client(transport, deadlines=Deadlines(token=0.02)) as api:
        outcomes = await asyncio.gather(*(api.upsert(ACME) for _ in range(10)), return_exceptions=True)
    for outcome in outcomes:
        assert isinstance(outcome, DeadlineExceeded)
        assert not outcome.outcome_unknown
    assert (len(transport.tokens), len(transport.asked)) == (1, 0)


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
        granting=lambda _: httpx.Response(fault) if isinstance(fault, int) else type(fault)(str(fault)),
    )
    async with client(transport) as api:
        with pytest.raises(kind) as caught:
            await api.upsert(ACME)
        assert not caught.value.outcome_unknown
        assert (len(transport.tokens), len(transport.asked)) == (3, 0)


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
    transport = ScriptedTransport(lambda _: httpx.Response(200), granting=lambda _: httpx.Response(status, json=body))
    async with client(transport) as api:
        with pytest.raises(CredentialsRejected, match=r"Unknown client\..*Check both"):
            await api.get("ACME-CORP")
    assert len(transport.tokens) == 1


@pytest.mark.promise("N5", "A7")
@pytest.mark.parametrize("status", [200, 302, 400, 401, 404, 405])
async def test_login_page_is_not_a_token(status: int) -> None:
    answer = httpx.Response(status, html="<title>Sign in</title>", headers={"location": "/login"})
    async with client(ScriptedTransport(lambda _: httpx.Response(200), granting=lambda _: answer)) as api:
        with pytest.raises(
            TokenUnavailable if status == 401 else UnexpectedResponse, match=r"Sign in|/login"
        ) as caught:
            await api.upsert(ACME)
    assert not isinstance(caught.value, CredentialsRejected), "whose login is asked for is not known"
    assert not caught.value.outcome_unknown


@pytest.mark.promise("N5")
@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"access_token": ""}', b'{"access_token": 7}', b"null"])
async def test_response_without_token_is_unexpected(body: bytes) -> None:
    granting = responses_in_turn(httpx.Response(200, content=body))
    async with client(ScriptedTransport(lambda _: httpx.Response(200), granting=granting)) as api:
        with pytest.raises(UnexpectedResponse):
            await api.get("ACME-CORP")


@pytest.mark.promise("A7")
@pytest.mark.parametrize("token", ["a b", "a\r\nX-Evil: 1", "ä", "\x00", "x" * 20_000, "a\ud800"])
async def test_unsendable_token_is_refused(token: str) -> None:
    granting = responses_in_turn(httpx.Response(200, content=json.dumps({"access_token": token})))
    transport = ScriptedTransport(lambda _: httpx.Response(200), granting=granting)
    async with client(transport) as api:
        with pytest.raises(TokenUnavailable) as caught:
            await api.get("ACME-CORP")
    assert not isinstance(caught.value, CredentialsRejected), "the server took the credentials"
    assert transport.asked == []


@pytest.mark.promise("A7")
async def test_token_type_other_than_bearer_is_refused() -> None:
    granting = responses_in_turn(httpx.Response(200, json=TOKEN | {"token_type": "mac"}))
    async with client(ScriptedTransport(lambda _: httpx.Response(200), granting=granting)) as api:
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
        *({"expires_in": life} for life in ("14399", " 14399 ", "14399.0", 14399.5)),
    ],
    ids=repr,
)
async def test_token_variants_are_accepted(fields: dict[str, object]) -> None:
    transport = ScriptedTransport(
        lambda _: httpx.Response(200, json=ACME), granting=responses_in_turn(httpx.Response(200, json=TOKEN | fields))
    )
    async with client(transport) as api:
        await api.get("ACME-CORP")
    assert transport.asked[0].headers["authorization"] == "Bearer canary-token-1"


@pytest.mark.promise("A7")
@pytest.mark.parametrize(
    ("status", "body", "wrong", "advice"),
    [
        (401, {}, True, "Check both"),
        (401, {"error": "unauthorized"}, True, "Check both"),
        (400, {"error": "invalid_client"}, True, "Check both"),
        (200, {"error": "invalid_client"}, True, "Check both"),
        (400, {"error": "invalid_request"}, False, "/api/v1"),
        (400, {"error": "bad_request", "message": "No."}, False, "“No.”"),
        (400, {"error": "unsupported_grant_type"}, False, "client credentials"),
        (401, {"error": "unauthorized_client"}, False, "may not use client credentials"),
        (400, {"error": "invalid_scope"}, False, "what the token is for"),
        (403, {"error": "forbidden"}, False, "may not sign in"),
        (403, {}, False, "may not sign in"),
        (200, {"error": "temporarily_unavailable"}, False, "Tell whoever"),
    ],
)
async def test_credentials_are_rejected_only_if_server_does(
    status: int, body: dict[str, str], wrong: bool, advice: str
) -> None:
    granting = responses_in_turn(httpx.Response(status, json=body) if body else httpx.Response(status))
    async with client(ScriptedTransport(lambda _: httpx.Response(200), granting=granting)) as api:
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
    told: list[str] = []

    def echo(request: httpx.Request) -> httpx.Response:
        said = f"{request.content.decode()} {request.headers.get('authorization', '')}"
        bodies = [
            httpx.Response(
                400, json={"error": said, "message": said, "error_description": said, "details": {"x": said}}
            ),
            httpx.Response(404, html=f"<p>{said}</p>"),
            httpx.Response(200, html=f"<title>{said}</title>"),
            httpx.Response(500, json={"error": "internal_error", "message": said}),
            httpx.Response(302, headers={"location": f"/{quote(said)}?{said}"}),
            httpx.Response(200, content=b"x", headers={"content-type": said}),
            httpx.Response(400, json={"error": "validation_error", "details": {said: [said]}}),
            httpx.Response(200, content=" " * 8150 + said),
        ]
        return bodies[len(told) % len(bodies)]

    for answering, granting in ((echo, None), (lambda _: httpx.Response(200), echo)):
        async with client(ScriptedTransport(answering, granting=granting)) as api:
            for _ in range(8):
                with pytest.raises(DockbookError) as caught:
                    await api.upsert({"shortID": "A"})
                shown = "".join(traceback.format_exception(caught.value))
                told.append(f"{shown} {caught.value!r} {vars(caught.value)} {api!r} {vars(api)}")
    for text in (*told, caplog.text):
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
