"""The commands that look after a database, as typed into a shell, on both engines."""

import asyncio
import json
import re
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from app.cli import main
from app.errors import Unauthorized
from app.service.credentials import Credentials
from app.service.database import checks
from app.service.database.checks import Report
from app.service.sample.generator import load_sample
from app.service.store import Store
from app.storage.files import FileLock
from tests.service.conftest import empty_tables
from tests.service.postgres_server import PostgresServer

Run = Callable[..., tuple[int, str, str]]


pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The name of a database that is empty."""
    if request.param == "SQLite":
        return str(tmp_path / "book.sqlite3")
    server: PostgresServer = request.getfixturevalue("postgres_server")
    empty_tables(server)
    return server.url


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], database: str) -> Run:
    """Run a command on the database; return the exit code, and what went to standard output and error."""

    def run_command(*argv: str) -> tuple[int, str, str]:
        code = main([*argv, "--database", database])
        output = capsys.readouterr()
        return code, output.out, output.err

    return run_command


def open_store(database: str) -> Store:
    from app.service.database.open import open_to_serve

    return Store(open_to_serve(database))


def secret(output: str) -> tuple[str, str]:
    """The client ID and the secret that a command showed."""
    found = re.findall(r"^export DOCKBOOK_CLIENT_(?:ID|SECRET)=(\S+)$", output, re.MULTILINE)
    assert len(found) == 2
    return found[0], found[1]


@pytest.mark.promise("S5")
def test_credential_is_added_listed_rotated_and_disabled(run: Run, database: str) -> None:
    code, output, _ = run("credential", "add", "dock", "--permission", "130")
    assert code == 0
    first = secret(output)
    code, output, _ = run("credential", "list")
    assert (code, output.split()[:2]) == (0, ["dock", "130"])
    assert first[1] not in output
    second = secret(run("credential", "rotate", "dock")[1])
    assert second[0] == first[0]

    async def use() -> None:
        store = open_store(database)
        credentials = Credentials(store.database)
        with pytest.raises(Unauthorized):
            await credentials.issue_token(*first)
        token = await credentials.issue_token(*second)
        assert (await credentials.authenticate(token)).permissions == {130}
        await store.close()

    asyncio.run(use())
    assert run("credential", "disable", "dock")[0] == 0
    assert "disabled 20" in run("credential", "list")[1]
    code, _, error = run("credential", "rotate", "dock")
    assert (code, error) == (2, "dockbook: The credential dock is disabled. Add a new one.\n")


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["credential", "rotate", "gate"], "There is no credential gate"),
        (["credential", "add", "a\tb"], "printable"),
        (["history", "NOBODY"], "There is no customer NOBODY"),
        (["credential", "add", "x", "--permission", "7"], "invalid choice: 7"),
    ],
)
def test_wrong_arguments_are_reported(run: Run, argv: list[str], expected: str) -> None:
    run("credential", "add", "dock")
    code, output, error = run(*argv)
    assert (code, output) == (2, "")
    assert expected in error


def test_history_shows_author_and_both_sides_of_every_change(run: Run, database: str) -> None:
    client_id, _ = secret(run("credential", "add", "dock")[1])

    async def change() -> None:
        store = open_store(database)
        load_sample(store, 1, lambda _done, _count: None)
        await store.upsert("ACME-CORP", {"phone": "555-0199"}, client_id=client_id)
        await store.upsert("ACME-CORP", {"phone": ""}, client_id="local")
        await store.discontinue("ACME-CORP", client_id=client_id)
        await store.close()

    asyncio.run(change())
    code, output, _ = run("history", "ACME-CORP")
    lines = [re.sub(r"^[-0-9]{10} [0-9:]{8} UTC", "WHEN", line) for line in output.splitlines()]
    assert code == 0
    assert lines[0] == "WHEN  loaded, or older than the history"
    assert "    Phone      555-0100" in lines
    assert lines[lines.index("WHEN  changed by dock") :] == [
        "WHEN  changed by dock",
        "    Phone      555-0100 → 555-0199",
        "WHEN  changed by local",
        "    Phone      555-0199 → (empty)",
        "WHEN  discontinued by dock",
    ]
    entries = json.loads(run("history", "ACME-CORP", "--json")[1])
    assert [(one["version"], one["credential"]) for one in entries] == [(1, None), (2, "dock"), (3, None), (4, "dock")]
    assert entries[0]["before"] is None
    assert entries[3]["before"] == entries[2]["after"]
    assert entries[3]["after"]["active"] is False


def test_check_finds_missing_changes_and_wrong_counts(run: Run, database: str) -> None:
    async def prepare(*statements: str) -> None:
        store = open_store(database)
        for statement in statements:
            await store.database.write(lambda session, statement=statement: session.execute(statement))  # type: ignore[misc]
        await store.close()

    async def change() -> None:
        store = open_store(database)
        for number in range(3):
            await store.upsert("A", {"name": str(number)})
        await store.close()

    asyncio.run(change())
    code, output, _ = run("check")
    assert code == 0
    assert "1 customer in" in output
    asyncio.run(prepare("DELETE FROM history WHERE version = 2", "UPDATE id_range SET customers = 7"))
    code, output, _ = run("check")
    assert code == 1
    assert "changes of A are missing" in output
    assert "wrong count" in output


@pytest.mark.parametrize("database", ["SQLite"], indirect=True)
def test_backup_of_a_book_in_use_is_whole_and_private(run: Run, database: str, tmp_path: Path) -> None:
    store = open_store(database)
    load_sample(store, 48, lambda _done, _count: None)
    target = tmp_path / "backup.sqlite3"
    code, output, _ = run("backup", str(target))
    assert (code, output.startswith("Copied 48 customers to")) == (0, True)
    assert target.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.glob("backup*")] == ["backup.sqlite3"]
    before = target.read_bytes()
    code, _, error = run("backup", str(target))
    assert (code, "exists already" in error, target.read_bytes()) == (2, True, before)
    code, _, error = run("backup", str(tmp_path / "no" / "folder"))
    assert (code, "cannot be written" in error) == (1, True)
    asyncio.run(store.close())


@pytest.mark.parametrize("database", ["SQLite"], indirect=True)
def test_check_leaves_a_book_and_its_backup_as_they_are(run: Run, database: str, tmp_path: Path) -> None:
    store = open_store(database)
    load_sample(store, 48, lambda _done, _total: None)
    asyncio.run(store.upsert("ACME-CORP", {"name": "in the WAL file only"}))
    assert "48 customers" in run("check")[1], "while it is served"
    run("backup", str(tmp_path / "backup"))
    asyncio.run(store.close())
    for path in (tmp_path / "backup", Path(database)):
        before = path.read_bytes()
        files = sorted(tmp_path.iterdir())
        assert main(["check", "--database", str(path)]) == 0
        assert path.read_bytes() == before
        assert sorted(tmp_path.iterdir()) == files
    Path(database).write_bytes(before[:20000])
    assert run("check")[0] == 1
    assert main(["check", "--database", str(tmp_path / "no such file")]) == 2


@pytest.mark.parametrize("database", ["SQLite"], indirect=True)
def test_check_reads_again_when_the_book_is_opened_meanwhile(
    run: Run, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(open_store(database).close())
    opened: list[Store] = []

    def open_and_write(path: Path, **options: bool) -> Report:
        if not opened:
            opened.append(open_store(database))
            asyncio.run(opened[0].upsert("A", {}))
        return read_file(path, **options)

    read_file = checks._read_file
    monkeypatch.setattr(checks, "_read_file", open_and_write)
    assert run("check")[1].endswith(f"1 customer in {database}\n")
    asyncio.run(opened[0].close())


@pytest.mark.promise("W1")
@pytest.mark.parametrize("database", ["SQLite"], indirect=True)
def test_entity_tags_of_the_lost_time_match_nothing_after_a_restore(run: Run, database: str, tmp_path: Path) -> None:
    async def tag_of_change(name: str) -> str:
        store = open_store(database)
        customer, _ = await store.upsert("A", {"name": name})
        await store.close()
        return customer.etag

    asyncio.run(tag_of_change("kept"))
    target = tmp_path / "backup.sqlite3"
    run("backup", str(target))
    lost = asyncio.run(tag_of_change("lost"))
    target.replace(database)
    again = asyncio.run(tag_of_change("again"))
    assert again != lost
    assert run("check")[0] == 0


@pytest.mark.parametrize("database", ["SQLite"], indirect=True)
def test_book_of_an_older_version_is_upgraded_beside_a_copy(run: Run, database: str) -> None:
    with closing(sqlite3.connect(database)) as old:
        names = ["name", "address1", "address2", "city", "state", "zip", "country", "phone", "fax", "email", "contact"]
        columns = ", ".join(f"{name} TEXT NOT NULL DEFAULT ''" for name in names)
        old.executescript(f"""
            CREATE TABLE customer (row INTEGER PRIMARY KEY, shortID TEXT NOT NULL UNIQUE, {columns},
                active INTEGER NOT NULL DEFAULT 1, created TEXT NOT NULL, modified TEXT NOT NULL) STRICT;
            INSERT INTO customer (shortID, name, created, modified)
                VALUES ('A', 'Acme', '2024-01-01T00:00:00', '2024-01-02T00:00:00'),
                       ('B', 'Bolt', '2024-01-01T00:00:00', '2024-01-02T00:00:00');
            PRAGMA application_id = {0x646F636B};
            PRAGMA user_version = 1;
        """)  # noqa: S608
    before = Path(database).read_bytes()
    code, output, _ = run("check")
    assert (code, "integrity: ok" in output, "schema: 1, older" in output, "2 customers" in output) == (0, *[True] * 3)
    assert Path(database).read_bytes() == before
    assert [file.name for file in Path(database).parent.glob("book*")] == ["book.sqlite3"]
    serving = FileLock(Path(f"{database}.serving"))
    assert serving.acquire()
    code, _, error = run("migrate")
    assert (code, "An older dockbook serves" in error) == (1, True)
    serving.release(delete=True)

    async def change() -> tuple[str, str]:
        store = open_store(database)
        first, second = await store.get("A"), await store.get("B")
        assert first is not None
        assert second is not None
        assert first.record["name"] == "Acme"
        await store.upsert("A", {"name": "Acme Corporation"}, if_match={first.etag})
        await store.close()
        return first.etag, second.etag

    one, other = asyncio.run(change())
    assert one != other
    assert run("check")[0] == 0
    assert "Acme → Acme Corporation" in run("history", "A")[1]
    with closing(sqlite3.connect(f"{database}.schema-1")) as copy:
        assert copy.execute("SELECT count(*) FROM customer").fetchone() == (2,)
        assert copy.execute("PRAGMA user_version").fetchone() == (1,)


@pytest.mark.parametrize("database", ["PostgreSQL"], indirect=True)
def test_password_in_an_option_is_refused(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    for url in (database.replace("dock@", "dock:secret@"), f"{database}?password=secret"):
        assert main(["check", "--database", url]) == 2
        assert "DOCKBOOK_DATABASE" in capsys.readouterr().err


@pytest.mark.parametrize("database", ["PostgreSQL"], indirect=True)
def test_missing_and_newer_tables_are_reported(run: Run, postgres_server: PostgresServer, database: str) -> None:
    with postgres_server.connection() as connection:
        connection.execute("DROP DATABASE IF EXISTS fresh")
        connection.execute("CREATE DATABASE fresh")
    fresh = database.replace("/postgres", "/fresh")
    assert main(["check", "--database", fresh]) == 1
    assert main(["serve", "--database", fresh, "--port", "0"]) == 1
    assert main(["migrate", "--database", fresh]) == 0
    assert main(["migrate", "--database", fresh]) == 0
    assert main(["check", "--database", fresh]) == 0
    with postgres_server.connection("fresh") as connection:
        connection.execute("INSERT INTO schema_version VALUES (99)")
    assert main(["check", "--database", fresh]) == 1
    with postgres_server.connection() as connection:
        connection.execute("DROP DATABASE fresh")


def wait_until_refused(url: str) -> None:
    ends = time.monotonic() + 20
    while time.monotonic() < ends:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            return
    pytest.fail("The server goes on without its new rules.")


@pytest.mark.parametrize(
    ("user", "name", "expected"),
    [
        ("locked:wrong", "postgres", "password authentication failed"),
        ("locked", "postgres", "no password supplied"),
        ("nobody", "postgres", 'role "nobody" does not exist'),
        ("dock", "missing", 'database "missing" does not exist'),
        ("dock", "postgres?sslmode=require", "does not support SSL"),
    ],
)
def test_what_waiting_does_not_mend_is_reported_at_once(
    postgres_server: PostgresServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    user: str, name: str, expected: str,
) -> None:  # fmt: skip
    rules = postgres_server.folder / "pg_hba.conf"
    before = rules.read_text()
    rules.write_text(f"host all locked 127.0.0.1/32 scram-sha-256\n{before}")
    with postgres_server.connection() as connection:
        connection.execute("CREATE USER locked PASSWORD 'right'")
        connection.execute("SELECT pg_reload_conf()")
        wait_until_refused(postgres_server.url.replace("dock@", "locked@"))
        # Nothing may try again.
        monkeypatch.setattr(time, "sleep", pytest.fail)
        for command in (["check"], ["migrate"], ["serve", "--port", "0"]):
            monkeypatch.setenv("DOCKBOOK_DATABASE", f"postgresql://{user}@127.0.0.1:{postgres_server.port}/{name}")
            assert main(command) == 1
            error = capsys.readouterr().err
            assert expected in error
            assert "wrong" not in error, "the password"
        connection.execute("DROP USER locked")
        rules.write_text(before)
        connection.execute("SELECT pg_reload_conf()")


@pytest.mark.parametrize("database", ["SQLite"], indirect=True)
def test_second_service_on_a_file_is_refused(run: Run, database: str) -> None:
    store = open_store(database)
    threads = threading.active_count()
    code, _, error = run("serve", "--port", "0")
    assert (code, "serves" in error) == (2, True)
    assert threading.active_count() == threads, "what it had opened is closed again"
    assert Path(f"{database}.serving").exists(), "the file is still claimed"
    asyncio.run(store.close())
    assert not Path(f"{database}.serving").exists()


def test_postgres_without_psycopg_is_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.delitem(sys.modules, "app.service.database.postgres", raising=False)
    assert main(["check", "--database", "postgresql://127.0.0.1/x"]) == 2
    assert "dockbook[postgres]" in capsys.readouterr().err


def test_database_url_that_cannot_be_read_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--database", "postgresql://[::1/x"]) == 2
    assert "The database URL cannot be read" in capsys.readouterr().err
