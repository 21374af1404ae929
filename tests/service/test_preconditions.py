"""Optional preconditions: no client overwrites a version it has not seen."""

import asyncio

import httpx
import pytest


@pytest.fixture
async def tags(client: httpx.AsyncClient) -> tuple[str, str]:
    """Return the tags of an old version and of the current one."""
    old = await client.post("Customer", json={"shortID": "A", "name": "one"})
    new = await client.post("Customer", json={"shortID": "A", "name": "two"})
    return old.headers["ETag"], new.headers["ETag"]


@pytest.mark.promise("W1")
async def test_if_match_writes_only_over_the_named_version(client: httpx.AsyncClient, tags: tuple[str, str]) -> None:
    stale, fresh = tags
    body = {"shortID": "A", "name": "three"}
    for value in (stale, fresh.strip('"'), f"W/{fresh}", '"nothing"', "rubbish", ""):
        answer = await client.post("Customer", json=body, headers={"If-Match": value})
        assert (answer.status_code, answer.json()["error"]) == (412, "precondition_failed"), value
    assert (await client.get("Customer/A")).json()["name"] == "two"
    for make in (lambda tag: tag, lambda tag: f'"x", {tag}', lambda _tag: "*"):
        tag = (await client.get("Customer/A")).headers["ETag"]
        assert (await client.post("Customer", json=body, headers={"If-Match": make(tag)})).status_code == 200


@pytest.mark.promise("W1")
async def test_if_match_never_creates(client: httpx.AsyncClient) -> None:
    for value in ("*", '"x"'):
        assert (await client.post("Customer", json={"shortID": "B"}, headers={"If-Match": value})).status_code == 412
    assert (await client.get("Customer/B")).status_code == 404


@pytest.mark.promise("W2")
async def test_if_none_match_only_creates(client: httpx.AsyncClient) -> None:
    headers = {"If-None-Match": "*"}
    assert (await client.post("Customer", json={"shortID": "B"}, headers=headers)).status_code == 201
    await client.delete("Customer/B")
    answer = await client.post("Customer", json={"shortID": "B", "name": "again"}, headers=headers)
    assert (answer.status_code, answer.json()["statusCode"]) == (412, 412)
    assert (await client.get("Customer/B")).json()["name"] == ""


@pytest.mark.promise("W2")
async def test_one_of_two_concurrent_creators_wins(client: httpx.AsyncClient) -> None:
    bodies = [{"shortID": "B", "name": f"creator {number}"} for number in range(12)]
    answers = await asyncio.gather(*(client.post("Customer", json=b, headers={"If-None-Match": "*"}) for b in bodies))
    assert sorted(answer.status_code for answer in answers) == [201, *[412] * 11]


@pytest.mark.promise("W1")
async def test_discontinue_honours_if_match(client: httpx.AsyncClient, tags: tuple[str, str]) -> None:
    stale, fresh = tags
    assert (await client.delete("Customer/A", headers={"If-Match": stale})).status_code == 412
    assert (await client.get("Customer/A")).json()["active"] is True
    assert (await client.delete("Customer/A", headers={"If-Match": fresh})).status_code == 204
    assert (await client.get("Customer/A")).headers["ETag"] != fresh


@pytest.mark.promise("S4", "W1")
async def test_read_then_write_loses_nothing_under_contention(client: httpx.AsyncClient) -> None:
    await client.post("Customer", json={"shortID": "A", "name": ""})

    async def add(letter: str) -> None:
        while True:
            seen = await client.get("Customer/A")
            body = {"shortID": "A", "name": seen.json()["name"] + letter}
            if (await client.post("Customer", json=body, headers={"If-Match": seen.headers["ETag"]})).is_success:
                return

    await asyncio.gather(*map(add, "abcdefghijkl"))
    assert sorted((await client.get("Customer/A")).json()["name"]) == list("abcdefghijkl")
