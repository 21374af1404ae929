"""Output files are complete or absent, and files of killed exports are removed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from app.export.output import atomic_output

KILLED = """
import os, sys
from pathlib import Path
from app.export.output import atomic_output

with atomic_output(Path(sys.argv[1])) as sink:
    sink.write(b"half")
    print(flush=True)
    sys.stdin.read()
"""


def start_export(path: Path) -> "subprocess.Popen[bytes]":
    """Start a process that has written half of its export."""
    child = subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    return child


def temporary_files(folder: Path) -> list[Path]:
    return sorted(folder.glob(".dockbook-*"))


def test_next_export_removes_files_of_killed_one(tmp_path: Path) -> None:
    killed, running = start_export(tmp_path / "a.csv"), start_export(tmp_path / "b.csv")
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    others = [tmp_path / name for name in (".dockbook-export-x.part.kept", ".dockbook-x.part", "x.part")]
    for other in others:
        other.touch()
    (tmp_path / ".dockbook-export-folder.part").mkdir()
    os.mkfifo(tmp_path / ".dockbook-export-pipe.part")
    (tmp_path / ".dockbook-export-link.part").symlink_to(tmp_path / "x.part")
    before = len(temporary_files(tmp_path))
    with atomic_output(tmp_path / "c.csv") as sink:
        sink.write(b"whole")
        assert len(temporary_files(tmp_path)) == before, "one file was removed and one created"
    assert len(temporary_files(tmp_path)) == before - 1
    assert all(other.exists() for other in others)
    running.communicate()
    assert (tmp_path / "b.csv").read_bytes() == b"half", "a running export keeps its file"
    assert (tmp_path / "c.csv").read_bytes() == b"whole"
