"""The store: durable, private, refuses foreign files, and two may write one book at once."""

import asyncio
import fcntl
import sqlite3
import stat
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from app.errors import ApiError, StoreError
from app.models.fields import SORTABLE_FIELDS, PageRequest
from app.service.sample.generator import load_sample, sample_customers
from app.service.store import Store


async def test_reopened_book_has_its_customers(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "book.sqlite3"
    first = Store.open(path)
    written, created = await first.upsert("A", {"name": "Ünï 東京 \u202e"})
    await first.close()
    again = Store.open(path)
    assert created
    assert await again.get("A") == written
    assert await again.get("B") is None
    await again.close()
    await again.close()
    with pytest.raises(StoreError, match="closed"):
        await again.get("A")


@pytest.mark.promise("A4")
async def test_book_files_and_folders_are_private(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "book.sqlite3"
    store = Store.open(path)
    await store.upsert("A", {})
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in (path.parent, path.parent.parent)} == {0o700}
    files = sorted(path.parent.iterdir())
    assert [file.name.removeprefix("book.sqlite3") for file in files] == ["", "-shm", "-wal", ".lock"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    await store.close()


async def test_temporary_book_is_deleted_on_close() -> None:
    store = Store.open(None)
    folder = Path(store.database.name).parent
    await store.upsert("A", {})
    assert folder.exists()
    await store.close()
    assert not folder.exists()


@pytest.mark.promise("S3")
async def test_every_write_is_synced_to_the_disk(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "book.sqlite3")

    async def pragma(name: str) -> object:
        return await store.database.write(lambda session: session.execute(f"PRAGMA {name}").fetchone()[0])

    assert await pragma("synchronous") == 2
    assert await pragma("journal_mode") == "wal"
    await store.close()


async def test_newer_book_is_refused_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "book.sqlite3"
    await Store.open(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 7")
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"newer dockbook.*Update dockbook"):
        Store.open(path)
    assert path.read_bytes() == before


async def test_database_of_another_program_is_refused_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "book.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE customer (name)")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="another program"):
        Store.open(path)
    assert path.read_bytes() == before


def test_file_that_is_not_a_database_is_refused_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "book.sqlite3"
    path.write_bytes(b"shortID,name\n" * 1000)
    with pytest.raises(StoreError, match="damaged or not a dockbook book"):
        Store.open(path)
    assert path.read_bytes() == b"shortID,name\n" * 1000


async def test_book_damaged_in_the_middle_is_reported_as_damaged(tmp_path: Path) -> None:
    path = tmp_path / "book.sqlite3"
    store = Store.open(path)
    load_sample(store, 500, lambda _done, _count: None)
    await store.close()
    whole = path.read_bytes()
    path.write_bytes(whole[:8192] + b"\xa5" * (len(whole) - 8192))
    damaged = Store.open(path)
    with pytest.raises(StoreError, match="damaged"):
        await damaged.page(PageRequest(page_size=250))
    with pytest.raises(StoreError, match="damaged"):
        await damaged.upsert("ACME-CORP", {"name": "x"})
    await damaged.close()


@pytest.mark.parametrize("blocked", ["file/book.sqlite3", "folder"])
def test_unusable_path_is_reported(tmp_path: Path, blocked: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreError, match=r"cannot be (opened|used).*Check"):
        Store.open(tmp_path / blocked)


async def test_unsortable_column_never_reaches_sql(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "book.sqlite3")
    for sort in ("phone", "row", "name, (SELECT 1)", ""):
        with pytest.raises(ApiError):
            await store.page(PageRequest(sort=sort))
    await store.close()


@pytest.mark.promise("S4")
async def test_two_stores_on_one_file_never_see_a_locked_database(tmp_path: Path) -> None:
    path = tmp_path / "book.sqlite3"
    stores = [Store.open(path), Store.open(path)]

    async def write(writer: int) -> None:
        store = stores[writer % 2]
        for turn in range(15):
            await store.upsert(f"W{writer}", {"name": str(turn)})
            await store.upsert("SHARED", {"name": f"{writer}:{turn}"})
            seen = await stores[(writer + 1) % 2].get(f"W{writer}")
            # What was answered is seen at once, by the other process too.
            assert seen is not None
            assert seen.record["name"] == str(turn)

    await asyncio.gather(*(write(writer) for writer in range(8)))
    assert (await stores[0].page(PageRequest())).total == 9
    await stores[0].close()
    customer, _ = await stores[1].upsert("LAST", {})
    assert await stores[1].get("LAST") == customer
    await stores[1].close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.promise("S4")
async def test_concurrent_writes_of_one_record_get_different_versions(tmp_path: Path) -> None:
    still = datetime(2024, 11, 2, 14, 22)  # noqa: DTZ001
    store = Store.open(tmp_path / "book.sqlite3", clock=lambda: still)
    answers = await asyncio.gather(*(store.upsert("A", {"name": str(number)}) for number in range(32)))
    assert len({customer.record["modified"] for customer, _ in answers}) == 32
    assert sum(created for _, created in answers) == 1
    newest = max((customer for customer, _ in answers), key=lambda customer: str(customer.record["modified"]))
    assert await store.get("A") == newest
    await store.close()


async def test_bulk_load_keeps_whole_records_and_skips_existing_ids(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "book.sqlite3")
    mine, _ = await store.upsert("ACME-CORP", {"name": "Mine"})
    seen: list[tuple[int, int]] = []
    load_sample(store, 48, lambda done, count: seen.append((done, count)))
    assert seen == [(48, 48)]
    assert await store.get("ACME-CORP") == mine
    bright = await store.get("BRIGHT-MFG")
    assert bright is not None
    assert bright.record == list(sample_customers(2))[1]
    assert store.add_all(sample_customers(48), lambda _done: None) == 0
    assert (await store.page(PageRequest())).total == 48
    await store.close()


async def test_interrupted_bulk_load_is_repaired_on_the_next_open(tmp_path: Path) -> None:
    path = tmp_path / "book.sqlite3"
    store = Store.open(path)
    with pytest.raises(sqlite3.ProgrammingError):
        store.add_all([{"shortID": "half a record"}], lambda _done: None)
    assert (await store.page(PageRequest(sort="name"))).total == 0
    await store.close()
    await Store.open(path).close()
    with closing(sqlite3.connect(path)) as connection:
        names = {
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'index' AND sql > ''")
        }
    assert names == {f"customer_by_{column}" for column in SORTABLE_FIELDS if column != "shortID"} | {
        "token_by_expires"
    }


async def test_failed_batch_is_rolled_back(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "book.sqlite3")
    good, bad = sample_customers(2)
    with pytest.raises(sqlite3.ProgrammingError):
        store.add_all([good, bad | {"name": object()}], lambda _done: None)
    assert (await store.page(PageRequest())).total == 0
    assert (await store.upsert("A", {}))[1]
    await store.close()


@pytest.mark.promise("S4")
async def test_writes_wait_for_another_writing_process_and_reads_do_not(tmp_path: Path) -> None:
    path = tmp_path / "book.sqlite3"
    store = Store.open(path)
    with (tmp_path / "book.sqlite3.lock").open() as other_process:
        fcntl.flock(other_process, fcntl.LOCK_EX)
        writing = asyncio.create_task(store.upsert("A", {}))
        for _ in range(200):
            assert await store.get("A") is None
        assert not writing.done()
    assert (await writing)[1]
    await store.close()


@pytest.mark.parametrize("sort", SORTABLE_FIELDS)
@pytest.mark.parametrize("direction", ["ASC", "DESC"])
async def test_every_page_order_has_a_covering_index(tmp_path: Path, sort: str, direction: str) -> None:
    path = tmp_path / "book.sqlite3"
    await Store.open(path).close()
    with closing(sqlite3.connect(path)) as connection:
        plan = connection.execute(
            f"EXPLAIN QUERY PLAN SELECT row FROM customer ORDER BY {sort} {direction}, shortID {direction} LIMIT 25"  # noqa: S608
        ).fetchall()
    assert [row[3] for row in plan] == [row[3] for row in plan if "COVERING INDEX" in row[3]]
