"""Backends: the embedded service, the remote client, TLS settings and mirrors."""

from pathlib import Path

import pytest

from app.backends import EmbeddedBackend, RemoteBackend
from app.config.secrets import Secret
from app.config.settings import Settings
from app.errors import Forbidden, SettingsError
from app.models.customer import Customer
from app.models.fields import PageRequest
from tests.customers import ACME
from tests.mirror.reference_search import fill

SETTINGS = Settings(url="https://wms.example.com/api/v1", client_id="x", client_secret=Secret("x"))


async def test_demo_book_is_deleted_on_close(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    book = EmbeddedBackend(None, 48)
    api = await book.connect()
    assert (await api.list_page(PageRequest())).total == 48
    assert list(tmp_path.iterdir())
    await api.close()
    await book.close()
    await book.close()
    assert not list(tmp_path.iterdir())


@pytest.mark.promise("A4")
async def test_local_book_persists_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "dockbook" / "customers.db"
    book = EmbeddedBackend(path)
    api = await book.connect()
    await api.upsert({"shortID": "ACME"})
    await api.close()
    await book.close()
    assert {file.stat().st_mode & 0o077 for file in (path.parent, *path.parent.iterdir())} == {0}

    book = EmbeddedBackend(path, read_only=True)
    api = await book.connect()
    assert (await api.get("ACME")).short_id == "ACME"
    with pytest.raises(Forbidden):
        await api.upsert({"shortID": "ACME", "name": "changed"})
    await api.close()
    await book.close()


@pytest.mark.promise("A5")
def test_invalid_certificates_are_reported_before_start(tmp_path: Path) -> None:
    path = tmp_path / "odd.pem"
    path.write_text("not a certificate", encoding="utf-8")
    with pytest.raises(SettingsError, match="ca_file: "):
        RemoteBackend(SETTINGS._replace(ca_file=path))
    with pytest.raises(SettingsError, match="client_cert: "):
        RemoteBackend(SETTINGS._replace(client_cert=path))


async def test_remote_backend_connects_on_demand() -> None:
    server = RemoteBackend(SETTINGS._replace(verify=False))
    api = await server.connect()
    await api.close()
    await server.close()


async def test_reconnect_reads_new_secret(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.touch(mode=0o600)
    path.write_text("new", encoding="utf-8")
    server = RemoteBackend(SETTINGS._replace(secret_file=path, verify=False))
    sent = []
    for _ in range(2):
        api = await server.connect()
        sent.append(api._credentials.request(1.0).content)
        await api.close()
    assert [content is not None and content.endswith(b"client_secret=new") for content in sent] == [False, True]


@pytest.mark.promise("A4")
async def test_each_server_client_and_book_has_own_mirror(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    sources = (
        RemoteBackend(SETTINGS),
        RemoteBackend(SETTINGS._replace(client_id="y")),
        RemoteBackend(SETTINGS._replace(url="https://other.example.com/api/v1")),
        EmbeddedBackend(tmp_path / "one.db"),
        EmbeddedBackend(tmp_path / "two.db"),
    )
    for source in sources:
        await source.open_mirror(folder).close()
        await source.close()
    mirrors = {path.name for path in folder.iterdir() if path.suffix == ".sqlite3"}
    assert len(mirrors) == len(sources)
    assert folder.stat().st_mode & 0o077 == 0
    assert not any(word in name for name in mirrors for word in ("example", "one", "two"))


@pytest.mark.promise("A4")
async def test_snapshot_comes_from_own_mirror_only(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    mirror = RemoteBackend(SETTINGS).open_mirror(folder)
    await fill(mirror, [Customer.from_wire(ACME)])
    await mirror.close()
    seen = RemoteBackend(SETTINGS).snapshot(folder, PageRequest())
    assert seen is not None
    assert [row.short_id for row in seen.rows] == ["ACME-CORP"]
    assert RemoteBackend(SETTINGS).has_mirror(folder)
    others = (
        RemoteBackend(SETTINGS._replace(client_id="y")),
        RemoteBackend(SETTINGS._replace(url="https://other.example.com/api/v1")),
        EmbeddedBackend(tmp_path / "one.db"),
        EmbeddedBackend(None, 1),
    )
    for other in others:
        assert not other.has_mirror(folder)
        assert other.snapshot(folder, PageRequest()) is None


async def test_temporary_book_deletes_its_mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    book = EmbeddedBackend(None, 1)
    await book.open_mirror(tmp_path / "cache").close()
    assert list(tmp_path.iterdir())
    await book.close()
    assert not list(tmp_path.iterdir())


async def test_mirror_without_folder_is_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    mirror = RemoteBackend(SETTINGS).open_mirror(path / "cache")
    assert "in memory only" in mirror.notes[0]
    await mirror.close()


def test_inaccessible_folder_has_no_mirror(tmp_path: Path) -> None:
    too_long = tmp_path / ("x" * 300)
    for source in (RemoteBackend(SETTINGS), EmbeddedBackend(tmp_path / "one.db")):
        assert source.snapshot(too_long, PageRequest()) is None
        assert not source.has_mirror(too_long)
