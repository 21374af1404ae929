"""The conflict screen: nothing is sent before each field is decided, and a further change asks again."""

import httpx
import pytest

from tests.harness import AppHarness, Forward, run_app


async def open_conflict(it: AppHarness) -> None:
    """Edit phone and e-mail of the first customer, and save after another user changed both."""
    await it.press("f2", "down")
    await it.type("x")
    await it.press(*["down"] * 7, "backspace")
    await it.type("9")
    await it.press("down", "down", "backspace", "backspace")
    theirs = {"phone": "555-7777", "email": "new@acme.example.com", "zip": "98402"}
    await it.store.upsert("ACME-CORP", theirs, if_match=None, only_new=False)
    await it.press("f10")


@pytest.mark.promise("W1")
async def test_conflict_shows_three_values_and_saves_decisions() -> None:
    async with run_app() as it:
        await open_conflict(it)
        it.sees("Conflict · ACME-CORP", "Someone else changed Phone, Email. Nothing was saved.", "0 of 2 chosen")
        phone = next(line for line in it.lines if "Phone" in line and "555-0100" in line)
        assert phone.index("555-0100") < phone.index("555-7777") < phone.index("555-0109")
        it.sees("Someone else changed Zip to 98402; that is kept.", "Your Contact is saved too")
        await it.press("f10")
        it.sees("Choose for Phone and Email first")
        assert it.transport.count("POST") == 0
        await it.press("y")
        it.sees("1 of 2 chosen", "✓ 555-0109")
        await it.press("t")
        it.sees("✓ new@acme", "All chosen. Press F10 to save.")
        await it.press("f10")
        it.sees("Saved ACME-CORP", "48 customers")
        record = await it.record("ACME-CORP")
        assert (record["phone"], record["email"]) == ("555-0109", "new@acme.example.com")
        assert (record["zip"], record["contact"]) == ("98402", "Jane Smithx")
        assert it.transport.count("POST") == 1


@pytest.mark.promise("W1")
async def test_conflict_accepts_typed_third_value() -> None:
    async with run_app() as it:
        await open_conflict(it)
        await it.press("e")
        await it.type("1")
        await it.press("enter", "t", "f10")
        it.sees("Saved ACME-CORP")
        record = await it.record("ACME-CORP")
        assert (record["phone"], record["email"]) == ("555-01091", "new@acme.example.com")


@pytest.mark.promise("W1")
async def test_conflict_opens_again_after_second_change() -> None:
    async with run_app() as it:
        await open_conflict(it)
        await it.press("y", "y")
        await it.store.upsert("ACME-CORP", {"phone": "555-8888"}, if_match=None, only_new=False)
        await it.press("f10")
        it.sees("Someone else changed Phone. Nothing was saved.", "555-7777", "555-8888", "0 of 1 chosen")
        assert (await it.record("ACME-CORP"))["phone"] == "555-8888"
        await it.press("y", "f10")
        record = await it.record("ACME-CORP")
        assert (record["phone"], record["email"]) == ("555-0109", "orders@acme.example.c")
        assert it.transport.count("POST") == 1


@pytest.mark.promise("W1")
async def test_escape_returns_to_form_with_all_edits() -> None:
    async with run_app() as it:
        await open_conflict(it)
        await it.press("t", "escape")
        it.sees("Edit ACME-CORP", "555-0109", "Changed meanwhile to: 555-7777", "Nothing was saved.")
        await it.press("f10")
        it.sees("Conflict · ACME-CORP", "0 of 2 chosen")


@pytest.mark.promise("W1")
async def test_taking_all_of_theirs_sends_nothing() -> None:
    async with run_app() as it:
        await it.press("f2")
        await it.press("x")
        await it.store.upsert("ACME-CORP", {"name": "Acme Ltd"}, if_match=None, only_new=False)
        await it.press("f10")
        await it.press("t", "f10")
        it.sees("stays as the others left it; nothing was sent.", "48 customers", "Acme Ltd")
        assert it.transport.count("POST") == 0


@pytest.mark.promise("W3")
async def test_lost_response_with_other_value_opens_conflict() -> None:
    async with run_app() as it:

        async def store_otherwise(request: httpx.Request, forward: Forward) -> httpx.Response:
            if request.method == "POST":
                await it.store.upsert("ACME-CORP", {"phone": "+1 555 0199"}, if_match=None, only_new=False)
                raise httpx.ReadError("cut", request=request)
            return await forward()

        await it.press("f2", *["down"] * 8, "9")
        it.transport.intercept = store_otherwise
        await it.press("f10")
        it.sees("Conflict", "The answer to your save was lost", "+1 555 0199", "555-01009")
        await it.press("t", "f10")
        it.sees("48 customers")
        assert it.transport.count("POST") == 1


@pytest.mark.promise("T1", "T2")
async def test_conflict_shows_hostile_values_as_symbols() -> None:
    hostile = "[/] [@click=app.quit]x[/]\x1b[31m\u202e"
    async with run_app() as it:
        await it.press("f2")
        await it.press("x")
        await it.store.upsert("ACME-CORP", {"name": hostile, "city": hostile}, if_match=None, only_new=False)
        await it.press("f10")
        it.sees("[@click=app", "x[/]␛[31m‹202")
        assert not set(it.screen_text) & {"\x1b", "\u202e"}
