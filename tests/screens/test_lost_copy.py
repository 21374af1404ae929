"""The local copy is lost while the program runs: find reports it and the copy is downloaded again."""

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from tests.harness import AppHarness, Forward, run_app
from tests.mirror.reference_search import fill_the_disk
from tests.screens.test_offline import FAST_FALLBACK, refuse_connection

#: A reachable server never counts as gone, however busy the machine is.
PATIENT = FAST_FALLBACK._replace(fallback_after=20.0, probe=20.0)

#: More than SQLite caches of a file.
MANY = 1500

Damage = Callable[[Path, AppHarness], Awaitable[None]]


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
    # Writing the changes of others fails.
    for number in range(30):
        await it.store.upsert(f"NEW-{number:03}", {"name": "x" * 200})
    it.app.context.repository.check_for_changes()


DAMAGES: dict[str, Damage] = {
    "folder deleted": _folder_deleted,
    "file damaged": _file_damaged,
    "directory at its path": _directory,
    "pipe at its path": _pipe,
    "disk full": _disk_full,
}


class FullSyncGate:
    """Holds the pages of a full sync until it is opened."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self.waiting = asyncio.Event()

    async def intercept(self, request: httpx.Request, forward: Forward) -> httpx.Response:
        if request.url.params.get("pageSize") == "250" and "modifiedSince" not in request.url.params:
            self.waiting.set()
            await self.opened.wait()
        return await forward()


@pytest.mark.promise("D6")
@pytest.mark.parametrize("damage", DAMAGES)
async def test_lost_copy_is_reported_and_downloaded_again(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "cache" / "mirror"
    async with asyncio.timeout(60), run_app(MANY, mirror=True, mirror_file=path, timing=PATIENT) as it:
        gate = FullSyncGate()
        it.transport.intercept = gate.intercept
        await DAMAGES[damage](path, it)
        await it.press("slash", *"zzqqzz")
        await gate.waiting.wait()
        await it.until("customers so far; the rest is on its way.")
        it.misses("F6 makes a new customer")
        gate.opened.set()
        await it.until("Press F6 to add a customer with the ID zzqqzz.")
        it.sees('No match for "zzqqzz"', "live")
        it.misses("so far")
        if damage == "disk full":
            await it.until("in memory only")


@pytest.mark.promise("D6")
async def test_lost_copy_while_offline_promises_nothing(tmp_path: Path) -> None:
    path = tmp_path / "cache" / "mirror"
    async with run_app(mirror=True, mirror_file=path, timing=PATIENT) as it:
        it.transport.intercept = refuse_connection
        shutil.rmtree(path.parent)
        await it.press("f5", "slash", *"acme")
        await it.until("the rest comes when the server answers")
        it.misses("on its way", "F6 makes")
        it.transport.intercept = None
        await it.until("1 of 48")


@pytest.mark.promise("T7")
async def test_stopped_download_is_reported_and_f5_resumes() -> None:
    broken = True

    async def fails(request: httpx.Request, forward: Forward) -> httpx.Response:
        sweep = request.url.params.get("pageSize") == "250"
        return httpx.Response(400, json={"error": "bad_request"}) if sweep and broken else await forward()

    async with run_app(mirror=True, timing=PATIENT, intercept=fails) as it:
        await it.press("slash", *"acme")
        await it.until("the rest is missing: press F5 to get it")
        it.misses("on its way", "F6 makes")
        broken = False
        await it.press("f5")
        await it.until("1 of 48")


async def test_download_by_other_window_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "cache" / "mirror"
    gate = FullSyncGate()
    async with run_app(mirror=True, mirror_file=path, timing=PATIENT, intercept=gate.intercept) as first:
        await gate.waiting.wait()
        async with run_app(mirror=True, mirror_file=path, timing=PATIENT, intercept=gate.intercept) as second:
            await second.press("slash", *"acme")
            await second.until("another dockbook on this machine reads")
            second.misses("on its way", "F6 makes")
        gate.opened.set()
        await first.filled()


@pytest.mark.promise("N7")
@pytest.mark.parametrize("mirror", [True, False])
async def test_first_start_offline_continues_when_server_returns(mirror: bool) -> None:
    async with run_app(mirror=mirror, timing=PATIENT, intercept=refuse_connection) as it:
        it.sees("The server cannot be reached", "offline since")
        it.transport.intercept = None
        await it.until("live · 48")
        await it.until("ACME-CORP")
        it.misses("cannot be reached")
