"""TLS to PostgreSQL as in docs/service.md: the server must have a certificate of the authority, for its name."""

import asyncio
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.errors import StoreError
from app.service.database.postgres import PostgresDatabase
from app.service.store import Store
from tests.service.postgres_server import PostgresServer


def make_authority(folder: Path) -> Path:
    """The certificate of an authority; its key is beside it."""
    folder.mkdir()
    key, certificate = folder / "ca.key", folder / "ca.pem"
    openssl(f"req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test-authority -keyout {key} -out {certificate}")
    return certificate


def openssl(command: str) -> None:
    program = shutil.which("openssl")
    assert program is not None
    subprocess.run([program, *command.split()], check=True, capture_output=True)


@pytest.fixture(scope="module")
def authorities() -> Iterator[tuple[Path, Path]]:
    """The certificate of the authority that signed the server's, and that of another one."""
    with tempfile.TemporaryDirectory() as folder:
        yield make_authority(Path(folder) / "right"), make_authority(Path(folder) / "wrong")


@pytest.fixture(scope="module")
def server(authorities: tuple[Path, Path], postgres_server: PostgresServer) -> Iterator[PostgresServer]:
    """A server that takes TLS connections only; its certificate is for 127.0.0.1."""
    with postgres_server.connection() as connection:
        if connection.execute("SHOW ssl_library").fetchone() == ("",):
            pytest.skip("This PostgreSQL was built without TLS.")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "server"
        made = PostgresServer.create(folder, {"fsync": "off"})
        key, certificate, right = folder / "server.key", folder / "server.crt", authorities[0]
        openssl(
            f"req -x509 -CA {right} -CAkey {right.with_suffix('.key')} -newkey rsa:2048 -nodes -days 2"
            f" -subj /CN=db -addext subjectAltName=IP:127.0.0.1 -keyout {key} -out {certificate}"
        )
        for file in (key, certificate):
            shutil.chown(file, folder.owner())
            file.chmod(0o600)
        with made.connection() as connection:
            connection.execute("ALTER SYSTEM SET ssl = on")
        made.stop()
        (folder / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 trust\n")
        made.start()
        yield made
        made.stop()


async def test_server_with_the_certificate_of_the_authority_is_used(
    server: PostgresServer, authorities: tuple[Path, Path]
) -> None:
    database = PostgresDatabase(f"{server.url}?sslmode=verify-full&sslrootcert={authorities[0]}")
    assert await asyncio.to_thread(database.migrate)
    await Store(database).upsert("A", {})
    encrypted = await database.read(
        lambda session: session.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchone()
    )
    assert encrypted == (True,)
    await database.close()


@pytest.mark.parametrize(
    ("host", "parameters", "problem"),
    [
        ("127.0.0.1", "sslmode=verify-full&sslrootcert={wrong}", "certificate verify failed"),
        ("localhost", "sslmode=verify-full&sslrootcert={right}", "does not match host name"),
        ("127.0.0.1", "sslmode=verify-full&sslrootcert={right}.gone", "does not exist"),
        ("127.0.0.1", "sslmode=disable", "no encryption"),
    ],
)
async def test_any_other_server_is_refused_at_once(
    server: PostgresServer, authorities: tuple[Path, Path], host: str, parameters: str, problem: str
) -> None:
    right, wrong = authorities
    url = server.url.replace("127.0.0.1", host)
    # Longer than any test may take.
    database = PostgresDatabase(f"{url}?{parameters.format(right=right, wrong=wrong)}", deadline=3600)
    with pytest.raises(StoreError, match=problem):
        await asyncio.to_thread(database.check_schema)
    await database.close()
