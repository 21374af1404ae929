"""The folder of a throw-away book goes with its maker, however that ends."""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from app.service.store import Store
from app.service.temp_folder import TempFolder


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder of the test's own."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


async def test_it_is_gone_after_closing(temporary: Path) -> None:
    store = Store.open(None)
    assert len(list(temporary.iterdir())) == 1
    await store.close()
    assert list(temporary.iterdir()) == []


def test_what_a_killed_process_left_is_swept_and_the_living_are_left_alone(temporary: Path) -> None:
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
