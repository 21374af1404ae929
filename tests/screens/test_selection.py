"""Marks persist across pages and searches, and select what is copied and exported."""

import csv
from pathlib import Path

import pytest

from tests.harness import run_app


async def test_marks_persist_across_pages_and_searches() -> None:
    async with run_app(mirror=True) as it:
        await it.press("space", "space", "up")
        assert it.lines[2].startswith("+ ACME-CORP")
        assert it.lines[3].startswith("» AGUILA-CALC")
        it.sees("2 marked · 48 customers")
        await it.press("f8")
        await it.press("space", "slash", *"acme")
        it.sees("Find: acme", "3 marked · 1 of 48")
        assert it.lines[2].startswith("» ACME-CORP")
        await it.press("escape", "f7")
        await it.press("space")
        it.sees("2 marked")


async def test_marked_customers_are_copied_exported_and_cleared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with run_app() as it:
        await it.press("M")
        it.sees("Nothing is marked.")
        await it.press("space", "f8")
        await it.press("space", "M", "enter")
        short_ids = it.app.clipboard.split("\n")
        assert short_ids[0] == "ACME-CORP"
        assert len(short_ids) == 2
        await it.press("M", "down", "enter")
        it.sees("The 2 marked customers, as the server has them now.")
        await it.press("enter")
        it.sees("2 customers exported to")
        rows = list(csv.DictReader((tmp_path / "customers.csv").read_text(encoding="utf-8").splitlines()))
        assert [row["shortID"] for row in rows] == short_ids
        await it.press("M", "end", "enter")
        it.misses("marked ·")


async def test_arrows_in_detail_go_through_the_marked_only() -> None:
    async with run_app() as it:
        await it.press("space", "down", "space")
        await it.press("f8", "space", "f7")
        await it.press("enter")
        it.sees("ACME-CORP · Acme Corporation", "←→ 1 of 3 marked")
        await it.press("right")
        it.sees("2 of 3 marked")
        third = it.lines[0]
        await it.press("right")
        it.sees("3 of 3 marked")
        await it.press("right")
        it.sees("This is the last customer.", "3 of 3 marked")
        await it.press("left")
        assert it.lines[0] == third
        await it.press("escape")
        assert it.lines[4].startswith("»")


async def test_arrows_from_an_unmarked_customer_enter_the_marked() -> None:
    async with run_app() as it:
        await it.press("space", "space", "enter")
        it.sees("not marked · 2 marked")
        await it.press("right")
        it.sees("1 of 2 marked", "ACME-CORP · ")
        await it.press("escape", "home", "space", "space", "home", "enter")
        it.sees("1 of 48 by ID")
        await it.press("right")
        it.sees("2 of 48 by ID")


async def test_marked_are_opened_one_after_another() -> None:
    async with run_app() as it:
        await it.press("space", "down", "space", "M", "down", "down", "enter")
        it.sees("ACME-CORP · Acme Corporation", "1 of 2 marked")
        await it.press("right", "right")
        it.sees("AIGAIO-TROF", "2 of 2 marked")
