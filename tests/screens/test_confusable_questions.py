"""The form names similar IDs before it creates a customer."""

from pathlib import Path

import pytest

from app.drafts.draft import server_key
from app.drafts.store import DraftStore
from app.screens.form import FormScreen
from tests.harness import run_app

SAME = "BRIGHT-MFG · Bright Manufacturing LLC looks the same."
ALMOST = "BRIGHT-MFG · Bright Manufacturing LLC is written almost the same."
QUESTION = "That ID looks like another one"


@pytest.mark.promise("W10")
@pytest.mark.parametrize("mirror", [True, False])
@pytest.mark.parametrize(
    ("typed", "expected_text"),
    [
        ("bright-mfg", SAME),
        ("bRIGHT-mfg", SAME),
        ("BRIGHT\u2011MFG", SAME),
        ("BRIGHT_MFG", ALMOST),
    ],
)
async def test_leaving_id_field_names_similar_customer(typed: str, expected_text: str, mirror: bool) -> None:
    async with run_app(mirror=mirror) as it:
        await it.press("f6")
        await it.paste(typed)
        await it.press("enter")
        assert f"? {expected_text} Press F10 to open it." in " ".join(it.screen_text.split())
        await it.press("up", "end", "backspace", "down")
        it.misses("offers to open it")


@pytest.mark.promise("W10")
async def test_save_of_similar_id_asks_first() -> None:
    async with run_app(mirror=True) as it:
        await it.press("f6", *"bright-mfg", "f10")
        it.sees(QUESTION, SAME, "Cancel", "Open it", "Create anyway")
        await it.press("enter")
        it.sees("New customer")
        it.misses(QUESTION)
        await it.press("f10")
        await it.press("tab", "tab", "shift+tab", "shift+tab", "enter")
        it.misses(QUESTION)
        await it.press("f10")
        await it.burst("create\r")
        it.sees(QUESTION)
        assert it.transport.count("POST") == 0


@pytest.mark.promise("W10")
async def test_create_anyway_asks_once() -> None:
    async with run_app(mirror=True) as it:
        await it.press("f6", *"bright-mfg", "f10")
        await it.press("right", "right", "enter")
        assert (await it.record("bright-mfg"))["shortID"] == "bright-mfg"
        it.misses(QUESTION)


@pytest.mark.promise("W10")
async def test_changed_id_is_asked_about_again() -> None:
    async with run_app(mirror=True) as it:
        await it.press("f6", *"bright-mfg", "f10")
        await it.press("enter", "end", "ctrl+u", *"cargo-nw", "f10")
        it.sees(QUESTION, "CARGO-NW · Cargo Northwest (discontinued) looks the same.")


@pytest.mark.promise("W10", "D4")
async def test_opening_similar_customer_keeps_draft(tmp_path: Path) -> None:
    drafts = DraftStore(tmp_path, server_key("https://service.test/api/v1", "id"), pause=0)
    async with run_app(mirror=True, drafts=drafts) as it:
        await it.press("f6", *"bright-mfg", "enter", *"Other", "f10")
        it.sees("Opening it leaves this form: what you typed here stays a")
        await it.press("right", "enter")
        it.sees("BRIGHT-MFG · Bright Manufacturing LLC", "Rockford")
        assert it.transport.count("POST") == 0
        assert [draft.edits for draft in (await drafts.list_drafts()).unclaimed] == [
            {"shortID": "bright-mfg", "name": "Other"}
        ]
    drafts.close()


@pytest.mark.promise("W10")
async def test_question_lists_every_similar_customer() -> None:
    records = [{"shortID": one, "name": f"Name of {one}"} for one in ("D-7", "d-7", "D7")]
    async with run_app(records=records, mirror=True) as it:
        await it.press("f6", *"d_7", "f10")
        it.sees("D-7 · Name of D-7", "Open D-7", "Open d-7", "Open D7", "Create anyway")
        await it.press("down", "down", "enter")
        it.sees("d-7 · Name of d-7")


@pytest.mark.promise("W10")
async def test_new_from_go_to_does_not_ask_twice() -> None:
    async with run_app(mirror=True) as it:
        await it.press("g")
        await it.press(*"BRIGHTMFG", "enter")
        await it.press("down", "down", "down", "enter")
        assert isinstance(it.app.screen, FormScreen)
        await it.press("f10")
        assert (await it.record("BRIGHTMFG"))["shortID"] == "BRIGHTMFG"


@pytest.mark.promise("W2")
async def test_taken_id_in_form_from_go_to_opens_its_customer() -> None:
    async with run_app() as it:
        await it.press("g")
        await it.press(*"DOCK-7", "enter")
        await it.press("right", "right", "right", "enter")
        await it.store.upsert("DOCK-7", {"name": "Theirs"}, if_match=None, only_new=True)
        await it.press("f10")
        it.sees("That ID exists already")
        await it.press("right", "enter")
        it.sees("DOCK-7 · Theirs")


async def test_question_fits_smallest_screen() -> None:
    async with run_app(mirror=True, size=(24, 16)) as it:
        await it.press("f6", *"acme-corp", "f10")
        it.sees("Cancel", "Open it", "Create anyway")
