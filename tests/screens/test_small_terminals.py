"""Handhelds: at 24x16 a customer takes two lines, every dialog can be answered, and below 24x10 nothing acts."""

from pathlib import Path

import pytest

from app.text.sanitize import width
from tests.harness import AppHarness, run_app
from tests.screens.test_conflict import open_conflict
from tests.screens.test_draft_screens import leave_draft, run_with_drafts

HANDHELD = (24, 16)
SIZES = [HANDHELD, (40, 12), (24, 10), (59, 24)]


def bar(it: AppHarness) -> list[int]:
    """The lines of the cursor's bar, from edge to edge."""
    strips = it.app.screen._compositor.render_strips(it.app.size)
    return [
        y
        for y, strip in enumerate(strips)
        if all(part.style is not None and part.style.reverse for part in strip) and strip.cell_length == it.app.size[0]
    ]


async def test_customer_takes_two_lines() -> None:
    async with run_app(size=HANDHELD) as it:
        assert it.lines[0].split() == ["test", "live", "48"]
        assert it.lines[1].split() == ["Customers", "by", "ID", "▲"]
        assert it.lines[2].startswith("› ACME-CORP")
        assert it.lines[3] == "   Acme Corporation".ljust(24)
        assert it.lines[14].strip() == "1-6 of 48 · p 1/8"
        assert it.lines[15].strip() == "⏎Open /Find F2Edit F1"
        assert bar(it) == [2, 3]
        await it.press("down")
        assert bar(it) == [4, 5]
        assert it.lines[5].strip() == "El Águila Calçados…"


@pytest.mark.parametrize("size", SIZES)
async def test_every_customer_is_reached_and_nothing_is_cut_without_a_sign(size: tuple[int, int]) -> None:
    names: dict[str, str] = {}
    async with run_app(size=size) as it:
        pages = -(-48 // ((size[1] - 4) // 2))
        for _ in range(pages):
            lines = [line for line in it.lines[2:-2] if line.strip()]
            names |= {head[2:].split()[0]: name.strip() for head, name in zip(lines[::2], lines[1::2], strict=True)}
            await it.press("f8")
        it.sees("This is the last page.")
        assert len(names) == 48
        for short_id, shown in names.items():
            whole = (await it.record(short_id))["name"]
            cut = shown.removesuffix("…")
            assert shown == whole or (cut != shown and whole.startswith(cut.rstrip()))
            assert width(shown) <= size[0] - 3


async def test_status_is_a_sign_and_city_stands_beside_the_id_where_there_is_room() -> None:
    async with run_app(size=(40, 12), mirror=True) as it:
        await it.press("a", "a")
        it.sees("7 discontinued")
        assert it.lines[2].split() == ["›", "CARGO-NW", "×", "Tacoma", "WA"]
        assert it.lines[3].strip() == "Cargo Northwest"


@pytest.mark.parametrize("size", SIZES)
async def test_hit_shows_what_matched(size: tuple[int, int]) -> None:
    async with run_app(size=size, mirror=True) as it:
        await it.press("slash", *"jane")
        await it.press("space", *"acme")
        it.sees("ACME-CORP", "Jane", "Acme" if size[0] > 24 else "Contact")
        strips = it.app.screen._compositor.render_strips(it.app.size)
        found = [part.text for strip in strips for part in strip if part.style is not None and part.style.underline]
        assert "Jane" in found
        assert "ACME" in found or "Acme" in found
        it.sees("p 1/1" if size[0] < 59 else "page 1 of 1")


async def test_similar_hits_say_what_they_are_similar_to() -> None:
    async with run_app(size=HANDHELD, mirror=True) as it:
        await it.press("slash", *"querataro")
        it.sees("Similar: queretaro", "City Querétaro")


async def test_marks_sort_filter_and_columns_work() -> None:
    async with run_app(size=HANDHELD, mirror=True) as it:
        await it.press("space")
        it.sees("+1 · 1-6 of 48 · p 1/8")
        assert it.lines[2].startswith("+ ACME-CORP")
        await it.press("s", "down", "enter")
        it.sees("Customers by Name ▲")
        await it.press("s", "s")
        it.sees("Customers by Name ▼")
        await it.press("a")
        it.sees("+1 · 41 active · p 6/7")
        await it.press("v", "n", *["down"] * 8, "space", "enter")
        assert [line.split()[0] for line in it.lines[3:8:2]] == ["442", "(11)", "604-555-0174"]


async def test_rows_take_one_line_again_when_the_window_grows() -> None:
    async with run_app(size=HANDHELD) as it:
        await it.press("down", "down")
        await it.pilot.resize_terminal(80, 24)
        await it.settle()
        it.sees("48 customers · page 1 of 3")
        assert it.lines[4].startswith("› AIGAIO-TROF ")
        await it.pilot.resize_terminal(*HANDHELD)
        await it.settle()
        it.sees("1-6 of 48 · p 1/8")
        assert bar(it) == [6, 7]


@pytest.mark.parametrize(
    ("keys", "seen"),
    [
        (("d",), ("Keep", "Discontinue", "Esc keep")),
        (("g", *"ACME-X", "enter"), ("No such customer", "Cancel", "Find", "New customer")),
        (("g", *"bri"), ("Go to a customer", "BRIGHT-MFG")),
        (("s",), ("Order by", "now ▲", "Esc cancel")),
        (("p",), ("As many as fit  now", "250 rows")),
        (("v",), ("[x] Name", "Space on/off", "Esc cancel")),
        (("colon",), ("type to search", "Find while you", "Esc cancel")),
        (("colon", *"export what"), ("Export what", "x")),
        (("x",), ("customers.csv", ".xlsx.", "Esc cancel")),
        (("space", "M"), ("1 marked", "Clear all marks")),
        (("f1",), ("Help · Customers",)),
        (("T",), ("Test the scanner", "Scan any code now.")),
        (("f2", "x", "escape"), ("Stay", "Save", "Discard", "Esc stay")),
        (("slash", *"qwxz"), ("No match for", "Press F6 to add", "scan")),
    ],
)
async def test_every_dialog_fits(keys: tuple[str, ...], seen: tuple[str, ...]) -> None:
    async with run_app(size=HANDHELD, mirror=True) as it:
        await it.press(*keys)
        it.sees(*seen)
        assert all(width(line.rstrip()) <= HANDHELD[0] for line in it.lines)


async def test_conflict_shows_three_values_below_each_other() -> None:
    async with run_app(size=HANDHELD) as it:
        await open_conflict(it)
        at = next(y for y, line in enumerate(it.lines) if "Phone" in line and line.startswith("›"))
        assert [line.split() for line in it.lines[at + 1 : at + 4]] == [
            ["Before", "555-0100"],
            ["Theirs", "555-7777"],
            ["Yours", "555-0109"],
        ]
        await it.press("y", "up")
        it.sees("✓ Yours  555-0109", "1 of 2 chosen")


async def test_my_changes_and_drafts_show_all_values(tmp_path: Path) -> None:
    leave_draft(tmp_path)
    async with run_with_drafts(tmp_path, size=HANDHELD) as it:
        it.sees("Before 555-0100", "Typed  555-0199", "Server 555-0100")
        await it.press("escape")
        await it.press("f2", "down", "x", "f10")
        await it.press("m")
        it.sees("Field  Contact", "Was    Jane Smith", "Became Jane Smithx")


async def test_error_is_whole() -> None:
    async with run_app(size=HANDHELD, mirror=True) as it:
        it.transport.disconnect()
        await it.press("f5")
        it.sees("! The server cannot be", "copy is shown.", "of ", "offline")
        it.misses("……")


async def test_long_notice_leaves_room_for_rows_and_keys() -> None:
    async with run_app(size=(24, 10), mirror=True) as it:
        it.transport.disconnect()
        await it.press("f5")
        it.sees("› ACME-CORP", "Acme Corporation", "! The server cannot be", "…", "⏎Open")
        it.misses("……")


async def test_keys_and_scans_do_nothing_in_a_terminal_that_is_too_small() -> None:
    async with run_app() as it:
        await it.press("f2", "down", "x")
        it.sees("1 changed")
        await it.pilot.resize_terminal(23, 9)
        await it.settle()
        await it.press("y", "enter", "f10", "escape", "right", "enter", "d")
        await it.burst("BRIGHT-MFG\r")
        await it.paste("pasted")
        await it.pilot.resize_terminal(80, 24)
        await it.settle()
        it.sees("Edit ACME-CORP", "1 changed", "Jane Smithx")
        assert it.transport.count("POST") == 0
        await it.press("y")
        it.sees("Jane Smithxy")


async def test_ctrl_q_leaves_a_terminal_that_is_too_small() -> None:
    async with run_app(size=(20, 8)) as it:
        await it.press("ctrl+q")
        assert it.app.return_code == 0
        assert not it.app.is_running


@pytest.mark.parametrize(("size", "end"), [(HANDHELD, "-discontinued."), ((24, 10), "…"), ((40, 12), "-discontinued.")])
async def test_help_of_find_is_whole_or_says_that_it_is_not(size: tuple[int, int], end: str) -> None:
    async with run_app(size=size, mirror=True) as it:
        await it.press("slash", "question_mark")
        it.sees("One field:")
        assert it.lines[-2].rstrip().endswith(end)


async def test_discontinuing_is_asked_whole_and_names_give_room() -> None:
    async with run_app(size=(24, 10), mirror=True) as it:
        await it.press("down", "down", "d")
        it.sees("AIGAIO-TROF", "It stays in the list,", "cannot be made active…", "Keep", "Discontinue")
        await it.press("escape")
        await it.pilot.resize_terminal(24, 12)
        await it.settle()
        await it.press("d")
        text = " ".join(it.screen_text.split())
        assert "It stays in the list, discontinued. It cannot be made active again from here. Keep" in text


@pytest.mark.parametrize("size", [(24, 10), (24, 12), HANDHELD, (40, 12)])
async def test_what_to_type_to_discontinue_all_is_always_there(size: tuple[int, int]) -> None:
    async with run_app(size=size, mirror=True) as it:
        await it.press("d", "down", "enter")
        await it.press("home", *["space"] * 3, "M", "end", "up", "enter")
        text = " ".join(it.screen_text.split())
        assert "AGUILA-CALC" in text
        assert "Type 2 to discontinue 2 customers:" in text
        assert "They cannot be made active again from" in text
        assert "here." in text or "from…" in text
        assert "is already discontinued and skipped." in text or "…" in text
        await it.press("2", "enter")
        await it.until("Discontinued:")
        assert it.transport.count("DELETE") == 3


async def test_narrowed_list_says_so() -> None:
    async with run_app(300, size=HANDHELD, mirror=True) as it:
        await it.press("a", "a")
        it.sees(" disc. · p ")


@pytest.mark.parametrize(("size", "seen"), [(HANDHELD, "↓ more · ID"), ((40, 12), "↓ more · ID · 1 of 48 by ID")])
async def test_record_that_goes_on_below_says_so(size: tuple[int, int], seen: str) -> None:
    async with run_app(size=size) as it:
        await it.press("enter")
        it.sees(seen)
        it.misses("14:22")
        await it.press("end")
        it.sees("14:22", "1 of")
        it.misses("↓ more")
        await it.press("home")
        it.sees("↓ more · ID")
        await it.pilot.resize_terminal(80, 24)
        await it.settle()
        it.misses("↓ more")


async def test_hint_of_several_lines_stays() -> None:
    async with run_app(size=HANDHELD) as it:
        await it.press("P")
        it.sees("The preview needs 124")
        await it.settle()
        it.sees("The preview needs 124", "window wider.")
        await it.pilot.resize_terminal(40, 12)
        await it.settle()
        it.misses("The preview needs")
