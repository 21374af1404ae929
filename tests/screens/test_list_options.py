"""List options: columns, order, filter and page size are chosen, and restored at the next start."""

from pathlib import Path

import pytest

from app.screens.customer_list.screen import CustomerListScreen
from app.screens.list_state import ListState, ListStateFile
from tests.harness import AppHarness, run_app


async def test_chosen_columns_are_shown() -> None:
    async with run_app() as it:
        await it.press("f9")
        it.sees("[x] Name", "[ ] Contact", "[x] Status", "Space on/off")
        await it.press("down", "space", "enter")
        it.sees("Contact", "Jane Smith")
        await it.press("v", "n")
        it.sees("None on: dockbook shows what fits · ⏎ use that")
        await it.press("space")
        it.sees("Space on/off")
        await it.press("space", "enter")
        it.sees("Columns: as many as fit.")
        it.misses("Contact")
        it.sees("Name", "Springfield IL", "555-0100")


def bars(it: AppHarness) -> list[str]:
    """The texts in reverse video, which is visible without colours."""
    strips = it.app.screen._compositor.render_strips(it.app.size)
    return [part.text for strip in strips for part in strip if part.style is not None and part.style.reverse]


@pytest.mark.parametrize(
    ("key", "chosen"), [("p", "25 rows"), ("v", "[ ] Contact"), ("s", "Name"), ("colon", "Find while")]
)
async def test_selection_is_visible_without_colours(key: str, chosen: str) -> None:
    async with run_app() as it:
        await it.press(key, "down")
        assert any(bar.startswith(chosen) for bar in bars(it))
        assert not any(len(bar) > 1 and bar.isspace() for bar in bars(it)), "blanks in reverse cost bytes"


async def test_columns_that_do_not_fit_are_counted() -> None:
    async with run_app() as it:
        await it.press("v", *["space", "down"] * 14, "enter")
        screen = it.app.screen
        assert isinstance(screen, CustomerListScreen)
        it.sees("No room for")
        assert f"+{len(set(screen.table.chosen or ()) - set(screen.table.shown_columns))}" in it.lines[1]
        await it.pilot.resize_terminal(200, 24)
        await it.settle()
        assert set(screen.table.shown_columns) >= set(screen.table.chosen or ())


@pytest.mark.parametrize(("cells", "least"), [(80, 6), (120, 7), (160, 8), (220, 11)])
async def test_wider_terminal_shows_more_columns(cells: int, least: int) -> None:
    async with run_app(size=(cells, 24)) as it:
        screen = it.app.screen
        assert isinstance(screen, CustomerListScreen)
        if screen.preview is not None and screen.preview.display:
            await it.press("P")
        assert len(screen.table.shown_columns) >= least


async def test_list_settings_are_restored_and_search_is_not(tmp_path: Path) -> None:
    async with run_app(mirror=True, list_state_file=ListStateFile(tmp_path, "test")) as it:
        await it.press("s", "down", "enter")
        await it.press("s", "s")
        await it.press("a", "p", "down", "enter", "v", "down", "space", "enter")
        await it.press("slash", *"bri")
        it.sees("Find: bri")
    state = ListStateFile(tmp_path, "test").state
    assert (state.sort, state.direction, state.status, state.page_size) == ("name", "DESC", "active", 25)
    assert state.columns is not None
    assert "contact" in state.columns
    async with run_app(mirror=True, list_state_file=ListStateFile(tmp_path, "test")) as it:
        it.sees("41 active of 48 · page 1 of 2 · by Name ▼", "Contact")
        it.misses("Find:")


async def test_quarantined_list_settings_are_reported(tmp_path: Path) -> None:
    ListStateFile(tmp_path, "test").save(ListState())
    next(tmp_path.iterdir()).write_text("rubbish")
    async with run_app(list_state_file=ListStateFile(tmp_path, "test")) as it:
        it.sees("The saved settings of the list are damaged", "ACME-CORP")


async def test_unwritable_list_settings_are_reported(tmp_path: Path) -> None:
    (tmp_path / "views").write_text("in the way")
    async with run_app(list_state_file=ListStateFile(tmp_path / "views", "test")) as it:
        await it.press("s", "down", "enter")
        it.sees("The settings of the list cannot be saved", "by Name ▲")


async def test_column_without_server_sort_is_sorted_locally() -> None:
    async with run_app(mirror=True) as it:
        await it.press("s", "end", "enter")
        it.sees("The server does not sort by Email", "the local copy does", "by Email ▲ · from the copy of")
        await it.press("ctrl+home")
        sent = len(it.transport.requests)
        await it.press("f8")
        it.sees("page 2 of 3", "by Email ▲")
        assert len(it.transport.requests) == sent
        await it.press("s")
        it.sees("now ▲")
        await it.press("home", "enter")
        it.sees("48 customers · page 1 of 3 · by ID ▲")
        it.misses("from the mirror")
        await it.press("s")
        it.sees("from the local copy")


async def test_list_copies_all_fields_as_a_row() -> None:
    async with run_app() as it:
        await it.press("down", "c")
        assert it.app.clipboard.split("\t")[:2] == ["AGUILA-CALC", it.app.clipboard.split("\t")[1]]
        assert it.app.clipboard.count("\t") == 14
