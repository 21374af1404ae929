"""The list stands there with what this machine knew last, before the program can ask anybody.

Here no mirror answers but the one whose file is glimpsed at: what comes next comes from the server.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx

from tests.stage import Stage, always, answer, stage

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
    async with stage(mirror=True, mirror_file=path) as it:
        it.sees("live · 48")


def under_cursor(it: Stage) -> str:
    """The row the cursor stands on."""
    rows = [line for line in it.lines if line.startswith("›")]
    assert rows
    return rows[0]


async def test_rows_are_there_before_the_server_is_and_never_pass_for_live(tmp_path: Path) -> None:
    path = tmp_path / "mirror.sqlite3"
    await filled(path)
    held = Held()
    async with stage(mirror_file=path, bend=held, settled=False) as it:
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
    async with stage(mirror_file=path, bend=held, settled=False) as it:
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
    async with stage(mirror_file=path, bend=always(lambda: answer(403, forbidden))) as it:
        await it.until("Without it no customer can be listed")
        it.misses("ACME-CORP")
