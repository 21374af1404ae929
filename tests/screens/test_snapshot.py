"""The list stands there with what this machine knew last, before the program can ask anybody.

Here no mirror answers but the one whose file is glimpsed at: what comes next comes from the server.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.harness import AppHarness, always, json_response, run_app

Onward = Callable[[], Awaitable[httpx.Response]]


class Held:
    """A server whose answers to what is asked first come when they are let go."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()

    async def __call__(self, _: httpx.Request, onward: Onward) -> httpx.Response:
        await self.go_on.wait()
        return await onward()


async def filled(path: Path) -> None:
    """A mirror of the sample customers in the file."""
    async with run_app(mirror=True, mirror_file=path) as it:
        it.sees("live · 48")


def under_cursor(it: AppHarness) -> str:
    """The row the cursor stands on."""
    rows = [line for line in it.lines if line.startswith("›")]
    assert rows
    return rows[0]


async def test_rows_are_there_before_the_server_is_and_never_pass_for_live(tmp_path: Path) -> None:
    path = tmp_path / "mirror.sqlite3"
    await filled(path)
    held = Held()
    async with run_app(mirror_file=path, intercept=held, settled=False) as it:
        await it.until("ACME-CORP")
        it.sees("connecting…", "data of")
        it.misses("live", "Loading")
        await it.press_only("down", "down")
        before = under_cursor(it)
        held.go_on.set()
        await it.until("live · 48")
        it.misses("data of")
        assert under_cursor(it) == before


async def test_a_key_that_works_on_a_customer_waits_for_the_record(tmp_path: Path) -> None:
    path = tmp_path / "mirror.sqlite3"
    await filled(path)
    held = Held()
    async with run_app(mirror_file=path, intercept=held, settled=False) as it:
        await it.until("ACME-CORP")
        short_id = under_cursor(it).split()[1]
        await it.press_only("enter")
        it.sees("Customers")
        held.go_on.set()
        await it.until(f"{short_id} ·")
        it.sees("Contact")


async def test_what_the_server_forbids_to_see_goes_away_again(tmp_path: Path) -> None:
    path = tmp_path / "mirror.sqlite3"
    await filled(path)
    forbidden = {"statusCode": 403, "error": "forbidden", "message": "No."}
    async with run_app(mirror_file=path, intercept=always(lambda: json_response(403, forbidden))) as it:
        await it.until("Customers cannot be listed without this permission")
        it.misses("ACME-CORP")


@asynccontextmanager
async def before_the_server(tmp_path: Path, *early: str, **options: Any) -> AsyncIterator[AppHarness]:
    """The program with keys pressed while no server has answered yet; then it answers, and all is done."""
    path = tmp_path / "mirror.sqlite3"
    await filled(path)
    held = Held()
    async with run_app(mirror_file=path, intercept=held, settled=False, **options) as it:
        await it.until("ACME-CORP")
        pressed = asyncio.create_task(it.press_only(*early))
        await it.pilot.pause()
        held.go_on.set()
        await pressed
        await it.settle()
        yield it


async def test_what_is_typed_for_a_form_that_cannot_open_yet_is_typed_into_it(tmp_path: Path) -> None:
    async with before_the_server(tmp_path, "e", *["down"] * 8, "x", "d") as it:
        it.sees("Edit ACME-CORP", "555-0100xd")


async def test_marks_fall_on_the_rows_that_they_were_made_on(tmp_path: Path) -> None:
    async with before_the_server(tmp_path, "space", "down", "space") as it:
        it.sees("2 marked")
        assert [line.split()[1] for line in it.lines if line.startswith("+")] == ["ACME-CORP", "AIGAIO-TROF"]


async def test_turning_and_asking_again_before_there_is_a_page(tmp_path: Path) -> None:
    async with before_the_server(tmp_path, "f8") as it:
        it.sees("page 2 of 3")
    async with before_the_server(tmp_path, "right_curly_bracket") as it:
        it.sees("page 3 of 3")
    async with before_the_server(tmp_path, "end", "down") as it:
        it.sees("page 2 of 3")
        assert it.lines[2].startswith("›")
    async with before_the_server(tmp_path, "f5") as it:
        it.sees("page 1 of 3")


async def test_a_key_is_for_the_customer_it_was_pressed_on_or_for_none(tmp_path: Path) -> None:
    left = [{"shortID": "AGUILA-CALC", "name": "El Águila"}, {"shortID": "BALTYK", "name": "Bałtyk"}]
    async with before_the_server(tmp_path, "e", records=left) as it:
        it.sees("ACME-CORP is not on this page any more.", "2 customers")
    async with before_the_server(tmp_path, "down", "e", records=left) as it:
        it.sees("Edit AGUILA-CALC")


async def test_what_is_typed_to_find_at_once_is_looked_for(tmp_path: Path) -> None:
    async with before_the_server(tmp_path, "slash", "b", "e") as it:
        it.sees("Find: be", 'No match for "be"')
        it.misses("ACME-CORP")
