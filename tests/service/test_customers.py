"""The endpoints for one customer, as in the contract."""

from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from app.models.fields import ID_FIELD, WRITABLE_FIELDS
from app.service.store import Store
from tests.customers import ACME

SPEC = {name: value for name, value in ACME.items() if name in (ID_FIELD, *WRITABLE_FIELDS)}


async def test_create_returns_201_with_the_whole_record(client: httpx.AsyncClient) -> None:
    answer = await client.post("Customer", json=SPEC)
    record = answer.json()
    assert answer.status_code == 201
    assert list(record) == [*SPEC, "active", "created", "modified"]
    assert record == SPEC | {"active": True, "created": record["created"], "modified": record["created"]}
    assert len(record["created"]) == len("2024-11-02T14:22:00")
    assert answer.headers["X-API-Version"] == "v1"
    assert answer.headers["ETag"].startswith('"')
    again = await client.get("Customer/ACME-CORP")
    assert (again.status_code, again.json(), again.headers["ETag"]) == (200, record, answer.headers["ETag"])


async def test_create_requires_only_the_id_and_leaves_the_rest_empty(client: httpx.AsyncClient) -> None:
    answer = await client.post("Customer", json={"shortID": "BARE"})
    assert answer.status_code == 201
    assert {answer.json()[name] for name in WRITABLE_FIELDS} == {""}


async def test_update_returns_200_and_keeps_omitted_fields(client: httpx.AsyncClient) -> None:
    before = (await client.post("Customer", json=SPEC)).json()
    body = {"shortID": "ACME-CORP", "phone": "555-0199", "name": None, "active": False, "created": "x", "colour": 3}
    answer = await client.post("Customer", json=body)
    after = answer.json()
    assert answer.status_code == 200
    assert after == before | {"phone": "555-0199", "modified": after["modified"]}
    assert after["modified"] > before["modified"]
    emptied = await client.post("Customer", json={"shortID": "ACME-CORP", "phone": ""})
    assert emptied.json()["phone"] == ""


async def test_unchanged_upsert_moves_modified_as_in_the_spec(client: httpx.AsyncClient) -> None:
    first = await client.post("Customer", json=SPEC)
    second = await client.post("Customer", json=SPEC)
    assert second.json()["modified"] > first.json()["modified"]
    assert second.headers["ETag"] != first.headers["ETag"]


async def test_discontinue_keeps_the_record_and_can_be_repeated(client: httpx.AsyncClient) -> None:
    before = (await client.post("Customer", json=SPEC)).json()
    first = await client.delete("Customer/ACME-CORP")
    kept = (await client.get("Customer/ACME-CORP")).json()
    second = await client.delete("Customer/ACME-CORP")
    assert (first.status_code, first.content, second.status_code) == (204, b"", 204)
    assert kept == before | {"active": False, "modified": kept["modified"]}
    assert kept["modified"] > before["modified"]
    assert (await client.get("Customer/ACME-CORP")).json() == kept
    listed = (await client.get("Customer/All")).json()["value"]
    assert listed == [kept]


async def test_upsert_never_reactivates_a_discontinued_customer(client: httpx.AsyncClient) -> None:
    await client.post("Customer", json=SPEC)
    await client.delete("Customer/ACME-CORP")
    assert (await client.post("Customer", json=SPEC | {"active": True})).json()["active"] is False


async def test_missing_customer_is_404(client: httpx.AsyncClient) -> None:
    await client.post("Customer", json=SPEC)
    for short_id in ("acme-corp", "ACME-CORP%20", "%20ACME-CORP", "ACME", "%2E%2E", "%2E", "%FF", "ACME-CORP%2F"):
        for method in ("GET", "DELETE"):
            answer = await client.request(method, f"Customer/{short_id}")
            assert answer.status_code == 404, short_id
            assert answer.json()["error"] == "not_found"
    assert (await client.get("Customer/ACME-CORP")).json()["active"] is True


async def test_invalid_utf8_in_a_path_never_matches_the_replacement_character(client: httpx.AsyncClient) -> None:
    assert (await client.post("Customer", json={"shortID": "\ufffd"})).status_code == 201
    assert (await client.get("Customer/%EF%BF%BD")).status_code == 200
    assert (await client.get("Customer/%FF")).status_code == 404


@pytest.mark.promise("S1")
@pytest.mark.parametrize(
    "short_id",
    [
        *("A/B", "/", "//", "a b", "50%", "%2F", "%252F", "?#", "a?b=c", "#", "&=+;", "..a", "...", "All/", "all"),
        *(
            "東京-1",
            "Ünï",
            "🚚",
            "a\u0301",
            "\u202eabc",
            "'; DROP TABLE customer; --",
            '"',
            "\\",
            "<b>",
            "[/]",
            "é" * 50,
        ),
    ],
)
async def test_any_id_can_be_written_read_listed_and_discontinued(client: httpx.AsyncClient, short_id: str) -> None:
    path = f"Customer/{quote(short_id, safe='')}"
    created = await client.post("Customer", json={"shortID": short_id, "name": "Neighbour"})
    assert (created.status_code, created.json()["shortID"]) == (201, short_id)
    assert (await client.get(path)).json() == created.json()
    assert (await client.get("Customer/All")).json()["value"] == [created.json()]
    assert (await client.delete(path)).status_code == 204
    assert (await client.get(path)).json()["active"] is False


async def test_id_is_trimmed_but_keeps_its_inner_spaces(client: httpx.AsyncClient) -> None:
    assert (await client.post("Customer", json={"shortID": "  A  B\n"})).json()["shortID"] == "A  B"
    assert (await client.post("Customer", json={"shortID": "A  B"})).status_code == 200
    assert (await client.post("Customer", json={"shortID": "A B"})).status_code == 201
    assert (await client.post("Customer", json={"shortID": f" {'x' * 50} "})).status_code == 201


@pytest.mark.parametrize(
    "short_id", ["", "   ", "x" * 51, "All", " All ", ".", "..", "a\tb", "a\x00b", "a\x7fb", "a\x85b", 7, True, []]
)
async def test_unaddressable_id_is_refused(client: httpx.AsyncClient, short_id: object) -> None:
    answer = await client.post("Customer", json={"shortID": short_id})
    body = answer.json()
    assert (answer.status_code, body["error"], body["statusCode"]) == (400, "validation_error", 400)
    assert list(body["details"]) == ["shortID"]
    assert (await client.get("Customer/All")).json()["totalCount"] == 0


@pytest.mark.promise("W6")
async def test_validation_error_names_every_failed_field(client: httpx.AsyncClient) -> None:
    body = {"name": 5, "city": "x" * 201, "zip": "\x00", "state": "y" * 200, "phone": {"a": 1}}
    answer = await client.post("Customer", json=body)
    assert answer.status_code == 400
    assert set(answer.json()["details"]) == {"shortID", "name", "city", "zip", "phone"}
    assert all(isinstance(text, str) for texts in answer.json()["details"].values() for text in texts)


@pytest.mark.promise("W8")
async def test_modified_grows_when_the_clock_goes_back(tmp_path: Path) -> None:
    moments = iter(datetime(2024, 11, 2, 14, 22) + timedelta(seconds=step) for step in (0, 0, -3600, -7200, 5))  # noqa: DTZ001
    store = Store.open(tmp_path / "book.sqlite3", clock=lambda: next(moments))
    stamps, tags = [], set()
    for _ in range(5):
        customer, _created = await store.upsert("A", {})
        stamps.append(str(customer.record["modified"]))
        tags.add(customer.etag)
        assert customer.record["created"] == "2024-11-02T14:22:00"
    await store.close()
    assert stamps == sorted(set(stamps))
    assert (stamps[0], stamps[-1]) == ("2024-11-02T14:22:00", "2024-11-02T14:22:05")
    assert len(tags) == 5
