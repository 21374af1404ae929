"""An idle program writes nothing, and a slow terminal gets the newest screen without being waited for."""

import select
from pathlib import Path

import pytest

from tests.terminal.pty_program import start

FIND, ESCAPE, EDIT, BACKSPACE, END = "/", "\x1b", "\x1bOQ", "\x7f", "\x1b[F"
NEXT_PAGE, PREVIOUS_PAGE = "\x1b[19~", "\x1b[18~"

#: A page takes about 2,500 bytes, and a pty buffers some ten thousand.
TURNS = 100


@pytest.mark.parametrize("mode", ["--lean", pytest.param("--no-lean", marks=pytest.mark.slow)])
def test_idle_program_writes_nothing(environ: dict[str, str], mode: str) -> None:
    with start(environ, mode) as terminal:
        # Wait until the local copy is filled.
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
        # The last lines will show the notice of the export.
        before, written = terminal.screen.display[:-4], terminal.written
        terminal.type((NEXT_PAGE + PREVIOUS_PAGE) * TURNS)
        # Keys take effect in order: when the file exists, all pages were turned, and no output was read yet.
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
    """Whether the file appears while the terminal is not read."""
    for _ in range(300):
        if path.exists():
            return True
        select.select([], [], [], 0.1)
    return False
