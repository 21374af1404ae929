"""Tokens: issued for the correct secret, throttled for wrong ones, stored hashed, and dropped when they expire."""

import hashlib
from urllib.parse import urlencode

import httpx
import pytest

from app.errors import RateLimited, SettingsError, Unauthorized
from app.service.app import create_app
from app.service.credentials import Credentials, Grant
from app.service.database import credential_table
from app.service.database.base import Session
from app.service.database.credential_table import IssuedCredential
from app.service.rate_limit import FailureLimit
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
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def credentials(store: Store, clock: ManualClock) -> Credentials:
    return Credentials(store.database, clock=clock)


@pytest.fixture
async def anonymous(make_client: ClientFactory) -> httpx.AsyncClient:
    return await make_client()


@pytest.fixture(params=["temporary", "stored"])
async def issued(request: pytest.FixtureRequest, credentials: Credentials, store: Store) -> IssuedCredential:
    if request.param == "temporary":
        return credentials.issue(BOTH)
    return await store.database.write(credential_table.add("dock", BOTH))


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


async def fail(credentials: Credentials, client_id: str, address: str = "") -> None:
    """Ask for a token with a wrong secret."""
    with pytest.raises(Unauthorized):
        await credentials.issue_token(client_id, "wrong", address)


@pytest.mark.promise("S5", "S8")
async def test_throttling_is_per_client_id_and_address_and_ends_after_retry_after() -> None:
    clock = ManualClock()
    credentials = Credentials(clock=clock)
    one, other = credentials.issue(BOTH), credentials.issue(BOTH)
    for _ in range(5):
        await fail(credentials, one.client_id, "10.0.0.66")
    with pytest.raises(RateLimited) as limited:
        await credentials.issue_token(one.client_id, one.client_secret, "10.0.0.66")
    assert await credentials.issue_token(one.client_id, one.client_secret, "10.0.0.1")
    assert await credentials.issue_token(other.client_id, other.client_secret, "10.0.0.66")
    wait = limited.value.response.retry_after
    assert wait is not None
    clock.now += wait
    assert await credentials.issue_token(one.client_id, one.client_secret, "10.0.0.66")


async def test_correct_secret_resets_the_failure_count() -> None:
    credentials = Credentials(clock=ManualClock())
    issued = credentials.issue(BOTH)
    for _ in range(4):
        for _ in range(4):
            await fail(credentials, issued.client_id)
        await credentials.issue_token(issued.client_id, issued.client_secret)


@pytest.mark.promise("S5", "S8")
async def test_address_that_guesses_many_client_ids_is_throttled() -> None:
    credentials = Credentials(clock=ManualClock())
    issued = credentials.issue(BOTH)
    for number in range(100):
        await fail(credentials, f"stranger {number}", "10.0.0.66")
    with pytest.raises(RateLimited):
        await credentials.issue_token("one more", "wrong", "10.0.0.66")
    assert await credentials.issue_token(issued.client_id, issued.client_secret, "10.0.0.1")


@pytest.mark.promise("S8")
def test_failures_of_strangers_take_bounded_memory() -> None:
    limit = FailureLimit(5, 30.0)
    for number in range(20_000):
        limit.record_failure(f"stranger {number}", 0.0)
    assert len(limit._failures) <= 4096


async def test_token_expires_on_the_second(
    credentials: Credentials, issued: IssuedCredential, clock: ManualClock
) -> None:
    tokens = []
    for _ in range(90):
        tokens.append(await credentials.issue_token(issued.client_id, issued.client_secret))
        clock.now += 1
    credentials.expires_in = 60
    token = await credentials.issue_token(issued.client_id, issued.client_secret)
    clock.now += 59
    assert (await credentials.authenticate(token)).permissions == BOTH
    clock.now += 1
    with pytest.raises(Unauthorized):
        await credentials.authenticate(token)
    assert (await credentials.authenticate(tokens[0])).permissions == BOTH, "an older one may live longer"


async def test_many_tokens_log_nobody_out(
    credentials: Credentials, issued: IssuedCredential, clock: ManualClock
) -> None:
    first = await credentials.issue_token(issued.client_id, issued.client_secret)
    for _ in range(500):
        clock.now += 1
        await credentials.issue_token(issued.client_id, issued.client_secret)
    assert (await credentials.authenticate(first)).permissions == BOTH


async def test_tokens_are_issued_at_a_limited_rate(credentials: Credentials, issued: IssuedCredential) -> None:
    for _ in range(200):
        await credentials.issue_token(issued.client_id, issued.client_secret)
    with pytest.raises(RateLimited):
        await credentials.issue_token(issued.client_id, issued.client_secret)


async def test_disabled_temporary_credential_loses_its_tokens() -> None:
    credentials = Credentials()
    issued = credentials.issue(BOTH)
    token = await credentials.issue_token(issued.client_id, issued.client_secret)
    credentials.disable(issued.client_id)
    with pytest.raises(Unauthorized):
        await credentials.authenticate(token)
    with pytest.raises(Unauthorized):
        await credentials.issue_token(issued.client_id, issued.client_secret)


async def test_stored_credential_works_in_every_process_and_after_a_restart(store: Store) -> None:
    issued = await store.database.write(credential_table.add("dock", frozenset({130})))
    one, other = Credentials(store.database), Credentials(store.database)
    token = await one.issue_token(issued.client_id, issued.client_secret)
    assert await other.authenticate(token) == Grant(issued.client_id, frozenset({130}))


async def test_rotated_credential_keeps_old_tokens_alive(store: Store) -> None:
    old = await store.database.write(credential_table.add("dock", BOTH))
    credentials = Credentials(store.database)
    token = await credentials.issue_token(old.client_id, old.client_secret)
    new = await store.database.write(credential_table.rotate("dock"))
    assert new.client_id == old.client_id
    await fail(credentials, old.client_id)
    with pytest.raises(Unauthorized):
        await credentials.issue_token(old.client_id, old.client_secret)
    assert await credentials.issue_token(new.client_id, new.client_secret)
    assert (await credentials.authenticate(token)).permissions == BOTH


@pytest.mark.promise("S5")
async def test_disabled_credential_is_out_within_a_minute_everywhere(store: Store) -> None:
    clock = ManualClock()
    issued = await store.database.write(credential_table.add("dock", BOTH))
    credentials = Credentials(store.database, clock=clock)
    token = await credentials.issue_token(issued.client_id, issued.client_secret)
    await credentials.authenticate(token)
    await store.database.write(credential_table.disable("dock"))
    with pytest.raises(Unauthorized):
        await credentials.issue_token(issued.client_id, issued.client_secret)
    clock.now += 60
    with pytest.raises(Unauthorized):
        await credentials.authenticate(token)
    with pytest.raises(SettingsError, match="disabled"):
        await store.database.write(credential_table.rotate("dock"))


async def test_names_of_credentials_are_unique_and_known(store: Store) -> None:
    await store.database.write(credential_table.add("dock", BOTH))
    with pytest.raises(SettingsError, match="already"):
        await store.database.write(credential_table.add("dock", BOTH))
    with pytest.raises(SettingsError, match="no credential gate"):
        await store.database.write(credential_table.disable("gate"))
    listed = await store.database.read(credential_table.list_all)
    assert [(one.name, one.permissions, one.disabled) for one in listed] == [("dock", BOTH, "")]


@pytest.mark.promise("S6")
async def test_noisy_client_is_throttled_and_the_others_are_not(store: Store) -> None:
    clock = ManualClock()
    credentials = Credentials(requests_per_second=5, clock=clock)
    app = create_app(store, credentials)
    tokens = []
    for _ in range(2):
        issued = credentials.issue(BOTH)
        tokens.append(await credentials.issue_token(issued.client_id, issued.client_secret))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service/api/v1/") as client:
        noisy, quiet = ({"Authorization": f"Bearer {token}"} for token in tokens)
        answers = [await client.post("Customer", json={"shortID": "A"}, headers=noisy) for _ in range(25)]
        assert [answer.status_code for answer in answers] == [201, *[200] * 19, *[429] * 5]
        assert answers[-1].json()["error"] == "rate_limited"
        assert (await client.get("Customer/A", headers=quiet)).status_code == 200
        clock.now += int(answers[-1].headers["Retry-After"])
        assert (await client.get("Customer/A", headers=noisy)).status_code == 200


@pytest.mark.promise("S5", "A4")
async def test_secrets_and_tokens_are_stored_hashed(store: Store) -> None:
    issued = await store.database.write(credential_table.add("dock", BOTH))
    credentials = Credentials(store.database)
    token = await credentials.issue_token(issued.client_id, issued.client_secret)
    await credentials.authenticate(token)

    def all_rows(session: Session) -> str:
        return repr([session.execute(f"SELECT * FROM {name}").fetchall() for name in ("credential", "token")])  # noqa: S608

    stored = await store.database.read(all_rows)
    for word in (issued.client_secret, token):
        assert word not in stored
        assert hashlib.sha256(word.encode()).hexdigest() in stored
    assert issued.client_secret not in repr(issued)
