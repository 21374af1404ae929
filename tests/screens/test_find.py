"""Find: as one types, over everything, and back to where one was."""

import asyncio

from app.screens.customer_list import CustomerListScreen
from app.widgets.table import CustomerTable
from tests.stage import Stage, stage


def rows(it: Stage) -> list[str]:
    return [line for line in it.lines[2:-2] if line.strip()]


def at_cursor(it: Stage) -> str:
    return next(line for line in it.lines if line.startswith("›")).split()[1]


def listed(it: Stage) -> CustomerListScreen:
    screen = it.app.screen
    assert isinstance(screen, CustomerListScreen)
    return screen


async def test_every_letter_narrows_the_rows_and_escape_goes_back_to_where_one_was() -> None:
    async with stage(mirror=True) as it:
        await it.press("s", "down", "enter", "f8", "down", "down")
        before = it.lines[1:-1]
        await it.press("slash")
        it.sees(" Find: ", "48 customers")
        await it.type("bri")
        assert at_cursor(it) == "BRIGHT-MFG"
        it.sees("Find: bri", " of 48 · page 1 of 1 · best first · as of")
        await it.type("zzz")
        it.sees('Nothing for "brizzz"', "Esc goes back", "F6 makes a new customer with the ID brizzz")
        await it.press("backspace", "backspace", "backspace", "escape")
        assert it.lines[1:-1] == before
        it.misses("Find:")


async def test_enter_opens_what_is_under_the_cursor_and_coming_back_all_is_as_it_was() -> None:
    async with stage(mirror=True) as it:
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
    async with stage(mirror=True) as it:
        await it.press_only("slash", *"cargo nw", "f2")
        await it.settle()
        it.sees("Edit CARGO-NW")
        await it.press("escape", "escape", "slash")
        await it.press_only(*"bright-mfg", "enter")
        await it.settle()
        it.sees("BRIGHT-MFG · Bright Manufacturing LLC")


async def test_a_match_that_no_column_shows_stands_in_its_row_and_what_matched_is_marked() -> None:
    async with stage(mirror=True) as it:
        await it.press("slash", *"jane")
        row = next(line for line in it.lines if line.startswith("›"))
        assert "Contact Jane Smith" in row
        assert row.rstrip().endswith("active")
        table = listed(it).table
        marked = [part.text for part in table.render_line(1) if part.style and part.style.underline]
        assert marked == ["Jane"]
        await it.press("backspace", "backspace", "backspace", "backspace", *"5550100")
        marked = [part.text for part in table.render_line(1) if part.style and part.style.underline]
        assert marked == ["555-0100"]


async def test_a_letter_repaints_only_the_rows_that_change() -> None:
    async with stage(mirror=True) as it:
        await it.press("slash", *"bright-mf")
        table = listed(it).table
        painted: list[int] = []
        render = table.render_line
        table.render_line = lambda y: painted.append(y) or render(y)  # type: ignore[method-assign, func-returns-value]
        await it.press("g")
        assert set(painted) <= {1}


async def test_a_scan_into_the_line_opens_the_only_or_the_exact_hit() -> None:
    async with stage(mirror=True) as it:
        await it.press("slash")
        await it.burst("]C1BRIGHT-MFG\r")
        it.sees("BRIGHT-MFG · Bright Manufacturing LLC")
        await it.press("escape")
        it.sees("Find: BRIGHT-MFG")
        await it.burst("CARGO-NW\t")
        it.sees("CARGO-NW · Cargo Northwest")
        await it.press("escape")
        await it.burst("CARGO-NOT\r")
        it.sees("Find: CARGO-NOT")
        assert isinstance(it.app.screen, CustomerListScreen)


async def test_what_was_scanned_and_is_no_id_can_be_looked_for() -> None:
    async with stage(mirror=True) as it:
        await it.press("enter")
        await it.burst("BRIGHT\r")
        it.sees("There is no customer with the ID BRIGHT.")
        await it.press("right", "right", "enter")
        it.sees("Find: BRIGHT")
        assert at_cursor(it) == "BRIGHT-MFG"


async def test_letters_are_text_in_the_line_and_keys_in_the_rows() -> None:
    async with stage(mirror=True, keymap={}) as it:
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
    async with stage(mirror=True) as it:
        await it.burst("/bright")
        it.sees("Find: bright")
        assert at_cursor(it) == "BRIGHT-MFG"


async def test_a_discontinued_customer_found_is_written_where_it_was_found() -> None:
    async with stage(mirror=True) as it:
        await it.press("slash", *"bright-mfg", "end", "tab")
        await it.press("d", "right", "enter")
        await it.until("discontinued")
        it.sees("Find: bright-mfg")
        await it.press("escape")
        it.sees("48 customers")
        row = next(line for line in it.lines if "BRIGHT-MFG" in line)
        assert row.rstrip().endswith("discontinued")


async def test_the_status_filter_goes_round_and_is_always_told() -> None:
    async with stage(mirror=True) as it:
        await it.press("a")
        it.sees("active of 48 · page 1 of 3 · by ID ▲ · as of")
        await it.press("a")
        it.sees("discontinued of 48")
        assert all(row.rstrip().endswith("discontinued") for row in rows(it))
        await it.press("s", "down", "enter")
        it.sees("by Name ▲")
        await it.press("a")
        it.sees("48 customers", "by Name ▲")


async def test_the_newest_text_is_asked_for_and_older_questions_are_dropped() -> None:
    async with stage(mirror=True) as it:
        screen = listed(it)
        asked: list[str] = []
        page = screen.repository.page

        async def watched(request, **how):  # type: ignore[no-untyped-def]
            asked.append(request.find)
            return await page(request, **how)

        screen.repository.page = watched  # type: ignore[method-assign]
        await it.press("slash")
        screen.find_line.input.value = "b"
        screen.find_line.input.value = "br"
        screen.find_line.input.value = "bri"
        await it.settle()
        assert asked[-1] == "bri"
        assert at_cursor(it) == "BRIGHT-MFG"


async def test_the_table_keeps_its_lines_between_repaints() -> None:
    async with stage() as it:
        table = listed(it).table
        assert isinstance(table, CustomerTable)
        first = table.render_line(1)
        assert table.render_line(1) is first
        await it.press("down")
        assert table.render_line(1) is not first
        await asyncio.sleep(0)
