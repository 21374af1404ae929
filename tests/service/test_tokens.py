"""Tokens: granted for the right secret, throttled for wrong ones, kept hashed, and forgotten in time."""

import gc
import hashlib
from urllib.parse import urlencode

import httpx
import pytest

from app.errors import RateLimited, Unauthorized
from app.service.app import create_app
from app.service.credentials import Credentials, IssuedCredential
from app.service.store import Store
from tests.service.conftest import Reach

BOTH = frozenset({130, 131})


class Hands:
    """A clock turned by hand."""

    def __init__(self) -> None:
        self.now = 5.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def nobody(reach: Reach) -> httpx.AsyncClient:
    return await reach()


@pytest.fixture
def issued(credentials: Credentials) -> IssuedCredential:
    return credentials.issue(BOTH)


def form(issued: IssuedCredential, **changes: str) -> dict[str, str]:
    secret = issued.client_secret
    return {"grant_type": "client_credentials", "client_id": issued.client_id, "client_secret": secret} | changes


async def test_a_form_is_answered_with_a_token_that_works(nobody: httpx.AsyncClient, issued: IssuedCredential) -> None:
    answer = await nobody.post("Token", data=form(issued))
    body = answer.json()
    assert answer.status_code == 200
    assert body == {"access_token": body["access_token"], "token_type": "bearer", "expires_in": 14399}
    assert answer.headers["Cache-Control"] == "no-store"
    for scheme in ("Bearer", "bearer"):
        headers = {"Authorization": f"{scheme} {body['access_token']}"}
        assert (await nobody.get("Customer/All", headers=headers)).status_code == 200


async def test_http_basic_is_as_good_as_the_form(nobody: httpx.AsyncClient, issued: IssuedCredential) -> None:
    grant = {"grant_type": "client_credentials"}
    answer = await nobody.post("Token", data=grant, auth=(issued.client_id, issued.client_secret))
    assert answer.status_code == 200
    wrong = await nobody.post("Token", data=grant, auth=(issued.client_id, "wrong"))
    assert (wrong.status_code, wrong.json()["error"]) == (401, "unauthorized")
    assert wrong.headers["WWW-Authenticate"] == "Basic"


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
async def test_a_form_that_lacks_something_is_a_bad_request(nobody: httpx.AsyncClient, body: bytes) -> None:
    answer = await nobody.post("Token", content=body)
    assert (answer.status_code, answer.json()["error"]) == (400, "bad_request")


@pytest.mark.parametrize("header", ["Basic", "Basic !", "Basic eA==", "Basic /zo="])
async def test_broken_basic_is_a_bad_request(nobody: httpx.AsyncClient, header: str) -> None:
    answer = await nobody.post("Token", data={"grant_type": "client_credentials"}, headers={"Authorization": header})
    assert (answer.status_code, answer.json()["error"]) == (400, "bad_request")


async def test_a_form_of_any_size_is_counted(nobody: httpx.AsyncClient, issued: IssuedCredential) -> None:
    answer = await nobody.post("Token", content=urlencode(form(issued, padding="x" * 20_000)))
    assert (answer.status_code, answer.json()["error"]) == (413, "payload_too_large")


async def test_wrong_secrets_are_throttled_over_the_wire(nobody: httpx.AsyncClient, issued: IssuedCredential) -> None:
    answers = [await nobody.post("Token", data=form(issued, client_secret="no")) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    assert answers[-1].json()["error"] == "rate_limited"
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 30
    assert (await nobody.post("Token", data=form(issued))).status_code == 429


def test_throttling_is_per_client_id_and_ends_when_it_said() -> None:
    hands = Hands()
    credentials = Credentials(clock=hands)
    one, other = credentials.issue(BOTH), credentials.issue(BOTH)
    for _ in range(5):
        with pytest.raises(Unauthorized):
            credentials.issue_token(one.client_id, "wrong")
    with pytest.raises(RateLimited) as told:
        credentials.issue_token(one.client_id, one.client_secret)
    assert credentials.issue_token(other.client_id, other.client_secret)
    wait = told.value.refusal.retry_after
    assert wait is not None
    hands.now += wait
    assert credentials.issue_token(one.client_id, one.client_secret)


def test_a_right_secret_wipes_the_slate() -> None:
    credentials = Credentials(clock=Hands())
    issued = credentials.issue(BOTH)
    for _ in range(4):
        for _ in range(4):
            with pytest.raises(Unauthorized):
                credentials.issue_token(issued.client_id, "wrong")
        credentials.issue_token(issued.client_id, issued.client_secret)


def test_unknown_ids_are_throttled_too_and_a_flood_of_them_takes_bounded_memory() -> None:
    credentials = Credentials(clock=Hands())
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


def test_a_token_ends_on_the_second_and_is_forgotten() -> None:
    hands = Hands()
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


def test_one_client_cannot_fill_the_memory_with_tokens() -> None:
    credentials = Credentials(clock=Hands())
    issued = credentials.issue(BOTH)
    tokens = [credentials.issue_token(issued.client_id, issued.client_secret) for _ in range(5000)]
    assert len(credentials._owners) == 4096
    assert credentials.authenticate(tokens[-1]) == BOTH
    with pytest.raises(Unauthorized):
        credentials.authenticate(tokens[0])


def test_a_disabled_client_gets_no_token_and_loses_those_it_has() -> None:
    credentials = Credentials()
    issued = credentials.issue(BOTH)
    token = credentials.issue_token(issued.client_id, issued.client_secret)
    credentials.disable(issued.client_id)
    with pytest.raises(Unauthorized):
        credentials.authenticate(token)
    with pytest.raises(Unauthorized):
        credentials.issue_token(issued.client_id, issued.client_secret)


async def test_a_noisy_client_is_told_to_slow_down_and_the_others_go_on(store: Store) -> None:
    hands = Hands()
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


def test_neither_secret_nor_token_is_kept_as_it_is() -> None:
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
