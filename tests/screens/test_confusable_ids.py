"""Confusable IDs are flagged in list and detail, kept apart, and the right one is opened and written."""

import asyncio

import pytest

from app.screens.customer_list.screen import CustomerListScreen
from app.text.confusables import is_confusable
from tests.harness import TIMEOUT, always, json_response, run_app

#: IDs that look like ACME-CORP: another hyphen, case, script, or a space inside.
CONFUSABLE = ["ACME-CORP", "ACME‑CORP", "acme-corp", "АСМЕ-CORP", "ACME- CORP"]


def records(*short_ids: str) -> list[dict[str, str]]:
    return [{"shortID": short_id, "name": f"Name of {number}"} for number, short_id in enumerate(short_ids)]


@pytest.mark.promise("T3")
async def test_list_flags_confusable_ids() -> None:
    async with run_app(records=records("ACME-CORP", "ACME‑CORP", "BRIGHT-MFG")) as it:
        marks = {line[2:13].strip(): line[:2] for line in it.lines if "Name of" in line}
        assert marks == {"ACME-CORP": "›≈", "ACME‑CORP": " ≈", "BRIGHT-MFG": "  "}
        it.sees("looks like ACME‹2011›CORP")
        await it.press("down")
        it.sees("looks like ACME-CORP")
        await it.press("down")
        it.misses("looks like")


@pytest.mark.promise("T3")
async def test_detail_flags_confusable_id() -> None:
    async with run_app(records=records(*CONFUSABLE[:2])) as it:
        await it.press("enter")
        line = next(line for line in it.lines if " ID " in line)
        assert "ACME-CORP" in line
        assert "! looks like ACME‹2011›CORP" in it.screen_text


@pytest.mark.promise("T3")
async def test_confusable_id_on_another_page_is_flagged() -> None:
    between = [f"B-{number:03}" for number in range(60)]
    async with run_app(records=records("ACME-CORP", *between, "АСМЕ-CORP"), mirror=True) as it:
        async with asyncio.timeout(TIMEOUT):
            # The copy is complete a moment before it is indexed.
            while not it.lines[2].startswith("›≈ACME-CORP"):
                await it.press("f5")
        it.sees("looks like ‹0410›‹0421›‹041C›‹0415›-CORP")
        await it.press("enter")
        it.sees("! looks like ‹0410›‹0421›‹041C›‹0415›-CORP")
        await it.press("escape", "slash", *"name of 61", "enter")
        it.sees("АСМЕ-CORP · Name of 61", "! looks like ACME-CORP")


@pytest.mark.promise("T3")
@pytest.mark.parametrize("number", range(len(CONFUSABLE)))
async def test_edit_writes_exactly_the_selected_id(number: int) -> None:
    assert all(one is other or is_confusable(one, other) for one in CONFUSABLE for other in CONFUSABLE)
    async with run_app(records=records(*CONFUSABLE)) as it:
        screen = it.app.screen
        assert isinstance(screen, CustomerListScreen)
        screen.table.cursor = [row.short_id for row in screen.table.rows].index(CONFUSABLE[number])
        await it.press("e", *"xy", "f10")
        assert [(await it.record(short_id))["name"] for short_id in CONFUSABLE] == [
            f"Name of {other}{'xy' if other == number else ''}" for other in range(len(CONFUSABLE))
        ]


@pytest.mark.promise("T3")
@pytest.mark.parametrize("short_id", CONFUSABLE)
async def test_go_to_opens_exactly_the_given_id(short_id: str) -> None:
    async with run_app(records=records(*CONFUSABLE)) as it:
        await it.press("g")
        await it.paste(short_id)
        await it.press("enter")
        it.sees(f"Name of {CONFUSABLE.index(short_id)}")


@pytest.mark.promise("T3")
async def test_response_for_different_id_is_reported() -> None:
    async with run_app(records=records("ACME-CORP")) as it:
        record = await it.record("ACME-CORP")

        it.transport.intercept = always(lambda: json_response(200, record))
        await it.press("g")
        await it.press(*"acme-corp", "enter")
        it.sees("Asked for acme-corp, the server sent ACME-CORP")


@pytest.mark.promise("T6")
async def test_repeated_id_is_shown_once_and_reported() -> None:
    async with run_app(records=records("ACME-CORP", "BRIGHT-MFG")) as it:
        record = await it.record("ACME-CORP")
        page = {"value": [record, record, await it.record("BRIGHT-MFG")], "totalCount": 3, "hasMore": False}

        it.transport.intercept = always(lambda: json_response(200, page))
        await it.press("f5")
        assert [line[:2] for line in it.lines if "Name of" in line] == ["›≈", "  "]
        it.sees("The server sent ACME-CORP twice on this page: shown once, as changed last.")
        it.sees("the server sent this ID twice")
