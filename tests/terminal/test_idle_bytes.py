"""A program with nothing to do writes nothing, and one whose terminal is slow neither waits for it nor drowns it."""

import select
from pathlib import Path

import pytest

from tests.terminal.pty_program import start

FIND, ESCAPE, EDIT, BACKSPACE, END = "/", "\x1b", "\x1bOQ", "\x7f", "\x1b[F"
NEXT_PAGE, PREVIOUS_PAGE = "\x1b[19~", "\x1b[18~"

#: A page takes some 2,500 bytes, and a pty holds a few ten thousand.
TURNS = 100


@pytest.mark.parametrize("mode", ["--lean", "--no-lean"])
def test_idle_program_writes_nothing(environ: dict[str, str], mode: str) -> None:
    with start(environ, mode) as terminal:
        # The mirror that fills itself is something that happens.
        terminal.settle(2)
        assert terminal.press("", quiet=2).written == 0
        for keys, seen in ((FIND, "Find:"), (ESCAPE, "· by ID ▲"), (EDIT, "F10 Save")):
            terminal.press(keys, seen)
            assert terminal.press("", quiet=2).written == 0


def test_slow_terminal_gets_newest_screen(
    environ: dict[str, str],
) -> None:
    with start(environ) as terminal:
        terminal.settle(2)
        turn = terminal.press(NEXT_PAGE, "page 2").written + terminal.press(PREVIOUS_PAGE, "page 1").written
        # The last lines will tell of the file.
        before, written = terminal.screen.display[:-4], terminal.written
        terminal.type((NEXT_PAGE + PREVIOUS_PAGE) * TURNS)
        # Keys take effect in order: when the file is there, all pages were turned; nobody has read of it yet.
        terminal.type(f"x{BACKSPACE}\x1b[200~~/done.csv\x1b[201~{END}\r")
        assert appears(Path(environ["HOME"]) / "done.csv")
        assert terminal.written == written
        terminal.until("done.csv")
        terminal.settle()
        assert terminal.screen.display[:-4] == before
        assert terminal.written - written < turn * TURNS / 3
        terminal.press("\x1b[B")
        assert terminal.screen.display[3].startswith("›")


def appears(path: Path) -> bool:
    """Whether the file comes while nothing of the terminal is read."""
    for _ in range(300):
        if path.exists():
            return True
        select.select([], [], [], 0.1)
    return False
