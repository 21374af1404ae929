"""The list shows the last local copy before any server has answered.

These tests have no mirror, only its file: what follows the snapshot comes from the server.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.harness import AT_ONCE, AppHarness, Forward, always, json_response, run_app

if TYPE_CHECKING:
    from app.models.customer import Page
    from app.models.fields import PageRequest


class ResponseGate:
    """Holds all responses until `opened` is set."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()

    async def __call__(self, _: httpx.Request, forward: Forward) -> httpx.Response:
        await self.opened.wait()
        return await forward()


async def fill_mirror(path: Path) -> None:
    """Fill a mirror file with the sample customers."""
    async with run_app(mirror=True, mirror_file=path) as it:
        await it.until("live · 48")


def under_cursor(it: AppHarness) -> str:
    """The row under the cursor."""
    rows = [line for line in it.lines if line.startswith("›")]
    assert rows
    return rows[0]


@pytest.mark.promise("N7")
async def test_snapshot_rows_appear_first_and_are_not_live(tmp_path: Path) -> None:
    path = tmp_path / "mirror.sqlite3"
    await fill_mirror(path)
    gate = ResponseGate()
    async with run_app(mirror_file=path, intercept=gate, settled=False) as it:
        await it.until("ACME-CORP")
        it.sees("connecting…", "data of")
        it.misses("live", "Loading")
        await it.press_only("down", "down")
        before = under_cursor(it)
        gate.opened.set()
        await it.until("live · 48")
        it.misses("data of")
        assert under_cursor(it) == before


async def test_customer_key_waits_for_record(tmp_path: Path) -> None:
    path = tmp_path / "mirror.sqlite3"
    await fill_mirror(path)
    gate = ResponseGate()
    async with run_app(mirror_file=path, intercept=gate, settled=False) as it:
        await it.until("ACME-CORP")
        short_id = under_cursor(it).split()[1]
        await it.press_only("enter")
        it.sees("Customers")
        gate.opened.set()
        await it.until(f"{short_id} ·")
        it.sees("Contact")


@pytest.mark.promise("A2")
async def test_forbidden_rows_are_removed(tmp_path: Path) -> None:
    path = tmp_path / "mirror.sqlite3"
    await fill_mirror(path)
    forbidden = {"statusCode": 403, "error": "forbidden", "message": "No."}
    async with run_app(mirror_file=path, intercept=always(lambda: json_response(403, forbidden))) as it:
        await it.until("Press F5 when you have the permission.")
        it.misses("ACME-CORP")


@asynccontextmanager
async def before_the_server(tmp_path: Path, *early: str, **options: Any) -> AsyncIterator[AppHarness]:
    """Run the app, press keys before the server responds, then let it respond and wait."""
    path = tmp_path / "mirror.sqlite3"
    await fill_mirror(path)
    gate = ResponseGate()
    async with run_app(mirror_file=path, intercept=gate, settled=False, **options) as it:
        await it.until("ACME-CORP")
        pressed = asyncio.create_task(it.press_only(*early))
        await it.pilot.pause()
        gate.opened.set()
        await pressed
        await it.settle()
        yield it


async def test_early_typing_reaches_form(tmp_path: Path) -> None:
    async with before_the_server(tmp_path, "e", *["down"] * 8, "x", "d") as it:
        it.sees("Edit ACME-CORP", "555-0100xd")


async def test_early_marks_stay_on_their_rows(tmp_path: Path) -> None:
    async with before_the_server(tmp_path, "space", "down", "space") as it:
        it.sees("2 marked")
        assert [line.split()[1] for line in it.lines if line.startswith("+")] == ["ACME-CORP", "AIGAIO-TROF"]


async def test_early_paging_and_refresh_are_applied(tmp_path: Path) -> None:
    async with before_the_server(tmp_path, "f8") as it:
        it.sees("page 2 of 3")
    async with before_the_server(tmp_path, "right_curly_bracket") as it:
        it.sees("page 3 of 3")
    async with before_the_server(tmp_path, "end", "down") as it:
        it.sees("page 2 of 3")
        assert it.lines[2].startswith("›")
    async with before_the_server(tmp_path, "f5") as it:
        it.sees("page 1 of 3")


async def test_early_key_acts_on_its_customer_or_none(tmp_path: Path) -> None:
    remaining = [{"shortID": "AGUILA-CALC", "name": "El Águila"}, {"shortID": "BALTYK", "name": "Bałtyk"}]
    async with before_the_server(tmp_path, "e", records=remaining) as it:
        it.sees("ACME-CORP is not on this page any more.", "2 customers")
    async with before_the_server(tmp_path, "down", "e", records=remaining) as it:
        it.sees("Edit AGUILA-CALC")


async def test_early_search_is_run(tmp_path: Path) -> None:
    async with before_the_server(tmp_path, "slash", "b", "e") as it:
        it.sees("Find: be", 'No match for "be"')
        it.misses("ACME-CORP")


@pytest.mark.promise("N7")
async def test_server_page_that_comes_before_the_copy_is_shown_takes_its_place() -> None:
    async with run_app(mirror=True, timing=AT_ONCE._replace(fallback_after=0.05)) as it:
        repository = it.app.context.repository
        local_copy, listener = repository._local_copy, repository.announcer.listener
        annotate, hand_over = local_copy.annotate, listener.page_arrived
        gate, arrived = ResponseGate(), asyncio.Event()

        async def annotate_late(page: "Page") -> "Page":
            gate.opened.set()
            async with asyncio.timeout(10):
                await arrived.wait()
            return await annotate(page)

        def note_arrival(request: "PageRequest", page: "Page") -> bool:
            arrived.set()
            return hand_over(request, page)

        local_copy.annotate = annotate_late  # type: ignore[method-assign]
        listener.page_arrived = note_arrival  # type: ignore[method-assign]
        it.transport.intercept = gate
        await it.press_only("right_curly_bracket")
        await it.until("page 3 of 3")
        await it.until("live · 48")
        it.misses("data of", "from the copy")
