"""Unconfirmed saves: the user goes on, and the outcome appears on whatever screen is open."""

import asyncio
import errno
import os
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.drafts.draft import PendingWrite
from app.drafts.store import DraftStore
from app.screens.conflict import ConflictScreen
from tests.harness import AppHarness, Forward, Intercept, always, json_response, run_app
from tests.screens.test_draft_screens import ACME, SERVER, flush_drafts, leave_draft, run_with_drafts, stored_drafts

CONFIRM_DELAYS = (60.0,)


class LateCommit:
    """A gateway that answers a write with 504 before the server commits it."""

    def __init__(self, it: AppHarness) -> None:
        self._forward: Forward | None = None
        it.transport.intercept = self._intercept

    async def commit(self) -> None:
        """Commit the write."""
        assert self._forward is not None
        await self._forward()

    async def _intercept(self, request: httpx.Request, forward: Forward) -> httpx.Response:
        if request.method not in ("POST", "DELETE"):
            return await forward()
        self._forward = forward
        return httpx.Response(504, content=b"<title>Gateway Timeout</title>")


async def save_phone(it: AppHarness) -> None:
    """Save another phone number of the first customer, and wait for the response only."""
    await it.press("f2", *["down"] * 8, "9")
    await it.press_only("f10")
    await it.until("ot confirmed")


@pytest.mark.promise("W9")
async def test_form_can_be_left_while_save_is_checked(tmp_path: Path) -> None:
    async with run_with_drafts(tmp_path, confirm_delays=CONFIRM_DELAYS) as it:
        late = LateCommit(it)
        await save_phone(it)
        it.sees("not confirmed, checking…", "Press Esc to leave the form")
        await it.press_only("f10")
        it.sees("dockbook looks for about a minute")
        await it.press_only("escape")
        it.sees("48 customers")
        await it.press_only("m")
        it.sees("My changes", "Phone (not", "confirmed)", "555-01009")
        await it.press_only("u")
        it.sees("is not confirmed yet. Undo it when it is.")
        await it.press_only("escape", "enter")
        await it.until("Draft · ACME-CORP")
        it.sees("the save is not", "confirmed yet")
        await late.commit()
        await it.press("escape", "f5")
        it.sees("Saved ACME-CORP: Phone", "but the server has it", "draft is gone.", "555-01009")
        await it.press("m")
        it.sees("Phone  ", "555-01009")
        it.misses("confirmed)")
        await flush_drafts(it)
        assert stored_drafts(tmp_path) == []
        assert it.transport.count("POST") == 1


@pytest.mark.promise("W9")
async def test_unconfirmed_save_is_confirmed_when_customer_is_seen(tmp_path: Path) -> None:
    async with run_with_drafts(tmp_path) as it:
        late = LateCommit(it)
        await save_phone(it)
        await it.settle()
        it.sees("Not confirmed: The server has not stored it so far", "it looks first", "Edit ACME-CORP", "555-01009")
        await it.press("escape")
        it.sees("Leave before it is confirmed?", "Not confirmed: Phone of ACME-CORP.")
        await it.press(*["right"] * 2, "enter")
        await flush_drafts(it)
        (draft,) = stored_drafts(tmp_path)
        assert draft["state"] == "sending"
        await late.commit()
        await it.press("f5")
        it.sees("Saved ACME-CORP: Phone", "draft is gone.", "48 customers")
        await flush_drafts(it)
        assert stored_drafts(tmp_path) == []
        await it.press("u")
        it.sees("Phone: 555-01009 → 555-0100")


@pytest.mark.promise("W9")
async def test_sync_confirms_pending_save() -> None:
    async with run_app(mirror=True) as it:
        late = LateCommit(it)
        await save_phone(it)
        await it.settle()
        await late.commit()
        await it.app.context.repository.request_full_sync()
        await it.until("Saved ACME-CORP: Phone")
        await it.settle()
        it.sees("48 customers")


@pytest.mark.promise("W9", "W7")
async def test_unclear_undo_is_not_confirmed() -> None:
    async with run_app() as it:
        await it.press("f2", *["down"] * 8, "9", "f10")
        late = LateCommit(it)
        await it.press("u", "right", "enter")
        it.sees("The change of ACME-CORP is not confirmed. The server has not stored it so")
        await late.commit()
        await it.press("f5")
        it.sees("Saved ACME-CORP: Phone", "555-0100")


@pytest.mark.promise("W8")
async def test_older_read_opens_conflict() -> None:
    async with run_app() as it:
        before = await it.record("ACME-CORP")
        await it.press("f2", *["down"] * 8, "9", "f10")
        stale = before | {"modified": "2001-01-01T00:00:00"}
        it.transport.intercept = always(lambda: json_response(200, stale), "GET")
        await it.press("f2", *["down"] * 9, "7", "f10")
        it.sees("Conflict · ACME-CORP", "The server shows an older", "Choose which to")
        assert it.transport.count("POST") == 1
        it.transport.intercept = None
        await it.press("y", "f10")
        it.sees("Saved ACME-CORP: Fax.")
        record = await it.record("ACME-CORP")
        assert (record["phone"], record["fax"]) == ("555-01009", "7")


@pytest.mark.promise("W9")
async def test_open_form_closes_when_save_is_confirmed(tmp_path: Path) -> None:
    async with run_with_drafts(tmp_path) as it:
        late = LateCommit(it)
        await save_phone(it)
        await it.settle()
        await late.commit()
        # For example, the sync reads the customer in the background.
        await it.app.context.repository.customer("ACME-CORP")
        await it.settle()
        it.sees("48 customers", "Saved ACME-CORP: Phone", "555-01009")
        await flush_drafts(it)
        assert stored_drafts(tmp_path) == []


@pytest.mark.promise("W9", "W4")
async def test_second_save_after_commit_sends_nothing(tmp_path: Path) -> None:
    async with run_with_drafts(tmp_path) as it:
        late = LateCommit(it)
        await save_phone(it)
        await it.settle()
        await late.commit()
        await it.press("f10")
        it.sees("48 customers", "Saved ACME-CORP: Phone (the answer was an error, but the server has it).")
        assert it.transport.count("POST") == 1
        await it.press("u")
        it.sees("Phone: 555-01009 → 555-0100")


@pytest.mark.promise("W9")
async def test_refused_second_save_keeps_first_unconfirmed(tmp_path: Path) -> None:
    async with run_with_drafts(tmp_path) as it:
        LateCommit(it)
        await save_phone(it)
        await it.settle()
        refusal = {"statusCode": 400, "error": "bad_request", "message": "Not now."}
        it.transport.intercept = always(lambda: json_response(400, refusal), "POST")
        await it.press("1", "f10")
        it.sees("Not now.")
        await flush_drafts(it)
        (draft,) = stored_drafts(tmp_path)
        assert (draft["state"], draft["sent"]["body"]) == ("sending", {"phone": "555-01009"})
        assert draft["typed"] == {"phone": "555-010091"}


@pytest.mark.promise("W9")
async def test_leaving_form_without_drafts_asks() -> None:
    async with run_app(confirm_delays=CONFIRM_DELAYS) as it:
        late = LateCommit(it)
        await save_phone(it)
        await it.press_only("escape")
        it.sees("Leave before the save is confirmed?")
        await it.press_only("right", "enter")
        it.sees("48 customers")
        await it.press_only("ctrl+q")
        await it.until("Not confirmed: a save.")
        await it.press_only("escape")
        await late.commit()
        await it.press("f5")
        it.sees("Saved ACME-CORP: Phone")


@pytest.mark.promise("W9")
async def test_unclear_discontinue_is_confirmed_later() -> None:
    async with run_app(confirm_delays=CONFIRM_DELAYS) as it:
        late = LateCommit(it)
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


@pytest.mark.promise("W9", "D4")
async def test_restart_confirms_late_save_when_customer_is_seen(tmp_path: Path) -> None:
    now = datetime.now().astimezone()
    leave_draft(tmp_path, state="sending", pending_write=PendingWrite(ACME, {"phone": "555-0199"}, now))
    leave_draft(tmp_path, base=None, short_id="", edits={"shortID": "DOCK-7", "name": "Dock Seven"})
    async with run_with_drafts(tmp_path, records=[{**ACME, "fax": ""}]) as it:
        await it.press("escape")
        it.sees("The change of ACME-CORP is not confirmed. The server has not stored it so")
        assert len(stored_drafts(tmp_path)) == 2
        await it.store.upsert("ACME-CORP", {"phone": "555-0199"}, if_match=None, only_new=False)
        await it.press("f5")
        it.sees("Saved ACME-CORP: Phone", "draft is gone.")
        await flush_drafts(it)
        assert [draft["shortID"] for draft in stored_drafts(tmp_path)] == [""]
        assert it.transport.count("POST") == 0


def write_to_full_disk(_path: Path, _content: bytes) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.promise("W9", "D3")
async def test_kill_during_save_on_full_disk_stays_unconfirmed(tmp_path: Path) -> None:
    full = False

    def write(path: Path, content: bytes) -> None:
        if full:
            write_to_full_disk(path, content)
        path.write_bytes(content)

    arrived, never = asyncio.Event(), asyncio.Event()

    async def hang(request: httpx.Request, forward: Forward) -> httpx.Response:
        if request.method == "POST":
            arrived.set()
            await never.wait()
        return await forward()

    async with run_with_drafts(tmp_path, write=write) as it:
        await it.press("f2", *["down"] * 8, "9")
        await flush_drafts(it)
        full = True
        it.transport.intercept = hang
        await it.press_only("f10")
        await arrived.wait()
        copy = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
        never.set()
        await it.settle()
    # The files that a kill would leave.
    for name, content in copy.items():
        (tmp_path / "killed").mkdir(exist_ok=True)
        (tmp_path / "killed" / name).write_bytes(content)
    async with run_with_drafts(tmp_path / "killed") as it:
        it.sees("Draft · ACME-CORP", "The change of ACME-CORP is not confirmed.")
        it.misses("and did not save")


@pytest.mark.promise("W9", "D3")
async def test_save_is_not_sent_if_nothing_can_be_noted(tmp_path: Path) -> None:
    folder = tmp_path / "drafts"
    async with run_with_drafts(folder, write=write_to_full_disk) as it:
        await it.press("f2", *["down"] * 8, "9")
        await flush_drafts(it)
        for path in [*folder.rglob("*")]:
            if path.is_file():
                path.unlink()
        folder.rmdir()
        folder.write_text("no folder any more")
        await it.press("f10")
        it.sees("Not sent: This machine cannot note that it is being sent", "555-01009", "Edit ACME-CORP")
        assert it.transport.count("POST") == 0
        folder.unlink()


def discontinue_on_save(it: AppHarness) -> Intercept:
    """A server that discontinues every saved customer and changes its city."""

    async def intercept(request: httpx.Request, forward: Forward) -> httpx.Response:
        response = await forward()
        if request.method != "POST":
            return response
        return json_response(200, await it.record("ACME-CORP") | {"active": False, "city": "SPRINGFIELD"})

    return intercept


@pytest.mark.promise("W12")
async def test_other_server_changes_are_shown() -> None:
    async with run_app() as it:
        it.transport.intercept = discontinue_on_save(it)
        await it.press("f2", *["down"] * 8, "9", "f10")
        it.sees("! Saved ACME-CORP: Phone. The server also changed City to SPRINGFIELD.", "was discontinued meanwhile")


@pytest.mark.promise("W12")
async def test_discontinuation_is_shown_in_conflict_and_draft(tmp_path: Path) -> None:
    leave_draft(tmp_path, base={**ACME, "active": True})
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


@pytest.mark.promise("W12")
async def test_save_shows_discontinuation_by_others() -> None:
    async with run_app() as it:
        await it.press("f2", *["down"] * 8, "9")
        await it.store.discontinue("ACME-CORP")
        await it.press("f10")
        it.sees("! Saved ACME-CORP: Phone. ACME-CORP was discontinued meanwhile.")


@pytest.mark.promise("W2")
async def test_create_over_existing_customer_is_shown() -> None:
    async with run_app() as it:

        async def create_as_other_first(request: httpx.Request, forward: Forward) -> httpx.Response:
            if request.method == "POST":
                request.headers.pop("If-None-Match", None)
                theirs: dict[str, Any] = {"name": "Theirs", "phone": "555-7777"}
                await it.store.upsert("DOCK-7", theirs, if_match=None, only_new=True)
            return await forward()

        it.transport.intercept = create_as_other_first
        await it.press("f6")
        await it.type("DOCK-7")
        await it.press("enter")
        await it.type("Mine")
        await it.press("f10")
        it.sees("! DOCK-7 existed already: someone else created it just before.", "Theirs stays:", "Phone 555-7777.")
        it.sees("What they had in Name is not known here.")
        it.misses("Created DOCK-7")
        await it.press("u")
        it.sees("What DOCK-7 was before is not known here")
        await it.press("m")
        it.sees("saved over")


@pytest.mark.promise("D4")
@pytest.mark.parametrize("orphan", [True, False])
def test_sent_marker_is_deleted_with_draft(tmp_path: Path, orphan: bool) -> None:
    drafts = DraftStore(tmp_path, SERVER, pause=0, write=write_to_full_disk)
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
