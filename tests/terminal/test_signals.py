"""On a signal, or without a terminal, the program flushes, restores the terminal and exits correctly."""

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

PROGRAM = """
import asyncio, sys, tty
from pathlib import Path
from app.terminal.shutdown import ShutdownHandler

folder, polite = Path(sys.argv[1]), sys.argv[2] == "polite"
left = []

def failing():
    (folder / "first").touch()
    raise ValueError

def flush():
    (folder / "flushed").touch()

async def main():
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    def leave(code):
        (folder / "left").touch()
        left.append(code)
        if polite:
            loop.call_soon_threadsafe(done.set)
    handler = ShutdownHandler([failing, flush], leave)
    tty.setraw(0)
    with handler.installed():
        print("ready", flush=True)
        await done.wait()

asyncio.run(main())
sys.exit(left[0])
"""


def start(folder: Path, manner: str, ignored: signal.Signals | None = None) -> "pexpect.spawn[str]":
    def ignore() -> None:
        if ignored is not None:
            signal.signal(ignored, signal.SIG_IGN)

    arguments = ["-c", PROGRAM, str(folder), manner]
    child = pexpect.spawn(sys.executable, arguments, timeout=20, encoding="utf-8", preexec_fn=ignore)
    child.expect("ready")
    return child


def end(child: "pexpect.spawn[str]") -> str:
    output = child.read()
    child.close()
    return output or ""


@pytest.mark.promise("D2")
@pytest.mark.parametrize(
    "name", ["TERM", "INT", "QUIT", "ALRM", "USR1", "USR2", "VTALRM", "PROF", "XCPU", "IO", "PWR", "RTMIN", "RTMAX"]
)
def test_signal_flushes_and_ends_program(name: str, tmp_path: Path) -> None:
    number = getattr(signal, f"SIG{name}")
    child = start(tmp_path, "polite")
    child.kill(number)
    end(child)
    assert child.exitstatus == 128 + number
    assert (tmp_path / "flushed").exists()
    assert (tmp_path / "left").exists()


@pytest.mark.promise("D2")
def test_inherited_ignored_signal_stays_ignored(tmp_path: Path) -> None:
    child = start(tmp_path, "polite", ignored=signal.SIGUSR1)
    child.kill(signal.SIGUSR1)
    child.kill(signal.SIGTERM)
    end(child)
    assert child.exitstatus == 143


@pytest.mark.promise("D2")
def test_second_sigterm_ends_stuck_program(tmp_path: Path) -> None:
    child = start(tmp_path, "stuck")
    child.kill(signal.SIGTERM)
    child.kill(signal.SIGTERM)
    restored = end(child)
    assert child.exitstatus == 143
    assert "\x1b[?1049l" in restored
    assert "\x1b[?25h" in restored


@pytest.mark.promise("D2")
def test_sighup_flushes_and_ends_at_once(tmp_path: Path) -> None:
    child = start(tmp_path, "stuck")
    child.kill(signal.SIGHUP)
    assert "\x1b[?1049l" in end(child)
    assert child.exitstatus == 129
    assert (tmp_path / "first").exists()
    assert (tmp_path / "flushed").exists()


@pytest.mark.promise("D2")
@pytest.mark.skipif(sys.platform == "darwin", reason="macOS cannot poll a terminal")
def test_lost_terminal_without_sighup_ends_program(tmp_path: Path) -> None:
    master, slave = pty.openpty()
    # Not its controlling terminal, so the kernel sends no signal when the other side closes.
    child = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path), "stuck"], stdin=slave, stdout=slave, start_new_session=True
    )
    os.close(slave)
    assert os.read(master, 5) == b"ready"
    os.close(master)
    assert child.wait(20) == 129
    assert (tmp_path / "flushed").exists()
