"""Saves that are not confirmed: the person goes on, and the verdict comes to whatever screen there is."""

import asyncio
import errno
import os
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.drafts.draft import PendingWrite
from app.drafts.store import DraftStore
from app.screens.conflict import ConflictScreen
from tests.harness import AppHarness, Intercept, always, json_response, run_app
from tests.screens.test_draft_screens import ACME, SERVER, kept, left, run_with_drafts, written

Onward = Callable[[], Awaitable[httpx.Response]]
WAITING = (60.0,)


class Late:
    """A gateway that answers a POST with 504 while the server behind it still has to carry it out."""

    def __init__(self, it: AppHarness) -> None:
        self._onward: Onward | None = None
        it.transport.intercept = self._bend

    async def commit(self) -> None:
        """Carry it out."""
        assert self._onward is not None
        await self._onward()

    async def _bend(self, request: httpx.Request, onward: Onward) -> httpx.Response:
        if request.method not in ("POST", "DELETE"):
            return await onward()
        self._onward = onward
        return httpx.Response(504, content=b"<title>Gateway Timeout</title>")


async def save_phone(it: AppHarness) -> None:
    """Save another phone number of the first customer, from the list, and wait for no more than the answer."""
    await it.press("f2", *["down"] * 8, "9")
    await it.press_only("f10")
    await it.until("ot confirmed")


async def test_the_form_can_be_left_while_its_save_is_looked_for(tmp_path: Path) -> None:
    async with run_with_drafts(tmp_path, confirm_delays=WAITING) as it:
        late = Late(it)
        await save_phone(it)
        it.sees("not confirmed, checking…", "Press Esc to leave the form")
        await it.press_only("f10")
        it.sees("dockbook looks for about a minute")
        await it.press_only("escape")
        it.sees("48 customers")
        await it.press_only("m")
        it.sees("My changes", "Phone (not", "confirmed)", "555-01009")
        await it.press_only("u")
        it.sees("not confirmed so far: there is nothing certain to")
        await it.press_only("escape", "enter")
        await it.until("Draft · ACME-CORP")
        it.sees("the save is not", "confirmed so far")
        await late.commit()
        await it.press("escape", "f5")
        it.sees("Saved ACME-CORP: Phone", "but the server has it", "draft is gone.", "555-01009")
        await it.press("m")
        it.sees("Phone  ", "555-01009")
        it.misses("confirmed)")
        await written(it)
        assert kept(tmp_path) == []
        assert it.transport.count("POST") == 1


async def test_after_the_minute_it_is_not_confirmed_and_told_when_the_customer_is_seen(tmp_path: Path) -> None:
    async with run_with_drafts(tmp_path) as it:
        late = Late(it)
        await save_phone(it)
        await it.settle()
        it.sees("Not confirmed: The server has not stored it so far", "F10 looks first", "Edit ACME-CORP", "555-01009")
        await it.press("escape")
        it.sees("Leave before it is confirmed?", "Not confirmed: Phone of ACME-CORP.")
        await it.press(*["right"] * 2, "enter")
        await written(it)
        (draft,) = kept(tmp_path)
        assert draft["state"] == "sending"
        await late.commit()
        await it.press("f5")
        it.sees("Saved ACME-CORP: Phone", "draft is gone.", "48 customers")
        await written(it)
        assert kept(tmp_path) == []
        await it.press("u")
        it.sees("Phone: 555-01009 → 555-0100")


async def test_the_copy_that_is_kept_fresh_finds_out_too() -> None:
    async with run_app(mirror=True) as it:
        late = Late(it)
        await save_phone(it)
        await it.settle()
        await late.commit()
        await it.app.context.repository.request_full_sync()
        await it.until("Saved ACME-CORP: Phone")
        await it.settle()
        it.sees("48 customers")


async def test_an_undo_without_a_clear_answer_is_not_called_not_undone() -> None:
    async with run_app() as it:
        await it.press("f2", *["down"] * 8, "9", "f10")
        late = Late(it)
        await it.press("u", "right", "enter")
        it.sees("The change of ACME-CORP is not confirmed. The server has not stored it so")
        await late.commit()
        await it.press("f5")
        it.sees("Saved ACME-CORP: Phone", "555-0100")


async def test_a_reading_that_stays_older_is_asked_about() -> None:
    async with run_app() as it:
        before = await it.record("ACME-CORP")
        await it.press("f2", *["down"] * 8, "9", "f10")
        stale = before | {"modified": "2001-01-01T00:00:00"}
        it.transport.intercept = always(lambda: json_response(200, stale), "GET")
        await it.press("f2", *["down"] * 9, "7", "f10")
        it.sees("Conflict · ACME-CORP", "The server still shows an older record", "Choose which to keep.")
        assert it.transport.count("POST") == 1
        it.transport.intercept = None
        await it.press("y", "f10")
        it.sees("Saved ACME-CORP: Fax.")
        record = await it.record("ACME-CORP")
        assert (record["phone"], record["fax"]) == ("555-01009", "7")


async def test_a_form_that_is_still_open_takes_over_that_its_save_arrived(tmp_path: Path) -> None:
    async with run_with_drafts(tmp_path) as it:
        late = Late(it)
        await save_phone(it)
        await it.settle()
        await late.commit()
        # The copy is kept fresh in the background, for one, and reads the customer.
        await it.app.context.repository.customer("ACME-CORP")
        await it.settle()
        it.sees("48 customers", "Saved ACME-CORP: Phone", "555-01009")
        await written(it)
        assert kept(tmp_path) == []


async def test_a_second_try_after_it_arrived_sends_nothing_and_can_be_undone(tmp_path: Path) -> None:
    async with run_with_drafts(tmp_path) as it:
        late = Late(it)
        await save_phone(it)
        await it.settle()
        await late.commit()
        await it.press("f10")
        it.sees("48 customers", "Saved ACME-CORP: Phone (the answer was an error, but the server has it).")
        assert it.transport.count("POST") == 1
        await it.press("u")
        it.sees("Phone: 555-01009 → 555-0100")


async def test_a_refused_second_try_leaves_the_first_in_doubt(tmp_path: Path) -> None:
    async with run_with_drafts(tmp_path) as it:
        Late(it)
        await save_phone(it)
        await it.settle()
        refusal = {"statusCode": 400, "error": "bad_request", "message": "Not now."}
        it.transport.intercept = always(lambda: json_response(400, refusal), "POST")
        await it.press("1", "f10")
        it.sees("Not now.")
        await written(it)
        (draft,) = kept(tmp_path)
        assert (draft["state"], draft["sent"]["body"]) == ("sending", {"phone": "555-01009"})
        assert draft["typed"] == {"phone": "555-010091"}


async def test_a_form_left_without_drafts_is_asked_about() -> None:
    async with run_app(confirm_delays=WAITING) as it:
        late = Late(it)
        await save_phone(it)
        await it.press_only("escape")
        it.sees("Leave before it is known whether it was saved?")
        await it.press_only("right", "enter")
        it.sees("48 customers")
        await it.press_only("ctrl+q")
        await it.until("Not confirmed: a save.")
        await it.press_only("escape")
        await late.commit()
        await it.press("f5")
        it.sees("Saved ACME-CORP: Phone")


async def test_a_discontinue_without_a_clear_answer_is_told_later() -> None:
    async with run_app(confirm_delays=WAITING) as it:
        late = Late(it)
        await it.press_only("delete", "right", "enter")
        await it.until("not confirmed. dockbook looks")
        await it.press_only("m")
        it.sees("Status (not", "confirmed)")
        await it.press_only("escape")
        await late.commit()
        await it.press("f5")
        it.sees("ACME-CORP is now discontinued")
        await it.press("m")
        it.misses("confirmed)")


async def test_after_a_restart_a_save_that_arrives_late_is_told_when_its_customer_is_seen(tmp_path: Path) -> None:
    now = datetime.now().astimezone()
    left(tmp_path, state="sending", pending_write=PendingWrite(ACME, {"phone": "555-0199"}, now))
    left(tmp_path, base=None, short_id="", edits={"shortID": "DOCK-7", "name": "Dock Seven"})
    async with run_with_drafts(tmp_path, records=[{**ACME, "fax": ""}]) as it:
        await it.press("escape")
        it.sees("The change of ACME-CORP is not confirmed. The server has not stored it so")
        assert len(kept(tmp_path)) == 2
        await it.store.upsert("ACME-CORP", {"phone": "555-0199"}, if_match=None, only_new=False)
        await it.press("f5")
        it.sees("Saved ACME-CORP: Phone", "draft is gone.")
        await written(it)
        assert [draft["shortID"] for draft in kept(tmp_path)] == [""]
        assert it.transport.count("POST") == 0


def full_disk(_path: Path, _content: bytes) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


async def test_a_save_on_a_full_disk_is_not_called_unsaved_after_a_kill(tmp_path: Path) -> None:
    full = False

    def write(path: Path, content: bytes) -> None:
        if full:
            full_disk(path, content)
        path.write_bytes(content)

    arrived, never = asyncio.Event(), asyncio.Event()

    async def hang(request: httpx.Request, onward: Onward) -> httpx.Response:
        if request.method == "POST":
            arrived.set()
            await never.wait()
        return await onward()

    async with run_with_drafts(tmp_path, write=write) as it:
        await it.press("f2", *["down"] * 8, "9")
        await written(it)
        full = True
        it.transport.intercept = hang
        await it.press_only("f10")
        await arrived.wait()
        copy = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
        never.set()
        await it.settle()
    # What a kill would have left on the disk.
    for name, content in copy.items():
        (tmp_path / "killed").mkdir(exist_ok=True)
        (tmp_path / "killed" / name).write_bytes(content)
    async with run_with_drafts(tmp_path / "killed") as it:
        it.sees("Draft · ACME-CORP", "The change of ACME-CORP is not confirmed.")
        it.misses("and did not save")


async def test_where_nothing_at_all_can_be_noted_nothing_is_sent(tmp_path: Path) -> None:
    folder = tmp_path / "drafts"
    async with run_with_drafts(folder, write=full_disk) as it:
        await it.press("f2", *["down"] * 8, "9")
        await written(it)
        for path in [*folder.rglob("*")]:
            if path.is_file():
                path.unlink()
        folder.rmdir()
        folder.write_text("no folder any more")
        await it.press("f10")
        it.sees("Not sent: This machine cannot note that it is being sent", "555-01009", "Edit ACME-CORP")
        assert it.transport.count("POST") == 0
        folder.unlink()


def discontinuing(it: AppHarness) -> Intercept:
    """A server that marks every customer as discontinued, and writes the state in capitals."""

    async def bend(request: httpx.Request, onward: Onward) -> httpx.Response:
        response = await onward()
        if request.method != "POST":
            return response
        return json_response(200, await it.record("ACME-CORP") | {"active": False, "city": "SPRINGFIELD"})

    return bend


async def test_what_else_the_server_changed_is_told_on_the_screen() -> None:
    async with run_app() as it:
        it.transport.intercept = discontinuing(it)
        await it.press("f2", *["down"] * 8, "9", "f10")
        it.sees("! Saved ACME-CORP: Phone. The server also changed City to SPRINGFIELD.", "was discontinued meanwhile")


async def test_a_discontinuation_by_somebody_else_is_told_by_save_conflict_and_draft(tmp_path: Path) -> None:
    left(tmp_path, base={**ACME, "active": True})
    async with run_with_drafts(tmp_path) as it:
        await it.press("escape")
        await it.store.discontinue("ACME-CORP")
        await it.press("f2", "x")
        await it.store.upsert("ACME-CORP", {"name": "Acme Ltd"}, if_match=None, only_new=False)
        await it.press("f10")
        assert isinstance(it.app.screen, ConflictScreen)
        it.sees("ACME-CORP was discontinued meanwhile.")
        await it.press("y", "f10")
        it.sees("Saved ACME-CORP: Name.")
        await it.press("w")
        await it.press("enter")
        it.sees("Draft · ACME-CORP", "ACME-CORP was discontinued meanwhile.")


async def test_a_save_tells_that_its_customer_was_discontinued_meanwhile() -> None:
    async with run_app() as it:
        await it.press("f2", *["down"] * 8, "9")
        await it.store.discontinue("ACME-CORP")
        await it.press("f10")
        it.sees("! Saved ACME-CORP: Phone. ACME-CORP was discontinued meanwhile.")


async def test_new_over_somebody_elses_is_told_with_what_was_theirs() -> None:
    async with run_app() as it:

        async def theirs_first(request: httpx.Request, onward: Onward) -> httpx.Response:
            if request.method == "POST":
                request.headers.pop("If-None-Match", None)
                theirs: dict[str, Any] = {"name": "Theirs", "phone": "555-7777"}
                await it.store.upsert("DOCK-7", theirs, if_match=None, only_new=True)
            return await onward()

        it.transport.intercept = theirs_first
        await it.press("f6")
        await it.type("DOCK-7")
        await it.press("enter")
        await it.type("Mine")
        await it.press("f10")
        it.sees("! DOCK-7 existed already: someone else created it just before.", "Theirs stays:", "Phone 555-7777.")
        it.sees("What they had in Name is not known here.")
        it.misses("Created DOCK-7")
        await it.press("u")
        it.sees("What DOCK-7 held before is not known here")
        await it.press("m")
        it.sees("saved over")


@pytest.mark.parametrize("orphan", [True, False])
def test_the_mark_of_a_sent_draft_goes_with_it(tmp_path: Path, orphan: bool) -> None:
    drafts = DraftStore(tmp_path, SERVER, pause=0, write=full_disk)
    draft = drafts.begin("ACME-CORP", ACME)._replace(edits={"phone": "1"})
    drafts.save(draft._replace(state="sending", pending_write=PendingWrite(ACME, {"phone": "1"}, draft.created_at)))
    assert not drafts.flush(10)
    assert drafts.is_noted(draft)
    assert [path.suffix for path in tmp_path.iterdir() if path.is_file() and path.stem == draft.id] == [".sent"]
    if orphan:
        asyncio.run(drafts.list_drafts())
    else:
        drafts.delete(draft)
        drafts.flush(10)
    assert [*tmp_path.glob("*.sent")] == []
    drafts.close()
