"""Undo and My changes: the values from before go the way of every save."""

from tests.harness import AppHarness, run_app


async def save_phone(it: AppHarness, text: str) -> None:
    """Save another phone number of the first customer, from the list."""
    await it.press("home", "f2", *["down"] * 8, *["backspace"] * 8)
    await it.type(text)
    await it.press("f10")


async def test_undo_saves_what_was_before_and_keeps_what_others_changed() -> None:
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


async def test_undo_on_the_detail_and_one_save_after_the_other() -> None:
    async with run_app() as it:
        for text in ("1", "2"):
            await save_phone(it, text)
        await it.press("enter")
        for expected in ("1", "555-0100"):
            await it.press("u", "right", "enter")
            it.sees(f"Phone      {expected} ")
            assert (await it.record("ACME-CORP"))["phone"] == expected


async def test_undo_over_somebody_elses_change_asks_which_is_to_stay() -> None:
    async with run_app() as it:
        await save_phone(it, "555-0199")
        await it.store.upsert("ACME-CORP", {"phone": "555-7777"}, if_match=None, only_new=False)
        await it.press("u", "right", "enter")
        it.sees("Conflict · ACME-CORP", "555-0199", "555-7777", "555-0100")
        assert (await it.record("ACME-CORP"))["phone"] == "555-7777"
        await it.press("y", "f10")
        assert (await it.record("ACME-CORP"))["phone"] == "555-0100"


async def test_what_cannot_be_undone_says_so() -> None:
    async with run_app() as it:
        await it.press("delete", "right", "enter")
        await it.press("u")
        it.sees("Discontinuing cannot be undone here.")
        await it.press("f6")
        await it.type("DOCK-7")
        await it.press("f10")
        await it.press("u")
        it.sees("DOCK-7 was created. This cannot be undone")
        await it.press("m")
        it.sees("My changes", "created", "Status", "active", "discontinued")


async def test_my_changes_shows_old_and_new_and_undoes_any_of_them() -> None:
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


async def test_undo_is_off_where_editing_is() -> None:
    async with run_app() as it:
        await save_phone(it, "1")
        it.credentials.set_permissions(it.issued.client_id, frozenset({130}))
        await it.press("u", "right", "enter")
        it.sees("Not undone.", "131")
        await it.press("u")
        it.sees("Editing is off")
