"""Finding in one field: marked there, explained while typing, its name completed; earlier searches come back."""

import pytest

from app.screens.customer_list.screen import CustomerListScreen
from tests.harness import AppHarness, run_app


def at_cursor(it: AppHarness) -> str:
    return next(line for line in it.lines if line.startswith("›")).split()[1]


def underlined(it: AppHarness) -> list[str]:
    screen = it.app.screen
    assert isinstance(screen, CustomerListScreen)
    strips = [screen.table.render_line(y) for y in range(1, screen.table.size.height)]
    return [part.text for strip in strips for part in strip if part.style and part.style.underline]


RECORDS = [
    {"shortID": "GDANSK-1", "name": "Gdansk Works", "city": "Łódź", "phone": "+48 (58) 555-0155", "state": "LD"},
    {"shortID": "B-2", "name": "Lodz Ltd", "city": "Gdańsk", "state": "PM", "fax": "5550155", "contact": "Ida Gdanska"},
    {"shortID": "C-3", "name": "Acme", "city": "Gdańsk", "state": "Gdansk", "email": "gdansk@x.example"},
]


@pytest.mark.parametrize(
    ("find", "rows", "marked"),
    [
        ("city:gdansk", ["B-2", "C-3"], ["Gdańsk", "Gdańsk"]),
        ("state:gdan", ["C-3"], ["Gdan"]),
        ("name:gdansk", ["GDANSK-1"], ["Gdansk"]),
        ("id:gdansk", ["GDANSK-1"], ["GDANSK"]),
        ("phone:0155", ["GDANSK-1"], ["0155"]),
        ("contact:gda", ["B-2"], ["Gda"]),
        ("city:gdansk acme", ["C-3"], ["Acme", "Gdańsk"]),
    ],
)
async def test_words_of_a_field_are_marked_there_only(find: str, rows: list[str], marked: list[str]) -> None:
    async with run_app(records=RECORDS, mirror=True) as it:
        await it.press("slash", *find)
        it.sees(f"{len(rows)} of 3")
        assert [line[2:].split()[0] for line in it.lines[2:-3] if line.strip()] == rows
        assert underlined(it) == marked


async def test_field_names_are_completed_and_explained() -> None:
    async with run_app(mirror=True) as it:
        await it.press("slash", *"ci")
        assert it.lines[-1].startswith(" Tab city:  ⏎ Open")
        assert it.lines[-2].startswith(" Find: ci ")
        await it.press("tab")
        it.misses("Tab city:")
        it.sees("Find: city: ", "48 of 48")
        await it.type("tac")
        it.sees("city: is in City only · ? alone lists the fields", "Find: city:tac")
        assert at_cursor(it) == "CARGO-NW"
        await it.press(*" -active")
        it.sees("city: is in City only · active left out", "1 of 48")
        await it.press("tab", "escape")
        it.misses("is in City only")


async def test_tab_twice_goes_to_the_rows_of_what_was_typed() -> None:
    async with run_app(mirror=True) as it:
        await it.press("slash", *"ci")
        before = it.lines[:-1]
        await it.press("tab")
        it.sees("48 of 48")
        await it.press("tab")
        assert it.lines[:-1] == before
        await it.press("j")
        it.sees("Find: ci ")


async def test_unknown_field_is_text_and_named() -> None:
    async with run_app(mirror=True) as it:
        await it.press("slash", *"cty:tac")
        it.sees("No field 'cty': use -active, -discontinued, id, name, city", 'No match for "cty:tac"')
        await it.press("ctrl+u", *"12:30")
        it.misses("No field")


@pytest.mark.parametrize("typed", ["city:nowhere9", "foo:nowhere9", "address2:nowhere9", "nowhere9" * 6 + "abcd"])
async def test_words_of_a_field_and_long_texts_are_no_id(typed: str) -> None:
    async with run_app(mirror=True) as it:
        await it.press("slash")
        await it.type(typed)
        await it.until("No match for")
        it.misses("add a customer with the ID")
        await it.press("f6")
        it.sees("New customer")
        it.misses("nowhere9")


@pytest.mark.promise("I3")
async def test_scanned_code_that_reads_like_a_field_opens_nobody_else() -> None:
    async with run_app(mirror=True) as it:
        await it.press("slash")
        await it.burst("ID:BRIGHT-MF\r")
        await it.until("Find: ID:BRIGHT-MF")
        it.sees("No customer has the ID ID:BRIGHT-MF.")


async def test_question_mark_alone_lists_the_fields() -> None:
    async with run_app(mirror=True) as it:
        await it.press("slash", "question_mark")
        it.sees("One field: city:gdansk. Fields: id, name, city", "Find: ?", "ACME-CORP")
        await it.press("backspace")
        it.misses("One field")


async def test_plain_words_show_no_line_and_tab_goes_to_the_rows() -> None:
    async with run_app(mirror=True) as it:
        await it.press("slash", *"tac")
        before = it.lines[2:-2]
        assert it.lines[-2].startswith(" Find: tac")
        await it.press("tab", "j")
        assert it.lines[2:-2] != before
        it.sees("Find: tac")


async def test_up_in_an_empty_find_brings_back_searches() -> None:
    async with run_app(mirror=True) as it:
        for number in range(22):
            await it.press("slash", *f"x{number}", "escape")
        await it.press("slash", *"bright", "enter", "escape", "escape", "slash", "up")
        it.sees("Find: bright ")
        assert at_cursor(it) == "BRIGHT-MFG"
        await it.press("up", "up")
        it.sees("Find: x20 ")
        await it.press(*["up"] * 30)
        it.sees("Find: x0 ")
        await it.press("ctrl+u", *"in", "down", "up")
        it.sees("Find: in ")


async def test_up_in_go_to_brings_back_what_was_typed() -> None:
    async with run_app(mirror=True) as it:
        await it.press("g", *"brig", "enter", "g", *"cargo", "enter", "g", "up")
        it.sees("cargo")
        await it.press("up", "enter")
        assert at_cursor(it) == "BRIGHT-MFG"
