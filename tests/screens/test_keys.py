"""Palette, and keys typed ahead of the screens."""

import pytest

from tests.harness import run_app


async def test_palette_runs_screen_action() -> None:
    async with run_app() as it:
        await it.press("colon")
        await it.type("last page")
        await it.press("enter")
        it.sees("page 3 of 3")


async def test_scans_fill_field_after_field() -> None:
    async with run_app() as it:
        await it.press("f6")
        await it.burst("DOCK-7\rDock Seven\rJane\r12 Road\t\rOslo\r")
        it.sees("• ID        [DOCK-7 ", "• Name      [Dock Seven ", "• Contact   [Jane ", "• Address   [12 Road ")
        it.sees("• City      [Oslo ")


async def test_typed_ahead_keys_reach_their_screen() -> None:
    async with run_app() as it:
        await it.burst("\x1b[17~DOCK-7\rDock Seven\r\x1b[21~")
        it.sees("Created DOCK-7.", "49 customers")
        assert (await it.record("DOCK-7"))["name"] == "Dock Seven"


async def test_escape_on_list_never_quits() -> None:
    async with run_app() as it:
        await it.press("escape", "escape", "f12")
        it.sees("48 customers")
        assert it.app.return_code is None


async def test_quit_keys_leave_the_list() -> None:
    for key in ("q", "f3", "ctrl+q"):
        async with run_app() as it:
            await it.press(key)
            assert it.app.return_code == 0


async def test_palette_runs_table_action() -> None:
    async with run_app() as it:
        await it.press("ctrl+p")
        it.sees("All commands")
        await it.type("next row")
        await it.press("enter")
        assert it.lines[3].startswith("›")


async def test_second_ctrl_c_quits() -> None:
    async with run_app() as it:
        await it.press("ctrl+c", "ctrl+c")
        assert it.app.return_code == 0


async def test_first_ctrl_c_shows_how_to_quit() -> None:
    async with run_app() as it:
        await it.press("ctrl+c")
        it.sees("Press Ctrl+C again, or Ctrl+Q, to leave dockbook.", "48 customers")


@pytest.mark.promise("A5")
@pytest.mark.parametrize("key", ["delete", "g", "s", "v", "x", "ctrl+p", "m", "f1", "enter", "f2"])
async def test_unverified_tls_is_shown_on_every_screen(key: str) -> None:
    for size in ((80, 24), (60, 16)):
        async with run_app(size=size, flags=("TLS NOT VERIFIED",)) as it:
            it.sees("TLS NOT VERIFIED")
            await it.press(key)
            it.sees("TLS NOT VERIFIED")
