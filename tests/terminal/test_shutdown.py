"""However its terminal dies, the program ends within three seconds, with the right exit code."""

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Final

import pytest

from tests.terminal.emulator import TIMEOUT, Terminal, terminal

DEMO: Final = ["-m", "app", "--demo"]
MAX_SECONDS: Final = 3.0  # seconds
MAX_CPU_SECONDS: Final = 1.0  # seconds of processor time

LEAVE_SCREEN: Final = b"\x1b[?1049l"
SHOW_CURSOR: Final = b"\x1b[?25h"


def kill(number: signal.Signals) -> Callable[[Terminal], None]:
    return lambda running: running.kill(number)


@pytest.mark.promise("D2")
@pytest.mark.parametrize(
    ("happens", "code", "ignores_hangup", "stalled"),
    [
        (Terminal.hang_up, 129, False, False),
        (Terminal.hang_up, 129, True, False),
        (Terminal.hang_up, 129, True, True),
        (kill(signal.SIGHUP), 129, False, False),
        (kill(signal.SIGTERM), 143, False, False),
        (kill(signal.SIGTERM), 143, False, True),
        (kill(signal.SIGINT), 130, False, False),
        (kill(signal.SIGQUIT), 131, False, False),
        (kill(signal.SIGALRM), 142, False, False),
        (kill(signal.SIGUSR1), 138, False, False),
    ],
    ids=[
        "closed",
        "closed-nohup",
        "closed-nohup-stalled",
        "hup",
        "term",
        "term-stalled",
        "int",
        "quit",
        "alrm",
        "usr1",
    ],
)
def test_program_ends_within_three_seconds(
    happens: Callable[[Terminal], None], code: int, ignores_hangup: bool, stalled: bool, tmp_path: Path
) -> None:
    with terminal(DEMO, tmp_path, ignores_hangup=ignores_hangup) as running:
        running.until("ACME-CORP")
        running.quiet()
        if stalled:
            running.stall()
        used = running.cpu()
        happens(running)
        assert running.ended(MAX_SECONDS, reading=not stalled) == code
        assert running.used is not None
        assert running.used.ru_utime + running.used.ru_stime - used < MAX_CPU_SECONDS
        if running.master >= 0:
            assert running.modes() == running.before
        if running.master >= 0 and not stalled:
            assert LEAVE_SCREEN in running.sent
            assert bytes(running.sent).rindex(SHOW_CURSOR) > bytes(running.sent).rindex(b"\x1b[?25l")
    assert not list(tmp_path.glob(".local/state/dockbook/crash-*"))


@pytest.mark.promise("D2")
@pytest.mark.parametrize("gone", ["keyboard", "screen"])
def test_loss_of_half_the_terminal_ends_program(gone: str, tmp_path: Path) -> None:
    """Neither pty is the controlling terminal, so the kernel sends no signal."""
    ends = {name: pty.openpty() for name in ("keyboard", "screen")}
    keyboard, screen = ends["keyboard"][1], ends["screen"][1]
    child = subprocess.Popen(
        [sys.executable, *DEMO],
        stdin=keyboard,
        stdout=screen,
        stderr=screen,
        start_new_session=True,
        # This terminal has no size; a shell may have exported another one.
        env=os.environ
        | {"HOME": str(tmp_path), "TMPDIR": str(tmp_path), "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"},
    )
    os.close(keyboard)
    os.close(screen)
    seen = b""
    while b"ACME-CORP" not in seen:
        seen += os.read(ends["screen"][0], 65_536)
    os.close(ends[gone][0])
    began = monotonic()
    try:
        assert child.wait(TIMEOUT) == 129
        assert monotonic() - began < MAX_SECONDS
    finally:
        child.kill()
        os.close(ends["screen" if gone == "keyboard" else "keyboard"][0])


@pytest.mark.promise("D2", "I1")
@pytest.mark.parametrize(("error", "code"), [("error", 1), ("gone", 129), ("end", 129)])
def test_failing_keyboard_ends_program_and_keeps_draft(error: str, code: int, tmp_path: Path) -> None:
    with terminal(["-m", "tests.terminal.fakes", str(tmp_path), error], tmp_path) as running:
        running.until("of 1 ·")
        running.type("e")
        running.until("F10 Save")
        running.type("\x1b[B12345678")
        running.until("12345678")
        running.type("\x14")
        assert running.ended(MAX_SECONDS) == code
        assert running.modes() == running.before
        output = bytes(running.sent).partition(LEAVE_SCREEN)[2].decode()
    (draft,) = (tmp_path / "drafts").rglob("*.json")
    assert "12345678" in draft.read_text("utf-8")
    reports = list((tmp_path / "state").glob("crash-*"))
    assert len(reports) == (code == 1)
    assert output.count("dockbook: the keyboard could not be read any more, and so it ended: ValueError") == (code == 1)
    assert "Traceback" not in output
    assert "Jane-Smith" not in output
