"""Stopped and continued, the program gives the terminal back and finds its whole screen again."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.terminal.screen import Terminal, terminal

DEMO: Final = ["-m", "app", "--demo"]


def press(running: Terminal) -> None:
    running.type("\x1a")


def ask(running: Terminal) -> None:
    running.kill(signal.SIGTSTP)


def force(running: Terminal) -> None:
    running.kill(signal.SIGSTOP)


@pytest.mark.parametrize("size", [(24, 80), (30, 100)], ids=["same size", "other size"])
@pytest.mark.parametrize("stop", [press, ask, force])
def test_it_comes_back_whole(stop: Callable[[Terminal], None], size: tuple[int, int], tmp_path: Path) -> None:
    with terminal(DEMO, tmp_path) as running:
        running.until("ACME-CORP")
        running.quiet()
        raw, begun = running.modes(), len(running.sent)
        for _ in range(2):
            stop(running)
            assert running.stopped()
            running.quiet(0.1)
            if stop is not force:
                assert running.modes() == running.before
                left = bytes(running.sent[begun:])
                assert b"\x1b[?1049l" in left
                assert b"\x1b[?25h" in left
            running.screen.reset()
            running.resize(*size)
            begun = len(running.sent)
            running.kill(signal.SIGCONT)
            running.until(lambda text: "F1 Help" in text.splitlines()[size[0] - 1])
            running.quiet(0.1)
            assert running.modes() == raw
            assert b"\x1b[?1049h" in running.sent[begun:]
            assert "Customers" in running.screen.display[0]
            assert "ACME-CORP" in running.screen.display[2]
            assert "48 customers" in running.screen.display[size[0] - 2]
        # One reader, not two: no key is lost to another one.
        running.type("jjj")
        running.until(lambda text: text.splitlines()[5].startswith("›"))
        running.type("\x11")
        assert running.ended(5) == 0
        assert running.modes() == running.before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_it_can_be_ended_while_it_is_away(number: signal.Signals, tmp_path: Path) -> None:
    with terminal(DEMO, tmp_path) as running:
        running.until("ACME-CORP")
        running.quiet()
        press(running)
        assert running.stopped()
        running.quiet(0.1)
        begun = len(running.sent)
        running.kill(number)
        running.kill(signal.SIGCONT)
        assert running.ended(3) == 128 + number
        assert running.modes() == running.before
        assert b"\x1b[?1049h" not in running.sent[begun:]
