"""Find: as one types, over everything, and back to where one was."""

import asyncio
import os
import re
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path

import httpx
import pytest

from app.models.customer import Origin, Page
from app.models.fields import PageRequest
from app.screens.customer_list.screen import CustomerListScreen
from tests.bench.terminal import Terminal
from tests.harness import AT_ONCE, AppHarness, run_app

ROOT = Path(__file__).parents[2]

Onward = Callable[[], Awaitable[httpx.Response]]


def rows(it: AppHarness) -> list[str]:
    return [line for line in it.lines[2:-2] if line.strip()]


def at_cursor(it: AppHarness) -> str:
    return next(line for line in it.lines if line.startswith("›")).split()[1]


def listed(it: AppHarness) -> CustomerListScreen:
    screen = it.app.screen
    assert isinstance(screen, CustomerListScreen)
    return screen


async def test_every_letter_narrows_the_rows_and_escape_goes_back_to_where_one_was() -> None:
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


async def test_a_narrower_screen_says_less_and_cuts_off_neither_count_nor_age() -> None:
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


async def test_the_keys_told_are_those_of_the_list_after_find_was_left_from_its_rows() -> None:
    async with run_app(mirror=True) as it:
        before = it.lines[-1]
        await it.press("slash", *"in", "tab")
        it.sees("Esc Back")
        await it.press("escape")
        assert it.lines[-1] == before


async def test_enter_opens_what_is_under_the_cursor_and_coming_back_all_is_as_it_was() -> None:
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


async def test_a_key_pressed_before_the_rows_came_means_the_rows_that_come() -> None:
    async with run_app(mirror=True) as it:
        await it.press_only("slash", *"cargo nw", "f2")
        await it.settle()
        it.sees("Edit CARGO-NW")
        await it.press("escape", "escape", "slash")
        await it.press_only(*"bright-mfg", "enter")
        await it.settle()
        it.sees("BRIGHT-MFG · Bright Manufacturing LLC")


async def test_a_match_that_no_column_shows_stands_in_its_row_and_what_matched_is_marked() -> None:
    async with run_app(mirror=True) as it:
        await it.press("slash", *"jane")
        row = next(line for line in it.lines if line.startswith("›"))
        assert "Contact Jane Smith" in row
        assert row.rstrip().endswith("active")
        table = listed(it).table
        marked = [part.text for part in table.render_line(1) if part.style and part.style.underline]
        assert marked == ["Jane"]
        for typed in ("555-0100", "5550100", "(555) 0100"):
            await it.press("ctrl+u", *typed)
            marked = [part.text for part in table.render_line(1) if part.style and part.style.underline]
            assert "".join(marked).replace("-", "") == "5550100", typed


def test_a_letter_repaints_only_the_rows_that_change(tmp_path: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"}
    # Not the lean output, which finds out by itself what differs.
    argv = [sys.executable, "-m", "app", "--demo", "--plain-output"]
    with Terminal(argv, environ, (80, 24), "16") as it:
        it.until("of 3 ·", "of 2 ·")
        it.press("/bright-mf", "1 of 48")
        before = len(it.output)
        it.press("g", "Find: bright-mfg")
        lines = {int(line) for line in re.findall(rb"\x1b\[([0-9]+);[0-9]+H", bytes(it.output[before:]))}
        assert lines & set(range(3, 23)) == {3}


async def test_a_scan_into_the_line_opens_the_only_or_the_exact_hit() -> None:
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


async def test_what_was_scanned_and_is_no_id_can_be_looked_for() -> None:
    async with run_app(mirror=True) as it:
        await it.press("enter")
        await it.burst("BRIGHT\r")
        it.sees("There is no customer with the ID BRIGHT.")
        await it.press("right", "enter")
        it.sees("Find: BRIGHT")
        assert at_cursor(it) == "BRIGHT-MFG"


async def test_letters_are_text_in_the_line_and_keys_in_the_rows() -> None:
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


async def test_typed_ahead_in_one_piece_it_is_find_and_no_scan() -> None:
    async with run_app(mirror=True) as it:
        await it.burst("/bright")
        it.sees("Find: bright")
        assert at_cursor(it) == "BRIGHT-MFG"


async def test_a_discontinued_customer_found_is_written_where_it_was_found() -> None:
    async with run_app(mirror=True) as it:
        await it.press("slash", *"bright-mfg", "end", "tab")
        await it.press("d", "right", "enter")
        await it.until("discontinued")
        it.sees("Find: bright-mfg")
        await it.press("escape")
        it.sees("48 customers")
        row = next(line for line in it.lines if "BRIGHT-MFG" in line)
        assert row.rstrip().endswith("discontinued")


async def test_the_status_filter_goes_round_and_is_always_told() -> None:
    async with run_app(mirror=True) as it:
        await it.press("a")
        it.sees("active of 48 · page 1 of 3 · by ID ▲ · as of")
        await it.press("a")
        it.sees("discontinued of 48")
        assert all(row.rstrip().endswith("discontinued") for row in rows(it))
        await it.press("s", "down", "enter")
        it.sees("by Name ▲")
        await it.press("a")
        it.sees("48 customers", "by Name ▲")


async def test_what_is_shown_in_the_end_is_of_the_newest_text() -> None:
    async with run_app(600, mirror=True) as it:
        await it.press("slash", *"br")
        shown = it.lines
        assert "Find: br " in it.screen_text
        await it.press("ctrl+u")
        for text in ("b", "br", "bri", "bright-mfg", "e", "a", "br"):
            listed(it).search_bar.input.value = text
        await it.settle()
        assert it.lines == shown


async def test_while_the_mirror_fills_what_was_searched_is_told_and_the_rest_comes_by_itself() -> None:
    go_on = asyncio.Event()

    async def slowly(request: httpx.Request, onward: Onward) -> httpx.Response:
        if request.url.params.get("pageSize") == "250" and request.url.params.get("page") != "1":
            await go_on.wait()
        return await onward()

    async with run_app(600, mirror=True, intercept=slowly) as it:
        await it.press("slash", *"zz-not")
        await it.until("Searched 250 of 600 customers so far")
        await it.press("ctrl+u", *"tyneside-chem")
        it.sees("searched 250 of 600")
        go_on.set()
        await it.filled()
        await it.until(" of 600 · page 1 of 1")
        assert at_cursor(it) == "TYNESIDE-CHEM"


async def test_near_misses_are_said_to_be_such() -> None:
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
        it.sees("• ID         sprngfield")


async def test_refresh_in_find_brings_what_changed_on_the_server() -> None:
    async with run_app(mirror=True) as it:
        await it.press("slash", *"bright-mfg")
        await it.store.upsert("BRIGHT-MFG", {"name": "Renamed Elsewhere"})
        await it.press("f5")
        await it.until("Renamed Elsewhere")
        it.sees("Find: bright-mfg")


async def test_find_goes_on_without_the_server() -> None:
    async with run_app(mirror=True) as it:
        it.transport.cut()
        await it.press("f5")
        await it.until("offline since")
        await it.press("slash", *"bright", "enter")
        await it.until("inventory@brightmfg.example.com")
        it.sees("offline since", 'for "bright"')


async def test_who_does_not_match_any_more_after_a_save_leaves_the_rows_and_the_count() -> None:
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


@pytest.mark.parametrize("keys", [["f5"], []])
async def test_going_back_shows_nothing_old_as_live(keys: list[str]) -> None:
    now = 0.0
    async with run_app(mirror=True, timing=AT_ONCE._replace(clock=lambda: now)) as it:
        await it.press("slash", *"acme")
        await it.store.upsert("ACME-CORP", {"phone": "999-NEW"})
        if not keys:
            now += 31.0
        await it.press(*keys, "escape")
        await it.settle()
        it.sees("live · 48", "999-NEW")
