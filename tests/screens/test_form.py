"""The form: quick edits, one POST a save, nothing typed is lost, no one is overwritten."""

import asyncio
import json

import httpx
import pytest

from app.models.fields import WRITABLE_FIELDS
from tests.harness import AppHarness, Forward, Intercept, always, json_response, run_app


async def edit_phone(it: AppHarness, text: str = "555-0199") -> None:
    """Open the first customer's form from the list and type another phone number."""
    await it.press("f2", *["down"] * 8, *["backspace"] * 8)
    await it.type(text)


async def test_phone_number_is_edited_and_saved() -> None:
    async with run_app() as it:
        await edit_phone(it)
        it.sees("Edit ACME-CORP", "was 555-0100", "1 changed", "•")
        await it.press("f10")
        it.sees("Saved ACME-CORP", "555-0199", "Customers")
        assert (await it.record("ACME-CORP"))["phone"] == "555-0199"
        assert it.transport.count("POST") == 1


@pytest.mark.promise("W5")
async def test_unedited_fields_are_sent_unchanged() -> None:
    async with run_app() as it:
        before = await it.record("ACME-CORP")
        await edit_phone(it)
        await it.press("f10")
        after = await it.record("ACME-CORP")
        assert {n: after[n] for n in WRITABLE_FIELDS} == {n: before[n] for n in WRITABLE_FIELDS} | {"phone": "555-0199"}


async def test_enter_moves_to_next_field_and_never_saves() -> None:
    async with run_app() as it:
        await it.press("f2")
        await it.type("X")
        await it.press(*["enter"] * 20)
        it.sees("This is the last field. Press F10 to save.")
        assert it.transport.count("POST") == 0


@pytest.mark.promise("W4")
async def test_repeated_save_key_sends_one_post() -> None:
    async with run_app() as it:
        arrived, go_on = asyncio.Event(), asyncio.Event()

        async def slow(request: httpx.Request, forward: Forward) -> httpx.Response:
            if request.method == "POST":
                arrived.set()
                await go_on.wait()
            return await forward()

        it.transport.intercept = slow
        await edit_phone(it)
        for _ in range(25):
            await it.press_only("f10", "ctrl+s")
        await arrived.wait()
        await it.press_only("f10", "f10", "escape")
        it.sees("Leave before the save is confirmed?", "No drafts are kept here")
        await it.press_only("enter")
        it.sees("Edit ACME-CORP", "saving…", "Saving … please wait. Esc leaves the form: it goes on.")
        go_on.set()
        await it.settle()
        it.sees("Saved ACME-CORP")
        assert it.transport.count("POST") == 1


async def test_typing_during_save_is_kept() -> None:
    async with run_app() as it:
        go_on = asyncio.Event()

        async def slow(request: httpx.Request, forward: Forward) -> httpx.Response:
            if request.method == "POST":
                await go_on.wait()
            return await forward()

        it.transport.intercept = slow
        await edit_phone(it)
        await it.press_only("f10", "down", "7", "7")
        go_on.set()
        await it.settle()
        it.sees("Edit ACME-CORP", "typed while it was saving", "1 changed")
        await it.press("f10")
        record = await it.record("ACME-CORP")
        assert (record["phone"], record["fax"]) == ("555-0199", "77")


@pytest.mark.promise("W6")
async def test_validation_messages_appear_at_their_fields() -> None:
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


@pytest.mark.promise("W1")
async def test_save_keeps_and_reports_changes_by_others() -> None:
    async with run_app() as it:
        await edit_phone(it)
        await it.store.upsert("ACME-CORP", {"zip": "98402"}, if_match=None, only_new=False)
        await it.press("f10")
        it.sees("Saved ACME-CORP: Phone. Someone else changed Zip to 98402; that was kept")
        record = await it.record("ACME-CORP")
        assert (record["phone"], record["zip"]) == ("555-0199", "98402")


@pytest.mark.promise("W1")
async def test_change_before_post_opens_conflict_with_etags() -> None:
    async with run_app() as it:
        await edit_phone(it)
        changed = False

        async def change_first(request: httpx.Request, forward: Forward) -> httpx.Response:
            nonlocal changed
            if request.method == "POST" and not changed:
                changed = True
                await it.store.upsert("ACME-CORP", {"phone": "555-7777"}, if_match=None, only_new=False)
            return await forward()

        it.transport.intercept = change_first
        await it.press("f10")
        it.sees("Conflict · ACME-CORP", "Someone else changed Phone", "555-7777")
        assert (await it.record("ACME-CORP"))["phone"] == "555-7777"


@pytest.mark.promise("W3")
async def test_save_with_lost_response_is_confirmed() -> None:
    async with run_app() as it:

        async def lose_response(request: httpx.Request, forward: Forward) -> httpx.Response:
            response = await forward()
            if request.method == "POST":
                raise httpx.ReadError("cut", request=request)
            return response

        it.transport.intercept = lose_response
        await edit_phone(it)
        await it.press("f10")
        it.sees("Saved ACME-CORP", "the connection dropped")
        assert it.transport.count("POST") == 1


@pytest.mark.promise("W9")
async def test_unseen_save_is_not_confirmed_and_text_stays() -> None:
    async with run_app() as it:

        async def lose_response(request: httpx.Request, forward: Forward) -> httpx.Response:
            if request.method == "POST":
                raise httpx.ReadError("cut", request=request)
            return await forward()

        it.transport.intercept = lose_response
        await edit_phone(it)
        await it.press("f10")
        it.sees("Not confirmed: The server has not stored it so far", "555-0199", "was 555-0100")
        assert it.transport.count("POST") == 1
        it.transport.intercept = None
        await it.press("f10")
        it.sees("Saved ACME-CORP")


@pytest.mark.promise("A2")
async def test_revoked_permission_keeps_text_and_can_return() -> None:
    async with run_app() as it:
        await edit_phone(it)
        it.credentials.set_permissions(it.issued.client_id, frozenset({130}))
        await it.press("f10")
        it.sees("Create/Modify Customer", "131", "555-0199", "READ-ONLY")
        it.credentials.set_permissions(it.issued.client_id, frozenset({130, 131}))
        await it.press("f10")
        it.sees("Saved ACME-CORP")
        it.misses("READ-ONLY")


@pytest.mark.promise("A2")
async def test_refusal_disables_editing_until_refresh() -> None:
    async with run_app(permissions=frozenset({130})) as it:
        await edit_phone(it)
        await it.press("f10")
        await it.press("escape", "right", "right", "enter")
        it.sees("READ-ONLY", "Customers")
        await it.press("f2")
        it.sees("Editing is off", "131", "Press F5 to try")
        await it.press("f5")
        it.sees("You can edit again")
        await it.press("f2")
        it.sees("Edit ACME-CORP")


async def test_leaving_unchanged_form_asks_nothing() -> None:
    async with run_app() as it:
        await it.press("f2", "escape")
        it.sees("Customers", "48 customers")


async def test_leaving_changed_form_focuses_safe_answer() -> None:
    async with run_app() as it:
        await edit_phone(it)
        await it.press("escape")
        it.sees("Leave without saving?", "Phone of ACME-CORP")
        await it.press("enter")
        it.sees("Edit ACME-CORP", "555-0199")
        await it.press("escape", "right", "right", "enter")
        it.sees("48 customers")
        assert (await it.record("ACME-CORP"))["phone"] == "555-0100"


async def test_quit_asks_while_changes_are_unsaved() -> None:
    async with run_app() as it:
        await edit_phone(it)
        await it.press("ctrl+q")
        it.sees("Quit and lose your unsaved changes?", "Phone of ACME-CORP")
        await it.press("ctrl+q", "ctrl+q")
        it.sees("Quit and lose your unsaved changes?")
        await it.press("enter")
        it.sees("Edit ACME-CORP", "555-0199")


async def test_new_customer_is_created() -> None:
    async with run_app() as it:
        await it.press("f6")
        it.sees("New customer")
        await it.type(" DOCK-7 ")
        await it.press("enter")
        await it.type("Dock Seven")
        await it.press("f10")
        it.sees("Created DOCK-7.", "49 customers")
        assert (await it.record("DOCK-7"))["name"] == "Dock Seven"


@pytest.mark.promise("W2")
async def test_new_offers_to_open_existing_id() -> None:
    async with run_app() as it:
        await it.press("f6")
        await it.type("BRIGHT-MFG")
        await it.press("enter")
        await it.type("Other")
        await it.press("f10")
        it.sees("That ID exists already", "BRIGHT-MFG is a customer already")
        assert it.transport.count("POST") == 0
        await it.press("right", "enter")
        it.sees("BRIGHT-MFG · Bright Manufacturing LLC", "Rockford")


@pytest.mark.promise("W2")
async def test_existing_id_is_reported_on_leaving_field() -> None:
    async with run_app() as it:
        await it.press("f6")
        await it.type("BRIGHT-MFG")
        await it.press("enter")
        it.sees("This ID exists already: Bright Manufacturing LLC.", "New customer")
        await it.press("up", "backspace", "down")
        it.misses("exists already")


@pytest.mark.promise("W2")
async def test_second_of_two_creators_is_refused() -> None:
    async with run_app() as it:

        async def create_as_other_first(request: httpx.Request, forward: Forward) -> httpx.Response:
            if request.method == "POST":
                await it.store.upsert("DOCK-7", {"name": "Theirs"}, if_match=None, only_new=False)
            return await forward()

        it.transport.intercept = create_as_other_first
        await it.press("f6")
        await it.type("DOCK-7")
        await it.press("f10")
        it.sees("That ID exists already")
        assert (await it.record("DOCK-7"))["name"] == "Theirs"


@pytest.mark.parametrize("short_id", ["", "   ", ".", "..", "All"])
async def test_invalid_id_is_refused_without_request(short_id: str) -> None:
    async with run_app() as it:
        await it.press("f6")
        requested = len(it.transport.requests)
        await it.type(short_id)
        await it.press("f10")
        it.sees("New customer", "! ")
        assert len(it.transport.requests) == requested


async def test_hint_never_blocks_save() -> None:
    async with run_app() as it:
        await it.press("f2", "up")
        await it.press("backspace", "backspace", "up")
        it.sees("? Is this address complete?", "was orders@acme.example.com")
        await it.press("f10")
        it.sees("Saved ACME-CORP")


@pytest.mark.parametrize(
    ("downs", "typed", "hint"),
    [
        (0, "X" * 51, "! The ID is too long (51). At most 50 characters."),
        (2, "X" * 201, "! The Contact is too long (201). At most 200 characters."),
        (8, "us", "? Did you mean US?"),
        (8, "QQ", "? Not a country code."),
        (9, "123", "? Short for a phone number."),
        (9, "1" * 21, "? Long for a phone number."),
        (11, "a.example.com", "? An email address has an @."),
        (1, "Acme ", "? Begins or ends with a space."),
    ],
)
async def test_odd_value_is_remarked_when_field_is_left(downs: int, typed: str, hint: str) -> None:
    async with run_app() as it:
        await it.press("f6", *["down"] * downs)
        await it.type(typed)
        it.misses(hint)
        await it.press("down")
        it.sees(hint)


async def test_value_that_is_too_long_has_one_remark_before_and_after_a_save() -> None:
    async with run_app() as it:
        await it.press("f6")
        await it.paste("X" * 55)
        await it.press("down")
        await it.paste("N" * 300)
        id_remark = "! The ID is too long (55). At most 50 characters."
        name_remark = "! The Name is too long (300). At most 200 characters."
        await it.press("f10")
        for key in ("down", "up", "up", "f10"):
            it.sees(id_remark, name_remark)
            it.misses("shortID", "field must", "? ")
            assert it.screen_text.count("too long") == 2
            await it.press(key)
        await it.press("end", *["backspace"] * 5)
        it.misses("The ID is too long")


@pytest.mark.parametrize(
    ("field", "said", "shown"),
    [
        ("address2", "The address2 field must not have NUL or broken characters.", "! The Address 2 must not have NUL"),
        ("email", "The Email field is not a valid e-mail address.", "! The Email is not a valid e-mail address."),
        ("zip", "The field Zip must match the pattern.", "! The Zip must match the pattern."),
        ("shortID", "The shortID field is required.", "marked fields. The ID is required."),
        ("shortID", "No such thing.", "marked fields. ID: No such thing."),
        ("creditLimit", "The creditLimit field is wrong.", "creditLimit: The creditLimit field is wrong."),
    ],
)
async def test_messages_name_fields_as_the_screen_does(field: str, said: str, shown: str) -> None:
    async with run_app() as it:
        body = {"error": "validation_error", "details": {"phone": ["Too odd."], field: [said]}}
        it.transport.intercept = always(lambda: json_response(400, body), "POST")
        await edit_phone(it)
        await it.press("f10")
        it.sees("! Too odd.")
        assert shown in " ".join(it.screen_text.split())


@pytest.mark.promise("T8", "I2")
async def test_pasted_lines_are_joined_and_reported() -> None:
    async with run_app() as it:
        await it.press("f2", "end")
        await it.paste("\nNorth Dock\r\nGate 4\n")
        await it.press("enter")
        it.sees("Acme CorporationNorth Dock Gate 4", "You pasted 2 lines; they are now one line")


async def test_country_can_be_chosen_from_list() -> None:
    async with run_app() as it:
        await it.press("f2", *["down"] * 7, "f4")
        it.sees("Country", "US  United States")
        await it.type("germ")
        it.sees("DE  Germany")
        await it.press("enter")
        it.sees("Edit ACME-CORP", "was US")
        await it.press("f10")
        assert (await it.record("ACME-CORP"))["country"] == "DE"


async def test_f9_restores_field() -> None:
    async with run_app() as it:
        await edit_phone(it)
        await it.press("f9")
        it.sees("555-0100")
        it.misses("was 555-0100", "1 changed")


@pytest.mark.promise("W5", "T1", "T2")
async def test_untouched_hostile_values_are_saved_unchanged() -> None:
    hostile = "Acme [/] [@click=app.quit]x[/]\u202e\u009b31m"
    async with run_app(records=[{"shortID": "EVIL", "name": hostile, "contact": "\u200bx", "phone": "1"}]) as it:
        it.sees("Acme [/] [@cl")
        await it.press("f2")
        it.sees("Acme [/] [@click=app.quit]x[/]")
        assert not set(it.screen_text) & {"\u202e", "\u009b", "\u200b"}
        await it.press(*["down"] * 8, "5", "f10")
        record = await it.record("EVIL")
        assert (record["name"], record["contact"], record["phone"]) == (hostile, "\u200bx", "15")


async def test_arrow_keys_scroll_fields_on_short_screen() -> None:
    async with run_app(size=(80, 12)) as it:
        await it.press("f2", *["down"] * 10, "Z")
        it.sees("orders@acme.example.comZ")
        await it.press("down", "Y")
        it.sees("Acme CorporationY")


async def test_save_finishing_under_help_closes_form_only() -> None:
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


async def test_typing_during_create_becomes_edit() -> None:
    async with run_app() as it:
        go_on = asyncio.Event()
        it.transport.intercept = slow_post(go_on)
        await it.press("f6")
        await it.type("DOCK-7")
        await it.press_only("f10", "down", "N", "e", "w")
        go_on.set()
        await it.settle()
        it.sees("Edit DOCK-7", "Created DOCK-7.", "typed while it was saving", "• Name      [New ")
        await it.press("f10")
        assert (await it.record("DOCK-7"))["name"] == "New"


async def test_late_id_lookup_is_ignored_after_create() -> None:
    async with run_app() as it:
        requested, go_on = asyncio.Event(), asyncio.Event()

        async def late(request: httpx.Request, forward: Forward) -> httpx.Response:
            response = await forward()
            if request.url.path.endswith("DOCK-7") and not requested.is_set():
                requested.set()
                await go_on.wait()
            return response

        it.transport.intercept = late
        await it.press("f6")
        await it.press_only(*"DOCK-7", "enter")
        await requested.wait()
        await it.press_only("f10")
        go_on.set()
        await it.settle()
        it.sees("Created DOCK-7.", "49 customers")


async def test_field_restored_during_save_stays_restored() -> None:
    async with run_app() as it:
        go_on = asyncio.Event()
        it.transport.intercept = slow_post(go_on)
        await edit_phone(it)
        await it.press_only("f10", "f9")
        go_on.set()
        await it.settle()
        it.sees("Edit ACME-CORP", "• Phone     [555-0100 ", "was 555-0199", "typed while it was saving")


async def test_create_sends_only_typed_fields() -> None:
    async with run_app() as it:
        await it.press("f6")
        await it.type("DOCK-7")
        await it.press("f10")
        posted = next(request for request in it.transport.requests if request.method == "POST")
        assert json.loads(posted.content) == {"shortID": "DOCK-7"}


@pytest.mark.promise("W9")
async def test_200_with_old_values_is_not_confirmed() -> None:
    async with run_app() as it:
        stored = await it.record("ACME-CORP")
        it.transport.intercept = always(lambda: json_response(200, stored), "POST")
        await edit_phone(it)
        await it.press("f10")
        it.sees("Not confirmed: The server has not stored it so far", "555-0199", "was 555-0100")


@pytest.mark.promise("W12")
async def test_normalized_value_is_reported() -> None:
    async with run_app() as it:
        stored = await it.record("ACME-CORP") | {"phone": "+1 555 0199"}
        it.transport.intercept = always(lambda: json_response(200, stored), "POST")
        await edit_phone(it)
        await it.press("f10")
        it.sees("! Saved ACME-CORP: Phone. The server stored Phone as +1 555 0199.")


async def test_repeated_quit_key_asks_once() -> None:
    async with run_app() as it:
        await edit_phone(it)
        await it.press("ctrl+q", "ctrl+q", "ctrl+q", "escape")
        it.sees("Edit ACME-CORP", "555-0199")


async def test_long_id_is_shown_whole() -> None:
    short_id = "LONG-" + "X" * 40 + "-001"
    async with run_app(records=[{"shortID": short_id}]) as it:
        await it.press("f2")
        it.sees(f"ID         {short_id}")


def slow_post(go_on: asyncio.Event) -> Intercept:
    """An intercept that holds a POST until the event is set."""

    async def intercept(request: httpx.Request, forward: Forward) -> httpx.Response:
        if request.method == "POST":
            await go_on.wait()
        return await forward()

    return intercept


async def test_typing_into_id_during_create_changes_no_field() -> None:
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


@pytest.mark.promise("T4")
async def test_complex_scripts_are_readable_in_fields() -> None:
    name = "हिमालय บริษัท বাংলা"
    async with run_app(records=[{"shortID": "A", "name": name}]) as it:
        await it.press("f2")
        it.sees(name)


@pytest.mark.promise("N6")
async def test_throttled_save_shows_not_saved() -> None:
    async with run_app() as it:
        body = {"statusCode": 429, "error": "rate_limited", "message": "Slow down."}
        it.transport.intercept = always(lambda: json_response(429, body, {"Retry-After": "12"}), "POST")
        await edit_phone(it)
        await it.press("f10")
        it.sees("Not saved.", "try again in 12 s", "555-0199")


MALFORMED_DETAILS: list[object] = [
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


@pytest.mark.promise("W6")
async def test_malformed_refusals_keep_typed_text() -> None:
    async with run_app() as it:
        await edit_phone(it)
        for details in MALFORMED_DETAILS:
            body = {"statusCode": 400, "error": "validation_error", "message": "No [/].", "details": details}
            it.transport.intercept = always(lambda body=body: json_response(400, body), "POST")  # type: ignore[misc]
            await it.press("f10")
            it.sees("Not saved.", "555-0199", "was 555-0100")
            assert "\x1b" not in it.screen_text
        it.transport.intercept = None
        await it.press("f10")
        it.sees("Saved ACME-CORP")


async def test_narrow_screen_gives_width_to_field_text() -> None:
    async with run_app(size=(40, 14)) as it:
        await it.press("f2", "down", "x")
        it.sees("Jane Smithx", "Contact was Jane Smith")
        await it.pilot.resize_terminal(80, 24)
        await it.settle()
        it.sees("Jane Smithx", "] was Jane Smith")
        it.misses("Contact was Jane Smith")


async def test_remark_on_small_screen_names_field_and_way_out() -> None:
    async with run_app(size=(24, 16)) as it:
        await it.press("f2", *["down"] * 9)
        it.sees("Esc Leave")
        await it.press("9")
        assert it.lines[-2].strip() == "Fax was empty"
        it.sees(" ID      ACME-CORP", "•Fax    [9 ", "Address[123 Industria…]")


async def test_creation_with_id_only_is_remarked() -> None:
    async with run_app() as it:
        await it.press("f6")
        await it.type("Q-1")
        await it.press("f10")
        it.sees("Created Q-1. It has an ID only: press F2 on it to add a name.")


async def test_fields_show_how_far_they_reach() -> None:
    async with run_app() as it:
        await it.press("f2")
        it.sees(f"Name      [{'Acme Corporation':36}]", f"Fax       [{'':36}]", "↑ from the top: last field")
        await it.press("escape", "f6")
        it.sees(f"ID        [{'':48}] needed", f"Name      [{'':48}] usual")
        await it.type("A")
        it.sees("New customer", "1 filled")
        it.misses("needed")


@pytest.mark.promise("T8")
async def test_long_paste_takes_whole_width_then_scrolls_to_cursor() -> None:
    async with run_app() as it:
        await it.press("f6")
        text = "Müller GmbH & Co. KG, Am Hafen 12, Halle 3, Hamburg"
        await it.paste(text)
        it.sees(f"[{text} ")
        await it.paste(text)
        it.sees(f"[…{(text + text)[-63:]} ]")
        await it.press("home")
        it.sees(f"[{(text + text)[:64]}…]")


async def test_choices_key_is_shown_where_there_are_choices() -> None:
    async with run_app() as it:
        await it.press("f2")
        it.misses("F4")
        await it.press("f4")
        it.sees("No list for Name.")
        await it.press(*["down"] * 7)
        it.sees("F4 Choices")
