"""The form: quick edits, one save, nothing typed lost, nobody overwritten."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import httpx
import pytest

from app.models.fields import WRITABLE_FIELDS
from tests.harness import AppHarness, Intercept, always, json_response, run_app

Onward = Callable[[], Awaitable[httpx.Response]]


async def edit_phone(it: AppHarness, text: str = "555-0199") -> None:
    """Open the first customer's form from the list and type another phone number."""
    await it.press("f2", *["down"] * 8, *["backspace"] * 8)
    await it.type(text)


async def test_from_the_list_to_a_saved_phone_number() -> None:
    async with run_app() as it:
        await edit_phone(it)
        it.sees("Edit ACME-CORP", "was 555-0100", "1 changed", "•")
        await it.press("f10")
        it.sees("Saved ACME-CORP", "555-0199", "Customers")
        assert (await it.record("ACME-CORP"))["phone"] == "555-0199"
        assert it.transport.count("POST") == 1


async def test_fields_not_edited_go_back_as_they_came() -> None:
    async with run_app() as it:
        before = await it.record("ACME-CORP")
        await edit_phone(it)
        await it.press("f10")
        after = await it.record("ACME-CORP")
        assert {n: after[n] for n in WRITABLE_FIELDS} == {n: before[n] for n in WRITABLE_FIELDS} | {"phone": "555-0199"}


async def test_enter_goes_to_the_next_field_and_never_saves() -> None:
    async with run_app() as it:
        await it.press("f2")
        await it.type("X")
        await it.press(*["enter"] * 20)
        it.sees("This is the last field. F10 saves.")
        assert it.transport.count("POST") == 0


async def test_fifty_presses_of_save_send_one_post() -> None:
    async with run_app() as it:
        arrived, go_on = asyncio.Event(), asyncio.Event()

        async def slow(request: httpx.Request, onward: Onward) -> httpx.Response:
            if request.method == "POST":
                arrived.set()
                await go_on.wait()
            return await onward()

        it.transport.intercept = slow
        await edit_phone(it)
        for _ in range(25):
            await it.press_only("f10", "ctrl+s")
        await arrived.wait()
        await it.press_only("f10", "f10", "escape")
        it.sees("Saving … please wait.", "Edit ACME-CORP")
        go_on.set()
        await it.settle()
        it.sees("Saved ACME-CORP")
        assert it.transport.count("POST") == 1


async def test_what_is_typed_while_a_save_is_on_its_way_stays() -> None:
    async with run_app() as it:
        go_on = asyncio.Event()

        async def slow(request: httpx.Request, onward: Onward) -> httpx.Response:
            if request.method == "POST":
                await go_on.wait()
            return await onward()

        it.transport.intercept = slow
        await edit_phone(it)
        await it.press_only("f10", "down", "7", "7")
        go_on.set()
        await it.settle()
        it.sees("Edit ACME-CORP", "typed while it was saving", "1 changed")
        await it.press("f10")
        record = await it.record("ACME-CORP")
        assert (record["phone"], record["fax"]) == ("555-0199", "77")


async def test_messages_of_the_server_stand_at_their_fields_and_the_text_stays() -> None:
    async with run_app() as it:
        body = {
            "statusCode": 400,
            "error": "validation_error",
            "message": "Model validation failed.",
            "details": {"Phone": ["The phone [field] is \x1b[31mnot accepted."], "creditLimit": ["Out of range."]},
        }
        it.transport.intercept = always(lambda: json_response(400, body), "POST")
        await edit_phone(it)
        await it.press("f10")
        it.sees("! The phone [field] is ␛[31mnot accepted.", "555-0199", "creditLimit: Out of range.", "was 555-0100")
        assert "\x1b" not in it.screen_text


async def test_a_change_of_somebody_else_in_another_field_is_kept_and_told() -> None:
    async with run_app() as it:
        await edit_phone(it)
        await it.store.upsert("ACME-CORP", {"zip": "98402"}, if_match=None, only_new=False)
        await it.press("f10")
        it.sees("Saved ACME-CORP: Phone. Someone else changed Zip to 98402; that was kept")
        record = await it.record("ACME-CORP")
        assert (record["phone"], record["zip"]) == ("555-0199", "98402")


async def test_a_change_between_the_read_and_the_post_is_not_overwritten_where_the_server_has_etags() -> None:
    async with run_app() as it:
        await edit_phone(it)
        meddled = False

        async def meddle(request: httpx.Request, onward: Onward) -> httpx.Response:
            nonlocal meddled
            if request.method == "POST" and not meddled:
                meddled = True
                await it.store.upsert("ACME-CORP", {"phone": "555-7777"}, if_match=None, only_new=False)
            return await onward()

        it.transport.intercept = meddle
        await it.press("f10")
        it.sees("Conflict · ACME-CORP", "Somebody else changed Phone", "555-7777")
        assert (await it.record("ACME-CORP"))["phone"] == "555-7777"


async def test_an_answer_lost_after_the_save_is_looked_up_and_told() -> None:
    async with run_app() as it:

        async def lose(request: httpx.Request, onward: Onward) -> httpx.Response:
            response = await onward()
            if request.method == "POST":
                raise httpx.ReadError("cut", request=request)
            return response

        it.transport.intercept = lose
        await edit_phone(it)
        await it.press("f10")
        it.sees("Saved ACME-CORP", "the connection dropped")
        assert it.transport.count("POST") == 1


async def test_a_save_that_is_not_seen_is_not_confirmed_and_the_text_stays() -> None:
    async with run_app() as it:

        async def lose(request: httpx.Request, onward: Onward) -> httpx.Response:
            if request.method == "POST":
                raise httpx.ReadError("cut", request=request)
            return await onward()

        it.transport.intercept = lose
        await edit_phone(it)
        await it.press("f10")
        it.sees("Not confirmed: The server has not stored it so far", "555-0199", "was 555-0100")
        assert it.transport.count("POST") == 1
        it.transport.intercept = None
        await it.press("f10")
        it.sees("Saved ACME-CORP")


async def test_a_permission_lost_in_mid_edit_loses_nothing_and_can_come_back() -> None:
    async with run_app() as it:
        await edit_phone(it)
        it.credentials.set_permissions(it.issued.client_id, frozenset({130}))
        await it.press("f10")
        it.sees("Create/Modify Customer", "131", "555-0199", "READ-ONLY")
        it.credentials.set_permissions(it.issued.client_id, frozenset({130, 131}))
        await it.press("f10")
        it.sees("Saved ACME-CORP")
        it.misses("READ-ONLY")


async def test_a_learned_refusal_switches_editing_off_until_asked_again() -> None:
    async with run_app(permissions=frozenset({130})) as it:
        await edit_phone(it)
        await it.press("f10")
        await it.press("escape", "right", "right", "enter")
        it.sees("READ-ONLY", "Customers")
        await it.press("f2")
        it.sees("Editing is off", "131", "F5 lets you try")
        await it.press("f5")
        it.sees("Editing is enabled again")
        await it.press("f2")
        it.sees("Edit ACME-CORP")


async def test_leaving_without_changes_asks_nothing() -> None:
    async with run_app() as it:
        await it.press("f2", "escape")
        it.sees("Customers", "48 customers")


async def test_leaving_with_changes_asks_and_the_safe_answer_has_the_focus() -> None:
    async with run_app() as it:
        await edit_phone(it)
        await it.press("escape")
        it.sees("Leave without saving?", "Phone of ACME-CORP")
        await it.press("enter")
        it.sees("Edit ACME-CORP", "555-0199")
        await it.press("escape", "right", "right", "enter")
        it.sees("48 customers")
        assert (await it.record("ACME-CORP"))["phone"] == "555-0100"


async def test_quitting_is_guarded_while_something_is_unsaved() -> None:
    async with run_app() as it:
        await edit_phone(it)
        await it.press("ctrl+q")
        it.sees("Quit and lose what is not saved?", "Phone of ACME-CORP")
        await it.press("ctrl+q", "ctrl+q")
        it.sees("Quit and lose what is not saved?")
        await it.press("enter")
        it.sees("Edit ACME-CORP", "555-0199")


async def test_a_new_customer() -> None:
    async with run_app() as it:
        await it.press("f6")
        it.sees("New customer")
        await it.type(" DOCK-7 ")
        await it.press("enter")
        await it.type("Dock Seven")
        await it.press("f10")
        it.sees("Created DOCK-7.", "49 customers")
        assert (await it.record("DOCK-7"))["name"] == "Dock Seven"


async def test_new_never_overwrites_and_offers_to_open() -> None:
    async with run_app() as it:
        await it.press("f6")
        await it.type("BRIGHT-MFG")
        await it.press("enter")
        await it.type("Other")
        await it.press("f10")
        it.sees("That ID exists already", "BRIGHT-MFG is already a customer")
        assert it.transport.count("POST") == 0
        await it.press("right", "enter")
        it.sees("BRIGHT-MFG · Bright Manufacturing LLC", "Rockford")


async def test_an_id_that_exists_is_told_as_soon_as_it_is_typed() -> None:
    async with run_app() as it:
        await it.press("f6")
        await it.type("BRIGHT-MFG")
        await it.press("enter")
        it.sees("This ID exists already: Bright Manufacturing LLC.", "New customer")
        await it.press("up", "backspace", "down")
        it.misses("exists already")


async def test_two_creators_at_once_one_wins_and_the_other_is_told() -> None:
    async with run_app() as it:

        async def other_first(request: httpx.Request, onward: Onward) -> httpx.Response:
            if request.method == "POST":
                await it.store.upsert("DOCK-7", {"name": "Theirs"}, if_match=None, only_new=False)
            return await onward()

        it.transport.intercept = other_first
        await it.press("f6")
        await it.type("DOCK-7")
        await it.press("f10")
        it.sees("That ID exists already")
        assert (await it.record("DOCK-7"))["name"] == "Theirs"


@pytest.mark.parametrize("short_id", ["", "   ", ".", "..", "All"])
async def test_an_id_that_cannot_be_is_refused_at_its_field_before_anything_is_asked(short_id: str) -> None:
    async with run_app() as it:
        await it.press("f6")
        asked = len(it.transport.requests)
        await it.type(short_id)
        await it.press("f10")
        it.sees("New customer", "! ")
        assert len(it.transport.requests) == asked


async def test_advice_never_refuses() -> None:
    async with run_app() as it:
        await it.press("f2", "up")
        await it.press("backspace", "backspace", "up")
        it.sees("? looks unfinished", "was orders@acme.example.com")
        await it.press("f10")
        it.sees("Saved ACME-CORP")


async def test_several_pasted_lines_lose_nothing_silently() -> None:
    async with run_app() as it:
        await it.press("f2", "end")
        await it.paste("\nNorth Dock\r\nGate 4\n")
        it.sees("Acme CorporationNorth Dock Gate 4", "2 pasted lines were joined")


async def test_choices_of_the_country() -> None:
    async with run_app() as it:
        await it.press("f2", *["down"] * 7, "f4")
        it.sees("Country", "US  United States")
        await it.type("germ")
        it.sees("DE  Germany")
        await it.press("enter")
        it.sees("Edit ACME-CORP", "was US")
        await it.press("f10")
        assert (await it.record("ACME-CORP"))["country"] == "DE"


async def test_what_a_field_was_can_be_put_back() -> None:
    async with run_app() as it:
        await edit_phone(it)
        await it.press("f9")
        it.sees("555-0100")
        it.misses("was 555-0100", "1 changed")


async def test_hostile_values_are_shown_as_signs_and_saved_as_they_are_when_not_touched() -> None:
    hostile = "Acme [/] [@click=app.quit]x[/]\u202e\u009b31m"
    async with run_app(records=[{"shortID": "EVIL", "name": hostile, "contact": "\u200bx", "phone": "1"}]) as it:
        it.sees("Acme [/] [@cl")
        await it.press("f2")
        it.sees("Acme [/] [@click=app.quit]x[/]")
        assert not set(it.screen_text) & {"\u202e", "\u009b", "\u200b"}
        await it.press(*["down"] * 8, "5", "f10")
        record = await it.record("EVIL")
        assert (record["name"], record["contact"], record["phone"]) == (hostile, "\u200bx", "15")


async def test_arrow_keys_go_from_field_to_field_where_not_all_fit() -> None:
    async with run_app(size=(80, 12)) as it:
        await it.press("f2", *["down"] * 10, "Z")
        it.sees("orders@acme.example.comZ")
        await it.press("down", "Y")
        it.sees("Acme CorporationY")


async def test_a_save_that_ends_while_help_lies_over_the_form_closes_the_form_and_not_the_help() -> None:
    async with run_app() as it:
        go_on = asyncio.Event()
        it.transport.intercept = slow_post(go_on)
        await edit_phone(it)
        await it.press_only("f10", "f1")
        go_on.set()
        await it.settle()
        it.sees("Help · Edit ACME-CORP")
        await it.press("escape")
        it.sees("48 customers", "Saved ACME-CORP", "555-0199")


async def test_what_is_typed_while_a_customer_is_created_becomes_an_edit_of_it() -> None:
    async with run_app() as it:
        go_on = asyncio.Event()
        it.transport.intercept = slow_post(go_on)
        await it.press("f6")
        await it.type("DOCK-7")
        await it.press_only("f10", "down", "N", "e", "w")
        go_on.set()
        await it.settle()
        it.sees("Edit DOCK-7", "Created DOCK-7.", "typed while it was saving", "• Name       New")
        await it.press("f10")
        assert (await it.record("DOCK-7"))["name"] == "New"


async def test_a_look_up_that_comes_after_the_customer_was_created_harms_nothing() -> None:
    async with run_app() as it:
        asked, go_on = asyncio.Event(), asyncio.Event()

        async def late(request: httpx.Request, onward: Onward) -> httpx.Response:
            response = await onward()
            if request.url.path.endswith("DOCK-7") and not asked.is_set():
                asked.set()
                await go_on.wait()
            return response

        it.transport.intercept = late
        await it.press("f6")
        await it.press_only(*"DOCK-7", "enter")
        await asked.wait()
        await it.press_only("f10")
        go_on.set()
        await it.settle()
        it.sees("Created DOCK-7.", "49 customers")


async def test_a_field_put_back_while_it_is_saved_stays_put_back() -> None:
    async with run_app() as it:
        go_on = asyncio.Event()
        it.transport.intercept = slow_post(go_on)
        await edit_phone(it)
        await it.press_only("f10", "f9")
        go_on.set()
        await it.settle()
        it.sees("Edit ACME-CORP", "• Phone      555-0100", "was 555-0199", "typed while it was saving")


async def test_only_what_was_typed_is_sent_of_a_new_customer() -> None:
    async with run_app() as it:
        await it.press("f6")
        await it.type("DOCK-7")
        await it.press("f10")
        posted = next(request for request in it.transport.requests if request.method == "POST")
        assert json.loads(posted.content) == {"shortID": "DOCK-7"}


async def test_a_server_that_says_200_and_keeps_what_it_had_has_confirmed_nothing() -> None:
    async with run_app() as it:
        kept = await it.record("ACME-CORP")
        it.transport.intercept = always(lambda: json_response(200, kept), "POST")
        await edit_phone(it)
        await it.press("f10")
        it.sees("Not confirmed: The server has not stored it so far", "555-0199", "was 555-0100")


async def test_a_value_the_server_stored_otherwise_is_told() -> None:
    async with run_app() as it:
        stored = await it.record("ACME-CORP") | {"phone": "+1 555 0199"}
        it.transport.intercept = always(lambda: json_response(200, stored), "POST")
        await edit_phone(it)
        await it.press("f10")
        it.sees("! Saved ACME-CORP: Phone. The server stored Phone as +1 555 0199.")


async def test_quitting_is_asked_once_however_often_the_key_is_pressed() -> None:
    async with run_app() as it:
        await edit_phone(it)
        await it.press("ctrl+q", "ctrl+q", "ctrl+q", "escape")
        it.sees("Edit ACME-CORP", "555-0199")


async def test_a_long_id_stands_whole_in_its_form() -> None:
    short_id = "LONG-" + "X" * 40 + "-001"
    async with run_app(records=[{"shortID": short_id}]) as it:
        await it.press("f2")
        it.sees(f"ID         {short_id}")


def slow_post(go_on: asyncio.Event) -> Intercept:
    """A wire on which a POST waits until it may go on."""

    async def bend(request: httpx.Request, onward: Onward) -> httpx.Response:
        if request.method == "POST":
            await go_on.wait()
        return await onward()

    return bend


async def test_what_is_typed_into_the_id_of_a_customer_being_created_goes_nowhere_else() -> None:
    async with run_app() as it:
        go_on = asyncio.Event()
        it.transport.intercept = slow_post(go_on)
        await it.press("f6")
        await it.type("DOCK-7")
        await it.press_only("f10", "X", "Y")
        go_on.set()
        await it.settle()
        await it.press("f5")
        it.sees("DOCK-7", "49 customers")
        record = await it.record("DOCK-7")
        assert all(not record[name] for name in WRITABLE_FIELDS)


async def test_every_script_can_be_read_while_it_is_edited() -> None:
    name = "हिमालय บริษัท বাংলা"
    async with run_app(records=[{"shortID": "A", "name": name}]) as it:
        await it.press("f2")
        it.sees(name)


async def test_a_save_that_has_to_wait_says_that_nothing_was_saved() -> None:
    async with run_app() as it:
        body = {"statusCode": 429, "error": "rate_limited", "message": "Slow down."}
        it.transport.intercept = always(lambda: json_response(429, body, {"Retry-After": "12"}), "POST")
        await edit_phone(it)
        await it.press("f10")
        it.sees("Not saved.", "try again in 12 s", "555-0199")


CRUEL_DETAILS: list[object] = [
    None,
    [],
    "no",
    {},
    {"": ["x"]},
    {"phone": None},
    {"phone": []},
    {"phone": "No list."},
    {"PHONE": ["Upper."], "phone": ["Lower."], "Phone ": ["Blank."]},
    {"phone": [["nested", {"deep": [1e308, None]}], 7, True]},
    {"shortID": ["Not here."], "name": ["\x1b]52;c;eA==\x07"]},
    {"x" * 5_000: ["y" * 50_000]},
    {f"unknown{number}": ["z"] for number in range(500)},
]


async def test_whatever_a_refusal_looks_like_the_text_stays_and_nothing_is_lost() -> None:
    async with run_app() as it:
        await edit_phone(it)
        for details in CRUEL_DETAILS:
            body = {"statusCode": 400, "error": "validation_error", "message": "No [/].", "details": details}
            it.transport.intercept = always(lambda body=body: json_response(400, body), "POST")  # type: ignore[misc]
            await it.press("f10")
            it.sees("Not saved.", "555-0199", "was 555-0100")
            assert "\x1b" not in it.screen_text
        it.transport.intercept = None
        await it.press("f10")
        it.sees("Saved ACME-CORP")


async def test_on_a_narrow_screen_the_text_of_a_field_has_the_room() -> None:
    async with run_app(size=(40, 14)) as it:
        await it.press("f2", "down", "x")
        it.sees("Jane Smithx", "Contact was Jane Smith")
        await it.pilot.resize_terminal(80, 24)
        await it.settle()
        it.sees("Jane Smithx", "  was Jane Smith")
