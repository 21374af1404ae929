"""The primary dies under load, its standby takes over, and no answered write is lost."""

import asyncio
import contextlib
import json
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from time import monotonic

import httpx
import pytest

from app.errors import GatewayFault
from app.service.database import credential_table, postgres
from app.service.database.postgres import PostgresDatabase
from app.service.store import Store
from tests.service.postgres_server import PostgresServer, programs

WRITERS = 12
SERVICES = 2

pytestmark = pytest.mark.skipif(programs() is None and not os.environ.get("CI"), reason="needs PostgreSQL")


class Cluster:
    """A primary with a synchronous standby."""

    def __init__(self, folder: Path) -> None:
        self.primary = PostgresServer.create(folder / "one", {"synchronous_commit": "on"})
        self.standby = self.primary.standby(folder / "two", "standby")
        database = PostgresDatabase(self.primary.url)
        database.migrate()
        self.login = database.submit(credential_table.add("dock", frozenset({130, 131}))).result()
        asyncio.run(database.close())
        with self.primary.connection() as connection:
            connection.execute("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
            connection.execute("SELECT pg_reload_conf()")
            ends = monotonic() + 30
            while connection.execute("SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'").fetchone() is None:
                assert monotonic() < ends

    @property
    def url(self) -> str:
        """Both servers, the first primary first."""
        hosts = f"127.0.0.1:{self.primary.port},127.0.0.1:{self.standby.port}"
        return f"postgresql://dock@{hosts}/postgres?target_session_attrs=read-write"

    def stop(self) -> None:
        self.primary.stop()
        self.standby.stop()


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with tempfile.TemporaryDirectory() as folder:
        made = Cluster(Path(folder))
        yield made
        made.stop()


@contextlib.contextmanager
def service(cluster: Cluster) -> Iterator[str]:
    """`dockbook serve` in a process; gives its URL."""
    command = [sys.executable, "-m", "app", "serve", "--port", "0", "--rate", "0", "--access-log", os.devnull]
    with subprocess.Popen(
        command,
        env={**os.environ, "DOCKBOOK_DATABASE": cluster.url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert select.select([process.stdout], [], [], 30)[0]
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found
        try:
            yield found[0]
        finally:
            process.send_signal(signal.SIGTERM)
            _, noise = process.communicate(timeout=30)
    assert (process.returncode, noise) == (0, "")


class Load:
    """Writers that create customers, and what each of them was answered."""

    def __init__(self) -> None:
        self.answered: dict[str, float] = {}
        self.unknown: dict[str, str] = {}
        self.stopping = False

    async def run(self, clients: list[httpx.AsyncClient]) -> None:
        await asyncio.gather(*(self._write(clients[number % len(clients)], number) for number in range(WRITERS)))

    async def _write(self, client: httpx.AsyncClient, writer: int) -> None:
        number = 0
        while not self.stopping:
            number += 1
            short_id = f"W{writer}-{number}"
            answer = await client.post("Customer", json={"shortID": short_id, "name": "x"})
            if answer.status_code == 201:
                self.answered[short_id] = monotonic()
            else:
                assert answer.status_code == 503, answer.text
                self.unknown[short_id] = answer.json()["error"]

    async def wait_for(self, count: int) -> None:
        """Wait until so many more writes are answered."""
        wanted = len(self.answered) + count
        async with asyncio.timeout(60):
            while len(self.answered) < wanted:  # noqa: ASYNC110 - the writers are what it waits for
                await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def clients(cluster: Cluster, urls: list[str]) -> AsyncIterator[list[httpx.AsyncClient]]:
    """A client for each service, with a token that one of them issued."""
    async with contextlib.AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(httpx.AsyncClient(base_url=f"{url}/", timeout=60)) for url in urls]
        login = (cluster.login.client_id, cluster.login.client_secret)
        granted = await opened[0].post("Token", data={"grant_type": "client_credentials"}, auth=login)
        for client in opened:
            client.headers["Authorization"] = f"Bearer {granted.json()['access_token']}"
        yield opened


def stored(server: PostgresServer) -> set[str]:
    with server.connection() as connection:
        missing = connection.execute(
            "SELECT count(*) FROM customer WHERE NOT EXISTS (SELECT 1 FROM history"
            " WHERE history.shortID = customer.shortID AND history.version = customer.version)"
        ).fetchone()
        assert missing == (0,), "every customer has its history"
        return {short_id for (short_id,) in connection.execute("SELECT shortID FROM customer").fetchall()}


async def fail_over(cluster: Cluster, load: Load) -> float:
    """Kill the primary and promote the standby; return how long after that the first write was answered (seconds)."""
    await asyncio.to_thread(cluster.primary.kill)
    await asyncio.to_thread(cluster.standby.promote)
    promoted = monotonic()
    await load.wait_for(WRITERS)
    return min(moment for moment in load.answered.values() if moment > promoted) - promoted


async def kill_the_primary_under_load(cluster: Cluster, urls: list[str]) -> float:
    load = Load()
    async with clients(cluster, urls) as opened:
        running = asyncio.create_task(load.run(opened))
        await load.wait_for(200)
        delay = await fail_over(cluster, load)
        await load.wait_for(200)
        load.stopping = True
        await running
    kept = await asyncio.to_thread(stored, cluster.standby)
    assert set(load.answered) <= kept
    assert len(load.unknown) <= WRITERS, "only what was under way is not confirmed"
    assert set(load.unknown.values()) <= {"not_confirmed", "unavailable"}
    assert not {short_id for short_id, error in load.unknown.items() if error == "unavailable"} & kept
    return delay


@pytest.mark.promise("S7")
async def test_no_answered_write_is_lost_and_the_old_primary_is_not_believed(cluster: Cluster) -> None:
    with service(cluster) as one, service(cluster) as other:
        await kill_the_primary_under_load(cluster, [one, other])
        async with clients(cluster, [one, other]) as opened:
            await opened[0].post("Customer", json={"shortID": "W0-1", "name": "on the new primary"})
            # It comes back as a primary, first in the list, with the old customers.
            await asyncio.to_thread(cluster.primary.start)
            await asyncio.gather(*(client.get("Customer/W0-1") for client in opened * 20))
            for client in opened:
                assert (await client.get("Customer/W0-1")).json()["name"] == "on the new primary"
        # This process has never seen one of them: it looks at both before it believes the first one.
        with service(cluster) as fresh:
            async with clients(cluster, [fresh]) as opened:
                assert (await opened[0].get("Customer/W0-1")).json()["name"] == "on the new primary"
                assert (await opened[0].get(fresh.replace("/api/v1", "/readyz"))).status_code == 200
            await asyncio.to_thread(cluster.primary.stop)


@pytest.mark.promise("S7")
async def test_new_connections_go_past_a_former_primary_that_came_back(cluster: Cluster) -> None:
    database = PostgresDatabase(cluster.url)
    store = Store(database)
    await store.upsert("A", {"name": "on the former primary"})
    await asyncio.to_thread(cluster.primary.kill)
    await asyncio.to_thread(cluster.standby.promote)
    await store.upsert("A", {"name": "on the new primary"})
    await asyncio.to_thread(cluster.primary.start)
    with cluster.standby.connection() as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'dockbook'")

    await store.upsert("B", {})
    found = await store.get("A")

    assert found is not None
    assert found.record["name"] == "on the new primary"
    assert await asyncio.to_thread(stored, cluster.standby) == {"A", "B"}
    await database.close()


@pytest.mark.promise("S7")
async def test_former_primary_is_left_when_the_new_one_can_be_reached_again(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "_LOOK_EVERY", 0.1)
    first = PostgresDatabase(cluster.url)
    await Store(first).upsert("A", {"name": "on the former primary"})
    standby = PostgresDatabase(f"{cluster.standby.url}?target_session_attrs=any", deadline=0.5)
    with pytest.raises(GatewayFault, match="recovery"):
        await name_of_a(standby)
    await standby.close()
    await asyncio.to_thread(cluster.primary.kill)
    await asyncio.to_thread(cluster.standby.promote)
    await Store(first).upsert("A", {"name": "on the new primary"})
    await first.close()
    await asyncio.to_thread(cluster.standby.stop)
    await asyncio.to_thread(cluster.primary.start)

    database = PostgresDatabase(cluster.url, deadline=4.0)
    names = [await name_of_a(database)]
    await asyncio.to_thread(cluster.standby.start)
    async with asyncio.timeout(60):
        while names[-1] != "on the new primary":
            names.append(await name_of_a(database))
    # While only the former one is there, nothing is answered.
    await asyncio.to_thread(cluster.standby.stop)
    with pytest.raises(GatewayFault, match="former primary"):
        await name_of_a(database)
    await database.close()

    assert names[0] == "on the former primary", "nothing else could be known"


async def name_of_a(database: PostgresDatabase) -> str:
    found = await Store(database).get("A")
    assert found is not None
    name: str = found.record["name"]
    return name


@pytest.mark.slow
@pytest.mark.promise("S7")
@pytest.mark.parametrize("round_number", range(10))
async def test_failover_again_and_again(cluster: Cluster, round_number: int) -> None:
    with service(cluster) as one, service(cluster) as other:
        delay = await kill_the_primary_under_load(cluster, [one, other])
    print(json.dumps({"round": round_number, "first write after promotion, s": round(delay, 2)}))  # noqa: T201
