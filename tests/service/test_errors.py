"""Every error has the contract's format, and only a failing disk is a server error."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from app.service.store import Store
from tests.service.conftest import ClientFactory


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
        b'{"shortID": "A", "shortID": "B"}',
        b'{"shortID": "A", "short\\u0049D": "A"}',
        b'{"shortID": "A", "x": [{"y": {"z": 1, "z": 1}}]}',
    ],
    ids=lambda body: repr(body[:24]),
)
async def test_body_that_is_not_a_json_object_is_a_bad_request(client: httpx.AsyncClient, body: bytes) -> None:
    refused(await client.post("Customer", content=body), 400, "bad_request")


async def test_key_that_stands_twice_writes_nothing(client: httpx.AsyncClient) -> None:
    await client.post("Customer", content=b'{"shortID": "A", "name": "x", "shortID": "B"}')
    assert (await client.get("Customer/All")).json()["totalCount"] == 0


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity, gzip", "GZIP", "x"])
async def test_encoded_body_is_415(client: httpx.AsyncClient, encoding: str) -> None:
    headers = {"Content-Encoding": encoding}
    refused(await client.post("Customer", json={"shortID": "A"}, headers=headers), 415, "unsupported_media_type")
    assert (await client.get("Customer/A")).status_code == 404


@pytest.mark.parametrize("headers", [{"Content-Encoding": "identity"}, {"Expect": "100-Continue"}])
async def test_headers_that_change_nothing_are_accepted(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    assert (await client.post("Customer", json={"shortID": "A"}, headers=headers)).status_code == 201


async def test_unknown_expectation_is_417(client: httpx.AsyncClient) -> None:
    answer = await client.post("Customer", json={"shortID": "A"}, headers={"Expect": "200-maybe"})
    refused(answer, 417, "expectation_failed")


@pytest.mark.promise("S2")
@pytest.mark.parametrize("path", ["Customer/All", "Customer/A"])
async def test_second_authorization_header_is_a_bad_request(client: httpx.AsyncClient, path: str) -> None:
    right = client.headers["Authorization"]
    for second in (right, "Bearer x"):
        headers = [("Authorization", right), ("Authorization", second)]
        refused(await client.get(path, headers=headers), 400, "bad_request")


@pytest.mark.parametrize("short_id", ["All", ".", ".."])
async def test_reserved_id_is_named_in_quotes(client: httpx.AsyncClient, short_id: str) -> None:
    answer = await client.post("Customer", json={"shortID": short_id})
    refused(answer, 400, "validation_error")
    assert answer.json()["details"]["shortID"] == ['The shortID field must not be "All", "." or "..".']


async def test_health_and_readiness_need_no_token(make_client: ClientFactory) -> None:
    anonymous = await make_client()
    for path in ("/healthz", "/readyz"):
        answer = await anonymous.get(f"http://service{path}")
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_service_is_not_ready_while_its_book_cannot_be_written(client: httpx.AsyncClient, store: Store) -> None:
    await store.close()
    refused(await client.get("http://service/readyz"), 503, "not_ready")
    assert (await client.get("http://service/healthz")).status_code == 200


@pytest.mark.promise("S1")
@pytest.mark.parametrize("field", ["shortID", "name"])
async def test_lone_surrogate_is_reported_at_its_field(client: httpx.AsyncClient, field: str) -> None:
    answer = await client.post("Customer", content=json.dumps({"shortID": "A"} | {field: "x\ud800"}))
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


@pytest.mark.promise("S1")
@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_id_with_nul_is_a_bad_request(client: httpx.AsyncClient, method: str) -> None:
    refused(await client.request(method, "Customer/A%00B"), 400, "bad_request")
