"""Drafts on the screens: kept while one types, offered afterwards, never sent by themselves, gone when they may be."""

import asyncio
import errno
import json
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.drafts.draft import Draft, PendingWrite, server_key
from app.drafts.files import Write
from app.drafts.store import DraftStore
from tests.harness import AppHarness, Intercept, run_app

Onward = Callable[[], Awaitable[httpx.Response]]
SERVER = server_key("https://service.test/api/v1", "id")
ACME = {"shortID": "ACME-CORP", "name": "Acme Corporation", "phone": "555-0100", "fax": None, "zip": "62701"}


@asynccontextmanager
async def run_with_drafts(folder: Path, *, write: Write | None = None, **options: Any) -> AsyncIterator[AppHarness]:
    """The program with drafts in this folder."""
    drafts = DraftStore(folder, SERVER, pause=0, write=write)
    try:
        async with run_app(drafts=drafts, **options) as it:
            yield it
    finally:
        drafts.close()


def kept(folder: Path) -> list[dict[str, Any]]:
    """The drafts on the disk."""
    return [json.loads(path.read_text())["draft"] for path in sorted(folder.glob("*.json"))]


async def written(it: AppHarness) -> None:
    """Wait until what was typed is on the disk, and the screen knows."""
    assert it.app.context.drafts is not None
    await it.app.context.drafts.flush_async()
    await it.settle()


def left(folder: Path, **values: Any) -> Draft:
    """A draft of ACME-CORP that an earlier run left, of which the phone number was changed."""
    drafts = DraftStore(folder, SERVER, pause=0)
    draft = drafts.begin("ACME-CORP", ACME)._replace(**({"edits": {"phone": "555-0199"}} | values))
    drafts.save(draft)
    drafts.close()
    return draft


async def test_what_is_typed_is_kept_and_gone_once_it_is_saved(tmp_path: Path) -> None:
    async with run_with_drafts(tmp_path) as it:
        await it.press("f2", *["down"] * 8, "9")
        await written(it)
        it.sees("1 changed · draft kept")
        (draft,) = kept(tmp_path)
        assert draft["typed"] == {"phone": "555-01009"}
        assert draft["base"] == await it.record("ACME-CORP"), "the record as it was received"
        assert it.transport.count("POST") == 0
        await it.press("f10")
        await written(it)
        it.sees("Saved ACME-CORP")
        assert kept(tmp_path) == []


async def test_what_is_put_back_leaves_no_draft(tmp_path: Path) -> None:
    async with run_with_drafts(tmp_path) as it:
        await it.press("f2")
        await it.press("x")
        await written(it)
        await it.press("backspace")
        await written(it)
        it.misses("draft kept")
        assert kept(tmp_path) == []


async def test_leaving_asks_and_discards_or_keeps(tmp_path: Path) -> None:
    async with run_with_drafts(tmp_path) as it:
        await it.press("f2")
        await it.press("x", "escape")
        it.sees("Leave without saving?", "Keep as draft")
        await it.press(*["right"] * 3, "enter")
        await written(it)
        assert kept(tmp_path) == []
        await it.press("f2")
        await it.press("x", "escape", *["right"] * 2, "enter")
        await written(it)
        assert [draft["typed"] for draft in kept(tmp_path)] == [{"name": "Acme Corporationx"}]
        await it.press("w")
        it.sees("Drafts: typed and not saved", "ACME-CORP", "today", "Name")
        await it.press("enter")
        it.sees("Draft · ACME-CORP", "You changed Name of ACME-CORP today")
        await it.press("d", "right", "enter")
        await written(it)
        assert kept(tmp_path) == []
        await it.press("w")
        it.sees("There are no drafts")


async def test_at_the_next_start_it_is_offered_with_a_comparison_and_goes_on_from_the_record_as_it_was(
    tmp_path: Path,
) -> None:
    left(tmp_path, edits={"phone": "555-0199", "name": "Acme Inc"})
    async with run_with_drafts(tmp_path) as it:
        await it.store.upsert("ACME-CORP", {"name": "Acme Ltd", "city": "Peoria"}, if_match=None, only_new=False)
        it.sees("Draft · ACME-CORP", "You changed Phone and Name of ACME-CORP today", "and did not save.")
        it.sees("As it was", "You typed", "On the server now", "555-0199", "Acme Inc")
        await it.press("enter")
        it.sees("Edit ACME-CORP", "was 555-0100", "2 changed")
        assert it.transport.count("POST") == 0, "never sent by itself"
        await it.press("f10")
        it.sees("Conflict · ACME-CORP", "Acme Ltd", "Acme Inc")
        await it.press("t", "f10")
        await written(it)
        record = await it.record("ACME-CORP")
        assert (record["name"], record["phone"], record["city"]) == ("Acme Ltd", "555-0199", "Peoria")
        assert kept(tmp_path) == []


async def test_what_others_changed_meanwhile_is_marked_in_the_offer(tmp_path: Path) -> None:
    left(tmp_path)
    records = [{**ACME, "fax": "", "phone": "555-7777", "zip": "98402"}]
    async with run_with_drafts(tmp_path, records=records) as it:
        it.sees("555-7777", "Changed by others meanwhile: Zip (62701 → 98402).")
        assert any(line.startswith("›!Phone") for line in it.lines)


async def test_later_keeps_it_and_opening_the_customer_only_mentions_it_then(tmp_path: Path) -> None:
    left(tmp_path)
    async with run_with_drafts(tmp_path) as it:
        await it.press("escape")
        it.sees("48 customers")
        await it.press("f2")
        it.sees("There is a draft (Phone) from today", "Edit ACME-CORP")
        await it.press("escape", "enter")
        it.sees("There is a draft (Phone) from today", "ACME-CORP · Acme")
    assert len(kept(tmp_path)) == 1


async def test_opening_its_customer_offers_it(tmp_path: Path) -> None:
    async with run_with_drafts(tmp_path) as it:
        left(tmp_path)
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


@pytest.mark.parametrize("keys", [("enter",), ("delete", "right", "enter")])
async def test_an_old_offer_takes_nothing_from_who_went_on_with_the_draft(
    tmp_path: Path, keys: tuple[str, ...]
) -> None:
    left(tmp_path)
    async with run_with_drafts(tmp_path) as it:
        it.sees("Draft · ACME-CORP", "555-0199")
        elsewhere = DraftStore(tmp_path, SERVER, pause=0)
        (free,) = (await elsewhere.list_drafts()).unclaimed
        theirs = await elsewhere.claim(free)
        assert theirs is not None
        elsewhere.release(theirs._replace(edits={"phone": "555-0199", "email": "theirs@example.com"}))
        elsewhere.close()
        await it.press(*keys)
        await it.settle()
        it.sees("Draft · ACME-CORP", "Another session went on with this draft", "theirs@example.com")
        await it.press("enter")
        it.sees("Edit ACME-CORP", "theirs@example.com", "2 changed")


async def test_several_drafts_are_a_list(tmp_path: Path) -> None:
    left(tmp_path)
    left(tmp_path, base=None, short_id="", edits={"shortID": "DOCK-7", "name": "Dock Seven"})
    async with run_with_drafts(tmp_path) as it:
        it.sees("Drafts: typed and not saved", "ACME-CORP", "the new customer DOCK-7")
        await it.press("enter")
        it.sees("You typed the new customer DOCK-7 today", "There is no customer DOCK-7 on the server now.")
        await it.press("enter")
        it.sees("New customer", "• ID         DOCK-7", "• Name       Dock Seven")
        await it.press("f10")
        it.sees("Created DOCK-7.", "49 customers")
        await written(it)
        assert [draft["shortID"] for draft in kept(tmp_path)] == ["ACME-CORP"]


async def test_without_the_server_a_save_stays_a_draft_and_is_sent_by_hand_when_it_is_back(tmp_path: Path) -> None:
    async with run_with_drafts(tmp_path) as it:
        it.transport.cut()
        await it.press("f2", *["down"] * 8, "9", "f10")
        it.sees("Not sent, kept as a draft", "555-01009", "offline")
        await it.press("escape", *["right"] * 2, "enter")
        await written(it)
        it.sees("1 NOT SENT")
        assert kept(tmp_path)[0]["state"] == "not sent"
        it.transport.intercept = None
        await it.press("f5")
        it.sees("1 draft is not sent: Drafts in the palette.")
        assert it.transport.count("POST") == 0
        await it.press("w")
        await it.press("enter")
        it.sees("but the server could not be", "reached: not sent.")
        await it.press("enter")
        await it.press("f10")
        await written(it)
        it.sees("Saved ACME-CORP")
        it.misses("NOT SENT")
        assert kept(tmp_path) == []
        assert it.transport.count("POST") == 1


def lost(commit: bool) -> Intercept:
    """A wire on which the answer to a POST never comes, and after it nothing does."""
    gone = False

    async def bend(request: httpx.Request, onward: Onward) -> httpx.Response:
        nonlocal gone
        if gone:
            raise httpx.ConnectError("gone", request=request)
        if request.method == "POST":
            gone = True
            if commit:
                await onward()
            raise httpx.ReadError("cut", request=request)
        return await onward()

    return bend


async def test_an_answer_that_never_came_is_a_state_of_its_own_also_on_the_disk(tmp_path: Path) -> None:
    async with run_with_drafts(tmp_path) as it:
        await it.press("f2", *["down"] * 8, "9")
        it.transport.intercept = lost(commit=True)
        await it.press("f10")
        it.sees("Not confirmed", "555-01009", "Edit ACME-CORP")
        await written(it)
        (draft,) = kept(tmp_path)
        assert (draft["state"], draft["sent"]["body"]) == ("sending", {"phone": "555-01009"})
        it.transport.intercept = None
        await it.press("f10")
        it.sees("Saved ACME-CORP")
        assert it.transport.count("POST") == 1, "it was saved: looking was enough"
        await written(it)
        assert kept(tmp_path) == []


async def test_a_second_try_that_sent_nothing_does_not_say_that_the_first_was_not_sent(tmp_path: Path) -> None:
    async with run_with_drafts(tmp_path) as it:
        await it.press("f2", *["down"] * 8, "9")
        it.transport.intercept = lost(commit=True)
        await it.press("f10")
        it.sees("Not confirmed")
        await it.press("f10")
        it.sees("still not confirmed", "Edit ACME-CORP")
        await written(it)
        (draft,) = kept(tmp_path)
        assert (draft["state"], draft["sent"]["body"]) == ("sending", {"phone": "555-01009"})
        assert it.transport.count("POST") == 1


async def test_the_id_a_new_customer_was_begun_with_is_in_its_draft(tmp_path: Path) -> None:
    async with run_with_drafts(tmp_path) as it:
        await it.press("g")
        await it.press(*"DOCK-7", "enter")
        it.sees("No such customer")
        await it.press("right", "right", "enter")
        it.sees("Put back", "DOCK-7")
        await written(it)
        assert kept(tmp_path) == [], "an ID alone is nothing typed"
        await it.press("down", *"Seven")
        await written(it)
        (draft,) = kept(tmp_path)
        assert draft["typed"] == {"shortID": "DOCK-7", "name": "Seven"}


@pytest.mark.parametrize(
    ("stored", "told"),
    [
        ("555-0199", "Saved ACME-CORP"),
        ("555-0100", "not confirmed. The server has not stored it so"),
        ("555-7777", "Phone now differs from before"),
    ],
)
async def test_after_a_kill_in_mid_save_the_next_start_tells_what_came_of_it(
    tmp_path: Path, stored: str, told: str
) -> None:
    begun = left(tmp_path)
    for path in tmp_path.glob("*.json"):
        path.unlink()
    sent = PendingWrite(ACME, {"phone": "555-0199"}, begun.changed)
    left(tmp_path, state="sending", pending_write=sent)
    async with run_with_drafts(tmp_path, records=[{**ACME, "fax": "", "phone": stored}]) as it:
        it.sees(told)
        await written(it)
        assert len(kept(tmp_path)) == (stored != "555-0199"), "gone only when it is certain"
        assert it.transport.count("POST") == 0
        await it.press("enter")
        it.sees("1 customer" if stored == "555-0199" else "Edit ACME-CORP")


async def test_a_new_customer_whose_creation_was_cut_off_is_found_to_be_there(tmp_path: Path) -> None:
    typed = {"shortID": "DOCK-7", "name": "Dock Seven"}
    begun = left(tmp_path / "other")
    left(
        tmp_path,
        short_id="",
        base=None,
        edits=typed,
        state="sending",
        pending_write=PendingWrite(None, typed, begun.changed),
    )
    async with run_with_drafts(tmp_path, records=[typed]) as it:
        it.sees("Created DOCK-7 (dockbook ended before the answer came")
        await written(it)
        assert kept(tmp_path) == []


async def test_a_failing_disk_is_told_on_the_screen_and_that_it_is_well_again(tmp_path: Path) -> None:
    failing = True

    def write(path: Path, content: bytes) -> None:
        if failing:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        path.write_bytes(content)

    async with run_with_drafts(tmp_path, write=write) as it:
        await it.press("f2")
        await it.press("x")
        await written(it)
        it.sees("DRAFT NOT SAVED", "no space left on device", "1 changed")
        it.misses("draft kept")
        await it.press("ctrl+q")
        it.sees("Quit and lose what is not saved?")
        await it.press("escape")
        failing = False
        await it.press("y")
        await written(it)
        it.sees("The draft is kept again.", "draft kept")
        it.misses("NOT SAVED")


async def test_quitting_twice_quits_where_what_was_typed_is_kept(tmp_path: Path) -> None:
    async with run_with_drafts(tmp_path) as it:
        await it.press("f2", "x", "ctrl+q")
        it.sees("Ctrl+Q again quits.")
        await it.press("ctrl+q")
        assert it.app.return_code == 0
    assert [draft["typed"] for draft in kept(tmp_path)] == [{"name": "Acme Corporationx"}]


async def test_quitting_says_that_it_is_kept_and_it_is(tmp_path: Path) -> None:
    async with run_with_drafts(tmp_path) as it:
        await it.press("f2")
        await it.press("x")
        await it.press("ctrl+q")
        it.sees("Quit? What is not saved is kept as a draft", "Kept as a draft: Name of ACME-CORP.")
        await it.press("right", "enter")
        assert it.app.return_code == 0
    assert [draft["typed"] for draft in kept(tmp_path)] == [{"name": "Acme Corporationx"}]
    async with run_with_drafts(tmp_path) as it:
        it.sees("You changed Name of ACME-CORP today")


async def test_two_sessions_on_one_customer_are_told_of_each_other(tmp_path: Path) -> None:
    elsewhere = DraftStore(tmp_path, SERVER, pause=0)
    theirs = elsewhere.begin("ACME-CORP", ACME)._replace(edits={"phone": "1"}, process=4711)
    elsewhere.save(theirs)
    elsewhere.flush()
    async with run_with_drafts(tmp_path) as it:
        await it.press("f2")
        it.sees("Someone else is editing this customer too")
        await it.press("x")
        await written(it)
        assert len(kept(tmp_path)) == 2
        elsewhere.save(theirs._replace(edits={"phone": "12"}))
        elsewhere.flush()
        assert [draft.edits for draft in elsewhere.other_editors[theirs.id]] == [{"name": "Acme Corporationx"}]
    elsewhere.close()


async def test_a_session_that_begins_second_is_noticed_by_the_first(tmp_path: Path) -> None:
    async with run_with_drafts(tmp_path) as it:
        await it.press("f2")
        await it.press("x")
        await written(it)
        elsewhere = DraftStore(tmp_path, SERVER, pause=0)
        elsewhere.save(elsewhere.begin("ACME-CORP", ACME)._replace(edits={"phone": "1"}, process=4711))
        elsewhere.flush()
        await it.press("y")
        await written(it)
        it.sees("Someone else is editing this customer too")
        elsewhere.close()


async def test_a_damaged_draft_is_told_at_the_start_and_set_aside(tmp_path: Path) -> None:
    left(tmp_path)
    (path,) = tmp_path.glob("*.json")
    path.write_bytes(path.read_bytes()[:100])
    async with run_with_drafts(tmp_path) as it:
        it.sees("A damaged draft was set aside", "Customers")
    assert (tmp_path / "set-aside" / path.name).exists()


async def test_read_only_resumes_nothing(tmp_path: Path) -> None:
    left(tmp_path)
    async with run_with_drafts(tmp_path, read_only=True) as it:
        await it.press("enter")
        it.sees("Editing is off", "Draft · ACME-CORP")


async def test_a_draft_that_is_being_taken_up_is_not_asked_about_any_more(tmp_path: Path) -> None:
    left(tmp_path)
    async with run_with_drafts(tmp_path) as it:
        it.sees("Draft · ACME-CORP")
        # The disk takes its time.
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


async def test_what_is_put_back_while_it_is_being_saved_is_noted_as_sent_all_the_same(tmp_path: Path) -> None:
    reading, sending = asyncio.Event(), asyncio.Event()

    async def slow(request: httpx.Request, onward: Onward) -> httpx.Response:
        await (reading if request.method == "GET" else sending).wait()
        return await onward()

    async with run_with_drafts(tmp_path) as it:
        await it.press("f2", "x")
        it.transport.intercept = slow
        await it.press_only("f10", "backspace")
        while "Corporationx" in it.screen_text:
            await it.pilot.pause()
        reading.set()
        while it.transport.count("POST") == 0:
            await it.pilot.pause()
        (draft,) = kept(tmp_path)
        assert draft["state"] == "sending"
        assert draft["sent"]["body"]["name"] == "Acme Corporationx"
        sending.set()
        await it.settle()
        it.sees("The keys you typed while it was saving are not saved.")
