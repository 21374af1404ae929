"""The file an export goes to: whole or not at all, and nothing left of those that were killed."""

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


def begin(path: Path) -> "subprocess.Popen[bytes]":
    """An export in another process that has written half of its file."""
    child = subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    return child


def parts(folder: Path) -> list[Path]:
    return sorted(folder.glob(".dockbook-*"))


def test_next_export_removes_files_of_killed_one(tmp_path: Path) -> None:
    killed, running = begin(tmp_path / "a.csv"), begin(tmp_path / "b.csv")
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    others = [tmp_path / name for name in (".dockbook-export-x.part.kept", ".dockbook-x.part", "x.part")]
    for other in others:
        other.touch()
    (tmp_path / ".dockbook-export-folder.part").mkdir()
    os.mkfifo(tmp_path / ".dockbook-export-pipe.part")
    (tmp_path / ".dockbook-export-link.part").symlink_to(tmp_path / "x.part")
    before = len(parts(tmp_path))
    with atomic_output(tmp_path / "c.csv") as sink:
        sink.write(b"whole")
        assert len(parts(tmp_path)) == before, "one is gone, and one is new"
    assert len(parts(tmp_path)) == before - 1
    assert all(other.exists() for other in others)
    running.communicate()
    assert (tmp_path / "b.csv").read_bytes() == b"half", "its file was left to it"
    assert (tmp_path / "c.csv").read_bytes() == b"whole"
