"""The preview: the customer under the cursor beside the rows, from what the list has."""

import json
from pathlib import Path

import httpx

from app.screens.list_state import ListStateFile
from tests.harness import AppHarness, Forward, json_response, run_app

WIDE = (160, 50)


def preview(it: AppHarness) -> str:
    """What stands to the right of the rows; empty without a preview."""
    return "\n".join(line.partition("│")[2].strip() for line in it.lines[1:-2]).strip()


async def test_follows_cursor_without_a_request() -> None:
    async with run_app(size=WIDE) as it:
        assert "orders@acme.example.com" in preview(it)
        sent = len(it.transport.requests)
        for _ in range(5):
            await it.press("down")
        current = it.app.screen.query_one("CustomerTable").current  # type: ignore[attr-defined]
        assert current.short_id in preview(it)
        assert current.value("address1") in preview(it)
        assert "orders@acme.example.com" not in preview(it)
        assert len(it.transport.requests) == sent


async def test_shows_hit_and_what_was_saved() -> None:
    async with run_app(size=WIDE, mirror=True) as it:
        await it.press("slash", *"bright", "down")
        assert "BRIGHT-MFG" in preview(it)
        await it.press("escape")
        await it.press("f2", "down", "x", "f10")
        assert "Jane Smithx" in preview(it)


async def test_key_switches_it_and_it_is_remembered(tmp_path: Path) -> None:
    async with run_app(size=WIDE, list_state_file=ListStateFile(tmp_path, "here")) as it:
        assert preview(it)
        it.misses("Ctry")
        await it.press("P")
        assert not preview(it)
        it.sees("Ctry")
    async with run_app(size=WIDE, list_state_file=ListStateFile(tmp_path, "here")) as it:
        assert not preview(it)
        await it.press("P")
        assert "ACME-CORP" in preview(it)
    async with run_app(size=(124, 40), list_state_file=ListStateFile(tmp_path, "here")) as it:
        assert "ACME-CORP" in preview(it)
    async with run_app(size=(123, 40), list_state_file=ListStateFile(tmp_path, "here")) as it:
        assert not preview(it)
        await it.press("P")
        it.sees("The preview needs 124 columns. Make the window wider.")
        await it.pilot.resize_terminal(*WIDE)
        await it.settle()
        assert "ACME-CORP" in preview(it)
        it.misses("The preview needs")


async def test_comes_by_itself_only_where_there_is_much_room() -> None:
    async with run_app(size=(159, 50)) as it:
        assert not preview(it)
        await it.pilot.resize_terminal(160, 50)
        await it.settle()
        assert "ACME-CORP" in preview(it)
        await it.press("down")
        assert "AGUILA-CALC" in preview(it)


async def test_gives_way_to_columns_that_a_person_chose() -> None:
    async with run_app(size=WIDE) as it:
        # Contact, both lines of the address, fax.
        await it.press("v", *["down", "space"] * 3, *["down"] * 6, "space", "enter")
        assert not preview(it)
        it.sees("Fax", "Address 2", "48 customers")
        it.misses("No room for")
        await it.press("P")
        assert "ACME-CORP" in preview(it)


async def test_nothing_stands_there_while_there_is_no_customer() -> None:
    async with run_app(size=WIDE, mirror=True) as it:
        await it.press("slash", *"qwxz")
        it.sees("No match for")
        it.misses("ACME-CORP")
        await it.press("escape")
        assert "ACME-CORP" in preview(it)


async def test_page_of_as_many_rows_as_fit_leaves_no_page_of_two() -> None:
    async with run_app(size=WIDE) as it:
        it.sees("48 customers · page 1 of 1")
        await it.press("end")
        it.sees("WATTLE-WOOL")
        await it.press("down")
        it.sees("This is the last page.")
    async with run_app(100, size=WIDE) as it:
        it.sees("100 customers · page 1 of 3")


async def test_more_customers_than_a_page_takes_make_it_as_long_as_fits_again() -> None:
    async with run_app(size=WIDE) as it:
        it.sees("page 1 of 1")
        for number in range(20):
            await it.store.upsert(f"ZZZ-{number}", {"name": "New"}, if_match=None, only_new=True)
        await it.press("f5")
        it.sees("68 customers · page 1 of 2")


async def test_wrong_total_is_not_asked_for_again_and_again() -> None:
    async def wrong_total(request: httpx.Request, forward: Forward) -> httpx.Response:
        response = await forward()
        if request.method != "GET":
            return response
        body = json.loads(await response.aread())
        body["totalCount"] = 50
        return json_response(200, body)

    async with run_app(size=WIDE, intercept=wrong_total) as it:
        it.sees("50 customers")
        assert it.transport.count("GET") <= 3
