"""Going to a customer by its ID: typed, scanned, chosen among those like it, and never run as commands."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx
import pytest

from app.screens.customer_list.screen import CustomerListScreen
from app.screens.form import FormScreen
from app.widgets.option_list import ReverseOptionList
from tests.harness import AppHarness, Intercept, always, json_response, run_app


async def test_an_id_typed_opens_its_customer() -> None:
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
async def test_a_scan_on_the_list_opens_its_customer(prefix: str, end: str) -> None:
    async with run_app() as it:
        await it.burst(f"{prefix}BRIGHT-MFG{end}")
        it.sees("BRIGHT-MFG · Bright Manufacturing LLC")


@pytest.mark.promise("I3")
async def test_a_scan_on_the_detail_opens_its_customer() -> None:
    async with run_app() as it:
        await it.press("enter")
        await it.burst("BRIGHT-MFG\r")
        it.sees("BRIGHT-MFG · Bright Manufacturing LLC")
        await it.press("escape")
        it.sees("ACME-CORP · Acme Corporation")


async def test_a_scan_that_is_not_found_says_so_and_offers_a_new_customer() -> None:
    async with run_app() as it:
        await it.burst("]C1DOCK-99\r")
        it.sees("There is no customer with the ID DOCK-99.", "Cancel", "New customer with this ID")
        await it.press("right", "right", "enter")
        it.sees("New customer", "• ID         DOCK-99")
        await it.press("escape")
        it.sees("48 customers")
        await it.burst("DOCK-99\r")
        await it.press("right", "right", "enter", "f10")
        assert (await it.record("DOCK-99"))["shortID"] == "DOCK-99"


@pytest.mark.promise("I3")
@pytest.mark.parametrize("burst", ["dnqe\r", "qqqe\r", "n:se\t", "dddq", "{}<>\r", "ssssd\r", "d7\r"])
async def test_a_burst_is_never_taken_for_commands(burst: str) -> None:
    async with run_app() as it:
        await it.burst(burst)
        await it.press("escape")
        it.sees("48 customers", "by ID ▲", "page 1 of 3")
        assert it.transport.count("DELETE") == it.transport.count("POST") == 0
        assert it.app.return_code is None


@pytest.mark.promise("I3")
@pytest.mark.parametrize("end", ["\r", "\r\n", "\t"])
async def test_a_scan_into_go_to_opens_its_customer(end: str) -> None:
    async with run_app() as it:
        await it.press("g")
        await it.burst(f"]C1BRIGHT-MFG{end}")
        it.sees("BRIGHT-MFG · Bright Manufacturing LLC")


async def test_the_next_scan_takes_the_place_of_one_not_found() -> None:
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
async def test_a_scan_chooses_and_answers_nothing(key: str, end: str) -> None:
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


async def test_a_burst_into_a_form_is_typed_into_its_fields() -> None:
    async with run_app() as it:
        await it.press("f2")
        await it.burst("-East\rJohn\r")
        it.sees("• Name       Acme Corporation-East", "• Contact    Jane SmithJohn")


async def test_without_permission_a_scan_not_found_offers_no_new_customer() -> None:
    async with run_app(read_only=True) as it:
        await it.burst("DOCK-99\r")
        it.sees("There is no customer with the ID DOCK-99.", "Find")
        it.misses("New customer with this ID")
        await it.press("escape")
        it.sees("There is no customer DOCK-99.", "48 customers")


MEANT = "Did you mean BRIGHT-MFG · Bright Manufacturing LLC?"


@pytest.mark.promise("W10")
@pytest.mark.parametrize(
    "typed", ["bright-mfg", "bRIGHT-mfg", "BRIGHT_MFG", "BRIGHTMFG", "BR1GHT-MFG", "BRIGHT\u2011MFG"]
)
@pytest.mark.parametrize("scanned", [True, False])
async def test_an_id_written_otherwise_offers_the_one_that_is_meant(typed: str, scanned: bool) -> None:
    async with run_app(mirror=True) as it:
        if scanned:
            it.app.screen.scanned(typed)  # type: ignore[attr-defined]
            await it.settle()
        else:
            await it.press("g")
            await it.paste(typed)
        it.sees("There is no customer with the ID", MEANT, "Open BRIGHT-MFG", "New customer with this ID")
        it.misses("not complete")
        await it.press("enter")
        it.sees("BRIGHT-MFG · Bright Manufacturing LLC", "Rockford")


@pytest.mark.promise("W10")
async def test_new_comes_last_behind_those_that_are_meant() -> None:
    async with run_app(
        records=[{"shortID": one, "name": f"Name of {one}"} for one in ("D-7", "d-7", "D7")], mirror=True
    ) as it:
        await it.press("g")
        await it.press(*"d_7", "enter")
        it.sees("Did you mean one of these?")
        answers = [line.strip(" │") for line in it.lines if line.startswith("       │    ") and line.strip(" │")]
        assert answers == [
            *("D-7 · Name of D-7", "d-7 · Name of d-7", "D7 · Name of D7"),
            *("Cancel", "Find", "New customer with this ID"),
        ]
        await it.press("down", "enter")
        it.sees("d-7 · Name of d-7")


@pytest.mark.promise("T3")
async def test_an_exact_id_is_opened_though_others_resemble_it() -> None:
    async with run_app(
        records=[{"shortID": one, "name": f"Name of {one}"} for one in ("D-7", "d-7")], mirror=True
    ) as it:
        await it.press("g")
        await it.press(*"d-7", "enter")
        it.sees("d-7 · Name of d-7")


@pytest.mark.promise("W10")
async def test_without_a_copy_the_server_is_asked_and_that_is_said() -> None:
    async with run_app() as it:
        await it.press("g")
        await it.press(*"bright-mfg", "enter")
        it.sees(MEANT, "The local copy is not complete yet; others may exist.")
        assert len([one for one in it.transport.requests if "mfg" in one.url.path.casefold()]) <= 7


@pytest.mark.promise("W10", "N7")
async def test_without_a_server_those_of_the_copy_are_offered() -> None:
    async with run_app(mirror=True) as it:
        it.transport.cut()
        await it.press("g")
        await it.press(*"bright-mfg", "enter")
        it.sees(MEANT)
        it.misses("There is no customer", "New customer with this ID")
        await it.press("enter")
        it.sees("ID         BRIGHT-MFG", "Rockford", "offline since")


@pytest.mark.promise("A2")
async def test_a_server_that_refuses_is_not_asked_for_other_spellings() -> None:
    async with run_app() as it:
        asked = len(it.transport.requests)
        it.transport.intercept = always(
            lambda: json_response(403, {"statusCode": 403, "error": "forbidden", "message": "No."})
        )
        await it.press("g")
        await it.press(*"bright-mfg", "enter")
        it.sees("Not permitted")
        assert len(it.transport.requests) == asked + 1


async def test_those_that_begin_so_are_offered_while_one_types() -> None:
    async with run_app(mirror=True) as it:
        await it.press("g")
        await it.press(*"b")
        shown = [line.split()[1] for line in it.lines if line.startswith("       │  B")]
        assert shown[:2] == ["BALTYK-MEBLE", "BJORK-FISK"]
        assert len(shown) == 5
        await it.type("rightm")
        it.sees("BRIGHT-MFG  Bright Manufacturing LLC")
        it.misses("BALTYK")


async def test_an_arrow_key_chooses_one_that_is_offered() -> None:
    async with run_app(mirror=True) as it:
        await it.press("g")
        await it.press(*"bri", "down", "enter")
        it.sees("BRIGHT-MFG · Bright Manufacturing LLC", "Rockford")


@pytest.mark.parametrize("keys", [[], ["down", "up"], ["down", "t", "backspace"], ["up"]])
async def test_with_none_chosen_enter_means_what_is_typed(keys: list[str]) -> None:
    async with run_app(mirror=True) as it:
        await it.press("g")
        await it.press(*"brig", *keys, "enter")
        it.sees("There is no customer with the ID brig.")


@pytest.mark.promise("I3")
@pytest.mark.parametrize("scanned", ["ACME-CORP", "CARGO-NW"])
async def test_a_scan_means_its_id_whatever_is_offered(scanned: str) -> None:
    async with run_app(mirror=True) as it:
        await it.press("g")
        await it.burst(f"{scanned}\r")
        assert f"{scanned} ·" in it.lines[0]


async def test_letters_that_change_nothing_offered_repaint_nothing_of_it() -> None:
    async with run_app(mirror=True) as it:
        await it.press("g")
        await it.press(*"brigh")
        options = it.app.screen.query_one(ReverseOptionList)
        before = [options.get_option_at_index(0)]
        await it.type("t-mf")
        assert [options.get_option_at_index(0)] == before


@pytest.mark.parametrize("size", [(80, 24), (24, 16)])
async def test_all_answers_can_be_seen_and_reached(size: tuple[int, int]) -> None:
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


#: As a terminal sends it.
F2 = "\x1bOQ"


def held_up(gate: asyncio.Event) -> Intercept:
    """BRIGHT-MFG does not come before the gate is open."""

    async def bend(request: httpx.Request, onward: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
        if request.url.path.endswith("/BRIGHT-MFG"):
            await gate.wait()
        return await onward()

    return bend


@pytest.mark.promise("I3")
@pytest.mark.parametrize("scanned", [True, False])
async def test_a_key_behind_a_scan_means_the_customer_that_was_scanned(scanned: bool) -> None:
    gate = asyncio.Event()
    async with run_app(intercept=held_up(gate)) as it:
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
async def test_nobody_else_is_changed_while_a_scanned_customer_does_not_come() -> None:
    gate = asyncio.Event()
    async with run_app(intercept=held_up(gate)) as it:
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
