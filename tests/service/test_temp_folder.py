"""The folder of a temporary book is deleted when its process ends, however that happens."""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from app.service.store import Store
from app.service.temp_folder import TempFolder


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make this the system's temporary folder."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


async def test_temp_folder_is_deleted_on_close(temporary: Path) -> None:
    store = Store.open(None)
    assert len(list(temporary.iterdir())) == 1
    await store.close()
    assert list(temporary.iterdir()) == []


def test_temp_folders_of_killed_processes_are_removed_and_no_others(temporary: Path) -> None:
    program = (
        "import os, signal, tempfile; tempfile.tempdir = " + repr(str(temporary)) + "; "
        "from app.service.store import Store; Store.open(None); os.kill(os.getpid(), signal.SIGKILL)"
    )
    living = TempFolder.create()
    killed = subprocess.run([sys.executable, "-c", program], check=False)
    assert killed.returncode < 0
    assert len(list(temporary.iterdir())) == 2
    foreign = temporary / "dockbook-notes"
    foreign.mkdir()
    newest = TempFolder.create()
    assert set(temporary.iterdir()) == {living.path, newest.path, foreign}
    newest.remove()
    living.remove()
