"""The environment of programs that tests start."""

import os
from pathlib import Path

import pytest

from tests.terminal.pty_program import ROOT


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """An environment with an empty home."""
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"}
