"""The copy of all customers is lost while the program runs: find says so, promises nothing false, and fills again."""

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from tests.harness import AppHarness, run_app
from tests.mirror.reference_search import fill_the_disk
from tests.screens.test_offline import HURRIED, Onward, refused

#: A server that is there is never taken for one that is not, however busy this machine is.
PATIENT = HURRIED._replace(fallback_after=20.0, probe=20.0)

#: More than SQLite keeps in memory of a file.
MANY = 1500

Harm = Callable[[Path, AppHarness], Awaitable[None]]


async def _folder_deleted(path: Path, _: AppHarness) -> None:
    shutil.rmtree(path.parent)


async def _file_damaged(path: Path, _: AppHarness) -> None:
    for name in (path, path.with_name("mirror-wal")):
        with name.open("r+b") as file:
            file.write(b"\xff" * name.stat().st_size)


async def _directory(path: Path, _: AppHarness) -> None:
    path.unlink()
    path.mkdir()


async def _pipe(path: Path, _: AppHarness) -> None:
    for name in (path, path.with_name("mirror.lock")):
        name.unlink()
        os.mkfifo(name)


async def _disk_full(_: Path, it: AppHarness) -> None:
    mirror = await it.app.context.repository._local_copy.open()
    assert mirror is not None
    fill_the_disk(mirror)
    # What fails is to write down what others changed.
    for number in range(30):
        await it.store.upsert(f"NEW-{number:03}", {"name": "x" * 200})
    it.app.context.repository.check_for_changes()


HARMS: dict[str, Harm] = {
    "folder deleted": _folder_deleted,
    "file damaged": _file_damaged,
    "directory at its path": _directory,
    "pipe at its path": _pipe,
    "disk full": _disk_full,
}


class Gate:
    """Holds up the pages of a sweep until it is opened."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self.waiting = asyncio.Event()

    async def bend(self, request: httpx.Request, onward: Onward) -> httpx.Response:
        if request.url.params.get("pageSize") == "250" and "modifiedSince" not in request.url.params:
            self.waiting.set()
            await self.opened.wait()
        return await onward()


@pytest.mark.parametrize("harm", HARMS)
async def test_a_lost_copy_is_told_and_read_again_at_once(harm: str, tmp_path: Path) -> None:
    path = tmp_path / "cache" / "mirror"
    async with asyncio.timeout(60), run_app(MANY, mirror=True, mirror_file=path, timing=PATIENT) as it:
        gate = Gate()
        it.transport.intercept = gate.bend
        await HARMS[harm](path, it)
        await it.press("slash", *"zzqqzz")
        await gate.waiting.wait()
        await it.until("customers so far; the rest is on its way.")
        it.misses("F6 makes a new customer")
        gate.opened.set()
        await it.until("Press F6 to add a customer with the ID zzqqzz.")
        it.sees('No match for "zzqqzz"', "live")
        it.misses("so far")
        if harm == "disk full":
            await it.until("in memory only")


async def test_a_lost_copy_that_cannot_be_read_again_is_not_promised(tmp_path: Path) -> None:
    path = tmp_path / "cache" / "mirror"
    async with run_app(mirror=True, mirror_file=path, timing=PATIENT) as it:
        it.transport.intercept = refused
        shutil.rmtree(path.parent)
        await it.press("f5", "slash", *"acme")
        await it.until("the rest comes when the server answers")
        it.misses("on its way", "F6 makes")
        it.transport.intercept = None
        await it.until("1 of 48")


async def test_a_copy_whose_reading_stopped_says_so_and_f5_goes_on() -> None:
    broken = True

    async def fails(request: httpx.Request, onward: Onward) -> httpx.Response:
        sweep = request.url.params.get("pageSize") == "250"
        return httpx.Response(400, json={"error": "bad_request"}) if sweep and broken else await onward()

    async with run_app(mirror=True, timing=PATIENT, intercept=fails) as it:
        await it.press("slash", *"acme")
        await it.until("the rest did not come yet, F5 asks for it")
        it.misses("on its way", "F6 makes")
        broken = False
        await it.press("f5")
        await it.until("1 of 48")


async def test_what_another_dockbook_reads_is_told_as_its_work(tmp_path: Path) -> None:
    path = tmp_path / "cache" / "mirror"
    gate = Gate()
    async with run_app(mirror=True, mirror_file=path, timing=PATIENT, intercept=gate.bend) as first:
        await gate.waiting.wait()
        async with run_app(mirror=True, mirror_file=path, timing=PATIENT, intercept=gate.bend) as second:
            await second.press("slash", *"acme")
            await second.until("another dockbook on this machine reads")
            second.misses("on its way", "F6 makes")
        gate.opened.set()
        await first.filled()


@pytest.mark.parametrize("mirror", [True, False])
async def test_a_first_start_without_the_server_goes_on_when_it_is_back(mirror: bool) -> None:
    async with run_app(mirror=mirror, timing=PATIENT, intercept=refused) as it:
        it.sees("The server cannot be reached", "offline since")
        it.transport.intercept = None
        await it.until("live · 48")
        await it.until("ACME-CORP")
        it.misses("cannot be reached")
