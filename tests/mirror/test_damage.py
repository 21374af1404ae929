"""A mirror that cannot be used is quarantined, whenever that shows, and the program continues with a new one."""

import asyncio
import os
import random
import shutil
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from app.errors import StoreError
from app.mirror.mirror import Mirror
from app.mirror.snapshot import read_snapshot
from app.models.customer import Customer, Origin
from app.models.fields import FIELDS, PageRequest
from app.service.sample.generator import sample_customers
from tests.mirror.reference_search import NOW, fill, fill_the_disk, opened

LONGEST = 20

CUSTOMERS = sorted(map(Customer.from_wire, sample_customers(400)), key=lambda one: one.short_id)
BY_ID = {customer.short_id: customer for customer in CUSTOMERS}


@pytest.fixture(scope="module")
def intact_bytes(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of an undamaged mirror."""
    path = tmp_path_factory.mktemp("sound") / "mirror"

    async def make() -> None:
        async with opened(path) as mirror:
            await fill(mirror, CUSTOMERS)
            await mirror.wait_indexed()

    asyncio.run(make())
    return path.read_bytes()


async def _exercise(mirror: Mirror) -> None:
    """Do everything a person and the sync do; every customer shown is a real one."""
    for field in FIELDS:
        page = await mirror.page(PageRequest(1, 100, field.name, find="a"))
        assert all(row == BY_ID[row.short_id] for row in page.rows)
    for find in ("acme", "sprngfield", "東京", "555-01"):
        page = await mirror.page(PageRequest(1, 100, None, find=find, status="active"))
        assert all(row == BY_ID[row.short_id] for row in page.rows)
        await mirror.count(PageRequest(find=find))
    for find in ("", "co"):
        # Deep pages are read in another way.
        page = await mirror.page(PageRequest(101, 20, "city", find=find, status="active"))
        assert page.rows == ()
    await mirror.look_alikes(["ACME-CORP"])
    await mirror.state()
    await mirror.put(CUSTOMERS[3])
    await fill(mirror, CUSTOMERS)
    await mirror.wait_indexed()
    await fill(mirror, CUSTOMERS)
    assert await mirror.customer("ACME-CORP") == BY_ID["ACME-CORP"]
    assert (await mirror.state()).complete


@pytest.mark.promise("D6")
async def test_flipped_bits_never_end_the_program(intact_bytes: bytes, tmp_path: Path) -> None:
    rng = random.Random(11)  # noqa: S311  # a fixed seed
    quarantined = 0
    for number in range(24):
        path = tmp_path / str(number) / "mirror"
        path.parent.mkdir()
        damaged = bytearray(intact_bytes)
        # The first page, which is read at once; the beginnings of pages; anything.
        page = 0 if number % 4 == 0 else 8192 * rng.randrange(len(intact_bytes) // 8192)
        damaged[page + rng.randrange(8 if number % 4 == 1 else 8192)] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        async with opened(path) as mirror:
            await _exercise(mirror)
            quarantined += bool(mirror.notes)
            found = {file.name for file in path.parent.glob("*.aside-*")}
            assert bool(found) == bool(mirror.notes)
    assert quarantined


@pytest.mark.promise("D6")
async def test_corrupt_page_is_quarantined_or_harmless(intact_bytes: bytes, tmp_path: Path) -> None:
    quarantined = []
    for number in range(len(intact_bytes) // 8192):
        for kind, junk in (("zero", bytes(8192)), ("ones", b"\xff" * 8192)):
            path = tmp_path / f"{number}{kind}" / "mirror"
            path.parent.mkdir()
            path.write_bytes(intact_bytes[: number * 8192] + junk + intact_bytes[(number + 1) * 8192 :])
            async with opened(path) as mirror:
                quarantined.append(bool(mirror.notes))
                assert bool(list(path.parent.glob("*.aside-*"))) == bool(mirror.notes)
                await mirror.put(CUSTOMERS[3])
                found = await mirror.customer(CUSTOMERS[3].short_id)
                assert found == CUSTOMERS[3]
            path.unlink()
    assert sum(quarantined) >= 4, "what is read first"


@pytest.mark.promise("D6")
@pytest.mark.parametrize("part", [0, 1, 50, 100, 4096, 8192, 0.3, 0.6, 0.9, -1])
async def test_truncated_file_is_recreated(intact_bytes: bytes, tmp_path: Path, part: float) -> None:
    path = tmp_path / "mirror"
    length = int(part * len(intact_bytes)) if 0 < part < 1 else int(part)
    path.write_bytes(intact_bytes[:length])
    async with opened(path) as mirror:
        await _exercise(mirror)
        page = await mirror.page(PageRequest(1, 250, "name"))
        assert page.total == len(CUSTOMERS)


@pytest.mark.promise("D6")
async def test_foreign_and_newer_files_are_quarantined_and_few_kept(tmp_path: Path) -> None:
    path = tmp_path / "mirror"
    for number in range(4):
        path.unlink(missing_ok=True)
        if number % 2:
            path.write_text("some other file " * 100)
        else:
            with closing(sqlite3.connect(path)) as other:
                other.executescript("CREATE TABLE letters (text); PRAGMA user_version = 99;")
        async with opened(path) as mirror:
            (note,) = mirror.notes
            assert "set aside as mirror.aside-" in note
            await mirror.put(CUSTOMERS[0])
    for version, written_by in ((99, "newer dockbook"), (1, "older dockbook")):
        with closing(sqlite3.connect(path)) as other:
            other.execute(f"PRAGMA user_version = {version}")
        async with opened(path) as mirror:
            assert written_by in mirror.notes[0]
    quarantined = [file for file in tmp_path.glob("mirror.aside-*") if not file.name.endswith(("-wal", "-shm"))]
    assert len(quarantined) == 2
    assert {file.stat().st_mode & 0o777 for file in quarantined} == {0o600}


@pytest.mark.promise("D6")
async def test_corruption_during_use_is_recovered(intact_bytes: bytes, tmp_path: Path) -> None:
    path = tmp_path / "mirror"
    path.write_bytes(intact_bytes)
    async with opened(path) as mirror, opened(path) as reader:
        assert (await reader.page(PageRequest(find="acme"))).total == 1
        with path.open("r+b") as file:
            file.seek(8192)
            file.write(b"\xff" * (len(intact_bytes) - 8192))
        page = await reader.page(PageRequest(1, 250, "city"))
        assert page.rows == ()
        await _exercise(mirror)
        assert len(mirror.notes) == 1
        assert (await reader.page(PageRequest(find="acme"))).total == 1


@pytest.mark.promise("D6")
async def test_deleted_mirror_is_recreated_by_one_writer(intact_bytes: bytes, tmp_path: Path) -> None:
    path = tmp_path / "cache" / "mirror"
    path.parent.mkdir()
    path.write_bytes(intact_bytes)
    async with opened(path) as mirror, opened(path) as reader:
        assert mirror.writer
        shutil.rmtree(path.parent)
        assert (await reader.page(PageRequest(find="acme"))).total == 0
        assert (await mirror.page(PageRequest(find="acme"))).total == 0
        assert [mirror.writer, reader.writer].count(True) == 1
        writer, other = (mirror, reader) if mirror.writer else (reader, mirror)
        await fill(writer, CUSTOMERS)
        assert (await other.page(PageRequest(find="acme"))).total == 1
        assert "is gone" in writer.notes[0]
        assert not other.try_to_write()


def _delete_folder(path: Path) -> None:
    shutil.rmtree(path.parent)


def _block_folder(path: Path) -> None:
    shutil.rmtree(path.parent)
    path.parent.write_text("in the way")


def _delete_file(path: Path) -> None:
    path.unlink()


def _overwrite_with_ones(path: Path) -> None:
    with path.open("r+b") as file:
        size = file.seek(0, 2)
        file.seek(0)
        file.write(b"\xff" * size)


def _replace_with(ending: str, make: Callable[[Path], None]) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        name = path.with_name(path.name + ending)
        name.unlink(missing_ok=True)
        make(name)

    return damage


DAMAGES: dict[str, Callable[[Path], None]] = {
    "folder deleted": _delete_folder,
    "folder cannot be made again": _block_folder,
    "file deleted": _delete_file,
    "file damaged": _overwrite_with_ones,
} | {
    f"{kind} at {ending or 'its path'}": _replace_with(ending, make)
    for kind, make in (("directory", Path.mkdir), ("pipe", os.mkfifo))
    for ending in ("", ".lock", "-wal")
}


@pytest.mark.promise("D6")
@pytest.mark.parametrize("damage", DAMAGES)
async def test_lost_mirror_is_recreated_where_possible(damage: str, intact_bytes: bytes, tmp_path: Path) -> None:
    path = tmp_path / "cache" / "mirror"
    path.parent.mkdir()
    path.write_bytes(intact_bytes)
    async with opened(path) as mirror:
        recreated: list[bool] = []
        mirror.on_recreated = lambda: recreated.append(True)
        DAMAGES[damage](path)
        async with asyncio.timeout(LONGEST):
            await mirror.page(PageRequest(find="acme"))
            await mirror.page(PageRequest(1, 250, "city"))
            await mirror.put(CUSTOMERS[3])
        assert mirror.writer
        if recreated:
            assert mirror.notes
            await mirror.note_synced(NOW, 400)
            assert (await mirror.page(PageRequest())).origin == Origin(None, 1), "an empty mirror is not complete"
        await fill(mirror, CUSTOMERS)
        assert (await mirror.page(PageRequest(find="acme"))).total == 1
        assert (await mirror.count(PageRequest(find="acme"))) == 1
        if damage != "folder cannot be made again":
            assert not mirror.notes or "in memory" not in mirror.notes[-1]
            assert stat.S_ISREG(path.stat().st_mode)


@pytest.mark.promise("D6")
async def test_cancelled_caller_leaves_no_half_made_mirror(intact_bytes: bytes, tmp_path: Path) -> None:
    path = tmp_path / "cache" / "mirror"
    path.parent.mkdir()
    path.write_bytes(intact_bytes)
    async with opened(path) as mirror:
        recreated = asyncio.Event()
        mirror.on_recreated = recreated.set
        DAMAGES["directory at its path"](path)
        typed = asyncio.create_task(mirror.page(PageRequest(find="a")))
        async with asyncio.timeout(LONGEST):
            while not mirror.notes:  # noqa: ASYNC110 - a thread notes it, and sets no event
                await asyncio.sleep(0)
        # The file is quarantined now, and the new one is being made.
        typed.cancel()
        await asyncio.wait({typed})
        async with asyncio.timeout(LONGEST):
            await mirror.page(PageRequest(find="ac"))
            await recreated.wait()
        await fill(mirror, CUSTOMERS)
        assert (await mirror.page(PageRequest(find="acme"))).total == 1
        assert len(mirror.notes) == 1


@pytest.mark.promise("D6")
@pytest.mark.parametrize("damage", [damage for damage in DAMAGES if " at " in damage])
async def test_path_that_is_no_file_is_never_opened(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "mirror"
    DAMAGES[damage](path)
    async with asyncio.timeout(LONGEST):
        assert await asyncio.to_thread(read_snapshot, path, PageRequest()) is None
        async with opened(path) as mirror:
            await fill(mirror, CUSTOMERS)
            assert (await mirror.page(PageRequest(find="acme"))).total == 1
            assert stat.S_ISREG(path.stat().st_mode)


@pytest.mark.promise("D6")
async def test_mirror_continues_in_memory_on_a_full_disk(tmp_path: Path) -> None:
    async with opened(tmp_path / "mirror") as mirror:
        recreated: list[bool] = []
        mirror.on_recreated = lambda: recreated.append(True)
        await fill(mirror, CUSTOMERS[:1])
        fill_the_disk(mirror)
        await fill(mirror, CUSTOMERS)
        assert recreated == [True]
        assert "in memory only" in mirror.notes[0]
        assert "full" in mirror.notes[0]
        assert not (await mirror.state()).complete, "it was recreated in another file"
        await fill(mirror, CUSTOMERS)
        assert (await mirror.page(PageRequest(find="acme"))).total == 1
        async with opened(tmp_path / "mirror") as other:
            assert other.writer, "the file is free for others"


async def test_full_memory_is_reported(tmp_path: Path) -> None:
    async with opened(None) as mirror:
        fill_the_disk(mirror)
        with pytest.raises(StoreError, match="full"):
            await fill(mirror, CUSTOMERS)
