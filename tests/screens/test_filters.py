"""Filters by date and by name from the palette, and the customers opened last."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.screens.list_state import ListStateFile, SavedFilter
from tests.harness import AppHarness, run_app


def rows(it: AppHarness) -> list[str]:
    return [line[2:].split()[0] for line in it.lines[2:-2] if line[:2].strip(" ›") == "" and line[2:3].strip()]


async def command(it: AppHarness, typed: str) -> None:
    """Run what the palette offers for this."""
    await it.press("ctrl+p", *typed, "enter")


async def test_changed_today_narrows_the_list_and_escape_shows_all() -> None:
    async with run_app(mirror=True) as it:
        # The samples are from other years.
        await it.store.upsert("CARGO-NW", {"phone": "1"})
        await it.store.upsert("TYNESIDE-CHEM", {"phone": "2"})
        await it.store.upsert("NEW-1", {"shortID": "NEW-1", "name": "New one"})
        await command(it, "changed today")
        it.sees("Esc shows all dates.")
        await it.until("3 changed today of 49")
        assert rows(it) == ["CARGO-NW", "NEW-1", "TYNESIDE-CHEM"]
        await it.press("a")
        it.sees("2 active changed today of 49")
        await it.press("s", "down", "enter")
        await it.press("slash")
        await it.type("tyne")
        it.sees("Find: tyne", "1 active changed today")
        assert rows(it) == ["TYNESIDE-CHEM"]
        await it.press("escape")
        it.sees("2 active changed today of 49")
        await command(it, "new this week")
        it.sees("1 active new this week of 49")
        await it.press("escape", "a", "a")
        it.sees("49 customers")


async def test_no_customer_in_the_period_is_explained() -> None:
    async with run_app(mirror=True) as it:
        await command(it, "new today")
        it.sees("No customers new today", "Press Esc to show all dates.")
        await it.press("escape")
        it.sees("48 customers")


async def test_changed_today_is_exported_as_shown(tmp_path: Path) -> None:
    async with run_app(mirror=True) as it:
        await it.store.upsert("CARGO-NW", {"phone": "1"})
        await it.store.upsert("TYNESIDE-CHEM", {"phone": "2"})
        await command(it, "changed today")
        await it.until("2 changed today of 48")
        await it.press("x")
        it.sees("All customers changed today, on all pages")
        await it.press("ctrl+u", *str(tmp_path / "list.csv"), "enter")
        await it.until("2 customers exported")
        lines = (tmp_path / "list.csv").read_text().splitlines()
        assert [line.split(",")[0].strip('"') for line in lines[1:]] == ["CARGO-NW", "TYNESIDE-CHEM"]


async def test_similar_customers_are_not_exported(tmp_path: Path) -> None:
    async with run_app(mirror=True) as it:
        await it.press("slash", *"sprngfield")
        await it.until("Similar: springfield")
        await it.press("tab", "x")
        it.sees("Similar: springfield", "These are only similar")
        it.misses("File name")


async def test_period_of_an_incomplete_copy_says_so() -> None:
    async with run_app() as it:
        await command(it, "changed today")
        it.sees("No customers changed today", "Searched 0 customers so far; there is no local copy of them.")


async def test_filter_is_saved_opened_and_removed(tmp_path: Path) -> None:
    file = ListStateFile(tmp_path, "a")
    async with run_app(mirror=True, list_state_file=file) as it:
        await it.press("a")
        await it.press("slash")
        await it.type("city:berlin")
        await it.until(" 2 active ")
        await it.press("tab", "s", "down", "down", "enter")
        before = rows(it)
        assert len(before) > 1
        await it.press("F")
        it.sees("Save this filter as", "city:berlin")
        await it.press("ctrl+u", *"Berlin now", "enter")
        it.sees("Saved filter Berlin now.")
        await it.press("escape", "a", "a")
        it.sees("48 customers")
    async with run_app(mirror=True, list_state_file=ListStateFile(tmp_path, "a")) as it:
        await it.press("ctrl+p", *"berlin")
        it.sees("Open filter: Berlin now", "city:berlin · active · by Name ▲")
        await it.press("enter")
        it.sees("Find: city:berlin", "by Name ▲", "active of 48")
        assert rows(it) == before
        await it.press("F", "ctrl+u", *"Berlin now")
        it.sees("replaces the one of this name")
        await it.press("escape", "escape")
        it.sees("48 customers")
        await command(it, "remove a saved")
        it.sees("Remove which filter?")
        await it.press("enter")
        it.sees("Removed filter Berlin now.")
    assert ListStateFile(tmp_path, "a").state.filters == ()


async def test_filter_of_the_same_name_is_replaced_only_after_a_question(tmp_path: Path) -> None:
    file = ListStateFile(tmp_path, "a")
    async with run_app(mirror=True, list_state_file=file) as it:
        await it.press("a", "F", "ctrl+u", *"mine", "enter")
        it.sees("Saved filter mine.")
        await it.press("a", "F", "ctrl+u", *"mine", "enter")
        it.sees("Replace this filter?", "mine shows active", "Esc keep")
        await it.press("enter")
        it.sees("Save this filter as", "mine")
        await it.press("enter", "escape", "escape")
        assert file.state.filters[0].status == "active"
        await it.press("F", "ctrl+u", *"mine", "enter", "right", "enter")
        it.sees("Replaced filter mine.")
        it.misses("Save this filter as")
    assert [(one.name, one.status) for one in file.state.filters] == [("mine", "discontinued")]


async def test_filter_that_makes_room_is_named(tmp_path: Path) -> None:
    file = ListStateFile(tmp_path, "a")
    file.update([lambda state: state._replace(filters=tuple(SavedFilter(f"F-{number}") for number in range(50)))])
    async with run_app(mirror=True, list_state_file=file) as it:
        await it.press("F", "ctrl+u", *"mine", "enter")
        assert "Removed the oldest, F-0: 50 are kept." in " ".join(it.screen_text.split())


async def test_filter_without_words_keeps_status_period_and_order() -> None:
    async with run_app(mirror=True) as it:
        await it.press("a", "a")
        await it.press("s", "down", "enter")
        await it.press("F")
        await it.press("enter")
        await it.press("a")
        await it.press("s", "up", "enter")
        it.sees("48 customers")
        await it.press("slash", *"x")
        await command(it, "open filter: disc")
        it.sees("discontinued of 48", "by Name ▲")
        it.misses("Find:")


async def test_zero_opens_one_of_the_last_customers(tmp_path: Path) -> None:
    async with run_app(mirror=True, list_state_file=ListStateFile(tmp_path, "a")) as it:
        await it.press("0")
        it.sees("No customer was opened yet.")
        await it.press("enter", "0")
        it.sees("No other customer was opened yet.")
        await it.press("escape", "down", "down", "enter")
        it.sees("AIGAIO-TROF · ")
        await it.press("0")
        it.sees("Opened last", "1 ACME-CORP  Acme Corporation")
        it.misses("2 A")
        await it.press("enter")
        it.sees("ACME-CORP · Acme Corporation")
        await it.press("escape", "escape")
        await it.burst("CARGO-NW\r")
        await it.press("escape")
    assert ListStateFile(tmp_path, "a").state.opened == ("CARGO-NW", "ACME-CORP", "AIGAIO-TROF")
    assert "Acme" not in next(tmp_path.glob("*.json")).read_text()
    async with run_app(mirror=True, list_state_file=ListStateFile(tmp_path, "a")) as it:
        await it.press("0")
        it.sees("1 CARGO-NW  Cargo Northwest", "2 ACME-CORP", "3 AIGAIO-TROF")
        await it.press("3")
        await it.until("AIGAIO-TROF · ")


async def test_zero_offers_who_was_reached_by_the_arrows(tmp_path: Path) -> None:
    async with run_app(mirror=True, list_state_file=ListStateFile(tmp_path, "a")) as it:
        await it.press("enter", "right", "right")
        it.sees("AIGAIO-TROF · ")
        await it.press("0")
        it.sees("1 AGUILA-CALC", "2 ACME-CORP")
    assert ListStateFile(tmp_path, "a").state.opened == ("AIGAIO-TROF", "AGUILA-CALC", "ACME-CORP")


async def test_name_of_a_filter_opens_it() -> None:
    async with run_app(mirror=True) as it:
        for name in ("active", "Sort"):
            await it.press("slash")
            await it.type("tac")
            await it.press("tab", "F", "ctrl+u", *name, "enter", "escape")
            await command(it, name.lower())
            it.sees("Find: tac")
            await it.press("escape")


@pytest.mark.promise("I3")
async def test_scan_in_the_last_customers_opens_the_scanned_one() -> None:
    async with run_app(mirror=True) as it:
        await it.press("enter", "escape", "down", "enter", "escape", "0")
        it.sees("Opened last")
        await it.burst("1234\r")
        it.sees("There is no customer with the ID 1234.")
        await it.press("escape", "0")
        await it.burst("CARGO-NW\r")
        it.sees("CARGO-NW · Cargo Northwest")


@pytest.mark.promise("I3")
@pytest.mark.parametrize("code", ["0123", "0", "00-7", "F-12", "0F0F"])
async def test_scan_that_begins_like_a_key_is_a_scan(code: str) -> None:
    async with run_app(mirror=True) as it:
        await it.press("enter", "escape", "down", "enter", "escape")
        await it.burst(f"{code}\r")
        it.misses("Opened last", "Save this filter")
        if len(code) > 1:
            it.sees(f"There is no customer with the ID {code}.")


@pytest.mark.parametrize("size", [(24, 16), (40, 12), (80, 24)])
async def test_nine_customers_fit_on_small_screens(size: tuple[int, int]) -> None:
    async with run_app(mirror=True, size=size) as it:
        for _ in range(11):
            await it.press("enter", "escape", "down")
        await it.press("0")
        it.sees(*(f" {number} " for number in range(1, 10)))
        it.sees("Opened last")


async def test_periods_name_the_day_they_begin() -> None:
    async with run_app(mirror=True) as it:
        await it.press("ctrl+p", *"this week")
        monday = datetime.now(UTC).astimezone()
        monday -= timedelta(days=monday.weekday())
        it.sees(f"Show changed this week  since {monday:%a %d %b}")
