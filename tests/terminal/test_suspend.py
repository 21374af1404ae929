"""A suspended program gives the terminal back, and repaints its screen when it continues."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pexpect
import pytest

from tests.bench.terminal import Terminal as Behind
from tests.terminal.emulator import Terminal, terminal
from tests.terminal.pty_program import ROOT

DEMO: Final = ["-m", "app", "--demo"]
NO_SHELL: Final = "There is no shell to go back to. To undo the last save, press u."
#: Commands that run the program, directly or from another shell.
DIRECTLY: Final = f"{sys.executable} -m app --demo"
WRAPPED: Final = f"sh -c '{DIRECTLY}; true'"

#: Starts nested processes as its argument says; the last one prints whether a shell waits for it.
FAMILY: Final = """
import os, sys

for step in sys.argv[1].split():
    if step == "session":
        os.setsid()
    elif step == "group":
        os.setpgid(0, 0)
    else:
        asked, say = os.pipe()
        if child := os.fork():
            os.close(asked)
            # The parent of an orphan ends before the child checks.
            if step == "orphan":
                os._exit(0)
            os.close(say)
            os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        os.close(say)
        os.read(asked, 1) if step == "orphan" else None

from app.terminal.suspend import shell_waits
print(shell_waits())
"""


def press(running: Terminal) -> None:
    running.type("\x1a")


def ask(running: Terminal) -> None:
    running.kill(signal.SIGTSTP)


def force(running: Terminal) -> None:
    running.kill(signal.SIGSTOP)


@pytest.mark.parametrize("size", [(24, 80), (30, 100)], ids=["same size", "other size"])
@pytest.mark.parametrize("stop", [press, ask, force])
def test_suspended_program_restores_its_screen(
    stop: Callable[[Terminal], None], size: tuple[int, int], tmp_path: Path
) -> None:
    with terminal(DEMO, tmp_path, job=True) as running:
        running.until("ACME-CORP")
        running.quiet()
        raw, offset, seen = running.modes(), len(running.sent), running.screen.seen
        for _ in range(2):
            stop(running)
            assert running.stopped()
            running.quiet(0.1)
            if stop is not force:
                assert running.modes() == running.before
                output = bytes(running.sent[offset:])
                assert b"\x1b[?1049l" in output
                assert b"\x1b[?25h" in output
            running.screen.reset()
            running.resize(*size)
            offset = len(running.sent)
            running.kill(signal.SIGCONT)
            running.until(lambda text: "F1 Help" in text.splitlines()[size[0] - 1])
            running.quiet(0.1)
            if size == (24, 80):
                assert running.screen.seen == seen
            assert running.modes() == raw
            assert b"\x1b[?1049h" in running.sent[offset:]
            assert "Customers" in running.screen.display[0]
            assert "ACME-CORP" in running.screen.display[2]
            assert "48 customers" in running.screen.display[size[0] - 2]
        # There is only one reader, so no key is lost.
        running.type("jjj")
        running.until(lambda text: text.splitlines()[5].startswith("›"))
        running.type("\x11")
        assert running.ended(5) == 0
        assert running.modes() == running.before


@pytest.mark.promise("D2")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_suspended_program_can_be_ended(number: signal.Signals, tmp_path: Path) -> None:
    with terminal(DEMO, tmp_path, job=True) as running:
        running.until("ACME-CORP")
        running.quiet()
        press(running)
        assert running.stopped()
        running.quiet(0.1)
        offset = len(running.sent)
        running.kill(number)
        running.kill(signal.SIGCONT)
        assert running.ended(3) == 128 + number
        assert running.modes() == running.before
        assert b"\x1b[?1049h" not in running.sent[offset:]


@pytest.mark.parametrize(
    ("family", "waits"),
    [
        ("child session", False),
        ("child session child", False),
        ("child session child group", True),
        ("child session child group child", True),
        ("child session child group child child", True),
        ("child session child group orphan", False),
    ],
)
def test_shell_is_detected_by_process_groups(family: str, waits: bool) -> None:
    result = subprocess.run(
        [sys.executable, "-c", FAMILY, family], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert result.stdout == f"{waits}\n"


@pytest.mark.parametrize("run", [f"exec {DIRECTLY}", f"{DIRECTLY}; true"], ids=["its leader", "beside its leader"])
def test_ctrl_z_without_shell_does_not_suspend(run: str, environ: dict[str, str]) -> None:
    with Behind(["sh", "-c", run], environ, (80, 24)) as running:
        running.until("ACME-CORP")
        running.press("\x1a", NO_SHELL)
        running.press("j")
        assert running.screen.display[3].startswith("›")
        running.press("\x11", quiet=0.1)
        assert running.wait() == 0


def test_sigtstp_without_shell_does_not_suspend(tmp_path: Path) -> None:
    with terminal(DEMO, tmp_path) as running:
        running.until("ACME-CORP")
        running.quiet()
        running.kill(signal.SIGTSTP)
        running.until(NO_SHELL)
        running.type("\x11")
        assert running.ended(5) == 0


@pytest.mark.parametrize("command", [DIRECTLY, WRAPPED], ids=["directly", "wrapped"])
def test_bash_job_suspends_and_resumes(command: str, environ: dict[str, str]) -> None:
    bash = pexpect.spawn("bash", ["--norc", "--noprofile", "-i"], env=environ | {"PS1": "ready> ", "TERM": "xterm"})
    bash.expect_exact("ready> ")
    bash.sendline(command)
    bash.expect_exact("F1")
    for _ in range(2):
        bash.send("\x1a")
        bash.expect_exact("Stopped")
        bash.expect_exact("ready> ")
        bash.sendline("fg")
        bash.expect_exact("Customers")
        bash.expect_exact("F1")
    bash.send("\x11")
    bash.expect_exact("ready> ")
    bash.sendline("exit")
    bash.expect(pexpect.EOF)
    bash.close()
    assert bash.exitstatus == 0
