"""Find: results while typing, over all fields, and back to the list."""

import asyncio
import os
import re
import sys
from datetime import datetime
from pathlib import Path

import httpx
import pytest

from app.models.customer import Origin, Page
from app.models.fields import PageRequest
from app.screens.customer_list.screen import CustomerListScreen
from tests.bench.terminal import Terminal
from tests.harness import AT_ONCE, AppHarness, Forward, run_app

ROOT = Path(__file__).parents[2]


def rows(it: AppHarness) -> list[str]:
    return [line for line in it.lines[2:-2] if line.strip()]


def at_cursor(it: AppHarness) -> str:
    return next(line for line in it.lines if line.startswith("›")).split()[1]


def listed(it: AppHarness) -> CustomerListScreen:
    screen = it.app.screen
    assert isinstance(screen, CustomerListScreen)
    return screen


async def test_find_narrows_rows_and_escape_restores_list() -> None:
    async with run_app(mirror=True) as it:
        await it.press("s", "down", "enter", "f8", "down", "down")
        before = it.lines[1:-1]
        await it.press("slash")
        it.sees(" Find: ", "48 customers")
        await it.type("bri")
        assert at_cursor(it) == "BRIGHT-MFG"
        it.sees("Find: bri", " of 48 · page 1 of 1 · best first · as of")
        await it.type("zzz")
        it.sees('No match for "brizzz"', "Press Esc to go back", "Press F6 to add a customer with the ID brizzz")
        await it.press("backspace", "backspace", "backspace", "escape")
        assert it.lines[1:-1] == before
        it.misses("Find:")


async def test_narrow_status_line_keeps_count_and_age() -> None:
    async with run_app(mirror=True, size=(100, 24)) as it:
        await it.press("p", "down", "enter", "slash", *"in")
        it.sees(" of 48 · page 1 of 2 · best first · as of ")
        await it.pilot.resize_terminal(60, 24)
        await it.settle()
        line = it.lines[-2].rstrip()
        assert re.search(r" [0-9]+ · page 1 of 2 · as of [0-9:]+$", line), line
        await it.pilot.resize_terminal(100, 24)
        await it.settle()
        it.sees(" of 48 · page 1 of 2 · best first · as of ")


async def test_key_bar_is_restored_after_find() -> None:
    async with run_app(mirror=True) as it:
        before = it.lines[-1]
        await it.press("slash", *"in", "tab")
        it.sees("Esc Back")
        await it.press("escape")
        assert it.lines[-1] == before


async def test_enter_opens_match_and_return_keeps_search() -> None:
    async with run_app(mirror=True) as it:
        await it.press("slash", *"in", "down", "down")
        name = at_cursor(it)
        await it.press("enter")
        it.sees(f"{name} · ", "3 of ", 'for "in" best first')
        await it.press("right", "escape")
        it.sees("Find: in")
        assert at_cursor(it) != name
        await it.type("z")
        it.sees("Find: inz")


async def test_key_pressed_early_acts_on_arriving_rows() -> None:
    async with run_app(mirror=True) as it:
        await it.press_only("slash", *"cargo nw", "f2")
        await it.settle()
        it.sees("Edit CARGO-NW")
        await it.press("escape", "escape", "slash")
        await it.press_only(*"bright-mfg", "enter")
        await it.settle()
        it.sees("BRIGHT-MFG · Bright Manufacturing LLC")


async def test_match_in_hidden_column_is_shown_and_underlined() -> None:
    async with run_app(mirror=True) as it:
        await it.press("slash", *"jane")
        row = next(line for line in it.lines if line.startswith("›"))
        assert "Contact Jane Smith" in row
        table = listed(it).table
        marked = [part.text for part in table.render_line(1) if part.style and part.style.underline]
        assert marked == ["Jane"]
        for typed in ("555-0100", "5550100", "(555) 0100"):
            await it.press("ctrl+u", *typed)
            marked = [part.text for part in table.render_line(1) if part.style and part.style.underline]
            assert "".join(marked).replace("-", "") == "5550100", typed


def test_typing_repaints_only_changed_rows(tmp_path: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"}
    # The lean driver would send only the differences anyway.
    argv = [sys.executable, "-m", "app", "--demo", "--plain-output"]
    with Terminal(argv, environ, (80, 24), "16") as it:
        it.until("of 3 ·", "of 2 ·")
        it.press("/bright-mf", "1 of 48")
        before = len(it.output)
        it.press("g", "Find: bright-mfg")
        lines = {int(line) for line in re.findall(rb"\x1b\[([0-9]+);[0-9]+H", bytes(it.output[before:]))}
        assert lines & set(range(3, 23)) == {3}


async def test_scan_in_find_opens_only_or_exact_match() -> None:
    async with run_app(mirror=True) as it:
        await it.press("slash")
        await it.burst("]C1BRIGHT-MFG\r")
        it.sees("BRIGHT-MFG · Bright Manufacturing LLC")
        await it.press("escape")
        it.sees("Find: BRIGHT-MFG")
        await it.burst("CARGO-NW\t")
        it.sees("CARGO-NW · Cargo Northwest")
        await it.press("escape")
        it.misses("the only match")
        await it.burst("cargo-nw\r")
        it.sees("CARGO-NW · Cargo Northwest", "Scanned cargo-nw. Showing CARGO-NW, the only match.")
        await it.press("escape")
        await it.burst("CARGO-NOT\r")
        it.sees("Find: CARGO-NOT")
        assert isinstance(it.app.screen, CustomerListScreen)


async def test_unknown_scan_can_be_searched() -> None:
    async with run_app(mirror=True) as it:
        await it.press("enter")
        await it.burst("BRIGHT\r")
        it.sees("There is no customer with the ID BRIGHT.")
        await it.press("right", "enter")
        it.sees("Find: BRIGHT")
        assert at_cursor(it) == "BRIGHT-MFG"


async def test_letters_are_text_in_input_and_keys_in_rows() -> None:
    async with run_app(mirror=True, keymap={}) as it:
        await it.press("slash", *"sad")
        it.sees("Find: sad")
        it.misses("Order by", "Discontinue this")
        await it.press("ctrl+u", *"in", "end", "tab", "s", "down", "enter")
        it.sees("by ID ▲", "Find: in")
        await it.press("slash", *"c", "end")
        it.sees("Find: c ")
        await it.press("f3")
        assert it.app.return_code == 0


@pytest.mark.promise("I5")
async def test_typed_ahead_slash_is_find_not_scan() -> None:
    async with run_app(mirror=True) as it:
        await it.burst("/bright")
        it.sees("Find: bright")
        assert at_cursor(it) == "BRIGHT-MFG"


async def test_discontinue_from_find_keeps_search() -> None:
    async with run_app(mirror=True) as it:
        await it.press("slash", *"bright-mfg", "end", "tab")
        await it.press("d", "right", "enter")
        await it.until("discontinued")
        it.sees("Find: bright-mfg")
        await it.press("escape")
        it.sees("48 customers")
        row = next(line for line in it.lines if "BRIGHT-MFG" in line)
        assert "× Bright" in row


async def test_status_filter_cycles_and_is_shown() -> None:
    async with run_app(mirror=True) as it:
        await it.press("a")
        it.sees("active of 48 · page 1 of 3 · by ID ▲ · as of")
        await it.press("a")
        it.sees("discontinued of 48")
        assert all(" × " in row for row in rows(it))
        await it.press("s", "down", "enter")
        it.sees("by Name ▲")
        await it.press("a")
        it.sees("48 customers", "by Name ▲")


async def test_newest_search_text_wins() -> None:
    async with run_app(600, mirror=True) as it:
        await it.press("slash", *"br")
        shown = it.lines
        assert "Find: br " in it.screen_text
        await it.press("ctrl+u")
        for text in ("b", "br", "bri", "bright-mfg", "e", "a", "br"):
            listed(it).search_bar.input.value = text
        await it.settle()
        assert it.lines == shown


async def test_search_during_fill_shows_progress_and_updates() -> None:
    go_on = asyncio.Event()

    async def slowly(request: httpx.Request, forward: Forward) -> httpx.Response:
        if request.url.params.get("pageSize") == "250" and request.url.params.get("page") != "1":
            await go_on.wait()
        return await forward()

    async with run_app(600, mirror=True, intercept=slowly) as it:
        await it.press("slash", *"zz-not")
        await it.until("Searched 250 of 600 customers so far")
        await it.press("ctrl+u", *"tyneside-chem")
        it.sees("searched 250 of 600")
        go_on.set()
        await it.filled()
        await it.until(" of 600 · page 1 of 1")
        assert at_cursor(it) == "TYNESIDE-CHEM"


async def test_suggestions_are_labelled_similar() -> None:
    async with run_app(mirror=True) as it:
        screen = listed(it)
        page = screen.pagination.page
        assert page is not None
        origin = Origin(datetime.now().astimezone(), 48, suggestions=("acme", "\x07acne"))
        near = Page(rows=page.rows[:3], total=3, page=1, page_size=20, page_count=1, has_more=False, origin=origin)
        await it.press("slash")
        screen.show_page(PageRequest(page_size=20, find="sprngfield", sort=None), near, "first")
        await it.pilot.pause()
        assert it.lines[1].strip() == 'No match for "sprngfield". Similar: acme, ␇acne'
        it.sees("similar only", "ACME-CORP")
        await it.press("f6")
        it.sees("• ID        [sprngfield")


async def test_refresh_in_find_shows_server_changes() -> None:
    async with run_app(mirror=True) as it:
        await it.press("slash", *"bright-mfg")
        await it.store.upsert("BRIGHT-MFG", {"name": "Renamed Elsewhere"})
        await it.press("f5")
        await it.until("Renamed Elsewhere")
        it.sees("Find: bright-mfg")


@pytest.mark.promise("N7")
async def test_find_works_offline() -> None:
    async with run_app(mirror=True) as it:
        it.transport.disconnect()
        await it.press("f5")
        await it.until("offline since")
        await it.press("slash", *"bright", "enter")
        await it.until("inventory@brightmfg.example.com")
        it.sees("offline since", 'for "bright"')


async def test_saved_customer_leaves_rows_when_no_longer_matching() -> None:
    async with run_app(mirror=True) as it:
        await it.press("slash", *"555-01")
        before = rows(it)
        count = int(it.lines[-2].split()[2])
        await it.press("tab", "down")
        short_id = at_cursor(it)
        await it.press("e", *["down"] * 8, "ctrl+u", "7", "f10")
        it.sees(f"Saved {short_id}: Phone.", "Find: 555-01", f" {count - 1} of 48")
        assert not any(line.split()[0] == short_id for line in rows(it))
        assert at_cursor(it) == before[2].split()[0], "the one after it"


@pytest.mark.promise("N7")
@pytest.mark.parametrize("keys", [["f5"], []])
async def test_stale_list_is_reloaded_after_find(keys: list[str]) -> None:
    now = 0.0
    async with run_app(mirror=True, timing=AT_ONCE._replace(clock=lambda: now)) as it:
        await it.press("slash", *"acme")
        await it.store.upsert("ACME-CORP", {"phone": "999-NEW"})
        if not keys:
            now += 31.0
        await it.press(*keys, "escape")
        await it.settle()
        it.sees("live · 48", "999-NEW")


async def test_search_line_keeps_its_order_before_the_number_of_all() -> None:
    async with run_app(300, mirror=True, size=(73, 24)) as it:
        await it.press("slash", *"mul")
        it.sees(" 9 found · page 1 of 1 · best first · as of ")
