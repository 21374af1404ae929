"""PostgreSQL: what is answered is committed, what is not known is called so, and nothing is written twice."""

import asyncio
import json
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import TypeVar

import psycopg
import pytest

from app.errors import ApiError, GatewayFault, PreconditionFailed
from app.models.fields import PageRequest
from app.service import record_cache
from app.service.database import id_ranges, postgres
from app.service.database.base import RequestWait, Session, request_wait
from app.service.database.id_ranges import IdRanges, wrong_ranges
from app.service.database.postgres import PostgresDatabase
from app.service.database.schema import POSTGRES, create_statements
from app.service.store import Store
from tests.service.conftest import empty_tables
from tests.service.postgres_server import PostgresServer


@pytest.fixture
async def database(postgres_server: PostgresServer) -> AsyncIterator[PostgresDatabase]:
    empty_tables(postgres_server)
    opened = PostgresDatabase(postgres_server.url, deadline=5.0)
    yield opened
    await opened.close()


@pytest.fixture
def missing_standby(postgres_server: PostgresServer, database: PostgresDatabase) -> Iterator[PostgresDatabase]:
    """A database whose every COMMIT waits for a synchronous standby that is not there."""
    with postgres_server.connection() as connection:
        connection.execute("ALTER SYSTEM SET synchronous_standby_names = 'missing'")
        connection.execute("SELECT pg_reload_conf()")
        try:
            yield database
        finally:
            connection.execute("ALTER SYSTEM RESET synchronous_standby_names")
            connection.execute("SELECT pg_reload_conf()")


def end_waiting_commit(server: PostgresServer, function: str) -> None:
    """Cancel or terminate the one session that waits for the standby, as soon as there is one."""
    ends = monotonic() + 20
    with server.connection() as connection:
        while True:
            waiting = connection.execute("SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'").fetchone()
            if waiting is not None:
                connection.execute(f"SELECT {function}(%s)", waiting)
                return
            assert monotonic() < ends


@pytest.mark.promise("S7")
@pytest.mark.parametrize("function", ["pg_cancel_backend", "pg_terminate_backend"])
async def test_commit_that_was_not_confirmed_is_answered_so_and_not_repeated(
    missing_standby: PostgresDatabase, postgres_server: PostgresServer, function: str
) -> None:
    store = Store(missing_standby)
    ending = threading.Thread(target=end_waiting_commit, args=(postgres_server, function))
    ending.start()
    with pytest.raises(GatewayFault) as fault:
        await store.upsert("A", {"name": "x"})
    ending.join()
    response = fault.value.response
    assert (response.status, response.code, response.retry_after) == (503, "not_confirmed", 2.0)
    assert fault.value.outcome_unknown
    assert [change.version for change in await store.history("A")] == [1]


@pytest.mark.promise("S7")
async def test_connections_that_died_while_idle_are_replaced_unseen(
    database: PostgresDatabase, postgres_server: PostgresServer
) -> None:
    store = Store(database)
    await asyncio.gather(*(store.upsert(str(number), {}) for number in range(8)))
    with postgres_server.connection() as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'dockbook'")
    answers = await asyncio.gather(*(store.upsert(str(number), {"name": "x"}) for number in range(8)))
    assert [created for _, created in answers] == [False] * 8
    assert {len(await store.history(str(number))) for number in range(8)} == {2}


@pytest.mark.promise("S4")
@pytest.mark.parametrize("error", [psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected])
async def test_transaction_that_lost_against_another_runs_again(
    database: PostgresDatabase, error: type[Exception]
) -> None:
    attempts: list[int] = []

    def work(session: Session) -> int:
        attempts.append(1)
        session.execute("INSERT INTO id_range (first_id, customers) VALUES ('x', 0)")
        if len(attempts) < 3:
            raise error
        return len(session.execute("SELECT 1 FROM id_range").fetchall())

    assert await database.write(work) == 2
    assert len(attempts) == 3


@pytest.mark.promise("S7")
async def test_database_that_is_away_is_unavailable_and_nothing_is_written() -> None:
    database = PostgresDatabase("postgresql://127.0.0.1:1/nothing", deadline=0.1)
    for call in (Store(database).get("A"), Store(database).upsert("A", {})):
        with pytest.raises(GatewayFault) as fault:
            await call
        assert (fault.value.response.status, fault.value.response.code) == (503, "unavailable")
        assert "refused" in fault.value.response.message
    await database.close()


async def test_deadline_runs_while_work_waits_for_a_thread(postgres_server: PostgresServer) -> None:
    database = PostgresDatabase(postgres_server.url, deadline=1.0)
    begun: list[str] = []
    finish = threading.Event()
    holding = [database.submit(lambda _: finish.wait(30)) for _ in range(postgres._THREADS)]

    waiting = database.submit(lambda _: begun.append("too late"))
    with pytest.raises(TimeoutError):
        await asyncio.to_thread(waiting.result, 1.0)
    finish.set()

    with pytest.raises(GatewayFault) as fault:
        await asyncio.wrap_future(waiting)
    assert (fault.value.response.status, fault.value.response.code) == (503, "unavailable")
    assert begun == []
    assert all(one.result(30) for one in holding)
    await database.close()


@asynccontextmanager
async def refusing_server() -> AsyncIterator[tuple[int, list[int]]]:
    """The port of a server that closes every connection, and how often it did."""
    attempts: list[int] = []

    async def refuse(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        attempts.append(1)
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as listening:
        yield listening.sockets[0].getsockname()[1], attempts


async def test_calls_of_one_request_share_a_deadline() -> None:
    async with refusing_server() as (port, attempts):
        database = PostgresDatabase(f"postgresql://127.0.0.1:{port}/x?sslmode=disable", deadline=1.0)
        request_wait.set(RequestWait())
        for most in (5, 1):
            attempts.clear()
            with pytest.raises(GatewayFault):
                await database.read(lambda _: None)
            assert len(attempts) <= most
        # Another request has the whole time again.
        request_wait.set(RequestWait())
        with pytest.raises(GatewayFault):
            await database.read(lambda _: None)
        assert len(attempts) > 1
        await database.close()


async def test_new_connections_begin_with_the_server_that_was_used_last(
    database: PostgresDatabase, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "_LOOK_EVERY", 3600)
    async with refusing_server() as (port, attempts):
        both = PostgresDatabase(f"postgresql://dock@127.0.0.1:{port},127.0.0.1:{postgres_server.port}/postgres")
        await asyncio.gather(*(Store(both).upsert(str(number), {}) for number in range(16)))
        assert len(attempts) == 1
        await both.close()


@pytest.mark.promise("S7")
async def test_server_that_is_read_only_is_not_used(
    database: PostgresDatabase, postgres_server: PostgresServer
) -> None:
    await Store(database).upsert("A", {})
    with postgres_server.connection() as connection:
        connection.execute("ALTER DATABASE postgres SET default_transaction_read_only = on")
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'dockbook'")
        writing = asyncio.create_task(Store(database).upsert("A", {"name": "x"}))
        await asyncio.sleep(0)
        connection.execute("SET transaction_read_only = off")
        connection.execute("ALTER DATABASE postgres RESET default_transaction_read_only")
    assert not (await writing)[1]


def test_schema_is_accepted_by_aurora_dsql(tmp_path: Path) -> None:
    file = tmp_path / "schema.sql"
    # Its collation is always C, and its indexes are built in the background.
    text = ";\n".join(create_statements(POSTGRES)) + ";\n"
    file.write_text(text.replace(' COLLATE "C"', "").replace("CREATE INDEX", "CREATE INDEX ASYNC"))
    linter = shutil.which("dsql-lint", path=str(Path(sys.executable).parent))
    assert linter is not None
    done = subprocess.run([linter, str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_sql_avoids_what_other_engines_lack() -> None:
    words = "SERIAL|SEQUENCE|ADVISORY|LISTEN|NOTIFY|TRIGGER|PLPGSQL|TEMPORARY|TRUNCATE|REFERENCES|xmin|ctid|FOR UPDATE"
    folder = Path(__file__).parents[2] / "app" / "service"
    sources = [folder / "store.py", *(folder / "database").glob("*.py")]
    found = [
        (path.name, match[0])
        for path in sources
        if path.name != "sqlite.py"
        for match in re.finditer(rf"\b({words})\b", path.read_text())
    ]
    assert found == []


T = TypeVar("T")

#: Two stores on one database, as two processes have.
Pair = tuple[Store, Store]


@pytest.fixture(params=["SQLite", "PostgreSQL"])
async def pair(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Pair]:
    if request.param == "SQLite":
        stores = Store.open(tmp_path / "book.sqlite3"), Store.open(tmp_path / "book.sqlite3")
    else:
        server: PostgresServer = request.getfixturevalue("postgres_server")
        empty_tables(server)
        stores = Store(PostgresDatabase(server.url)), Store(PostgresDatabase(server.url))
    yield stores
    for store in stores:
        await store.close()


async def in_parallel(pair: Pair, count: int, work: Callable[[Store, int], Awaitable[T]]) -> list[T]:
    return await asyncio.gather(*(work(pair[number % 2], number) for number in range(count)))


@pytest.mark.promise("S4")
async def test_counter_of_many_writers_in_two_processes_misses_nothing(pair: Pair) -> None:
    await pair[0].upsert("A", {"fax": "0"})

    async def add_one(store: Store, _number: int) -> None:
        while True:
            current = await store.get("A")
            assert current is not None
            try:
                await store.upsert("A", {"fax": str(int(current.record["fax"]) + 1)}, if_match={current.etag})
            except PreconditionFailed:
                continue
            return

    await in_parallel(pair, 40, add_one)
    final = await pair[1].get("A")
    assert final is not None
    assert final.record["fax"] == "40"
    moments = [change.at for change in await pair[0].history("A")]
    assert len(moments) == 41
    assert moments == sorted(set(moments))


@pytest.mark.promise("S4")
@pytest.mark.parametrize("cached", [0, 2_000, 2_000_000])
async def test_pages_show_every_change_of_another_process(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, cached: int
) -> None:
    monkeypatch.setattr(record_cache, "_SIZE", cached)
    expected = {f"K{number}": "" for number in range(30)}
    for short_id in expected:
        await pair[0].upsert(short_id, {})
    for turn in range(60):
        short_id = f"K{turn * 7 % 30}"
        expected[short_id] = str(turn)
        await pair[turn % 2].upsert(short_id, {"name": str(turn)})
        for store in pair:
            forward = await store.page(PageRequest(page_size=40))
            backward = await store.page(PageRequest(page_size=40, direction="DESC"))
            shown = [(record["shortID"], record["name"]) for record in json.loads(forward.records)]
            assert shown == sorted(expected.items())
            assert json.loads(backward.records) == json.loads(forward.records)[::-1]


async def test_rows_inserted_by_hand_are_not_taken_for_each_other(store: Store) -> None:
    def insert(session: Session) -> None:
        for short_id in ("A", "B"):
            session.execute(
                "INSERT INTO customer (shortID, created, modified) VALUES (:id, '2024-01-01', '2024-01-01')",
                {"id": short_id},
            )
        id_ranges.rebuild(session)

    await store.database.write(insert)
    for _ in range(2):
        page = json.loads((await store.page(PageRequest())).records)
        assert [record["shortID"] for record in page] == ["A", "B"]


@pytest.mark.promise("S4", "W2")
async def test_one_of_many_creators_wins(pair: Pair) -> None:
    async def create(store: Store, number: int) -> int | None:
        try:
            await store.upsert("A", {"name": str(number)}, only_new=True)
        except PreconditionFailed:
            return None
        return number

    winners = [winner for winner in await in_parallel(pair, 16, create) if winner is not None]
    assert len(winners) == 1
    stored = await pair[0].get("A")
    assert stored is not None
    assert stored.record["name"] == str(winners[0])


@pytest.mark.promise("S4")
async def test_blind_writers_in_two_processes_leave_every_change_in_the_history(pair: Pair) -> None:
    answers = await in_parallel(pair, 64, lambda store, number: store.upsert(f"K{number % 4}", {"name": str(number)}))
    tags = {customer.etag for customer, _ in answers}
    assert len(tags) == 64
    for key in ("K0", "K1", "K2", "K3"):
        changes = await pair[0].history(key)
        assert [change.version for change in changes] == list(range(1, 17))


@pytest.mark.promise("S4")
async def test_counts_are_exact_after_racing_creates(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(id_ranges, "MAX_RANGE", 10)
    monkeypatch.setattr(id_ranges, "_HALF", 5)
    await in_parallel(pair, 200, lambda store, number: store.upsert(f"{number * 7919 % 1000:03}-{number}", {}))
    assert await pair[0].database.read(wrong_ranges) == []
    ranges = await pair[1].database.read(IdRanges.read)
    assert ranges.total == 200
    everyone = (await pair[0].page(PageRequest(page_size=250))).records
    pages = [(await pair[1].page(PageRequest(page=page, page_size=9))).records for page in range(1, 24)]
    assert b",".join(page[1:-1] for page in pages) == everyone[1:-1]
    backwards = [await pair[1].page(PageRequest(page=page, page_size=9, direction="DESC")) for page in range(1, 24)]
    ids = re.findall(r'"shortID" ?: ?"([^"]+)"', b"".join(page.records for page in backwards).decode())
    assert ids == sorted(ids, reverse=True)
    assert len(ids) == 200


async def test_write_that_never_gets_its_turn_is_unavailable(postgres_server: PostgresServer) -> None:
    database = PostgresDatabase(postgres_server.url, deadline=0.1)

    def lose(session: Session) -> None:
        raise psycopg.errors.SerializationFailure

    with pytest.raises(ApiError) as fault:
        await database.write(lose)
    assert fault.value.response.code == "unavailable"
    await database.close()
