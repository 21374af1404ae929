"""The detail screen: every field, the current one, malformed records, neighbours, copying, all sizes."""

import httpx
import pytest

from app.screens.detail import DetailScreen
from tests.harness import AppHarness, Forward, json_response, run_app

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
        it.sees("ACME-CORP · Acme Corporation", "123 Industrial Way", "US United States", "orders@acme.example.com")
        it.sees("2023-04-15 08:30", "2024-11-02 14:22", "1 of 48 by ID", "Jane Smith", "62701", "active")
        for label in ("Who", "Where", "Reach", "Record", "Address 2 –", "Fax", "Created"):
            it.sees(label)


def marked(it: AppHarness) -> str:
    """What is shown in reverse on the detail."""
    assert isinstance(it.app.screen, DetailScreen)
    record = it.app.screen.record
    lines = (record.render_line(y) for y in range(record.size.height))
    return " ".join(one.text for line in lines for one in line if one.style is not None and one.style.reverse)


async def test_value_of_current_field_is_marked_and_mark_stands_beside_label() -> None:
    async with run_app() as it:
        await it.press("enter")
        assert marked(it) == "ACME-CORP"
        await it.press("down")
        assert marked(it) == "Acme Corporation"
        it.sees("› Name       Acme Corporation")
        it.misses("› ID")


async def test_address_stands_as_on_a_parcel_and_its_fields_are_chosen_one_by_one() -> None:
    async with run_app() as it:
        await it.press("enter")
        it.sees("123 Industrial Way · Address 2 –", "Springfield IL 62701 · US United States")
        await it.press(*["down"] * 4)
        it.sees("› " + " " * 11 + "123 Industrial Way · Address 2 –")
        await it.press("down", "down")
        assert marked(it) == "IL"
        it.sees("› " + " " * 11 + "Springfield IL 62701 · US United States", " State · ←→ 1 of 48 by ID")
        await it.press("down", "down")
        assert marked(it) == "US United States"
        it.sees("› " + " " * 11 + "Springfield IL 62701 · US United States", " Country · ←→ 1 of 48 by ID")
        await it.press("up", "up")
        await it.press("f2", "x", "f10")
        assert (await it.record("ACME-CORP"))["state"] == "ILx"


async def test_up_goes_around_to_last_field_and_down_to_first() -> None:
    async with run_app() as it:
        await it.press("enter", "up")
        assert marked(it) == "2024-11-02 14:22"
        await it.press("pagedown")
        assert marked(it) == "2024-11-02 14:22"
        await it.press("down")
        assert marked(it) == "ACME-CORP"


@pytest.mark.parametrize(("size", "beside"), [((160, 50), True), ((120, 30), True), ((119, 30), False)])
async def test_groups_stand_in_two_columns_from_120_cells(size: tuple[int, int], beside: bool) -> None:
    async with run_app(size=size) as it:
        await it.press("enter")
        assert any("Who" in line and "Reach" in line for line in it.lines) is beside
        await it.press(*["down"] * 9)
        assert marked(it) == "555-0100"


@pytest.mark.parametrize("size", [(24, 16), (40, 12)])
async def test_narrow_terminal_shows_values_without_labels_and_indent(size: tuple[int, int]) -> None:
    async with run_app(size=size) as it:
        await it.press("enter")
        shown = [line.rstrip() for line in it.lines[1:-2]]
        assert shown[:4] == ["›ACME-CORP", " Acme Corporation", " Jane Smith", shown[3]]
        assert shown[3].startswith(" 123 Industrial Way")
        assert "…" not in "".join(shown)
        await it.press("down", "down")
        it.sees("›Jane Smith", "↓ more · Contact", "F2Edit", "F3Back")
        assert it.lines[0].startswith(" ACME-CORP · ")
        await it.press("end")
        it.sees("14:22")


async def test_record_longer_than_a_wide_screen_says_so() -> None:
    record = {"shortID": "LONG", "name": "long " * 80, "address1": "1 Way"}
    async with run_app(records=[record], size=(80, 16)) as it:
        await it.press("enter")
        it.sees(" ↓ more below · ←→ 1 of 1 by ID")
        await it.press(*["down"] * 3)
        it.sees(" ↓ more below · Address · ←→ 1 of 1 by ID")
        await it.press("end")
        it.misses("↓ more")


async def test_long_value_is_wrapped_and_whole_on_narrow_terminal() -> None:
    name = "Hamburger Hafenlagerhausgesellschaft mbH & Co. Kommanditgesellschaft auf Aktien, Niederlassung Süd"
    async with run_app(records=[{"shortID": "HHL", "name": name}], size=(24, 16)) as it:
        await it.press("enter", "down")
        assert "".join(marked(it).split()) == "".join(name.split())
        it.sees("›Hamburger")


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
        await it.press("y")
        assert it.lines[0].rstrip() == "Acme Corporation"
        await it.press("escape", *["down"] * 3, "y")
        it.sees("Address 2 is empty: nothing to copy.")


async def test_copy_all_takes_every_field_that_is_not_empty() -> None:
    async with run_app() as it:
        await it.press("enter", "c")
        it.sees("Copied: all fields of ACME-CORP, one a line.")
        lines = it.app.clipboard.split("\n")
        assert lines[:2] == ["ID         ACME-CORP", "Name       Acme Corporation"]
        assert "Phone      555-0100" in lines
        assert not [line for line in lines if line.startswith("Fax")]


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
