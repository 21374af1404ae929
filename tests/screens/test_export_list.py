"""Exporting the list: all pages of what is shown, in its order, or an error and no file."""

import asyncio
import csv
import json
from pathlib import Path

import httpx
import pytest
from textual.widgets import Input

from tests.harness import AT_ONCE, AppHarness, Forward, run_app


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


def reads(it: AppHarness, text: str) -> bool:
    """Whether the text is on the screen, wherever its lines are folded."""
    return "".join(text.split()) in "".join(it.screen_text.split())


def ids(path: Path) -> list[str]:
    return [row["shortID"] for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines())]


async def test_export_contains_all_pages_in_list_order(folder: Path) -> None:
    async with run_app(600) as it:
        await it.press("s", "s")
        await export(it)
        assert reads(it, f"600 customers exported to {folder}/customers.csv.")
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
        assert reads(it, f"exported to {folder}/found.json. They come from the local copy of")
        found = json.loads((folder / "found.json").read_text(encoding="utf-8"))
        assert [record["shortID"] for record in found] == ["BRIGHT-MFG"]


async def test_existing_file_is_replaced_only_after_confirmation(folder: Path) -> None:
    (folder / "customers.csv").write_text("mine")
    async with run_app() as it:
        await export(it)
        it.sees("Replace this file?", "Keep")
        assert reads(it, f"{folder}/customers.csv is there already.")
        await it.press("enter")
        assert (folder / "customers.csv").read_text() == "mine"
        it.sees("── Export ")
        await it.press("enter", "right", "enter")
        assert len(ids(folder / "customers.csv")) == 48


async def test_incomplete_export_leaves_no_file(folder: Path) -> None:
    async with run_app(600) as it:

        async def gone(request: httpx.Request, forward: object) -> httpx.Response:
            raise httpx.ConnectError("gone", request=request)

        it.transport.intercept = gone
        await export(it)
        await it.until("! Not exported: No connection to the server")
        it.sees("customers.csv", "⏎ try again")
        assert list(folder.iterdir()) == []
        it.transport.intercept = None
        await it.press("enter")
        assert len(ids(folder / "customers.csv")) == 600
        it.misses("── Export ")


@pytest.mark.parametrize(
    ("name", "said", "suggested"),
    [
        ("list.pdf", "pdf is not a format. Use csv, json, jsonl or xlsx.", "list.pdf"),
        ("", "Type a file name, such as customers.csv.", ""),
        ("list", "list has no ending. Press ⏎ to export to list.csv, or type another name.", "list.csv"),
        (".", ". is a folder. Press ⏎ to export to customers.csv, or type another name.", "customers.csv"),
        ("no/such/list.csv", "no/such is not there, or is closed to you. Type another one.", "no/such/list.csv"),
        ("~nobody-here/list.csv", "There is no home folder for ~nobody-here.", "~nobody-here/list.csv"),
        ("x" * 300 + ".csv", "file name too long", "x" * 300 + ".csv"),
    ],
    ids=["no format", "empty", "no ending", "folder", "no folder", "nobody", "long"],
)
async def test_unusable_name_is_refused_in_the_dialog(folder: Path, name: str, said: str, suggested: str) -> None:
    async with run_app() as it:
        await it.press("x", "ctrl+u")
        await it.paste(name)
        await it.press("enter")
        assert reads(it, said)
        assert it.app.screen.query_one(Input).value == suggested
        assert list(folder.iterdir()) == []


async def test_suggested_name_is_taken_with_enter(folder: Path) -> None:
    async with run_app() as it:
        await export(it, "list")
        await it.press("enter")
        assert len(ids(folder / "list.csv")) == 48


async def test_folder_is_shown_and_cut_in_the_middle(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = folder / ("a" * 60) / "end"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    async with run_app() as it:
        await it.press("x")
        shown = next(line.strip() for line in it.lines if "Folder: " in line)
        assert shown.startswith("Folder: /")
        assert "…" in shown
        assert shown.endswith("aaaa/end")
        await it.press("ctrl+u", *"../x.csv")
        it.misses("aaaa/end")


async def test_dialog_left_during_an_export_reports_on_the_list(folder: Path) -> None:
    async with run_app(600) as it:
        go_on = asyncio.Event()

        async def waits(request: httpx.Request, forward: Forward) -> httpx.Response:
            await go_on.wait()
            return await forward()

        it.transport.intercept = waits
        await it.press("x")
        await it.press_only("enter")
        await it.until("Esc lets it go on while you work")
        await it.press_only("escape")
        it.misses("── Export ")
        go_on.set()
        await it.until("600 customers exported")
        assert len(ids(folder / "customers.csv")) == 600


async def test_search_is_not_exported_from_incomplete_copy(folder: Path) -> None:
    async with run_app() as it:
        await it.press("a")
        await export(it)
        await it.until("! Not exported")
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
        await it.press_only("escape")
        go_on.set()
        await it.until("Not exported to customers.csv")
        await it.press("f5")
        await it.until("The local copy is shown.")
        it.sees("Not exported to customers.csv")
        assert list(folder.iterdir()) == []
