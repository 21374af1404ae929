"""Drafts on screen: written while typing, offered later, never sent by themselves."""

import asyncio
import errno
import json
import os
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.drafts.draft import Draft, PendingWrite, server_key
from app.drafts.files import Write
from app.drafts.store import DraftStore
from tests.harness import AppHarness, Forward, Intercept, run_app

SERVER = server_key("https://service.test/api/v1", "id")
ACME = {"shortID": "ACME-CORP", "name": "Acme Corporation", "phone": "555-0100", "fax": None, "zip": "62701"}


@asynccontextmanager
async def run_with_drafts(folder: Path, *, write: Write | None = None, **options: Any) -> AsyncIterator[AppHarness]:
    """Run the app with drafts in this folder."""
    drafts = DraftStore(folder, SERVER, pause=0, write=write)
    try:
        async with run_app(drafts=drafts, **options) as it:
            yield it
    finally:
        drafts.close()


def stored_drafts(folder: Path) -> list[dict[str, Any]]:
    """The drafts on disk."""
    return [json.loads(path.read_text())["draft"] for path in sorted(folder.glob("*.json"))]


async def flush_drafts(it: AppHarness) -> None:
    """Wait until the draft is on disk, and the screen shows it."""
    assert it.app.context.drafts is not None
    await it.app.context.drafts.flush_async()
    await it.settle()


def leave_draft(folder: Path, **values: Any) -> Draft:
    """Write a draft of ACME-CORP with a changed phone number, as an earlier run would leave it."""
    drafts = DraftStore(folder, SERVER, pause=0)
    draft = drafts.begin("ACME-CORP", ACME)._replace(**({"edits": {"phone": "555-0199"}} | values))
    drafts.save(draft)
    drafts.close()
    return draft


@pytest.mark.promise("D4")
async def test_draft_is_written_while_typing_and_deleted_after_save(tmp_path: Path) -> None:
    async with run_with_drafts(tmp_path) as it:
        await it.press("f2", *["down"] * 8, "9")
        await flush_drafts(it)
        it.sees("1 changed · draft kept")
        (draft,) = stored_drafts(tmp_path)
        assert draft["typed"] == {"phone": "555-01009"}
        assert draft["base"] == await it.record("ACME-CORP"), "the record as received"
        assert it.transport.count("POST") == 0
        await it.press("f10")
        await flush_drafts(it)
        it.sees("Saved ACME-CORP")
        assert stored_drafts(tmp_path) == []


async def test_restored_value_leaves_no_draft(tmp_path: Path) -> None:
    async with run_with_drafts(tmp_path) as it:
        await it.press("f2")
        await it.press("x")
        await flush_drafts(it)
        await it.press("backspace")
        await flush_drafts(it)
        it.misses("draft kept")
        assert stored_drafts(tmp_path) == []


@pytest.mark.promise("D4")
async def test_leaving_form_discards_or_keeps_draft(tmp_path: Path) -> None:
    async with run_with_drafts(tmp_path) as it:
        await it.press("f2")
        await it.press("x", "escape")
        it.sees("Leave without saving?", "Keep as draft")
        await it.press(*["right"] * 3, "enter")
        await flush_drafts(it)
        assert stored_drafts(tmp_path) == []
        await it.press("f2")
        await it.press("x", "escape", *["right"] * 2, "enter")
        await flush_drafts(it)
        assert [draft["typed"] for draft in stored_drafts(tmp_path)] == [{"name": "Acme Corporationx"}]
        await it.press("w")
        it.sees("Drafts: typed but not saved", "ACME-CORP", "today", "Name")
        await it.press("enter")
        it.sees("Draft · ACME-CORP", "You changed Name of ACME-CORP today")
        await it.press("d", "right", "enter")
        await flush_drafts(it)
        assert stored_drafts(tmp_path) == []
        await it.press("w")
        it.sees("No drafts: everything")


@pytest.mark.promise("D4")
async def test_next_start_offers_draft_with_comparison(
    tmp_path: Path,
) -> None:
    leave_draft(tmp_path, edits={"phone": "555-0199", "name": "Acme Inc"})
    async with run_with_drafts(tmp_path) as it:
        await it.store.upsert("ACME-CORP", {"name": "Acme Ltd", "city": "Peoria"}, if_match=None, only_new=False)
        it.sees("Draft · ACME-CORP", "You changed Phone and Name of ACME-CORP today", "and did not save it.")
        it.sees("Before", "You typed", "Server now", "555-0199", "Acme Inc")
        await it.press("enter")
        it.sees("Edit ACME-CORP", "was 555-0100", "2 changed")
        assert it.transport.count("POST") == 0, "never sent by itself"
        await it.press("f10")
        it.sees("Conflict · ACME-CORP", "Acme Ltd", "Acme Inc")
        await it.press("t", "f10")
        await flush_drafts(it)
        record = await it.record("ACME-CORP")
        assert (record["name"], record["phone"], record["city"]) == ("Acme Ltd", "555-0199", "Peoria")
        assert stored_drafts(tmp_path) == []


@pytest.mark.promise("D4")
async def test_draft_offer_marks_changes_by_others(tmp_path: Path) -> None:
    leave_draft(tmp_path)
    records = [{**ACME, "fax": "", "phone": "555-7777", "zip": "98402"}]
    async with run_with_drafts(tmp_path, records=records) as it:
        it.sees("555-7777", "Changed by others meanwhile: Zip (62701 → 98402).")
        assert any(line.startswith("›!Phone") for line in it.lines)


@pytest.mark.promise("D4")
async def test_postponed_draft_is_only_mentioned(tmp_path: Path) -> None:
    leave_draft(tmp_path)
    async with run_with_drafts(tmp_path) as it:
        await it.press("escape")
        it.sees("48 customers")
        await it.press("f2")
        it.sees("There is a draft (Phone) from today", "Edit ACME-CORP")
        await it.press("escape", "enter")
        it.sees("There is a draft (Phone) from today", "ACME-CORP · Acme")
    assert len(stored_drafts(tmp_path)) == 1


@pytest.mark.promise("D4")
async def test_opening_customer_offers_draft(tmp_path: Path) -> None:
    async with run_with_drafts(tmp_path) as it:
        leave_draft(tmp_path)
        await it.press("enter")
        it.sees("Draft · ACME-CORP")
        await it.press("enter")
        it.sees("Edit ACME-CORP", "555-0199")
        await it.press("escape", *["right"] * 2, "enter")
        await it.press("escape", "f2")
        it.sees("Draft · ACME-CORP")
        await it.press("enter")
        it.sees("Edit ACME-CORP", "1 changed", "555-0199")
        await it.press("f10")
        it.sees("Saved ACME-CORP")


@pytest.mark.promise("D5")
@pytest.mark.parametrize("keys", [("enter",), ("delete", "right", "enter")])
async def test_outdated_offer_leaves_draft_changed_by_other_session(tmp_path: Path, keys: tuple[str, ...]) -> None:
    leave_draft(tmp_path)
    async with run_with_drafts(tmp_path) as it:
        it.sees("Draft · ACME-CORP", "555-0199")
        elsewhere = DraftStore(tmp_path, SERVER, pause=0)
        (unclaimed,) = (await elsewhere.list_drafts()).unclaimed
        theirs = await elsewhere.claim(unclaimed)
        assert theirs is not None
        elsewhere.release(theirs._replace(edits={"phone": "555-0199", "email": "theirs@example.com"}))
        elsewhere.close()
        await it.press(*keys)
        await it.settle()
        it.sees("Draft · ACME-CORP", "Someone went on with this draft", "theirs@example.com")
        await it.press("enter")
        it.sees("Edit ACME-CORP", "theirs@example.com", "2 changed")


@pytest.mark.promise("D4")
async def test_several_drafts_open_list(tmp_path: Path) -> None:
    leave_draft(tmp_path)
    leave_draft(tmp_path, base=None, short_id="", edits={"shortID": "DOCK-7", "name": "Dock Seven"})
    async with run_with_drafts(tmp_path) as it:
        it.sees("Drafts: typed but not saved", "ACME-CORP", "the new customer DOCK-7")
        await it.press("enter")
        it.sees("You began the new customer DOCK-7 today", "There is no customer DOCK-7 on the server now.")
        await it.press("enter")
        it.sees("New customer", "• ID        [DOCK-7 ", "• Name      [Dock Seven ")
        await it.press("f10")
        it.sees("Created DOCK-7.", "49 customers")
        await flush_drafts(it)
        assert [draft["shortID"] for draft in stored_drafts(tmp_path)] == ["ACME-CORP"]


@pytest.mark.promise("D4")
async def test_save_while_offline_stays_draft_until_sent_by_hand(tmp_path: Path) -> None:
    async with run_with_drafts(tmp_path) as it:
        it.transport.disconnect()
        await it.press("f2", *["down"] * 8, "9", "f10")
        it.sees("Not sent. Kept as a draft", "555-01009", "offline")
        await it.press("escape", *["right"] * 2, "enter")
        await flush_drafts(it)
        it.sees("1 NOT SENT")
        assert stored_drafts(tmp_path)[0]["state"] == "not sent"
        it.transport.intercept = None
        await it.press("f5")
        it.sees("1 draft is not sent yet. Press w to see your drafts.")
        assert it.transport.count("POST") == 0
        await it.press("w")
        await it.press("enter")
        it.sees("but the server could not be", "reached. It was not")
        await it.press("enter")
        await it.press("f10")
        await flush_drafts(it)
        it.sees("Saved ACME-CORP")
        it.misses("NOT SENT")
        assert stored_drafts(tmp_path) == []
        assert it.transport.count("POST") == 1


def lose_response(commit: bool) -> Intercept:
    """An intercept that loses the response to a POST, and refuses everything after it."""
    unreachable = False

    async def intercept(request: httpx.Request, forward: Forward) -> httpx.Response:
        nonlocal unreachable
        if unreachable:
            raise httpx.ConnectError("gone", request=request)
        if request.method == "POST":
            unreachable = True
            if commit:
                await forward()
            raise httpx.ReadError("cut", request=request)
        return await forward()

    return intercept


@pytest.mark.promise("W3", "D4")
async def test_lost_response_is_stored_as_sending(tmp_path: Path) -> None:
    async with run_with_drafts(tmp_path) as it:
        await it.press("f2", *["down"] * 8, "9")
        it.transport.intercept = lose_response(commit=True)
        await it.press("f10")
        it.sees("Not confirmed", "555-01009", "Edit ACME-CORP")
        await flush_drafts(it)
        (draft,) = stored_drafts(tmp_path)
        assert (draft["state"], draft["sent"]["body"]) == ("sending", {"phone": "555-01009"})
        it.transport.intercept = None
        await it.press("f10")
        it.sees("Saved ACME-CORP")
        assert it.transport.count("POST") == 1, "it was saved, so a read is enough"
        await flush_drafts(it)
        assert stored_drafts(tmp_path) == []


@pytest.mark.promise("W9")
async def test_second_try_while_offline_keeps_first_unconfirmed(tmp_path: Path) -> None:
    async with run_with_drafts(tmp_path) as it:
        await it.press("f2", *["down"] * 8, "9")
        it.transport.intercept = lose_response(commit=True)
        await it.press("f10")
        it.sees("Not confirmed")
        await it.press("f10")
        it.sees("still not confirmed", "Edit ACME-CORP")
        await flush_drafts(it)
        (draft,) = stored_drafts(tmp_path)
        assert (draft["state"], draft["sent"]["body"]) == ("sending", {"phone": "555-01009"})
        assert it.transport.count("POST") == 1


@pytest.mark.promise("D4")
async def test_draft_of_new_customer_contains_preset_id(tmp_path: Path) -> None:
    async with run_with_drafts(tmp_path) as it:
        await it.press("g")
        await it.press(*"DOCK-7", "enter")
        it.sees("No such customer")
        await it.press("right", "right", "right", "enter")
        it.sees("Put back", "DOCK-7")
        await flush_drafts(it)
        assert stored_drafts(tmp_path) == [], "an ID alone is no edit"
        await it.press("down", *"Seven")
        await flush_drafts(it)
        (draft,) = stored_drafts(tmp_path)
        assert draft["typed"] == {"shortID": "DOCK-7", "name": "Seven"}


@pytest.mark.promise("W3", "D4")
@pytest.mark.parametrize(
    ("stored", "expected_text"),
    [
        ("555-0199", "Saved ACME-CORP"),
        ("555-0100", "not confirmed. The server has not stored it so"),
        ("555-7777", "Phone is now neither as before"),
    ],
)
async def test_start_after_kill_in_save_shows_outcome(tmp_path: Path, stored: str, expected_text: str) -> None:
    earlier = leave_draft(tmp_path)
    for path in tmp_path.glob("*.json"):
        path.unlink()
    sent = PendingWrite(ACME, {"phone": "555-0199"}, earlier.changed)
    leave_draft(tmp_path, state="sending", pending_write=sent)
    async with run_with_drafts(tmp_path, records=[{**ACME, "fax": "", "phone": stored}]) as it:
        it.sees(expected_text)
        await flush_drafts(it)
        assert len(stored_drafts(tmp_path)) == (stored != "555-0199"), "deleted only if the save is certain"
        assert it.transport.count("POST") == 0
        await it.press("enter")
        it.sees("1 customer" if stored == "555-0199" else "Edit ACME-CORP")


@pytest.mark.promise("W3")
async def test_start_after_kill_in_create_finds_customer(tmp_path: Path) -> None:
    typed = {"shortID": "DOCK-7", "name": "Dock Seven"}
    earlier = leave_draft(tmp_path / "other")
    leave_draft(
        tmp_path,
        short_id="",
        base=None,
        edits=typed,
        state="sending",
        pending_write=PendingWrite(None, typed, earlier.changed),
    )
    async with run_with_drafts(tmp_path, records=[typed]) as it:
        it.sees("Created DOCK-7 (dockbook ended before the answer came")
        await flush_drafts(it)
        assert stored_drafts(tmp_path) == []


@pytest.mark.promise("D3")
async def test_failing_disk_and_recovery_are_shown(tmp_path: Path) -> None:
    failing = True

    def write(path: Path, content: bytes) -> None:
        if failing:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        path.write_bytes(content)

    async with run_with_drafts(tmp_path, write=write) as it:
        await it.press("f2")
        await it.press("x")
        await flush_drafts(it)
        it.sees("DRAFT NOT SAVED", "no space left on device", "1 changed")
        it.misses("draft kept")
        await it.press("ctrl+q")
        it.sees("Quit and lose your unsaved changes?")
        await it.press("escape")
        failing = False
        await it.press("y")
        await flush_drafts(it)
        it.sees("The draft is kept again.", "draft kept")
        it.misses("NOT SAVED")


@pytest.mark.promise("D4")
async def test_second_ctrl_q_quits_and_keeps_draft(tmp_path: Path) -> None:
    async with run_with_drafts(tmp_path) as it:
        await it.press("f2", "x", "ctrl+q")
        it.sees("Press Ctrl+Q again to quit.")
        await it.press("ctrl+q")
        assert it.app.return_code == 0
    assert [draft["typed"] for draft in stored_drafts(tmp_path)] == [{"name": "Acme Corporationx"}]


@pytest.mark.promise("D4")
async def test_quit_dialog_names_kept_draft(tmp_path: Path) -> None:
    async with run_with_drafts(tmp_path) as it:
        await it.press("f2")
        await it.press("x")
        await it.press("ctrl+q")
        it.sees("Quit? Your unsaved changes are kept", "Kept as a draft: Name of ACME-CORP.")
        await it.press("right", "enter")
        assert it.app.return_code == 0
    assert [draft["typed"] for draft in stored_drafts(tmp_path)] == [{"name": "Acme Corporationx"}]
    async with run_with_drafts(tmp_path) as it:
        it.sees("You changed Name of ACME-CORP today")


@pytest.mark.promise("D5")
async def test_second_session_sees_other_editor(tmp_path: Path) -> None:
    elsewhere = DraftStore(tmp_path, SERVER, pause=0)
    theirs = elsewhere.begin("ACME-CORP", ACME)._replace(edits={"phone": "1"}, process=4711)
    elsewhere.save(theirs)
    elsewhere.flush()
    async with run_with_drafts(tmp_path) as it:
        await it.press("f2")
        it.sees("Someone else is editing this customer too")
        await it.press("x")
        await flush_drafts(it)
        assert len(stored_drafts(tmp_path)) == 2
        elsewhere.save(theirs._replace(edits={"phone": "12"}))
        elsewhere.flush()
        assert [draft.edits for draft in elsewhere.other_editors[theirs.id]] == [{"name": "Acme Corporationx"}]
    elsewhere.close()


@pytest.mark.promise("D5")
async def test_first_session_notices_later_editor(tmp_path: Path) -> None:
    async with run_with_drafts(tmp_path) as it:
        await it.press("f2")
        await it.press("x")
        await flush_drafts(it)
        elsewhere = DraftStore(tmp_path, SERVER, pause=0)
        elsewhere.save(elsewhere.begin("ACME-CORP", ACME)._replace(edits={"phone": "1"}, process=4711))
        elsewhere.flush()
        await it.press("y")
        await flush_drafts(it)
        it.sees("Someone else is editing this customer too")
        elsewhere.close()


@pytest.mark.promise("D6")
async def test_damaged_draft_is_quarantined_at_start(tmp_path: Path) -> None:
    leave_draft(tmp_path)
    (path,) = tmp_path.glob("*.json")
    path.write_bytes(path.read_bytes()[:100])
    async with run_with_drafts(tmp_path) as it:
        it.sees("A damaged draft was set aside", "Customers")
    assert (tmp_path / "set-aside" / path.name).exists()


async def test_read_only_does_not_resume_draft(tmp_path: Path) -> None:
    leave_draft(tmp_path)
    async with run_with_drafts(tmp_path, read_only=True) as it:
        await it.press("enter")
        it.sees("Editing is off", "Draft · ACME-CORP")


async def test_draft_being_resumed_ignores_further_keys(tmp_path: Path) -> None:
    leave_draft(tmp_path)
    async with run_with_drafts(tmp_path) as it:
        it.sees("Draft · ACME-CORP")
        # The disk is slow.
        loop, go_on = asyncio.get_running_loop(), threading.Event()
        loop.set_default_executor(ThreadPoolExecutor(1))
        loop.run_in_executor(None, go_on.wait)
        pressed = asyncio.create_task(it.press_only("enter", "d", "down"))
        for _ in range(20):
            await it.pilot.pause()
        while_waiting = it.screen_text
        go_on.set()
        await pressed
        await it.settle()
        it.sees("Edit ACME-CORP", "555-0199")
        assert "Discard this draft?" not in while_waiting


@pytest.mark.promise("W3")
async def test_pending_write_survives_restored_value(tmp_path: Path) -> None:
    reading, sending = asyncio.Event(), asyncio.Event()

    async def slow(request: httpx.Request, forward: Forward) -> httpx.Response:
        await (reading if request.method == "GET" else sending).wait()
        return await forward()

    async with run_with_drafts(tmp_path) as it:
        await it.press("f2", "x")
        it.transport.intercept = slow
        await it.press_only("f10", "backspace")
        while "Corporationx" in it.screen_text:
            await it.pilot.pause()
        reading.set()
        while it.transport.count("POST") == 0:
            await it.pilot.pause()
        (draft,) = stored_drafts(tmp_path)
        assert draft["state"] == "sending"
        assert draft["sent"]["body"]["name"] == "Acme Corporationx"
        sending.set()
        await it.settle()
        it.sees("The keys you typed while it was saving are not saved.")
