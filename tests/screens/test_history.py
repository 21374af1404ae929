"""Undo and My changes: previous values are written like every other save."""

import pytest

from tests.harness import AppHarness, run_app


async def save_phone(it: AppHarness, text: str) -> None:
    """Save another phone number of the first customer, from the list."""
    await it.press("home", "f2", *["down"] * 8, *["backspace"] * 8)
    await it.type(text)
    await it.press("f10")


@pytest.mark.promise("W7")
async def test_undo_restores_previous_value_and_keeps_others_changes() -> None:
    async with run_app() as it:
        await it.press("u")
        it.sees("Nothing to undo")
        await save_phone(it, "555-0199")
        await it.store.upsert("ACME-CORP", {"zip": "98402"}, if_match=None, only_new=False)
        await it.press("u")
        it.sees("Undo the save of", "ACME-CORP", "Phone: 555-0199 → 555-0100", "Cancel")
        await it.press("enter")
        assert (await it.record("ACME-CORP"))["phone"] == "555-0199"
        await it.press("u", "right", "enter")
        it.sees("Phone of ACME-CORP is as it was before your save. Someone else changed Zip")
        record = await it.record("ACME-CORP")
        assert (record["phone"], record["zip"]) == ("555-0100", "98402")
        await it.press("u")
        it.sees("Nothing to undo")


@pytest.mark.promise("W7")
async def test_undo_on_detail_reverts_saves_in_turn() -> None:
    async with run_app() as it:
        for text in ("1", "2"):
            await save_phone(it, text)
        await it.press("enter")
        for expected in ("1", "555-0100"):
            await it.press("u", "right", "enter")
            it.sees(f"Phone      {expected} ")
            assert (await it.record("ACME-CORP"))["phone"] == expected


@pytest.mark.promise("W7")
async def test_undo_over_later_change_opens_conflict() -> None:
    async with run_app() as it:
        await save_phone(it, "555-0199")
        await it.store.upsert("ACME-CORP", {"phone": "555-7777"}, if_match=None, only_new=False)
        await it.press("u", "right", "enter")
        it.sees("Conflict · ACME-CORP", "555-0199", "555-7777", "555-0100")
        assert (await it.record("ACME-CORP"))["phone"] == "555-7777"
        await it.press("y", "f10")
        assert (await it.record("ACME-CORP"))["phone"] == "555-0100"


@pytest.mark.promise("W7")
async def test_undo_of_discontinue_and_create_is_refused() -> None:
    async with run_app() as it:
        await it.press("delete", "right", "enter")
        await it.press("u")
        it.sees("Discontinuing cannot be undone here.")
        await it.press("f6")
        await it.type("DOCK-7")
        await it.press("f10")
        await it.press("u")
        it.sees("DOCK-7 was created. That cannot be undone here")
        await it.press("m")
        it.sees("My changes", "created", "Status", "active", "discontinued")


@pytest.mark.promise("W7")
async def test_history_shows_changes_and_undoes_any() -> None:
    async with run_app() as it:
        await it.press("m")
        it.sees("Nothing was saved in this session yet.")
        await save_phone(it, "1")
        await it.press("down", "f2")
        await it.press("x", "f10")
        await it.press("m")
        it.sees("My changes", "Became", "AGUILA-CALC", "Calçados Ltda.x", "ACME-CORP", "555-0100")
        await it.press("down", "u", "right", "enter")
        it.sees("Phone of ACME-CORP is as it was before your save.", "Phone (undone)")
        assert (await it.record("ACME-CORP"))["phone"] == "555-0100"
        await it.press("end", "u")
        it.sees("undone already")
        await it.press("escape")
        it.sees("48 customers")


async def test_enter_on_a_change_opens_its_customer() -> None:
    async with run_app() as it:
        await save_phone(it, "1")
        await it.press("m")
        it.sees("⏎ Open")
        await it.press("enter")
        it.sees("ACME-CORP · Acme Corporation", "123 Industrial Way")
        await it.press("escape")
        it.sees("My changes")


@pytest.mark.promise("W7", "A2")
async def test_undo_is_off_without_permission() -> None:
    async with run_app() as it:
        await save_phone(it, "1")
        it.credentials.set_permissions(it.issued.client_id, frozenset({130}))
        await it.press("u", "right", "enter")
        it.sees("Not undone.", "131")
        await it.press("u")
        it.sees("Editing is off")
