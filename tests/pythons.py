"""Runs the program on every newer Python of this machine: `python3 tests/pythons.py`, with `--suite` all tests as well.

Standard library only, because it creates the environments that other packages are imported from. For each Python, the
program is installed in a new environment, exports, and is used on a terminal: open, edit, save, quit.
"""

import argparse
import csv
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
OLDEST: Final = (3, 11)
PATIENCE: Final = 60.0  # seconds for one thing to appear
CUSTOMERS: Final = 48
VERSION: Final = "import sys, venv, ensurepip; print(*sys.version_info[:3], sys.executable)"


def main() -> int:
    """Use the program on each Python; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--suite", action="store_true", help="run the whole suite on each, and on this one too")
    suite: bool = parser.parse_args().suite
    found = [python for version, python in pythons() if suite or version[:2] != sys.version_info[:2]]
    if not found:
        print("No other Python from 3.11 on is here.", flush=True)  # noqa: T201 - a script says what it does
    for python in found:
        print(f"{python}:", end=" ", flush=True)  # noqa: T201
        with tempfile.TemporaryDirectory() as folder:
            use(python, Path(folder), suite=suite)
        print("works", flush=True)  # noqa: T201
    return 0


def pythons() -> list[tuple[tuple[int, ...], Path]]:
    """The newest Python of each minor version that can create environments, oldest first."""
    newest: dict[tuple[int, ...], tuple[tuple[int, ...], Path]] = {}
    for path in candidates():
        done = subprocess.run([path, "-c", VERSION], check=False, capture_output=True, text=True, cwd=ROOT)
        if done.returncode == 0:
            *numbers, executable = done.stdout.split(maxsplit=3)
            version = tuple(map(int, numbers))
            if version[:2] >= OLDEST and version > newest.get(version[:2], ((), path))[0]:
                newest[version[:2]] = (version, Path(executable.strip()))
    return sorted(newest.values())


def candidates() -> Iterator[Path]:
    """Executables named like a Python, on the path and in the folders of pyenv and uv."""
    home = Path.home()
    folders = [Path(name) for name in os.environ.get("PATH", "").split(os.pathsep) if name]
    folders += sorted(Path(os.environ.get("PYENV_ROOT", home / ".pyenv")).glob("versions/*/bin"))
    folders += sorted((home / ".local/share/uv/python").glob("*/bin"))
    for folder in folders:
        yield from (path for path in sorted(folder.glob("python3.*")) if re.fullmatch(r"python3\.\d+", path.name))


def use(python: Path, folder: Path, *, suite: bool) -> None:
    """Install the program for this Python, and use it as a user does; raises if it does not work."""
    environment = folder / "venv"
    new = environment / "bin" / "python"
    quietly(python, "-m", "venv", environment)
    quietly(new, "-m", "pip", "install", "-q", f"{ROOT}[dev]" if suite else ROOT)
    home = {"HOME": str(folder), "PATH": os.environ.get("PATH", ""), "TERM": "xterm-256color", "PYTHONUTF8": "1"}
    command = [str(new), "-W", "error", "-m", "app"]
    exported = subprocess.run(
        [*command, "export", "--demo"], check=True, capture_output=True, text=True, env=home, cwd=folder
    )
    expect(len(list(csv.DictReader(exported.stdout.splitlines()))) == CUSTOMERS, exported.stdout)
    expect(exported.stderr.count("\n") == 1, exported.stderr)
    edit(command, home, folder)
    if suite:
        subprocess.run([new, "-m", "pytest", "-q", "-n", "1"], check=True, cwd=ROOT)


def quietly(*command: str | Path) -> None:
    """Run a command, and show its output only if it fails."""
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    expect(done.returncode == 0, done.stdout + done.stderr)


def edit(command: list[str], environ: dict[str, str], folder: Path) -> None:
    """Open the first sample customer, change its name, save and quit, on a terminal."""
    pid, master = pty.fork()
    if not pid:
        os.chdir(folder)
        os.execve(command[0], [*command, "--demo"], environ)  # noqa: S606 - no shell is wanted
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    try:
        until(master, rb"ACME-CORP")
        os.write(master, b"\x1bOQ")  # F2
        until(master, rb"Put back")
        os.write(master, b"Old \x1b[21~")  # F10
        until(master, rb"(?i)saved")
        os.write(master, b"\x11")  # Ctrl+Q
        left = until(master, rb"\x1b\[\?1049l") + rest(master)
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        raise
    finally:
        _, status = os.waitpid(pid, 0)
        os.close(master)
    expect(os.waitstatus_to_exitcode(status) == 0 and b"Warning" not in left and b"Traceback" not in left, repr(left))


def until(master: int, pattern: bytes) -> bytes:
    """Read until the pattern matches; returns the output."""
    came = b""
    ends = time.monotonic() + PATIENCE
    while not re.search(pattern, came):
        ready, _, _ = select.select([master], [], [], max(0.0, ends - time.monotonic()))
        expect(bool(ready), f"{pattern!r} did not come: {came!r}")
        came += os.read(master, 65_536)
    return came


def rest(master: int) -> bytes:
    """The output until the program ends."""
    came = b""
    while True:
        try:
            piece = os.read(master, 65_536)
        except OSError:
            return came
        if not piece:
            return came
        came += piece


def expect(fulfilled: bool, shown: str) -> None:
    """Raise an error with this text unless the condition holds."""
    if not fulfilled:
        raise SystemExit(f"does not work: {shown}")


if __name__ == "__main__":
    sys.exit(main())
