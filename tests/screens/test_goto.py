"""Going to a customer by its ID: typed, scanned, from anywhere, and never run as commands."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx
import pytest

from app.screens.customer_list import CustomerListScreen
from tests.stage import Bend, stage


async def test_an_id_typed_opens_its_customer() -> None:
    async with stage() as it:
        await it.press("g")
        it.sees("Go to a customer")
        await it.type("BRIGHT-MFG")
        await it.press("enter")
        it.sees("BRIGHT-MFG · Bright Manufacturing LLC", "Rockford")
        await it.press("escape")
        it.sees("48 customers")


@pytest.mark.parametrize("end", ["\r", "\r\n", "\t", "\t\r", "\t\r\n", "\r\r"])
@pytest.mark.parametrize("prefix", ["", "]C1"])
async def test_a_scan_on_the_list_opens_its_customer(prefix: str, end: str) -> None:
    async with stage() as it:
        await it.burst(f"{prefix}BRIGHT-MFG{end}")
        it.sees("BRIGHT-MFG · Bright Manufacturing LLC")


async def test_a_scan_on_the_detail_opens_its_customer() -> None:
    async with stage() as it:
        await it.press("enter")
        await it.burst("BRIGHT-MFG\r")
        it.sees("BRIGHT-MFG · Bright Manufacturing LLC")
        await it.press("escape")
        it.sees("ACME-CORP · Acme Corporation")


async def test_a_scan_that_is_not_found_says_so_and_offers_a_new_customer() -> None:
    async with stage() as it:
        await it.burst("]C1DOCK-99\r")
        it.sees("There is no customer with the ID DOCK-99.", "Cancel", "New customer with this ID")
        await it.press("right", "right", "enter")
        it.sees("New customer", "• ID         DOCK-99")
        await it.press("escape")
        it.sees("48 customers")
        await it.burst("DOCK-99\r")
        await it.press("right", "right", "enter", "f10")
        assert (await it.record("DOCK-99"))["shortID"] == "DOCK-99"


@pytest.mark.parametrize("burst", ["dnqe\r", "qqqe\r", "n:se\t", "dddq", "{}<>\r", "ssssd\r", "d7\r"])
async def test_a_burst_is_never_taken_for_commands(burst: str) -> None:
    async with stage() as it:
        await it.burst(burst)
        await it.press("escape")
        it.sees("48 customers", "by ID ▲", "page 1 of 3")
        assert it.wire.count("DELETE") == it.wire.count("POST") == 0
        assert it.app.return_code is None


@pytest.mark.parametrize("end", ["\r", "\r\n", "\t"])
async def test_a_scan_into_go_to_opens_its_customer(end: str) -> None:
    async with stage() as it:
        await it.press("g")
        await it.burst(f"]C1BRIGHT-MFG{end}")
        it.sees("BRIGHT-MFG · Bright Manufacturing LLC")


async def test_the_next_scan_takes_the_place_of_one_not_found() -> None:
    async with stage() as it:
        await it.burst("DOCK-99\r")
        it.sees("There is no customer with the ID DOCK-99.")
        await it.burst("]C1BRIGHT-MFG\r\n")
        it.sees("BRIGHT-MFG · Bright Manufacturing LLC")
        await it.press("escape")
        it.sees("48 customers")


@pytest.mark.parametrize("key", ["s", "v", "p", "M", "d"])
@pytest.mark.parametrize("end", ["\r", "\t"])
async def test_a_scan_chooses_and_answers_nothing(key: str, end: str) -> None:
    async with stage(mirror=True) as it:
        await it.press("space", "up", "s", "down", "enter")
        before = it.lines
        await it.press(key)
        dialog = it.app.screen
        await it.burst(f"nest-9{end}")
        assert it.app.screen is dialog
        it.sees("nothing can be scanned here · Esc leave")
        await it.press("escape")
        assert it.lines == before


async def test_a_burst_into_a_form_is_typed_into_its_fields() -> None:
    async with stage() as it:
        await it.press("f2")
        await it.burst("-East\rJohn\r")
        it.sees("• Name       Acme Corporation-East", "• Contact    Jane SmithJohn")


async def test_without_permission_a_scan_not_found_offers_no_new_customer() -> None:
    async with stage(read_only=True) as it:
        await it.burst("DOCK-99\r")
        it.sees("There is no customer with the ID DOCK-99.", "Find")
        it.misses("New customer with this ID")
        await it.press("escape")
        it.sees("There is no customer DOCK-99.", "48 customers")


#: As a terminal sends it.
F2 = "\x1bOQ"


def held_up(gate: asyncio.Event) -> Bend:
    """BRIGHT-MFG does not come before the gate is open."""

    async def bend(request: httpx.Request, onward: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
        if request.url.path.endswith("/BRIGHT-MFG"):
            await gate.wait()
        return await onward()

    return bend


@pytest.mark.parametrize("scanned", [True, False])
async def test_a_key_behind_a_scan_means_the_customer_that_was_scanned(scanned: bool) -> None:
    gate = asyncio.Event()
    async with stage(bend=held_up(gate)) as it:
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


async def test_nobody_else_is_changed_while_a_scanned_customer_does_not_come() -> None:
    gate = asyncio.Event()
    async with stage(bend=held_up(gate)) as it:
        it.burst_only("BRIGHT-MFG\r")
        await it.until("Looking for BRIGHT-MFG")
        assert isinstance(it.app.screen, CustomerListScreen)
        assert not it.app.screen.may_write()
        await it.until("Still looking for BRIGHT-MFG")
        # The last of two scans counts, and its customer can be edited.
        it.burst_only("CARGO-NW\r")
        await it.until("CARGO-NW · Cargo Northwest")
        await it.press_only("f2")
        await it.until("Edit CARGO-NW")
        gate.set()
