"""Tokens: issued for the correct secret, throttled for wrong ones, stored hashed, and dropped when they expire."""

import gc
import hashlib
from urllib.parse import urlencode

import httpx
import pytest

from app.errors import RateLimited, Unauthorized
from app.service.app import create_app
from app.service.credentials import Credentials, IssuedCredential
from app.service.store import Store
from tests.service.conftest import ClientFactory

BOTH = frozenset({130, 131})


class ManualClock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 5.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def anonymous(make_client: ClientFactory) -> httpx.AsyncClient:
    return await make_client()


@pytest.fixture
def issued(credentials: Credentials) -> IssuedCredential:
    return credentials.issue(BOTH)


def form(issued: IssuedCredential, **changes: str) -> dict[str, str]:
    secret = issued.client_secret
    return {"grant_type": "client_credentials", "client_id": issued.client_id, "client_secret": secret} | changes


async def test_form_returns_a_working_token(anonymous: httpx.AsyncClient, issued: IssuedCredential) -> None:
    answer = await anonymous.post("Token", data=form(issued))
    body = answer.json()
    assert answer.status_code == 200
    assert body == {"access_token": body["access_token"], "token_type": "bearer", "expires_in": 14399}
    assert answer.headers["Cache-Control"] == "no-store"
    for scheme in ("Bearer", "bearer"):
        headers = {"Authorization": f"{scheme} {body['access_token']}"}
        assert (await anonymous.get("Customer/All", headers=headers)).status_code == 200


async def test_http_basic_returns_a_working_token(anonymous: httpx.AsyncClient, issued: IssuedCredential) -> None:
    grant = {"grant_type": "client_credentials"}
    answer = await anonymous.post("Token", data=grant, auth=(issued.client_id, issued.client_secret))
    assert answer.status_code == 200
    wrong = await anonymous.post("Token", data=grant, auth=(issued.client_id, "wrong"))
    assert (wrong.status_code, wrong.json()["error"]) == (401, "unauthorized")
    assert wrong.headers["WWW-Authenticate"] == 'Basic realm="dockbook"'


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff=\xff",
        b"grant_type=%FF",
        b"grant_type=password&client_id=a&client_secret=b",
        b"client_id=a&client_secret=b",
        b"grant_type=client_credentials",
        b"grant_type=client_credentials&client_id=a&client_secret=",
        b"grant_type=client_credentials&client_id=a&client_id=a&client_secret=b",
        b"grant_type=client_credentials&client_id=a&client_secret=b"
        + b"".join(b"&a%d=1" % number for number in range(100)),
        b'{"grant_type": "client_credentials"}',
    ],
)
async def test_incomplete_form_is_a_bad_request(anonymous: httpx.AsyncClient, body: bytes) -> None:
    answer = await anonymous.post("Token", content=body)
    assert (answer.status_code, answer.json()["error"]) == (400, "bad_request")


@pytest.mark.parametrize("header", ["Basic", "Basic !", "Basic eA==", "Basic /zo="])
async def test_malformed_basic_is_a_bad_request(anonymous: httpx.AsyncClient, header: str) -> None:
    answer = await anonymous.post("Token", data={"grant_type": "client_credentials"}, headers={"Authorization": header})
    assert (answer.status_code, answer.json()["error"]) == (400, "bad_request")


async def test_form_over_the_limit_is_413(anonymous: httpx.AsyncClient, issued: IssuedCredential) -> None:
    answer = await anonymous.post("Token", content=urlencode(form(issued, padding="x" * 20_000)))
    assert (answer.status_code, answer.json()["error"]) == (413, "payload_too_large")


@pytest.mark.promise("S5")
async def test_wrong_secrets_are_throttled_over_http(anonymous: httpx.AsyncClient, issued: IssuedCredential) -> None:
    answers = [await anonymous.post("Token", data=form(issued, client_secret="no")) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    assert answers[-1].json()["error"] == "rate_limited"
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 30
    assert (await anonymous.post("Token", data=form(issued))).status_code == 429


@pytest.mark.promise("S5")
def test_throttling_is_per_client_id_and_ends_after_retry_after() -> None:
    hands = ManualClock()
    credentials = Credentials(clock=hands)
    one, other = credentials.issue(BOTH), credentials.issue(BOTH)
    for _ in range(5):
        with pytest.raises(Unauthorized):
            credentials.issue_token(one.client_id, "wrong")
    with pytest.raises(RateLimited) as limited:
        credentials.issue_token(one.client_id, one.client_secret)
    assert credentials.issue_token(other.client_id, other.client_secret)
    wait = limited.value.response.retry_after
    assert wait is not None
    hands.now += wait
    assert credentials.issue_token(one.client_id, one.client_secret)


def test_correct_secret_resets_the_failure_count() -> None:
    credentials = Credentials(clock=ManualClock())
    issued = credentials.issue(BOTH)
    for _ in range(4):
        for _ in range(4):
            with pytest.raises(Unauthorized):
                credentials.issue_token(issued.client_id, "wrong")
        credentials.issue_token(issued.client_id, issued.client_secret)


@pytest.mark.promise("S5")
def test_unknown_ids_are_throttled_in_bounded_memory() -> None:
    credentials = Credentials(clock=ManualClock())
    known = credentials.issue(BOTH)
    for _ in range(5):
        with pytest.raises(Unauthorized):
            credentials.issue_token(known.client_id, "wrong")
        with pytest.raises(Unauthorized):
            credentials.issue_token("stranger", "wrong")
    with pytest.raises(RateLimited):
        credentials.issue_token("stranger", "wrong")
    for number in range(5000):
        with pytest.raises(Unauthorized):
            credentials.issue_token(f"stranger {number}", "wrong")
    assert len(credentials._unknown_clients) <= 1024
    with pytest.raises(RateLimited):
        credentials.issue_token(known.client_id, known.client_secret)


def test_token_expires_on_the_second_and_is_forgotten() -> None:
    hands = ManualClock()
    credentials = Credentials(expires_in=60, clock=hands)
    issued = credentials.issue(BOTH)
    tokens = []
    for _ in range(500):
        tokens.append(credentials.issue_token(issued.client_id, issued.client_secret))
        hands.now += 1
    assert credentials.authenticate(tokens[-60 + 1]) == BOTH
    for dead in (tokens[0], tokens[-60]):
        with pytest.raises(Unauthorized):
            credentials.authenticate(dead)
    assert len(credentials._owners) <= 60


def test_tokens_of_one_client_are_limited() -> None:
    credentials = Credentials(clock=ManualClock())
    issued = credentials.issue(BOTH)
    tokens = [credentials.issue_token(issued.client_id, issued.client_secret) for _ in range(5000)]
    assert len(credentials._owners) == 4096
    assert credentials.authenticate(tokens[-1]) == BOTH
    with pytest.raises(Unauthorized):
        credentials.authenticate(tokens[0])


def test_disabled_client_gets_no_token_and_loses_its_tokens() -> None:
    credentials = Credentials()
    issued = credentials.issue(BOTH)
    token = credentials.issue_token(issued.client_id, issued.client_secret)
    credentials.disable(issued.client_id)
    with pytest.raises(Unauthorized):
        credentials.authenticate(token)
    with pytest.raises(Unauthorized):
        credentials.issue_token(issued.client_id, issued.client_secret)


@pytest.mark.promise("S6")
async def test_noisy_client_is_throttled_and_the_others_are_not(store: Store) -> None:
    hands = ManualClock()
    credentials = Credentials(requests_per_second=5, clock=hands)
    app = create_app(store, credentials)
    tokens = []
    for _ in range(2):
        issued = credentials.issue(BOTH)
        tokens.append(credentials.issue_token(issued.client_id, issued.client_secret))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service/api/v1/") as client:
        noisy, quiet = ({"Authorization": f"Bearer {token}"} for token in tokens)
        answers = [await client.post("Customer", json={"shortID": "A"}, headers=noisy) for _ in range(25)]
        assert [answer.status_code for answer in answers] == [201, *[200] * 19, *[429] * 5]
        assert answers[-1].json()["error"] == "rate_limited"
        assert (await client.get("Customer/A", headers=quiet)).status_code == 200
        hands.now += int(answers[-1].headers["Retry-After"])
        assert (await client.get("Customer/A", headers=noisy)).status_code == 200


@pytest.mark.promise("S5", "A4")
def test_secrets_and_tokens_are_stored_hashed() -> None:
    credentials = Credentials()
    issued = credentials.issue(BOTH)
    token = credentials.issue_token(issued.client_id, issued.client_secret)
    seen: dict[int, object] = {}
    todo: list[object] = [credentials]
    while todo:
        item = todo.pop()
        if id(item) not in seen and not isinstance(item, type):
            seen[id(item)] = item
            todo += [part for part in gc.get_referents(item) if isinstance(part, str | bytes | dict) or _ours(part)]
    kept = [item for item in seen.values() if isinstance(item, str | bytes)]
    for word in (issued.client_secret, token):
        assert word not in kept
        assert word.encode() not in kept
        # The walk did come by.
        assert hashlib.sha256(word.encode()).digest() in kept
    assert issued.client_secret not in repr(issued)


def _ours(item: object) -> bool:
    return type(item).__module__ in ("app.service.credentials", "collections")
