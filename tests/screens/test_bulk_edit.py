"""One field set in all marked customers, all of them discontinued, and what was set together undone together."""

import asyncio
import json

import httpx
import pytest

from app.screens.bulk_progress import BulkScreen
from tests.harness import AppHarness, Forward, json_response, run_app

#: The first customers of the sample book and their phones.
FIRST = {"ACME-CORP": "555-0100", "AGUILA-CALC": "442 000 0155", "AIGAIO-TROF": "261 000 0126"}
PHONE = (*"phone", "enter")


async def mark(it: AppHarness, count: int) -> None:
    """Mark this many customers from the top."""
    await it.press("home", *["space"] * count)


async def set_phone(it: AppHarness, text: str) -> None:
    """Set the phone of the marked customers, and say yes."""
    await it.press("S", *PHONE, *text, "enter")
    await it.press("right", "enter")


async def phones(it: AppHarness) -> list[str]:
    """The phones of the first three customers, as stored."""
    return [(await it.record(short_id))["phone"] for short_id in FIRST]


def written_id(request: httpx.Request) -> str:
    """The ID that a POST writes; empty for other requests."""
    return json.loads(request.content)["shortID"] if request.method == "POST" else ""


async def test_field_is_set_in_all_marked_after_showing_what_changes() -> None:
    async with run_app() as it:
        await it.press("S")
        it.sees("Nothing is marked.")
        await mark(it, 3)
        await it.press("S")
        it.sees("Set which field in 3 customers?", "Phone")
        await it.press(*PHONE, *"555-0100", "enter")
        it.sees("Set Phone in 2 customers?", "Phone becomes 555-0100 in AGUILA-CALC and AIGAIO-TROF.")
        it.sees("Now: 442 000 0155 in 1, 261 000 0126 in 1", "1 of the marked have it already.", "Cancel", "Set 2")
        await it.press("enter")
        assert await phones(it) == list(FIRST.values())
        assert it.transport.count("POST") == 0
        it.sees("3 marked")
        await set_phone(it, "555-0177")
        it.sees("Setting Phone", "Phone is 555-0177 in 3 of 3 customers.", "442 000 0155 → 555-0177", "Saved.")
        assert await phones(it) == ["555-0177"] * 3
        assert it.transport.count("POST") == 3
        await it.press("escape")
        it.sees("48 customers")
        it.misses("marked")
        assert all("555-0177" in line for line in it.lines[2:5])


async def test_field_can_be_cleared_and_a_text_that_is_too_long_is_not_sent() -> None:
    async with run_app() as it:
        await mark(it, 3)
        await it.press("S", *PHONE)
        it.app.screen.query_one("SafeInput").value = "1" * 201  # type: ignore[attr-defined]
        await it.press("enter")
        it.sees("Too long: 201 characters.")
        await it.press("escape", "S", *PHONE, "enter")
        it.sees("Phone becomes (empty) in ACME-CORP, AGUILA-CALC and AIGAIO-TROF.")
        await it.press("right", "enter")
        assert await phones(it) == [""] * 3


async def test_own_save_of_a_marked_customer_is_no_conflict() -> None:
    async with run_app() as it:
        await mark(it, 3)
        await it.press("home", "e", *["down"] * 8, "9", "f10")
        it.sees("Saved ACME-CORP: Phone.", "3 marked")
        await it.press("S", *PHONE, "1", "enter")
        it.sees("Now: 555-01009 in 1")
        await it.press("right", "enter")
        it.sees("Phone is 1 in 3 of 3 customers.")


@pytest.mark.promise("I3")
async def test_scan_while_it_runs_and_afterwards_changes_nothing() -> None:
    async with run_app() as it:
        go_on = await held_at_second(it)
        it.burst_only("ABC-123\r")
        await it.until("Close this first, then scan.")
        go_on.set()
        await it.settle()
        it.sees("Phone is 1 in 3 of 3 customers.")
        await it.burst("u\t\rABC-1\r")
        it.sees("Setting Phone")
        assert await phones(it) == ["1"] * 3


@pytest.mark.promise("W1")
async def test_conflict_is_listed_stays_marked_and_shows_theirs_before_another_attempt() -> None:
    async with run_app() as it:
        await mark(it, 3)
        await it.store.upsert("AGUILA-CALC", {"phone": "555-7777"}, if_match=None, only_new=False)
        await set_phone(it, "1")
        it.sees("Phone is 1 in 2 of 3 customers.", "1 changed by someone else · 2 saved. The others stay marked.")
        assert it.lines[6].startswith("›!AGUILA-CALC")
        it.sees("Changed by someone else.", "442 000 0155 → 555-7777")
        assert await phones(it) == ["1", "555-7777", "1"]
        await it.press("enter")
        it.sees("AGUILA-CALC · ", "555-7777")
        await it.press("escape", "escape")
        it.sees("1 marked")
        await it.press("S", *PHONE, "1", "enter")
        it.sees("Set Phone in 1 customer?", "Now: 555-7777 in 1")
        await it.press("right", "enter")
        assert await phones(it) == ["1"] * 3


@pytest.mark.promise("W9")
async def test_unconfirmed_is_listed_and_corrected_when_it_arrives() -> None:
    async with run_app() as it:
        await mark(it, 3)
        held: list[Forward] = []

        async def gateway(request: httpx.Request, forward: Forward) -> httpx.Response:
            if written_id(request) == "AGUILA-CALC":
                held.append(forward)
                return httpx.Response(504, content=b"<title>Gateway Timeout</title>")
            return await forward()

        it.transport.intercept = gateway
        await set_phone(it, "1")
        it.sees("Phone is 1 in 2 of 3 customers.", "1 not confirmed · 2 saved.", "Not confirmed. The server")
        assert await phones(it) == ["1", "442 000 0155", "1"]
        await held[0]()
        await it.app.context.repository.customer("AGUILA-CALC")
        await it.settle()
        it.sees("Phone is 1 in 3 of 3 customers.", "Saved AGUILA-CALC: Phone")
        await it.press("u")
        it.sees("Undo the save of 3 customers?")


@pytest.mark.promise("W3")
async def test_lost_connection_stops_and_the_rest_stays_marked() -> None:
    async with run_app() as it:
        await mark(it, 5)

        async def cut(request: httpx.Request, forward: Forward) -> httpx.Response:
            response = await forward()
            if written_id(request) == "AGUILA-CALC":
                it.transport.disconnect()
            return response

        it.transport.intercept = cut
        await set_phone(it, "1")
        it.sees("Phone is 1 in 2 of 5 customers.", "1 not saved · 2 not tried · 2 saved.", "Stopped: The server cannot")
        assert await phones(it) == ["1", "1", "261 000 0126"]
        it.transport.intercept = None
        await it.press("escape")
        it.sees("3 marked")
        await set_phone(it, "1")
        it.sees("Phone is 1 in 3 of 3 customers.")


async def held_at_second(it: AppHarness) -> asyncio.Event:
    """Begin to set the phone of three customers, and hold the second POST until the event is set."""
    await mark(it, 3)
    go_on, there = asyncio.Event(), asyncio.Event()

    async def hold(request: httpx.Request, forward: Forward) -> httpx.Response:
        if written_id(request) == "AGUILA-CALC":
            there.set()
            await go_on.wait()
        return await forward()

    it.transport.intercept = hold
    await it.press("S", *PHONE, "1", "enter")
    await it.press_only("right", "enter")
    await there.wait()
    await it.until("Setting Phone: 2 of 3 · Esc stops")
    return go_on


async def test_escape_stops_after_the_one_that_is_being_saved() -> None:
    async with run_app() as it:
        go_on = await held_at_second(it)
        it.sees("Esc Stop")
        await it.press_only("enter", "u", "d", "S")
        it.sees("Setting Phone: 2 of 3 · Esc stops")
        await it.press_only("escape")
        it.sees("2 of 3 · Stopping: waiting for the answer")
        await it.press_only("escape")
        assert isinstance(it.app.screen, BulkScreen)
        go_on.set()
        await it.settle()
        it.sees("Phone is 1 in 2 of 3 customers.", "1 not tried · 2 saved.", "Not tried.", "Esc Back")
        assert await phones(it) == ["1", "1", "261 000 0126"]
        await it.press("escape")
        it.sees("1 marked")


async def test_wait_for_a_busy_server_is_counted_down_and_can_be_stopped() -> None:
    async with run_app() as it:
        await mark(it, 3)

        async def throttle(request: httpx.Request, forward: Forward) -> httpx.Response:
            if written_id(request) == "AGUILA-CALC":
                return json_response(429, {"error": "rate_limited", "message": "Slow down."}, {"Retry-After": "30"})
            return await forward()

        it.transport.intercept = throttle
        await it.press("S", *PHONE, "1", "enter")
        await it.press_only("right", "enter")
        await it.until("Setting Phone: 2 of 3 · the server is busy: goes on in 30 s · Esc stops")
        await it.press("escape")
        it.sees("Phone is 1 in 1 of 3 customers.", "2 not tried · 1 saved.")
        assert await phones(it) == ["1", "442 000 0155", "261 000 0126"]


async def test_leaving_dockbook_asks_and_writes_nothing_meanwhile() -> None:
    async with run_app() as it:
        go_on = await held_at_second(it)
        await it.press_only("ctrl+q")
        it.sees("Quit and lose your unsaved changes?", "Not saved: Phone in 2 of 3 customers, 1 saved so far.")
        it.sees("a change is on its way to the server")
        go_on.set()
        while await phones(it) != ["1", "1", "261 000 0126"]:
            await it.pilot.pause()
        for _ in range(20):
            await it.pilot.pause()
        assert it.transport.count("POST") == 2
        await it.press_only("escape")
        await it.settle()
        it.sees("Phone is 1 in 3 of 3 customers.")
        assert it.transport.count("POST") == 3


async def test_quitting_writes_no_other_customer() -> None:
    async with run_app() as it:
        go_on = await held_at_second(it)
        await it.press_only("ctrl+q", "right", "enter")
        assert it.app.return_code == 0
        go_on.set()
    written = [written_id(request) for request in it.transport.requests if request.method == "POST"]
    assert written == ["ACME-CORP", "AGUILA-CALC"]


@pytest.mark.promise("W9")
async def test_second_escape_leaves_while_a_save_is_looked_for() -> None:
    async with run_app(confirm_delays=(60.0,)) as it:
        await mark(it, 3)
        held: list[Forward] = []

        async def gateway(request: httpx.Request, forward: Forward) -> httpx.Response:
            if written_id(request) == "AGUILA-CALC":
                held.append(forward)
                return httpx.Response(504, content=b"<title>Gateway Timeout</title>")
            return await forward()

        it.transport.intercept = gateway
        await it.press("S", *PHONE, "1", "enter")
        await it.press_only("right", "enter")
        await it.until("AGUILA-CALC is not confirmed.")
        await it.press_only("escape", "escape")
        it.sees("48 customers", "2 marked")
        await held[0]()
        await it.press("f5")
        await it.until("Setting Phone: AGUILA-CALC is saved.")
        assert await phones(it) == ["1", "1", "261 000 0126"]
        await it.press("u")
        it.sees("Undo the save of 2 customers?")


@pytest.mark.promise("W7")
async def test_one_undo_puts_all_back_except_what_others_changed_since() -> None:
    async with run_app() as it:
        await mark(it, 3)
        await set_phone(it, "1")
        await it.store.upsert("AIGAIO-TROF", {"phone": "555-7777"}, if_match=None, only_new=False)
        await it.press("escape", "u")
        it.sees("Undo the save of 3 customers?", "What someone else changed since then is not overwritten.")
        it.sees("ACME-CORP, AGUILA-CALC and AIGAIO-TROF", "Cancel", "Undo all")
        await it.press("enter")
        assert await phones(it) == ["1", "1", "555-7777"]
        await it.press("u", "right", "enter")
        it.sees("Undoing Phone", "Phone is as before in 2 of 3 customers.", "1 changed by someone else · 2 put back.")
        it.misses("u Undo")
        assert await phones(it) == ["555-0100", "442 000 0155", "555-7777"]
        await it.press("escape", "u")
        it.sees("Undo the save of", "AIGAIO-TROF")
        await it.press("right", "enter")
        it.sees("Conflict · AIGAIO-TROF")
        await it.press("escape", "escape", "right", "right", "enter", "m")
        it.sees("My changes", "Phone (undone)")


async def test_count_is_typed_before_all_are_discontinued() -> None:
    async with run_app() as it:
        await it.store.discontinue("AGUILA-CALC")
        await it.press("f5")
        await mark(it, 4)
        await it.press("M")
        it.sees("Discontinue all")
        await it.press("escape")
        await choose_discontinue_all(it)
        it.sees("Discontinue 3 customers?", "AGUILA-CALC is already discontinued and skipped.")
        it.sees("They cannot be made active again from here.", "Type 3 to discontinue 3 customers:")
        for keys in (["enter"], ["4", "enter"], ["backspace", *"33", "enter"]):
            await it.press(*keys)
            it.sees("Type 3, then ⏎ · Esc keep")
        assert it.transport.count("DELETE") == 0
        await it.press("backspace", "enter")
        it.sees("Discontinued: 3 of 3 customers.")
        assert it.transport.count("DELETE") == 3
        for short_id in ("ACME-CORP", "AIGAIO-TROF"):
            assert (await it.record(short_id))["active"] is False
        await it.press("escape")
        assert all("×" in line for line in it.lines[2:6])
        await it.press("u")
        it.sees("Discontinuing cannot be undone here.")
        await choose_discontinue_all(it)
        it.sees("The marked customer is already discontinued.")


async def choose_discontinue_all(it: AppHarness) -> None:
    """Open the question."""
    await it.press("M", "end", "up", "enter")


@pytest.mark.promise("I3")
async def test_scan_and_paste_never_discontinue_all() -> None:
    async with run_app() as it:
        await mark(it, 3)
        await choose_discontinue_all(it)
        for burst in (
            "3\r",
            "3\n",
            "3\t",
            "33\r",
            "003\r",
            "ABC-3\r",
            "\x1b[200~3\x1b[201~\r",
            "\x1b[200~3\r\x1b[201~",
        ):
            await it.burst(burst)
            assert it.transport.count("DELETE") == 0
        await it.press("escape")
        for burst in ("S3\r\r", "M\x1b[F\x1b[A\r3\r"):
            await it.burst(burst)
            await it.press("escape", "escape", "escape")
        assert it.transport.count("DELETE") + it.transport.count("POST") == 0


async def test_discontinuing_goes_on_after_a_refusal_and_names_it() -> None:
    async with run_app() as it:
        await mark(it, 3)

        async def refuse(request: httpx.Request, forward: Forward) -> httpx.Response:
            if request.method == "DELETE" and request.url.path.endswith("AGUILA-CALC"):
                return json_response(409, {"error": "conflict", "message": "It has stock."})
            return await forward()

        it.transport.intercept = refuse
        await choose_discontinue_all(it)
        await it.press("3", "enter")
        it.sees("Discontinued: 2 of 3 customers.", "1 not discontinued · 2 discontinued.", "It has")
        assert [(await it.record(short_id))["active"] for short_id in FIRST] == [False, True, False]


@pytest.mark.promise("A2")
async def test_nothing_is_asked_without_permission_and_a_refusal_ends_it() -> None:
    async with run_app(read_only=True) as it:
        await mark(it, 2)
        await it.press("S")
        it.sees("Editing is off")
    async with run_app(permissions=frozenset({130})) as it:
        await mark(it, 3)
        await set_phone(it, "1")
        it.sees("Phone is 1 in 0 of 3 customers.", "1 not saved · 2 not tried.", "131")
        it.misses("u Undo")
        assert it.transport.count("POST") == 1


async def test_small_screen_shows_question_progress_and_summary() -> None:
    async with run_app(size=(24, 16)) as it:
        await mark(it, 3)
        await it.press("S", *PHONE, "1", "enter")
        it.sees("Phone becomes 1", "Cancel", "Set 3")
        await it.press("down", "enter")
        it.sees("Phone is 1 in 3", "ACME-CORP")
