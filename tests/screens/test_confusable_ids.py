"""IDs that look alike are flagged in list and detail, kept apart, and the right one is opened and written."""

import asyncio

import pytest

from app.screens.customer_list.screen import CustomerListScreen
from app.text.confusables import is_confusable
from tests.harness import LONGEST, always, json_response, run_app

#: Each looks like ACME-CORP: another hyphen, other case, another script, a space inside.
ALIKE = ["ACME-CORP", "ACME‑CORP", "acme-corp", "АСМЕ-CORP", "ACME- CORP"]


def records(*short_ids: str) -> list[dict[str, str]]:
    return [{"shortID": short_id, "name": f"Name of {number}"} for number, short_id in enumerate(short_ids)]


@pytest.mark.promise("T3")
async def test_list_flags_confusable_ids() -> None:
    async with run_app(records=records("ACME-CORP", "ACME‑CORP", "BRIGHT-MFG")) as dock:
        marks = {line[2:13].strip(): line[:2] for line in dock.lines if "Name of" in line}
        assert marks == {"ACME-CORP": "›≈", "ACME‑CORP": " ≈", "BRIGHT-MFG": "  "}
        dock.sees("looks like ACME‹2011›CORP")
        await dock.press("down")
        dock.sees("looks like ACME-CORP")
        await dock.press("down")
        dock.misses("looks like")


@pytest.mark.promise("T3")
async def test_detail_flags_confusable_id() -> None:
    async with run_app(records=records(*ALIKE[:2])) as dock:
        await dock.press("enter")
        line = next(line for line in dock.lines if " ID " in line)
        assert "ACME-CORP" in line
        assert "! looks like ACME‹2011›CORP" in dock.screen_text


@pytest.mark.promise("T3")
async def test_confusable_id_on_another_page_is_flagged() -> None:
    between = [f"B-{number:03}" for number in range(60)]
    async with run_app(records=records("ACME-CORP", *between, "АСМЕ-CORP"), mirror=True) as dock:
        async with asyncio.timeout(LONGEST):
            # The copy is whole a moment before it is indexed.
            while not dock.lines[2].startswith("›≈ACME-CORP"):
                await dock.press("f5")
        dock.sees("looks like ‹0410›‹0421›‹041C›‹0415›-CORP")
        await dock.press("enter")
        dock.sees("! looks like ‹0410›‹0421›‹041C›‹0415›-CORP")
        await dock.press("escape", "slash", *"name of 61", "enter")
        dock.sees("АСМЕ-CORP · Name of 61", "! looks like ACME-CORP")


@pytest.mark.promise("T3")
@pytest.mark.parametrize("number", range(len(ALIKE)))
async def test_edit_writes_exactly_the_selected_id(number: int) -> None:
    assert all(one is other or is_confusable(one, other) for one in ALIKE for other in ALIKE)
    async with run_app(records=records(*ALIKE)) as dock:
        screen = dock.app.screen
        assert isinstance(screen, CustomerListScreen)
        screen.table.cursor = [row.short_id for row in screen.table.rows].index(ALIKE[number])
        await dock.press("e", *"xy", "f10")
        assert [(await dock.record(short_id))["name"] for short_id in ALIKE] == [
            f"Name of {other}{'xy' if other == number else ''}" for other in range(len(ALIKE))
        ]


@pytest.mark.promise("T3")
@pytest.mark.parametrize("short_id", ALIKE)
async def test_go_to_opens_exactly_the_given_id(short_id: str) -> None:
    async with run_app(records=records(*ALIKE)) as dock:
        await dock.press("g")
        await dock.paste(short_id)
        await dock.press("enter")
        dock.sees(f"Name of {ALIKE.index(short_id)}")


@pytest.mark.promise("T3")
async def test_response_for_different_id_is_reported() -> None:
    async with run_app(records=records("ACME-CORP")) as dock:
        record = await dock.record("ACME-CORP")

        dock.transport.intercept = always(lambda: json_response(200, record))
        await dock.press("g")
        await dock.press(*"acme-corp", "enter")
        dock.sees("Asked for acme-corp, the server sent ACME-CORP")


@pytest.mark.promise("T6")
async def test_repeated_id_is_shown_once_and_reported() -> None:
    async with run_app(records=records("ACME-CORP", "BRIGHT-MFG")) as dock:
        record = await dock.record("ACME-CORP")
        page = {"value": [record, record, await dock.record("BRIGHT-MFG")], "totalCount": 3, "hasMore": False}

        dock.transport.intercept = always(lambda: json_response(200, page))
        await dock.press("f5")
        assert [line[:2] for line in dock.lines if "Name of" in line] == ["›≈", "  "]
        dock.sees("The server sent ACME-CORP twice on this page: shown once, as changed last.")
        dock.sees("the server sent this ID twice")
