"""The detail screen: every field, malformed records, neighbours, copying."""

import httpx
import pytest

from tests.harness import Forward, json_response, run_app

HOSTILE: dict[str, object] = {
    "shortID": "ODD [1]",
    "name": "Evil\x1b]52;c;aGk=\x07 [/] \u202egnp",
    "address1": None,
    "city": 12345,
    "zip": ["a", {"b": 1}],
    "email": "x" * 300,
    "phone": "\ud800",
    "active": "yes",
    "created": "2024-13-45T99:00:00",
    "modified": "2024-11-02T14:22:00Z",
    "creditLimit": 1e400,
    "notes": "keep [me]",
}


def page_of(*records: object) -> dict[str, object]:
    size = len(records)
    return {"value": list(records), "totalCount": size, "page": 1, "pageSize": 25, "pageCount": 1, "hasMore": False}


async def test_detail_shows_all_fifteen_fields() -> None:
    async with run_app() as it:
        await it.press("enter")
        it.sees("ACME-CORP · Acme Corporation", "123 Industrial Way", "US · United States", "orders@acme.example.com")
        it.sees("2023-04-15 08:30", "2024-11-02 14:22", "1 of 48 by ID", "Jane Smith", "62701", "active")
        for label in ("Who", "Where", "Reach", "Record", "Address 2", "Fax", "Status"):
            it.sees(label)


async def test_left_and_right_open_neighbours_across_pages() -> None:
    async with run_app() as it:
        await it.press("end", "enter")
        it.sees("20 of 48 by ID")
        await it.press("right")
        it.sees("21 of 48 by ID")
        await it.press("left", "left")
        it.sees("19 of 48 by ID")
        await it.press("escape")
        it.sees("page 1 of 3")
        assert it.lines[20].startswith("›")


async def test_first_customer_has_no_left_neighbour() -> None:
    async with run_app() as it:
        await it.press("enter", "left")
        it.sees("This is the first customer.", "ACME-CORP")


async def test_detail_reads_record_from_server() -> None:
    async with run_app() as it:
        await it.store.upsert("ACME-CORP", {"fax": "555-0101"}, if_match=None, only_new=False)
        await it.press("enter")
        it.sees("555-0101")


async def test_missing_customer_keeps_last_known_values() -> None:
    async with run_app() as it:
        body = {"statusCode": 404, "error": "not_found", "message": "No such customer."}

        async def gone(request: httpx.Request, _: object) -> httpx.Response:
            return json_response(404, body)

        it.transport.intercept = gone
        await it.press("enter")
        it.sees("Not found", "No such customer.", "123 Industrial Way")


async def test_copy_takes_whole_field() -> None:
    async with run_app() as it:
        await it.press("enter", "down", "y")
        assert it.app.clipboard == "Acme Corporation"
        it.sees("Copied: Name.")


@pytest.mark.promise("T5", "T1")
async def test_hostile_record_is_flagged_and_neighbours_are_intact() -> None:
    async def hostile(request: httpx.Request, _: object) -> httpx.Response:
        if request.url.path.endswith("/All"):
            good = {"shortID": "GOOD", "name": "Good Ltd", "active": True}
            return json_response(200, page_of("not a record", HOSTILE, good))
        return json_response(200, HOSTILE)

    async with run_app(intercept=hostile, size=(80, 40)) as it:
        it.sees("(no ID)", "not a record", "ODD [1]", "Good Ltd", "Evil␛]52")
        flagged = [line for line in it.lines if line[1:2] == "!"]
        assert len(flagged) == 2
        await it.press("down", "enter")
        it.sees("Evil␛]52;c;aGk=␇ [/] ‹202E›gnp", "12345", "a number, not text", "a list, not text", "not a date")
        it.sees("– (null)", "2024-11-02 14:22 Z", "‹D800›", "broken characters", "unknown", "keep [me]")
        it.sees("not known to dockbook", "text, not true or false")
        assert "x" * 50 in it.screen_text
        assert not set(it.screen_text) & {"\x1b", "\x07", "\u202e", "\ud800"}


@pytest.mark.promise("T5")
async def test_record_without_id_opens_without_request() -> None:
    async def nameless(request: httpx.Request, _: object) -> httpx.Response:
        return json_response(200, page_of({"name": "Nobody", "active": True}))

    async with run_app(intercept=nameless) as it:
        await it.press("enter")
        it.sees("Nobody", "The server cannot be asked for this ID")
        assert it.transport.count("GET") == 1


@pytest.mark.promise("T3")
async def test_response_for_other_customer_is_reported_and_not_edited() -> None:
    other = {"shortID": "acme-corp", "name": "Somebody Else", "active": True}

    async def other_case(request: httpx.Request, forward: Forward) -> httpx.Response:
        single = request.method == "GET" and not request.url.path.endswith("/All")
        return json_response(200, other) if single else await forward()

    async with run_app(intercept=other_case) as it:
        await it.press("enter")
        it.sees("Asked for ACME-CORP, the server sent acme-corp", "Acme Corporation")
        it.misses("Somebody Else")
        await it.press("f2", "X", "f10")
        it.sees("another customer", "Edit ACME-CORP")
        await it.press("f9", "escape")
        await it.press("delete", "right", "enter")
        it.sees("another customer")
        assert it.transport.count("POST") == it.transport.count("DELETE") == 0
