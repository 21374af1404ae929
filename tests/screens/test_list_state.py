"""List state is stored for each site, privately, and never stops a start."""

import json
import stat
from pathlib import Path

import pytest

from app.screens.list_state import ListState, ListStateFile

STATE = ListState("name", "DESC", "active", 50, ("shortID", "email"), preview=False)
#: As versions without a preview wrote it.
OLDER = {"format": 1, "sort": "name", "direction": "DESC", "status": "all", "page_size": None, "columns": None}


def test_list_state_is_kept_per_site(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "views"
    ListStateFile(folder, "https://a/api/v1").save(STATE)
    assert ListStateFile(folder, "https://a/api/v1").state == STATE
    assert ListStateFile(folder, "https://b/api/v1").state == ListState()
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"[" * 100_000,
        b'{"format": 2}',
        b'{"format": 1}',
        json.dumps({"format": 1, "sort": "x", "direction": "ASC", "status": "all", "page_size": 1, "columns": None}),
        json.dumps({"format": 1, "sort": None, "direction": 1, "status": "all", "page_size": 1, "columns": None}),
        json.dumps({"format": 1, "sort": [], "direction": "ASC", "status": "all", "page_size": 1, "columns": None}),
        json.dumps({"format": 1, "sort": None, "direction": "ASC", "status": "all", "page_size": 0, "columns": 7}),
        json.dumps({**OLDER, "preview": 1}),
    ],
)
def test_unreadable_list_state_is_quarantined(content: bytes | str, tmp_path: Path) -> None:
    ListStateFile(tmp_path, "a").save(STATE)
    path = next(tmp_path.iterdir())
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(data)
    views = ListStateFile(tmp_path, "a")
    assert views.state == ListState()
    assert "set aside as" in views.note
    aside = next(tmp_path.iterdir())
    assert aside != path
    assert aside.read_bytes() == data
    assert ListStateFile(tmp_path, "a").note == ""


def test_unwritable_folder_raises_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "views").write_text("a file")
    with pytest.raises(OSError, match="exists"):
        ListStateFile(tmp_path / "views", "a").save(STATE)
    assert [file.name for file in tmp_path.iterdir()] == ["views"]


def test_list_state_of_older_version_is_read(tmp_path: Path) -> None:
    ListStateFile(tmp_path, "test").save(ListState())
    (file,) = tmp_path.iterdir()
    file.write_text(json.dumps(OLDER), encoding="utf-8")
    assert ListStateFile(tmp_path, "test").state == ListState("name", "DESC")
