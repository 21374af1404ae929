"""Malformed but legal JSON is shown and flagged, the rest of its page is intact, and keys work."""

import json
from typing import Any

import httpx
import pytest

from tests.customers import ACME
from tests.harness import AppHarness, Intercept, json_response, run_app

HUGE = 1_500_000  # characters

MALFORMED: dict[str, bytes] = {
    "null": b'{"shortID": "ODD", "name": null, "active": null}',
    "wrong types": b'{"shortID": 7, "name": ["x"], "phone": {"a": 1}, "active": "yes", "created": 20240101}',
    "impossible date": b'{"shortID": "ODD", "name": "x", "active": true, "modified": "2024-02-31T25:61:00"}',
    "lone surrogate": b'{"shortID": "ODD", "name": "\\ud800x\\udfff", "active": true}',
    "huge numbers": b'{"shortID": "ODD", "name": ' + b"9" * 5000 + b', "zip": 1e999, "fax": NaN, "active": true}',
    "deep": b'{"shortID": "ODD", "active": true, "name": ' + b"[" * 300 + b"]" * 300 + b"}",
    "twice the same key": b'{"shortID": "NOT", "shortID": "ODD", "name": "a", "name": null, "active": true, "x": [1]}',
    "no object": b'"ODD"',
    "nothing": b"{}",
    "thousands of fields": b'{"shortID": "ODD", "name": 1, %s}' % b", ".join(b'"f%d": 0' % n for n in range(20_000)),
}


def page_with(record: bytes) -> bytes:
    """A page with this record between two good ones."""
    good = [json.dumps(ACME | {"shortID": short_id}).encode() for short_id in ("GOOD-1", "GOOD-2")]
    return b'{"value": [' + b",".join([good[0], record, good[1]]) + b'], "totalCount": 3, "hasMore": false}'


def serve_record(record: bytes) -> Intercept:
    """A server with this record."""

    async def respond(request: httpx.Request, _: object) -> httpx.Response:
        return httpx.Response(200, content=page_with(record) if request.url.path.endswith("/All") else record)

    return respond


@pytest.mark.promise("T5")
@pytest.mark.parametrize("name", MALFORMED)
async def test_malformed_record_is_flagged_and_page_shown(name: str) -> None:
    async with run_app(intercept=serve_record(MALFORMED[name])) as it:
        rows = it.lines[2:5]
        assert [row[1:2] for row in rows] == [" ", "!", " "] or (name == "null" and rows[1][1:2] == "!")
        assert rows[0][2:8] == "GOOD-1"
        assert rows[2][2:8] == "GOOD-2"
        await it.press("down", "enter", "end")
        assert "!" in it.screen_text or "(null)" in it.screen_text
        await it.press("escape", "down", "enter")
        it.sees("GOOD-2", "Acme Corporation")


@pytest.mark.promise("T5", "W5")
@pytest.mark.parametrize("sign", ["x", "é", "\x1b"])
async def test_huge_value_is_shown_in_part_and_saved_whole(sign: str) -> None:
    huge: dict[str, Any] = ACME | {"name": sign * HUGE, "city": sign * HUGE, "unknown": sign * HUGE}
    posted: list[Any] = []

    async def respond(request: httpx.Request, _: object) -> httpx.Response:
        if request.url.path.endswith("/All"):
            return json_response(200, {"value": [huge, ACME | {"shortID": "B"}], "totalCount": 2, "hasMore": False})
        if request.method == "POST":
            posted.append(json.loads(request.content))
            return json_response(200, posted[-1] | {"active": True})
        return json_response(200, huge)

    async with run_app(intercept=respond) as it:
        await look_around(it)
        it.sees("1,500,000 characters, kept")
        await it.press("down", "X", "f10")
    assert len(posted) == 1
    assert posted[0]["name"] == huge["name"]
    assert posted[0]["contact"] == "Jane SmithX"


async def look_around(it: AppHarness) -> None:
    """Visit list, detail, dialog and form."""
    await it.press("down", "up", "enter")
    it.sees("1,500,000 characters, the first 500 shown")
    await it.press("d", "escape", "e")
