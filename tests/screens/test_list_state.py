"""List state is stored for each site, privately, and never stops a start."""

import json
import stat
from pathlib import Path

import pytest

from app.screens.list_state import MOST_OPENED, ListState, ListStateFile, SavedFilter

GDANSK = SavedFilter("Gdańsk, off", "city:gdansk", "discontinued", "changed today", None, "ASC")
STATE = ListState("name", "DESC", "active", 50, ("shortID", "email"), True, (GDANSK,), ("ACME-CORP", "\ud800"))
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


def test_state_of_before_filters_is_read(tmp_path: Path) -> None:
    ListStateFile(tmp_path, "a").save(STATE)
    path = next(tmp_path.iterdir())
    kept = json.loads(path.read_bytes())
    del kept["filters"], kept["opened"]
    path.write_text(json.dumps(kept))
    assert ListStateFile(tmp_path, "a").state == STATE._replace(filters=(), opened=())


@pytest.mark.parametrize(
    "filters",
    [7, [7], [{}], [GDANSK._asdict() | {"status": "x"}], [GDANSK._asdict() | {"name": 1}], [GDANSK._asdict()] * 51],
)
def test_unreadable_filters_are_quarantined(filters: object, tmp_path: Path) -> None:
    ListStateFile(tmp_path, "a").save(STATE)
    path = next(tmp_path.iterdir())
    path.write_text(json.dumps(json.loads(path.read_bytes()) | {"filters": filters}))
    assert "set aside as" in ListStateFile(tmp_path, "a").note


def test_two_sessions_keep_what_the_other_one_changed(tmp_path: Path) -> None:
    one, other = ListStateFile(tmp_path, "a"), ListStateFile(tmp_path, "a")
    one.update([lambda state: state.with_filter(GDANSK)])
    other.update([lambda state: state.with_look(STATE), lambda state: state.with_opened("B")])
    one.update([lambda state: state.with_opened("A"), lambda state: state.with_opened("B")])
    state = ListStateFile(tmp_path, "a").state
    assert state == STATE._replace(filters=(GDANSK,), opened=("B", "A"))
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}


def test_opened_and_filters_have_their_limits() -> None:
    state = ListState()
    for number in range(60):
        state = state.with_opened(f"C-{number}").with_filter(SavedFilter(f"F-{number}"))
    state = state.with_opened("C-55").with_opened("x" * 201).with_filter(SavedFilter("F-59", "new"))
    assert state.opened[:2] == ("C-55", "C-59")
    assert len(state.opened) == MOST_OPENED
    assert [one.name for one in state.filters] == [f"F-{number}" for number in range(10, 60)]
    assert state.filters[-1].find == "new"
    assert state.without_filter("F-59").filters[-1].name == "F-58"


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
