"""A form left with Esc while its save goes on: the outcome is shown where one is, and nothing typed is lost."""

import asyncio
from pathlib import Path

import httpx
import pytest

from tests.harness import AppHarness, Forward, Intercept, json_response, run_app
from tests.screens.test_draft_screens import flush_drafts, run_with_drafts, stored_drafts
from tests.screens.test_unconfirmed import CONFIRM_DELAYS, LateCommit

NEW_PHONE = "555-01009"


class HeldRequests:
    """Holds every request of a method back until `go_on`; `answer` may answer it instead of the server."""

    def __init__(self, it: AppHarness, method: str = "POST", answer: Intercept | None = None) -> None:
        self.arrived = asyncio.Event()
        self._go_on = asyncio.Event()
        self._method = method
        self._answer = answer
        it.transport.intercept = self._intercept

    def go_on(self) -> None:
        self._go_on.set()

    async def _intercept(self, request: httpx.Request, forward: Forward) -> httpx.Response:
        if request.method != self._method:
            return await forward()
        self.arrived.set()
        await self._go_on.wait()
        return await (self._answer(request, forward) if self._answer is not None else forward())


def answer_with(status: int, error: str, message: str, details: dict[str, list[str]] | None = None) -> Intercept:
    """An intercept that refuses with this error."""

    async def refuse(_request: httpx.Request, _forward: Forward) -> httpx.Response:
        return json_response(
            status, {"statusCode": status, "error": error, "message": message, "details": details or {}}
        )

    return refuse


def check_notice(it: AppHarness, *texts: str) -> None:
    """Check that these are on the screen, however the lines are folded."""
    shown = " ".join(it.screen_text.split())
    assert all(text in shown for text in texts), it.screen_text


async def save_phone_and_leave(it: AppHarness, held: HeldRequests) -> None:
    """Save another phone number of the first customer, and leave while the request is held."""
    await it.press("f2", *["down"] * 8, "9")
    await it.press_only("f10")
    await held.arrived.wait()
    await it.press_only("escape")
    it.sees("48 customers", "Saving ACME-CORP … The outcome is shown here.")


@pytest.mark.promise("D4")
async def test_saved_after_leaving(tmp_path: Path) -> None:
    async with run_with_drafts(tmp_path) as it:
        held = HeldRequests(it)
        await save_phone_and_leave(it, held)
        await it.press_only("down", "down")
        held.go_on()
        await it.settle()
        await flush_drafts(it)
        it.sees("Saved ACME-CORP: Phone.", "555-01009", "48 customers")
        assert next(line for line in it.lines if line.startswith("›")).startswith("› AIGAIO-TROF")
        assert (await it.record("ACME-CORP"))["phone"] == NEW_PHONE
        assert it.transport.count("POST") == 1
        assert stored_drafts(tmp_path) == []
        await it.press("u")
        it.sees("Phone: 555-01009 → 555-0100")


@pytest.mark.promise("D4")
async def test_saved_while_another_form_is_open(tmp_path: Path) -> None:
    async with run_with_drafts(tmp_path) as it:
        held = HeldRequests(it)
        await save_phone_and_leave(it, held)
        await it.press_only("down", "f2", "x")
        held.go_on()
        await it.settle()
        it.sees("Edit AGUILA-CALC", "Saved ACME-CORP: Phone.", "1 changed")


@pytest.mark.promise("D4")
async def test_keys_typed_during_save_stay_draft_after_leaving(tmp_path: Path) -> None:
    async with run_with_drafts(tmp_path) as it:
        held = HeldRequests(it)
        await it.press("f2", *["down"] * 8, "9")
        await it.press_only("f10", "down", "7", "7")
        await held.arrived.wait()
        await it.press_only("escape")
        held.go_on()
        await it.settle()
        await flush_drafts(it)
        check_notice(it, "Saved ACME-CORP: Phone.", "are a draft: press F2 on ACME-CORP")
        assert [draft["typed"] for draft in stored_drafts(tmp_path)] == [{"fax": "77"}]
        await it.press("f2")
        await it.press("enter")
        it.sees("Edit ACME-CORP", f"[{NEW_PHONE} ", "• Fax       [77", "was empty")


@pytest.mark.promise("D4", "W6")
@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (
            answer_with(400, "validation_error", "Model validation failed.", {"phone": ["Too odd."]}),
            "The server says: “Phone: Too odd.”",
        ),
        (answer_with(400, "bad_request", "Not today."), "The server says: “Not today.”"),
        (answer_with(403, "forbidden", "No."), "Create/Modify Customer"),
        (answer_with(429, "rate_limited", "Slow down."), "The server is busy: Slow down."),
        (answer_with(413, "too_large", "Too long."), "Too much text for the server: Too long."),
    ],
    ids=["fields", "refused", "permission", "busy", "large"],
)
async def test_refused_after_leaving_keeps_draft(tmp_path: Path, answer: Intercept, reason: str) -> None:
    async with run_with_drafts(tmp_path) as it:
        held = HeldRequests(it, answer=answer)
        await save_phone_and_leave(it, held)
        held.go_on()
        await it.settle()
        await flush_drafts(it)
        check_notice(it, "! Not saved: ACME-CORP.", reason, "Press F2 on ACME-CORP to go on.")
        assert [draft["typed"] for draft in stored_drafts(tmp_path)] == [{"phone": NEW_PHONE}]
        it.transport.intercept = None
        await it.press("f5")
        await it.press("f2")
        await it.press("enter")
        it.sees("Edit ACME-CORP", f"[{NEW_PHONE} ", "was 555-0100")
        await it.press("f10")
        it.sees("Saved ACME-CORP")


@pytest.mark.promise("W1")
async def test_conflict_after_leaving_keeps_draft(tmp_path: Path) -> None:
    async with run_with_drafts(tmp_path) as it:
        await it.press("f2", *["down"] * 8, "9")
        held = HeldRequests(it, "GET")
        await it.press_only("f10")
        await held.arrived.wait()
        await it.press_only("escape")
        await it.store.upsert("ACME-CORP", {"phone": "555-7777"}, if_match=None, only_new=False)
        held.go_on()
        await it.settle()
        check_notice(it, "! Not saved: ACME-CORP. Someone else changed Phone. Press F2 on ACME-CORP to go on.")
        assert it.transport.count("POST") == 0
        await it.press("f2")
        it.sees("Draft · ACME-CORP", "555-7777", NEW_PHONE)
        await it.press("enter", "f10")
        it.sees("Conflict · ACME-CORP", "555-7777", NEW_PHONE)


@pytest.mark.promise("W9")
async def test_unconfirmed_after_leaving_is_reported_when_known(tmp_path: Path) -> None:
    async with run_with_drafts(tmp_path, confirm_delays=CONFIRM_DELAYS) as it:
        late = LateCommit(it)
        gate = it.transport.intercept
        held = HeldRequests(it, answer=gate)
        await save_phone_and_leave(it, held)
        held.go_on()
        await it.until("ACME-CORP: ")
        check_notice(it, "not confirmed. dockbook looks for about a minute")
        await late.commit()
        await it.press("f5")
        it.sees("Saved ACME-CORP: Phone", "but the server has it", "draft is gone.")
        await flush_drafts(it)
        assert stored_drafts(tmp_path) == []


@pytest.mark.promise("W9")
async def test_never_confirmed_after_leaving_keeps_draft(tmp_path: Path) -> None:
    async def lose(request: httpx.Request, _forward: Forward) -> httpx.Response:
        raise httpx.ReadError("cut", request=request)

    async with run_with_drafts(tmp_path) as it:
        held = HeldRequests(it, answer=lose)
        await save_phone_and_leave(it, held)
        held.go_on()
        await it.settle()
        await flush_drafts(it)
        check_notice(it, "The change of ACME-CORP is not confirmed.", "Its draft is kept")
        assert [draft["state"] for draft in stored_drafts(tmp_path)] == ["sending"]
        assert (await it.record("ACME-CORP"))["phone"] == "555-0100"


@pytest.mark.promise("W3")
async def test_lost_response_after_leaving_is_confirmed(tmp_path: Path) -> None:
    async def lose(request: httpx.Request, forward: Forward) -> httpx.Response:
        await forward()
        raise httpx.ReadError("cut", request=request)

    async with run_with_drafts(tmp_path) as it:
        held = HeldRequests(it, answer=lose)
        await save_phone_and_leave(it, held)
        held.go_on()
        await it.settle()
        await flush_drafts(it)
        check_notice(it, "Saved ACME-CORP: Phone (the connection dropped, but the server has it)")
        assert it.transport.count("POST") == 1
        assert stored_drafts(tmp_path) == []


@pytest.mark.promise("N7")
async def test_unreachable_server_after_leaving_keeps_draft(tmp_path: Path) -> None:
    async with run_with_drafts(tmp_path) as it:
        held = HeldRequests(it, "GET")
        await it.press("f2", *["down"] * 8, "9")
        await it.press_only("f10")
        await held.arrived.wait()
        await it.press_only("escape")
        it.transport.disconnect()
        held.go_on()
        await it.press("f5")
        await flush_drafts(it)
        assert [draft["typed"] for draft in stored_drafts(tmp_path)] == [{"phone": NEW_PHONE}]


async def leave_new(it: AppHarness, held: HeldRequests) -> None:
    """Save the new customer DOCK-7, and leave while the request is held."""
    await it.press("f6")
    await it.type("DOCK-7")
    await it.press("down")
    await it.type("Dock")
    await it.press_only("f10")
    await held.arrived.wait()
    await it.press_only("escape")
    it.sees("Saving DOCK-7 …")


@pytest.mark.promise("D4")
async def test_created_after_leaving(tmp_path: Path) -> None:
    async with run_with_drafts(tmp_path) as it:
        held = HeldRequests(it)
        await leave_new(it, held)
        held.go_on()
        await it.settle()
        await flush_drafts(it)
        it.sees("Created DOCK-7.", "49 customers", "› ACME-CORP")
        assert stored_drafts(tmp_path) == []


@pytest.mark.promise("W2")
async def test_existing_id_after_leaving_keeps_draft(tmp_path: Path) -> None:
    async def create_as_other_first(_request: httpx.Request, forward: Forward) -> httpx.Response:
        await it.store.upsert("DOCK-7", {"name": "Theirs"}, if_match=None, only_new=False)
        return await forward()

    async with run_with_drafts(tmp_path) as it:
        held = HeldRequests(it, answer=create_as_other_first)
        await leave_new(it, held)
        held.go_on()
        await it.settle()
        await flush_drafts(it)
        check_notice(it, "! Not created: DOCK-7. This ID exists already. Press w to go on with your draft.")
        assert [draft["typed"] for draft in stored_drafts(tmp_path)] == [{"shortID": "DOCK-7", "name": "Dock"}]
        assert (await it.record("DOCK-7"))["name"] == "Theirs"
        await it.press("w")
        await it.press("enter")
        await it.press("enter")
        it.sees("New customer", "[DOCK-7 ", "[Dock ")


async def test_without_drafts_leaving_is_asked_and_loss_reported() -> None:
    async with run_app() as it:
        held = HeldRequests(it, answer=answer_with(400, "bad_request", "Not today."))
        await it.press("f2", *["down"] * 8, "9")
        await it.press_only("f10")
        await held.arrived.wait()
        await it.press_only("escape")
        it.sees("Leave before the save is confirmed?", "your text is lost")
        await it.press_only("right", "enter")
        held.go_on()
        await it.settle()
        check_notice(it, "! Not saved: ACME-CORP. The server says: “Not today.” What you typed is gone")


@pytest.mark.promise("D2")
async def test_quitting_before_outcome_is_asked_about(tmp_path: Path) -> None:
    async with run_with_drafts(tmp_path) as it:
        held = HeldRequests(it)
        await save_phone_and_leave(it, held)
        await it.press_only("ctrl+q")
        it.sees("a change is on its way to the server")
        await it.press_only("escape")
        await flush_drafts_only(it)
        assert [(draft["state"], draft["typed"]) for draft in stored_drafts(tmp_path)] == [
            ("sending", {"phone": NEW_PHONE})
        ]
        held.go_on()
        await it.settle()
        it.sees("Saved ACME-CORP: Phone.")


@pytest.mark.promise("W4")
async def test_second_save_before_outcome_of_first_waits(tmp_path: Path) -> None:
    async with run_with_drafts(tmp_path) as it:
        held = HeldRequests(it)
        await save_phone_and_leave(it, held)
        await it.press_only("f2")
        await it.until("Edit ACME-CORP")
        await it.press_only(*["down"] * 9, "7", "f10")
        await it.until("is being saved already")
        it.misses("Someone else is editing")
        held.go_on()
        await it.until("Saved ACME-CORP: Phone.")
        await it.press("f10")
        record = await it.record("ACME-CORP")
        assert (record["phone"], record["fax"]) == (NEW_PHONE, "7")
        assert it.transport.count("POST") == 2


async def flush_drafts_only(it: AppHarness) -> None:
    """Wait until the draft is on disk, and not for the save that goes on."""
    assert it.app.context.drafts is not None
    await it.app.context.drafts.flush_async()
