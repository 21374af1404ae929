"""Exporting the list: all pages of what is shown, in its order, or an error and no file."""

import asyncio
import csv
import json
from pathlib import Path

import httpx
import pytest

from tests.harness import AT_ONCE, AppHarness, run_app


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


async def export(it: AppHarness, name: str = "") -> None:
    await it.press("x")
    if name:
        await it.press("ctrl+u")
        await it.type(name)
    await it.press("enter")


def ids(path: Path) -> list[str]:
    return [row["shortID"] for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines())]


async def test_export_contains_all_pages_in_list_order(folder: Path) -> None:
    async with run_app(600) as it:
        await it.press("s", "s")
        await export(it)
        it.sees("600 customers exported to customers.csv.")
        assert ids(folder / "customers.csv") == sorted(ids(folder / "customers.csv"), reverse=True)
        assert len(set(ids(folder / "customers.csv"))) == 600
        assert (folder / "customers.csv").stat().st_mode & 0o777 == 0o600


async def test_export_of_search_names_local_copy(folder: Path) -> None:
    async with run_app(600, mirror=True) as it:
        await it.press("slash", *"mfg", "end")
        await it.press("tab")
        await it.press("x")
        it.sees('All customers that match "mfg", on all pages.')
        await it.press("ctrl+u", *"found.json", "enter")
        it.sees("exported to found.json.", "come from the local copy of")
        found = json.loads((folder / "found.json").read_text(encoding="utf-8"))
        assert [record["shortID"] for record in found] == ["BRIGHT-MFG"]


async def test_existing_file_is_replaced_only_after_confirmation(folder: Path) -> None:
    (folder / "customers.csv").write_text("mine")
    async with run_app() as it:
        await export(it)
        it.sees("Replace this file?", "customers.csv is there already.", "Keep")
        await it.press("enter")
        assert (folder / "customers.csv").read_text() == "mine"
        await export(it)
        await it.press("right", "enter")
        assert len(ids(folder / "customers.csv")) == 48


async def test_incomplete_export_leaves_no_file(folder: Path) -> None:
    async with run_app(600) as it:

        async def gone(request: httpx.Request, forward: object) -> httpx.Response:
            raise httpx.ConnectError("gone", request=request)

        it.transport.intercept = gone
        await export(it)
        await it.until("Not exported to customers.csv")
        await export(it, "no/such/folder.csv")
        assert "no such file or directory" in " ".join(it.screen_text.split())
        assert list(folder.iterdir()) == []


async def test_search_is_not_exported_from_incomplete_copy(folder: Path) -> None:
    async with run_app() as it:
        await it.press("a")
        await export(it)
        await it.until("Not exported to customers.csv")
        assert "0 customers so far. Export again" in " ".join(it.screen_text.split())
        assert list(folder.iterdir()) == []


async def test_export_from_hanging_server_shows_progress_and_outcome(folder: Path) -> None:
    async with run_app(600, mirror=True, timing=AT_ONCE._replace(fallback_after=0.05)) as it:
        go_on = asyncio.Event()

        async def hangs(request: httpx.Request, forward: object) -> httpx.Response:
            await go_on.wait()
            raise httpx.ReadTimeout("too long", request=request)

        it.transport.intercept = hangs
        await it.press("x")
        await it.press_only("enter")
        await it.until("Exporting to customers.csv…")
        go_on.set()
        await it.until("Not exported to customers.csv")
        await it.press("f5")
        await it.until("The local copy is shown.")
        it.sees("Not exported to customers.csv")
        assert list(folder.iterdir()) == []
