"""The mirror stores every record as it came, writes only what changed, and is written by one process at a time."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.mirror.worker import CancelToken, QueryCancelled
from app.models.customer import Customer, NumberText
from app.models.fields import FIELDS, ID_FIELD, PageRequest
from app.service.sample.generator import sample_customers
from tests.customers import ACME, TEXTS, customer
from tests.mirror.reference_search import NOW, ReferenceSearch, check_found, fill, opened

ROOT = Path(__file__).parents[2]
ALL = PageRequest(1, 250, None)
VALUES = st.recursive(
    TEXTS | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.just(NumberText("1e999")),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)
NAMES = st.sampled_from([field.name for field in FIELDS]) | TEXTS
RECORDS = st.dictionaries(NAMES, VALUES, max_size=6) | VALUES


def samples(count: int) -> list[Customer]:
    """This many sample customers, in the order of their IDs."""
    return sorted(map(Customer.from_wire, sample_customers(count)), key=lambda one: one.short_id)


@pytest.mark.promise("T5", "W5")
@given(st.lists(RECORDS, max_size=6))
@settings(max_examples=25, deadline=None)
async def test_record_of_any_shape_comes_back_unchanged(records: list[Any]) -> None:
    customers = [Customer.from_wire(ACME), *map(Customer.from_wire, records)]
    async with opened(None) as mirror:
        await fill(mirror, customers)
        page = await mirror.page(ALL)
        # Of several with the same valid ID, the last one counts.
        expected = {
            "=" + one.short_id if ID_FIELD not in one.problems else repr(one.received): one for one in customers
        }
        assert sorted(map(repr, page.rows)) == sorted(map(repr, expected.values()))
        assert await fill(mirror, list(expected.values())) == 0
        for one in expected.values():
            found = await mirror.customer(one.short_id)
            assert found is not None
            assert found.short_id == one.short_id


async def test_only_changed_rows_are_written(tmp_path: Path) -> None:
    customers = samples(600)
    async with opened(tmp_path / "mirror") as mirror:
        assert await fill(mirror, customers) == 600
        await mirror.wait_indexed()
        writes = tmp_path / "mirror-wal"
        before = (writes.stat().st_size, writes.stat().st_mtime_ns)
        assert await mirror.upsert(customers[:250]) == 0
        full_sync = (await mirror.state()).full_sync
        assert full_sync is None
        assert (writes.stat().st_size, writes.stat().st_mtime_ns) == before
        changed = Customer.from_wire(customers[7].received | {"city": "Ouagadougou"})
        assert await mirror.upsert([*customers[:7], changed, *customers[8:250]]) == 1
        page = await mirror.page(PageRequest(find="ouagadougou"))
        assert page.rows == (changed,)
        assert (await mirror.page(PageRequest(find=customers[7].city + " " + changed.short_id))).total == 0


@pytest.mark.promise("T7")
async def test_missing_row_is_deleted_only_by_a_complete_full_sync() -> None:
    async with opened(None) as mirror:
        await fill(mirror, [customer("A"), customer("B"), customer("C"), customer("D")])
        full_sync = await mirror.begin_full_sync()
        await mirror.upsert([customer("A", name="new")], full_sync)
        await mirror.put(customer("C"))
        await mirror.forget("D")
        assert [row.short_id for row in (await mirror.page(ALL)).rows] == ["A", "B", "C"]
        assert await mirror.end_full_sync(full_sync - 1, NOW, drop_missing=True) == 0
        assert await mirror.end_full_sync(full_sync, NOW, drop_missing=True) == 1
        page = await mirror.page(ALL)
        assert [(row.short_id, row.name) for row in page.rows] == [("A", "new"), ("C", "")]
        assert (await mirror.page(PageRequest(find="b"))).total == 0
        state = await mirror.state()
        assert (state.row_count, state.complete, state.full_sync_at, state.full_sync) == (2, True, NOW, None)


@pytest.mark.promise("T7")
async def test_interrupted_full_sync_continues_after_reopening(tmp_path: Path) -> None:
    customers = samples(750)
    async with opened(tmp_path / "mirror") as mirror:
        await fill(mirror, customers)
        full_sync = await mirror.begin_full_sync()
        await mirror.upsert([Customer.from_wire(customers[0].received | {"fax": "1"}), *customers[1:250]], full_sync)
    async with opened(tmp_path / "mirror") as mirror:
        state = await mirror.state()
        assert (state.full_sync, state.rows_this_sync) == (full_sync, 250)
        await mirror.upsert(customers[250:500], full_sync)
        # Which rows came before the interruption is not known, so none is certainly missing.
        assert await mirror.end_full_sync(full_sync, NOW, drop_missing=True) == 0
        assert (await mirror.state()).row_count == 750


@pytest.mark.promise("W8")
async def test_older_version_does_not_replace_a_put() -> None:
    old = Customer.from_wire(ACME)
    new = Customer.from_wire(ACME | {"phone": "555-0199", "modified": "2025-01-01T00:00:00"})
    async with opened(None) as mirror:
        full_sync = await mirror.begin_full_sync()
        await mirror.put(new)
        assert await mirror.upsert([old], full_sync) == 0
        assert await mirror.customer("ACME-CORP") == new
        # What a later full sync brings is what the server has, newer or not.
        assert await mirror.upsert([old], await mirror.begin_full_sync()) == 1


async def test_one_process_writes_and_others_read(tmp_path: Path) -> None:
    path = tmp_path / "cache" / "mirror"
    async with opened(path) as writer, opened(path) as reader:
        assert (writer.writer, reader.writer, reader.try_to_write()) == (True, False, False)
        assert (await reader.state()).row_count == 0
        await fill(writer, samples(300))
        await writer.note_synced(NOW, 300, "2025")
        assert (await reader.page(PageRequest(find="acme"))).total == 1
        await reader.put(customer("NOT-MINE"))
        assert await reader.upsert(samples(3)) == 0
        assert (await reader.state()) == (await writer.state())
        await writer.close()
        assert reader.try_to_write()
        await reader.put(customer("MINE"))
        assert (await reader.state()).row_count == 301
        assert path.parent.stat().st_mode & 0o777 == 0o700
        assert {file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {0o600}


@pytest.mark.promise("D6")
async def test_killed_writer_leaves_a_usable_mirror_and_a_free_lock(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys; from pathlib import Path; from tests.mirror.reference_search import fill; "
        "from tests.mirror.test_mirror import samples; from app.mirror.mirror import Mirror\n"
        "async def main():\n"
        "    mirror = Mirror.open(Path(sys.argv[1]))\n"
        "    await fill(mirror, samples(500)); print('filled', flush=True); await asyncio.sleep(60)\n"
        "asyncio.run(main())"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "mirror")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as other:  # noqa: ASYNC220
        assert other.stdout is not None
        assert await asyncio.to_thread(other.stdout.readline) == b"filled\n"
        async with opened(tmp_path / "mirror") as mirror:
            assert not mirror.writer
            assert (await mirror.page(PageRequest(find="acme"))).total == 1
            other.send_signal(signal.SIGKILL)
            other.wait()
            assert mirror.try_to_write()
            assert await fill(mirror, samples(500)) == 0


@pytest.mark.promise("D6")
async def test_writer_killed_while_it_writes_and_indexes_leaves_a_whole_index(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys; from pathlib import Path; from app.mirror.mirror import Mirror\n"
        "from app.models.customer import Customer; from tests.mirror.test_mirror import samples\n"
        "async def main():\n"
        "    mirror = Mirror.open(Path(sys.argv[1])); rows = samples(1000)\n"
        "    for turn in range(1000):\n"
        "        some = rows[turn * 37 % 900 :][:100]\n"
        "        await mirror.upsert([Customer.from_wire(one.received | {'contact': f'T{turn}'}) for one in some])\n"
        "        print(turn, flush=True)\n"
        "asyncio.run(main())"
    )
    path = tmp_path / "mirror"
    for turns in (3, 9, 14):
        command = [sys.executable, "-c", program, str(path)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as other:  # noqa: ASYNC220
            assert other.stdout is not None
            for _ in range(turns):
                await asyncio.to_thread(other.stdout.readline)
            other.kill()
        async with opened(path) as mirror:
            assert mirror.notes == ()
            # A write starts the indexing of what was left.
            await mirror.put(customer("NEW"))
            await mirror.wait_indexed()
            pages = [await mirror.page(PageRequest(number, 250)) for number in range(1, 6)]
            reference = ReferenceSearch([row for page in pages for row in page.rows])
            for find in ("new", *(f"t{turn}" for turn in range(turns)), "example.com", "o"):
                await check_found(mirror, reference, PageRequest(1, 50, "shortID", find=find))
            writer = mirror._write.opened
            assert writer is not None
            writer.connection.execute("INSERT INTO search_index(search_index) VALUES ('integrity-check')")


async def test_put_while_a_full_sync_goes_on_is_indexed_too() -> None:
    async with opened(None) as mirror:
        full_sync = await mirror.begin_full_sync()
        await mirror.upsert(samples(300), full_sync)
        await mirror.put(customer("BRAND-NEW"))
        await mirror.end_full_sync(full_sync, NOW, drop_missing=False)
        await mirror.wait_indexed()
        writer = mirror._write.opened
        assert writer is not None
        assert writer.connection.execute("SELECT count(*) FROM unindexed").fetchone() == (0,)
        assert (await mirror.page(PageRequest(find="brand-new"))).total == 1


async def test_file_indexed_in_another_way_is_recreated(tmp_path: Path) -> None:
    for full_text in (True, False, True):
        async with opened(tmp_path / "mirror", full_text=full_text) as mirror:
            assert mirror.has_full_text_index == full_text
            assert (await mirror.state()).row_count == 0
            assert await fill(mirror, samples(50)) == 50
        async with opened(tmp_path / "mirror", full_text=full_text) as mirror:
            assert mirror.notes == ()
            assert (await mirror.page(PageRequest(find="acme"))).total == 1


async def test_mirror_in_memory_leaves_no_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = set(os.listdir("/dev/shm")) if Path("/dev/shm").exists() else set()  # noqa: PTH208, S108
    async with opened(None) as mirror:
        assert mirror.writer
        await fill(mirror, samples(600))
        assert not list(tmp_path.iterdir())
        assert not before or set(os.listdir("/dev/shm")) <= before  # noqa: PTH208, S108
        assert (await mirror.state()).row_count == 600


async def test_cancelled_search_is_abandoned(tmp_path: Path) -> None:
    async with opened(tmp_path / "mirror") as mirror:
        await fill(mirror, samples(2000))
        cancelled = CancelToken("inc")
        cancelled.cancel()
        with pytest.raises(QueryCancelled):
            await mirror._find.run(lambda reader: reader.page(PageRequest(find="inc", sort=None)), cancelled)
        # A search whose caller still waits ends after a newer one; a cancelled one leaves nothing behind.
        first = asyncio.create_task(mirror.page(PageRequest(find="acme corporation")))
        second = asyncio.create_task(mirror.page(PageRequest(find="acme")))
        third = asyncio.create_task(mirror.page(PageRequest(find="a")))
        await asyncio.sleep(0)
        third.cancel()
        assert [page.total for page in await asyncio.gather(first, second)] == [1, 1]
        counted = [asyncio.create_task(mirror.count(PageRequest(find=find))) for find in ("a", "acme")]
        assert (await asyncio.gather(*counted))[1] == 1


async def test_resumed_search_can_be_interrupted_again() -> None:
    async with opened(None) as mirror:
        await fill(mirror, samples(300))
        gates = [threading.Event(), threading.Event()]
        done: list[str] = []

        def look(find: str) -> asyncio.Task[None]:
            async def ask() -> None:
                await mirror.page(PageRequest(find=find))
                done.append(find)

            return asyncio.create_task(ask())

        def shut(gate: threading.Event) -> asyncio.Task[bool]:
            return asyncio.create_task(mirror._find.run(lambda _: gate.wait(20)))

        waits = [shut(gates[0]), look("acme"), look("steel"), shut(gates[1])]
        await asyncio.sleep(0)
        gates[0].set()
        await waits[2]
        waits.append(look("inc"))
        await asyncio.sleep(0)
        gates[1].set()
        await asyncio.gather(*waits)
        assert done == ["steel", "inc", "acme"]


async def test_near_misses_are_offered_as_suggestions() -> None:
    names = ["Springfield Steel", "Bright Manufacturing", "Ostrowski", "Müller Söhne", "東京商事株式会社", "大阪倉庫"]
    rows = [customer(f"ID-{at}", name=name, city="Rockford") for at, name in enumerate(names)]
    async with opened(None) as mirror:
        await fill(mirror, rows)
        for typed, meant in (
            ("sprngfield", 0),
            ("springfeild steel", 0),
            ("sprng", 0),
            ("sprngf", 0),
            ("psringfi", None),
            ("sprignfie", 0),
            ("sprn", None),
            ("ostrws", 2),
            ("stela", None),
            ("brihgt", 1),
            ("brightt rockfrod", 1),
            ("ostrovski", 2),
            ("muler", 3),
            ("東京商自株式会社", 4),
            ("brihgt-steel", None),
            ("zzzzzzzz", None),
            ("xq", None),
        ):
            page = await mirror.page(PageRequest(find=typed, sort=None))
            assert page.origin is not None
            assert [row.short_id for row in page.rows] == ([] if meant is None else [f"ID-{meant}"]), typed
            assert bool(page.origin.suggestions) == (meant is not None)
            assert await mirror.count(PageRequest(find=typed)) == len(page.rows)


@pytest.mark.promise("T3")
async def test_look_alike_ids_are_found() -> None:
    async with opened(None) as mirror:
        await fill(mirror, [customer(one) for one in ("ACME-CORP", "acme-corp", "ACME‑CORP", "OTHER")])
        await mirror.wait_indexed()
        alike = await mirror.look_alikes(["ACME-CORP", "OTHER", "ACME-C0RP"])
        assert alike["ACME-CORP"] == ("ACME‑CORP", "acme-corp") or set(alike["ACME-CORP"]) == {"ACME‑CORP", "acme-corp"}
        assert "OTHER" not in alike
        assert "ACME-CORP" in alike["ACME-C0RP"]


@pytest.mark.promise("T7")
async def test_state_survives_reopening(tmp_path: Path) -> None:
    async with opened(tmp_path / "mirror") as mirror:
        await mirror.set_expected_total(300, "2024-01-01T00:00:00")
        await fill(mirror, samples(300))
        await mirror.note_synced(NOW + timedelta(minutes=5), 301, "2025-01-15T11:05:00")
        state = await mirror.state()
        page = await mirror.page(PageRequest(find="acme"))
        assert page.origin is not None
        assert (page.origin.synced_at, page.origin.held, page.origin.expected) == (NOW + timedelta(minutes=5), 300, 301)
    async with opened(tmp_path / "mirror") as mirror:
        assert await mirror.state() == state
        assert (state.expected, state.newest) == (301, "2025-01-15T11:05:00")
    with closing(sqlite3.connect(tmp_path / "mirror")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
