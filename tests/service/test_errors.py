"""Every error has the contract's format, and only a failing disk is a server error."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from app.service.store import Store
from tests.service.conftest import BASE, ClientFactory


def refused(answer: httpx.Response, status: int, code: str) -> None:
    body = answer.json()
    assert (answer.status_code, body["statusCode"], body["error"]) == (status, status, code)
    assert body["message"]
    assert set(body) - {"details"} == {"statusCode", "error", "message"}
    assert ("details" in body) == (code == "validation_error")
    assert answer.headers["X-API-Version"] == "v1"


@pytest.mark.promise("S1")
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"17",
        b"\xff\xfe",
        b'{"shortID": "\xff"}',
        b"\xef\xbb\xbf{}",
        '{"shortID": "A"}'.encode("utf-16"),
        b'{"shortID": "A", "x": NaN}',
        b'{"shortID": "A", "x": Infinity}',
        b'{"shortID": "A"} trailing',
        b'{"x": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    ],
    ids=lambda body: repr(body[:24]),
)
async def test_body_that_is_not_a_json_object_is_a_bad_request(client: httpx.AsyncClient, body: bytes) -> None:
    refused(await client.post("Customer", content=body), 400, "bad_request")


@pytest.mark.promise("S1")
@pytest.mark.parametrize("field", ["shortID", "name"])
async def test_lone_surrogate_is_reported_at_its_field(client: httpx.AsyncClient, field: str) -> None:
    body = json.dumps({"shortID": "A", field: "x\ud800"})
    answer = await client.post("Customer", content=body.encode())
    refused(answer, 400, "validation_error")
    assert list(answer.json()["details"]) == [field]


@pytest.mark.promise("S1")
async def test_deep_and_huge_values_of_unknown_fields_are_ignored(client: httpx.AsyncClient) -> None:
    body = b'{"shortID": "A", "x": ' + b"[" * 200 + b"]" * 200 + b', "y": 1e999, "\\ud800": 0}'
    assert (await client.post("Customer", content=body)).status_code == 201


async def test_body_over_one_mebibyte_is_413_without_a_content_length(client: httpx.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b'{"shortID": "A", "x": "'
        for _ in range(17):
            yield b"x" * 65536
        yield b'"}'

    refused(await client.post("Customer", content=chunks()), 413, "payload_too_large")
    assert (await client.get("Customer/A")).status_code == 404


async def test_body_of_exactly_one_mebibyte_is_accepted(client: httpx.AsyncClient) -> None:
    start, end = b'{"shortID": "A", "x": "', b'"}'
    body = start + b"x" * (1024 * 1024 - len(start) - len(end)) + end
    assert (await client.post("Customer", content=body)).status_code == 201
    refused(await client.post("Customer", content=body + b" "), 413, "payload_too_large")


@pytest.mark.parametrize("path", ["", "Customers", "Customer/", "Token/x", "../v2/Customer/All", "openapi.json/"])
async def test_unknown_path_is_404(client: httpx.AsyncClient, path: str) -> None:
    refused(await client.get(path), 404, "not_found")


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("Token", {"POST"}),
        ("openapi.json", {"GET", "HEAD"}),
        ("Customer", {"POST"}),
        ("Customer/All", {"GET", "HEAD"}),
        ("Customer/%41ll", {"GET", "HEAD"}),
        ("Customer/ACME-CORP", {"GET", "HEAD", "DELETE"}),
    ],
)
async def test_unknown_method_is_405_with_the_allowed_ones(
    client: httpx.AsyncClient, path: str, allowed: set[str]
) -> None:
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "X"} - allowed:
        answer = await client.request(method, path)
        refused(answer, 405, "method_not_allowed")
        assert set(answer.headers["Allow"].split(", ")) == allowed


@pytest.mark.parametrize(
    ("header", "challenge"),
    [(None, "Bearer"), ("", "Bearer"), ("Basic eDp5", "Bearer"), ("Bearer", "Bearer"), ("Bearer \xff\x01", "Bearer")],
)
async def test_request_without_a_usable_token_is_401_with_a_challenge(
    client: httpx.AsyncClient, header: str | None, challenge: str
) -> None:
    del client.headers["Authorization"]
    headers = [] if header is None else [(b"Authorization", header.encode("latin-1"))]
    answer = await client.get("Customer/All", headers=headers)
    refused(answer, 401, "unauthorized")
    assert answer.headers["WWW-Authenticate"] == challenge


@pytest.mark.promise("S1")
@pytest.mark.parametrize("store", ["SQLite"], indirect=True)
async def test_full_disk_is_reported_writes_nothing_and_recovers(client: httpx.AsyncClient, store: Store) -> None:
    await client.post("Customer", json={"shortID": "BEFORE"})
    # As many pages as there are: to SQLite the disk is now full.
    await store.database.write(lambda session: session.execute("PRAGMA max_page_count = 1"))
    for number in range(200):
        answer = await client.post("Customer", json={"shortID": f"A{number}", "name": "x" * 200, "city": "y" * 200})
        if answer.status_code != 201:
            break
    refused(answer, 500, "internal_error")
    assert "disk is full" in answer.json()["message"]
    assert str(Path(store.database.name).parent) not in answer.text
    assert (await client.get(f"Customer/A{number}")).status_code == 404
    await store.database.write(lambda session: session.execute("PRAGMA max_page_count = 100000"))
    assert (await client.post("Customer", json={"shortID": f"A{number}"})).status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        b'{"shortID": "A", "shortID": "B"}',
        b'{"shortID": "A", "x": {"y": 1, "y": 2}}',
        b'{"shortID": "A", "name": "1", "n\\u0061me": "2"}',
    ],
)
async def test_key_that_stands_twice_is_a_bad_request(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post("Customer", content=body)
    refused(answer, 400, "bad_request")
    assert "twice" in answer.json()["message"]


async def test_encoded_body_is_415(client: httpx.AsyncClient) -> None:
    headers = {"Content-Encoding": "gzip"}
    answer = await client.post("Customer", json={"shortID": "A"}, headers=headers)
    refused(answer, 415, "unsupported_media_type")
    assert (await client.get("Customer/A")).status_code == 404


async def test_two_logins_are_a_bad_request(client: httpx.AsyncClient) -> None:
    token = client.headers["Authorization"]
    headers = [("Authorization", token), ("Authorization", token)]
    transport = client._transport
    request = httpx.Request("GET", f"{BASE}Customer/All", headers=headers)
    answer = await transport.handle_async_request(request)
    await answer.aread()
    refused(answer, 400, "bad_request")


async def test_unknown_expectation_is_417(client: httpx.AsyncClient) -> None:
    refused(await client.post("Customer", json={"shortID": "A"}, headers={"Expect": "foo"}), 417, "expectation_failed")


@pytest.mark.promise("S1")
@pytest.mark.parametrize(("method", "expected"), [("GET", 400), ("DELETE", 400)])
async def test_id_with_nul_is_a_bad_request(client: httpx.AsyncClient, method: str, expected: int) -> None:
    refused(await client.request(method, "Customer/A%00B"), expected, "bad_request")


async def test_health_needs_no_token(make_client: ClientFactory) -> None:
    anonymous = await make_client()
    for path in ("/healthz", "/readyz"):
        answer = await anonymous.get(f"http://service{path}")
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize("store", ["SQLite"], indirect=True)
async def test_service_without_database_lives_but_is_not_ready(make_client: ClientFactory, store: Store) -> None:
    anonymous = await make_client()
    await store.close()
    assert (await anonymous.get("http://service/readyz")).status_code == 503
    assert (await anonymous.get("http://service/healthz")).status_code == 200
