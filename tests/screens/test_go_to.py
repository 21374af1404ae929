"""Go to: typed and scanned IDs, suggestions, similar IDs; nothing is run as a command."""

import asyncio
import re

import httpx
import pytest

from app.models.fields import SORTABLE_FIELDS
from app.screens.customer_list.screen import CustomerListScreen
from app.screens.form import FormScreen
from app.widgets.option_list import ReverseOptionList
from tests.harness import AppHarness, Forward, Intercept, always, json_response, run_app


async def test_typed_id_opens_customer() -> None:
    async with run_app() as it:
        await it.press("g")
        it.sees("Go to a customer")
        await it.type("BRIGHT-MFG")
        await it.press("enter")
        it.sees("BRIGHT-MFG · Bright Manufacturing LLC", "Rockford")
        await it.press("escape")
        it.sees("48 customers")


@pytest.mark.promise("I3")
@pytest.mark.parametrize("end", ["\r", "\r\n", "\t", "\t\r", "\t\r\n", "\r\r"])
@pytest.mark.parametrize("prefix", ["", "]C1"])
async def test_scan_on_list_opens_customer(prefix: str, end: str) -> None:
    async with run_app() as it:
        await it.burst(f"{prefix}BRIGHT-MFG{end}")
        it.sees("BRIGHT-MFG · Bright Manufacturing LLC")


@pytest.mark.promise("I3")
async def test_scan_on_detail_opens_customer() -> None:
    async with run_app() as it:
        await it.press("enter")
        await it.burst("BRIGHT-MFG\r")
        it.sees("BRIGHT-MFG · Bright Manufacturing LLC")
        await it.press("escape")
        it.sees("ACME-CORP · Acme Corporation")


async def test_unknown_scan_offers_new_customer() -> None:
    async with run_app() as it:
        await it.burst("]C1DOCK-99\r")
        it.sees("There is no customer with the ID DOCK-99.", "Cancel", "New customer with this ID")
        await it.press("right", "right", "enter")
        it.sees("New customer", "• ID        [DOCK-99")
        await it.press("escape")
        it.sees("48 customers")
        await it.burst("DOCK-99\r")
        await it.press("right", "right", "enter", "f10")
        assert (await it.record("DOCK-99"))["shortID"] == "DOCK-99"


async def test_text_too_long_for_an_id_offers_no_new_customer() -> None:
    async with run_app(mirror=True) as it:
        await it.press("g")
        await it.paste("x" * 52)
        it.sees("There is no customer with the ID", "Find")
        it.misses("New customer")


@pytest.mark.promise("I3")
@pytest.mark.parametrize("burst", ["dnqe\r", "qqqe\r", "n:se\t", "dddq", "{}<>\r", "ssssd\r", "d7\r"])
async def test_fast_keys_are_never_run_as_commands(burst: str) -> None:
    async with run_app() as it:
        await it.burst(burst)
        await it.press("escape")
        it.sees("48 customers", "by ID ▲", "page 1 of 3")
        assert it.transport.count("DELETE") == it.transport.count("POST") == 0
        assert it.app.return_code is None


@pytest.mark.promise("I3")
@pytest.mark.parametrize("end", ["\r", "\r\n", "\t"])
async def test_scan_in_go_to_opens_customer(end: str) -> None:
    async with run_app() as it:
        await it.press("g")
        await it.burst(f"]C1BRIGHT-MFG{end}")
        it.sees("BRIGHT-MFG · Bright Manufacturing LLC")


async def test_next_scan_replaces_unknown_one() -> None:
    async with run_app() as it:
        await it.burst("DOCK-99\r")
        it.sees("There is no customer with the ID DOCK-99.")
        await it.burst("]C1BRIGHT-MFG\r\n")
        it.sees("BRIGHT-MFG · Bright Manufacturing LLC")
        await it.press("escape")
        it.sees("48 customers")


@pytest.mark.promise("I3")
@pytest.mark.parametrize("key", ["s", "v", "p", "M", "d"])
@pytest.mark.parametrize("end", ["\r", "\t"])
async def test_scan_answers_no_dialog(key: str, end: str) -> None:
    async with run_app(mirror=True) as it:
        await it.press("space", "up", "s", "down", "enter")
        before = it.lines
        await it.press(key)
        dialog = it.app.screen
        await it.burst(f"nest-9{end}")
        assert it.app.screen is dialog
        it.sees("Close this first, then scan.")
        await it.press("escape")
        assert it.lines == before


async def test_scan_in_form_fills_fields() -> None:
    async with run_app() as it:
        await it.press("f2")
        await it.burst("-East\rJohn\r")
        it.sees("• Name      [Acme Corporation-East", "• Contact   [Jane SmithJohn")


async def test_read_only_scan_offers_no_new_customer() -> None:
    async with run_app(read_only=True) as it:
        await it.burst("DOCK-99\r")
        it.sees("There is no customer with the ID DOCK-99.", "Find")
        it.misses("New customer with this ID")
        await it.press("escape")
        it.sees("There is no customer DOCK-99.", "48 customers")


def at_cursor(it: AppHarness) -> str:
    return next(line for line in it.lines if line.startswith("›")).split()[1]


@pytest.mark.parametrize("mirror", [True, False])
@pytest.mark.parametrize(
    ("keys", "typed", "row", "page"),
    [
        ([], "m", "MAGNOLIA-FOODS", 2),
        ([], "tyne", "TYNESIDE-CHEM", 3),
        (["s", "down", "enter"], "br", "BRIGHT-MFG", 1),
        (["s", "down", "enter", "s", "s"], "br", "BRIGHT-MFG", 3),
        (["s", "down", "down", "enter"], "tac", "CARGO-NW", 2),
    ],
)
async def test_beginning_moves_the_list_in_its_order(
    keys: list[str], typed: str, row: str, page: int, mirror: bool
) -> None:
    async with run_app(mirror=mirror) as it:
        await it.press(*keys)
        order = it.screen_text.split(" by ")[1].split("\n")[0]
        await it.press("g", *typed, "enter")
        it.sees(f"page {page} of 3", f" by {order}", f"No ID is {typed}.")
        assert at_cursor(it) == row
        await it.press("enter")
        it.sees(f"{row} · ")


async def test_beginning_moves_the_list_within_filter_and_find() -> None:
    async with run_app(mirror=True) as it:
        await it.press("a", "a")
        await it.press("g", *"d", "enter")
        it.sees("discontinued of 48")
        assert at_cursor(it) == "DELFINI-NAFT"
        await it.press("a")
        await it.press("slash")
        await it.type("in")
        await it.until(" of 48 ")
        await it.press("tab")
        await it.press("s", "down", "enter")
        await it.press("g")
        await it.press(*"gal", "enter")
        it.sees("Find: in", "by ID ▲")
        assert at_cursor(it) == "GALAH-MINE"


async def test_beginning_typed_on_a_customer_returns_to_the_list() -> None:
    async with run_app(mirror=True) as it:
        await it.press("enter", "g", *"tyne", "enter")
        it.sees("page 3 of 3")
        assert at_cursor(it) == "TYNESIDE-CHEM"


@pytest.mark.parametrize("opened", [False, True])
async def test_id_that_begins_nothing_asks_before_it_moves_the_list(opened: bool) -> None:
    async with run_app(mirror=True) as it:
        await it.press("down", *["enter"] * opened)
        before = it.lines[:-2]
        await it.press("g", *"LZ-9", "enter")
        it.sees("There is no customer with the ID LZ-9.", "New customer with this ID")
        await it.press("escape")
        assert it.lines[:-2] == before
        await it.press("g", *"LZ-9", "enter")
        it.sees("List at MAGNOLIA-FOODS, the nearest")
        await it.press("l")
        it.sees("page 2 of 3")
        assert at_cursor(it) == "MAGNOLIA-FOODS"


@pytest.mark.promise("T3")
async def test_other_capitals_of_a_single_id_are_typed_without_a_question() -> None:
    ids = ("D-7", "d-7", "ACME-CORP", "ACME-C0RP", "\u212a-1")
    async with run_app(records=[{"shortID": one, "name": f"Name of {one}"} for one in ids], mirror=True) as it:
        await it.press("g", *"acme-corp", "enter")
        it.sees("ACME-CORP · Name of ACME-CORP", "No ID is acme-corp. You see ACME-CORP.")
        for typed in ("acme_corp", "K-1"):
            await it.press("escape", "g", *typed, "enter")
            it.sees("Did you mean")
    async with run_app(records=[{"shortID": one, "name": one} for one in ("D-7a", "d-7A")], mirror=True) as it:
        await it.press("g", *"d-7a", "enter")
        it.sees("Did you mean one of these?", "D-7a", "d-7A")


async def test_other_capitals_are_asked_about_without_a_complete_copy() -> None:
    async with run_app() as it:
        await it.press("g", *"acme-corp", "enter")
        it.sees("No such customer", "Did you mean ACME-CORP")


async def test_keys_after_a_beginning_wait_for_its_row() -> None:
    async with run_app(mirror=True) as it:
        await it.press("g", *"tyne")
        await it.press_only("enter", "f2")
        await it.settle()
        it.sees("Edit TYNESIDE-CHEM")


@pytest.mark.promise("N7")
async def test_beginning_moves_the_list_offline() -> None:
    async with run_app(mirror=True) as it:
        it.transport.disconnect()
        await it.press("g", *"tyne", "enter")
        await it.until("page 3 of 3")
        assert at_cursor(it) == "TYNESIDE-CHEM"
        it.misses("There is no customer")


async def test_candidates_begin_with_what_the_list_is_sorted_by() -> None:
    async with run_app(mirror=True) as it:
        await it.press("s", "down", "down", "enter", "g")
        it.sees("or the beginning of its City")
        await it.type("tac")
        it.sees(" CARGO-NW  Cargo Northwest · Tacoma")


@pytest.mark.parametrize("mirror", [True, False])
@pytest.mark.parametrize(
    ("keys", "typed", "offered"),
    [
        ([], "acme", ["ACME-A", "ACME-B", "ACME-C"]),
        (["s", "down", "enter"], "acme", ["ACME-B", "ACME-C", "ACME-A"]),
        (["s", "down", "enter", "s", "s"], "acme", ["ACME-A", "ACME-C", "ACME-B"]),
    ],
)
async def test_candidates_stand_in_the_order_of_the_list(
    keys: list[str], typed: str, offered: list[str], mirror: bool
) -> None:
    named = {"ACME-A": "Acme Z", "ACME-B": "Acme M", "ACME-C": "Acme P", "B": "Bosch"}
    records = [{"shortID": one, "name": name} for one, name in named.items()]
    async with run_app(records=records, mirror=mirror) as it:
        await it.press(*keys)
        await it.press("g")
        await it.type(typed)
        await it.until(f" {offered[0]}  ")
        options = it.app.screen.query_one(ReverseOptionList).options
        assert [str(option.prompt).split()[0] for option in options] == offered
        await it.press("enter")
        assert at_cursor(it) == offered[0]


async def test_candidates_by_date_stand_in_its_order() -> None:
    async with run_app(mirror=True) as it:
        await it.press("s", *["down"] * SORTABLE_FIELDS.index("created"), "enter")
        it.sees("by Created ▲")
        await it.press("g", *"a")
        prompts = [str(option.prompt) for option in it.app.screen.query_one(ReverseOptionList).options]
        dates = [prompt.split(" · ")[1] for prompt in prompts]
        assert len(dates) > 1
        assert dates == sorted(dates)
        assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d", one) for one in dates)
        await it.press("enter")
        assert at_cursor(it) == prompts[0].split()[0]


@pytest.mark.parametrize(
    ("keys", "typed", "offered"),
    [([], "el ág", "AGUILA-CALC"), (["a", "a"], "tyne", "TYNESIDE-CHEM"), ([], "TYNES1", "TYNESIDE-CHEM")],
)
async def test_enter_asks_about_candidates_that_are_not_in_the_list(keys: list[str], typed: str, offered: str) -> None:
    async with run_app(mirror=True) as it:
        await it.press(*keys)
        await it.press("g")
        await it.type(typed)
        await it.until(f" {offered}  ")
        await it.press("enter")
        it.sees("There is no customer with the ID", f"Did you mean {offered} · ", f"Open {offered}")
        it.misses("the nearest")
        await it.press("enter")
        it.sees(f"{offered} · ")


async def test_go_to_says_what_is_searched() -> None:
    async with run_app(mirror=True) as it:
        await it.press("g")
        it.sees("all 48 searched · ⏎ go")
    async with run_app() as it:
        await it.press("g")
        it.sees("searched on the server, by ID")
        await it.type("bri")
        await it.until(" BRIGHT-MFG  Bright Manufacturing LLC")


SUGGESTION = "Did you mean BRIGHT-MFG · Bright Manufacturing LLC?"


@pytest.mark.promise("W10")
@pytest.mark.parametrize(
    "typed", ["bright-mfg", "bRIGHT-mfg", "BRIGHT_MFG", "BRIGHTMFG", "BR1GHT-MFG", "BRIGHT\u2011MFG"]
)
@pytest.mark.parametrize("scanned", [True, False])
async def test_misspelled_id_offers_similar_customer(typed: str, scanned: bool) -> None:
    async with run_app(mirror=True) as it:
        if scanned:
            it.app.screen.scanned(typed)  # type: ignore[attr-defined]
            await it.settle()
        else:
            await it.press("g")
            await it.paste(typed)
        it.sees("There is no customer with the ID", SUGGESTION, "Open BRIGHT-MFG", "New customer with this ID")
        it.misses("not complete")
        await it.press("enter")
        it.sees("BRIGHT-MFG · Bright Manufacturing LLC", "Rockford")


@pytest.mark.promise("W10")
async def test_new_customer_is_last_choice() -> None:
    async with run_app(
        records=[{"shortID": one, "name": f"Name of {one}"} for one in ("D-7", "d-7", "D7")], mirror=True
    ) as it:
        await it.press("g")
        await it.press(*"d_7", "enter")
        it.sees("Did you mean one of these?")
        answers = [line.strip() for line in it.lines[-6:]]
        assert answers == [
            *("D-7 · Name of D-7", "d-7 · Name of d-7", "D7 · Name of D7"),
            *("Cancel", "Find", "New customer with this ID"),
        ]
        await it.press("down", "enter")
        it.sees("d-7 · Name of d-7")


@pytest.mark.promise("T3")
async def test_exact_id_opens_despite_similar_ones() -> None:
    async with run_app(
        records=[{"shortID": one, "name": f"Name of {one}"} for one in ("D-7", "d-7")], mirror=True
    ) as it:
        await it.press("g")
        await it.press(*"d-7", "enter")
        it.sees("d-7 · Name of d-7")


@pytest.mark.promise("W10")
async def test_similar_ids_without_local_copy_are_marked_incomplete() -> None:
    async with run_app() as it:
        await it.press("g")
        await it.press(*"bright-mfg", "enter")
        it.sees(SUGGESTION, "The local copy is not complete yet; others may exist.")
        assert len([one for one in it.transport.requests if "mfg" in one.url.path.casefold()]) <= 7


@pytest.mark.promise("W10", "N7")
async def test_similar_ids_are_offered_offline() -> None:
    async with run_app(mirror=True) as it:
        it.transport.disconnect()
        await it.press("g")
        await it.press(*"bright-mfg", "enter")
        it.sees(SUGGESTION)
        it.misses("There is no customer", "New customer with this ID")
        await it.press("enter")
        it.sees("ID         BRIGHT-MFG", "Rockford", "offline since")


@pytest.mark.promise("A2")
async def test_refusal_stops_lookup_of_spellings() -> None:
    async with run_app() as it:
        sent = len(it.transport.requests)
        it.transport.intercept = always(
            lambda: json_response(403, {"statusCode": 403, "error": "forbidden", "message": "No."})
        )
        await it.press("g")
        await it.press(*"bright-mfg", "enter")
        it.sees("Not permitted")
        # What was typed so far may have been looked for on the list's pages.
        read = [one for one in it.transport.requests[sent:] if not one.url.path.endswith("/Customer/All")]
        assert len(read) == 1


async def test_typing_lists_ids_with_prefix() -> None:
    async with run_app(mirror=True) as it:
        await it.press("g")
        await it.press(*"b")
        shown = [line.split()[0] for line in it.lines[-6:] if line.startswith(" B")]
        assert shown[:2] == ["BALTYK-MEBLE", "BJORK-FISK"]
        assert len(shown) == 5
        await it.type("rightm")
        it.sees("BRIGHT-MFG  Bright Manufacturing LLC")
        assert not any("BALTYK" in line for line in it.lines[-6:])


async def test_arrow_key_selects_suggestion() -> None:
    async with run_app(mirror=True) as it:
        await it.press("g")
        await it.press(*"bri", "down", "enter")
        it.sees("BRIGHT-MFG · Bright Manufacturing LLC", "Rockford")


@pytest.mark.parametrize("keys", [[], ["down", "up"], ["down", "t", "backspace"], ["up"]])
async def test_enter_without_selection_uses_what_was_typed(keys: list[str]) -> None:
    async with run_app(mirror=True) as it:
        await it.press("g")
        await it.press(*"brig", *keys, "enter")
        it.sees("48 customers", "No ID is brig. This begins with it.")
        assert at_cursor(it) == "BRIGHT-MFG"


@pytest.mark.promise("I3")
@pytest.mark.parametrize("scanned", ["ACME-CORP", "CARGO-NW"])
async def test_scan_ignores_suggestions(scanned: str) -> None:
    async with run_app(mirror=True) as it:
        await it.press("g")
        await it.burst(f"{scanned}\r")
        assert f"{scanned} ·" in it.lines[0]


async def test_unchanged_suggestions_are_not_rebuilt() -> None:
    async with run_app(mirror=True) as it:
        await it.press("g")
        await it.press(*"brigh")
        options = it.app.screen.query_one(ReverseOptionList)
        before = [options.get_option_at_index(0)]
        await it.type("t-mf")
        assert [options.get_option_at_index(0)] == before


@pytest.mark.parametrize("size", [(80, 24), (24, 16)])
async def test_every_choice_is_visible_and_reachable(size: tuple[int, int]) -> None:
    async with run_app(mirror=True, size=size) as it:
        await it.press("g")
        it.sees("Go to a customer")
        await it.press(*"acme_")
        it.sees("ACME-CORP")
        await it.press(*"corp", "enter")
        it.sees("Open ACME-CORP", "Cancel", "Find", "New customer w")
        await it.press("down", "down", "down", "enter")
        await expect_new(it, "acme_corp")


async def expect_new(it: AppHarness, short_id: str) -> None:
    screen = it.app.screen
    assert isinstance(screen, FormScreen)
    assert screen.rows["shortID"].value == short_id


#: As sent by a terminal.
F2 = "\x1bOQ"


def delay_customer(gate: asyncio.Event) -> Intercept:
    """An intercept that holds BRIGHT-MFG until the gate is set."""

    async def intercept(request: httpx.Request, forward: Forward) -> httpx.Response:
        if request.url.path.endswith("/BRIGHT-MFG"):
            await gate.wait()
        return await forward()

    return intercept


@pytest.mark.promise("I3")
@pytest.mark.parametrize("scanned", [True, False])
async def test_key_after_scan_acts_on_scanned_customer(scanned: bool) -> None:
    gate = asyncio.Event()
    async with run_app(intercept=delay_customer(gate)) as it:
        if scanned:
            it.burst_only(f"BRIGHT-MFG\r{F2}")
        else:
            await it.press("g")
            await it.type("BRIGHT-MFG")
            it.burst_only(f"\r{F2}")
        await it.until("Looking for BRIGHT-MFG")
        it.misses("Edit ACME")
        gate.set()
        await it.until("Edit BRIGHT-MFG")


@pytest.mark.promise("I3")
async def test_editing_is_off_while_scanned_customer_loads() -> None:
    gate = asyncio.Event()
    async with run_app(intercept=delay_customer(gate)) as it:
        it.burst_only("BRIGHT-MFG\r")
        await it.until("Looking for BRIGHT-MFG")
        assert isinstance(it.app.screen, CustomerListScreen)
        assert not it.app.screen.can_write()
        await it.until("Still looking for BRIGHT-MFG")
        # The last of two scans counts, and its customer can be edited.
        it.burst_only("CARGO-NW\r")
        await it.until("CARGO-NW · Cargo Northwest")
        await it.press_only("f2")
        await it.until("Edit CARGO-NW")
        gate.set()
