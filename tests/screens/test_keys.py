"""Help, palette, and hands that are faster than screens."""

import pytest
from textual.binding import Binding

from app.screens.customer_list.screen import CustomerListScreen
from app.screens.detail import DetailScreen
from app.screens.form import FormScreen
from tests.harness import run_app


async def test_help_shows_every_action_of_the_screen_one_is_on() -> None:
    for keys, screen in (([], CustomerListScreen), (["enter"], DetailScreen), (["f2"], FormScreen)):
        async with run_app(size=(80, 60)) as it:
            await it.press(*keys, "f1")
            it.sees("Help", "F1", *(["Field up"] if screen is FormScreen else []))
            for binding in screen.BINDINGS:
                assert isinstance(binding, Binding)
                it.sees(binding.tooltip or binding.description)
            await it.press("f3")
            it.misses("Help ·")


async def test_help_can_be_scrolled_to_its_end_at_80_by_24() -> None:
    async with run_app() as it:
        await it.press("question_mark", "end")
        await it.until("ETag")
        await it.press("escape")
        it.sees("48 customers")


async def test_the_palette_has_every_action_and_runs_it() -> None:
    async with run_app() as it:
        await it.press("colon")
        await it.type("last page")
        await it.press("enter")
        it.sees("page 3 of 3")


async def test_a_scanner_fills_field_after_field() -> None:
    async with run_app() as it:
        await it.press("f6")
        await it.burst("DOCK-7\rDock Seven\rJane\r12 Road\t\rOslo\r")
        it.sees("• ID         DOCK-7 ", "• Name       Dock Seven ", "• Contact    Jane ", "• Address    12 Road ")
        it.sees("• City       Oslo ")


async def test_keys_typed_ahead_reach_the_screen_they_were_meant_for() -> None:
    async with run_app() as it:
        await it.burst("\x1b[17~DOCK-7\rDock Seven\r\x1b[21~")
        it.sees("Created DOCK-7.", "49 customers")
        assert (await it.record("DOCK-7"))["name"] == "Dock Seven"


async def test_escape_never_leaves_the_program_from_the_list() -> None:
    async with run_app() as it:
        await it.press("escape", "escape", "f12")
        it.sees("48 customers")
        assert it.app.return_code is None


async def test_leaving_from_the_list() -> None:
    for key in ("q", "f3", "ctrl+q"):
        async with run_app() as it:
            await it.press(key)
            assert it.app.return_code == 0


async def test_the_palette_runs_what_belongs_to_the_table_too() -> None:
    async with run_app() as it:
        await it.press("ctrl+p")
        it.sees("All commands")
        await it.type("next row")
        await it.press("enter")
        assert it.lines[3].startswith("›")


async def test_ctrl_c_twice_leaves() -> None:
    async with run_app() as it:
        await it.press("ctrl+c", "ctrl+c")
        assert it.app.return_code == 0


async def test_ctrl_c_says_how_to_leave_and_does_not() -> None:
    async with run_app() as it:
        await it.press("ctrl+c")
        it.sees("Ctrl+C again, or Ctrl+Q, leaves dockbook.", "48 customers")


@pytest.mark.promise("A5")
@pytest.mark.parametrize("key", ["delete", "g", "s", "v", "x", "ctrl+p", "m", "f1", "enter", "f2"])
async def test_tls_that_is_not_verified_is_seen_on_every_screen_and_dialog(key: str) -> None:
    for size in ((80, 24), (60, 16)):
        async with run_app(size=size, flags=("TLS NOT VERIFIED",)) as it:
            it.sees("TLS NOT VERIFIED")
            await it.press(key)
            it.sees("TLS NOT VERIFIED")
