"""What a terminal gets for its size: one sentence where nothing fits, a preview for few bytes where much does."""

from pathlib import Path

import pytest

from tests.terminal.emulator import TIMEOUT, terminal
from tests.terminal.pty_program import ROOT, start

ROWS = 18
DOWN, EDIT, QUIT = "\x1b[B", "\x1bOQ", "\x11"


def test_too_small_terminal_shows_one_sentence_until_it_grows(environ: dict[str, str]) -> None:
    with start(environ) as program:
        program.press(EDIT, "F10 Save")
        program.press(DOWN)
        program.press("x", "1 changed")
        program.resize(23, 16)
        program.until("Make the window larger")
        program.settle()
        assert " ".join(program.text.split()) == "Make the window larger (24x10 at least). Ctrl+Q leaves."
        assert program.press("d\r", quiet=1).written <= 1, "a bell at most"
        program.resize(80, 9)
        program.settle(0.6)
        assert " ".join(program.text.split()) == "Make the window larger (24x10 at least). Ctrl+Q leaves."
        program.resize(80, 24)
        program.until("F10 Save")
        program.until("1 changed")
        assert "Make the window" not in program.text


def test_program_that_starts_in_too_small_terminal_can_be_left(environ: dict[str, str]) -> None:
    with start(environ, size=(20, 8), until="larger") as program:
        program.type(QUIT)
        assert program.wait() == 0


@pytest.mark.parametrize(
    ("size", "most"), [((160, 50), 700), pytest.param((200, 60), 700, marks=pytest.mark.slow), ((80, 24), 195)]
)
def test_row_down_costs_few_bytes(environ: dict[str, str], size: tuple[int, int], most: int) -> None:
    with start(environ, size=size, until="live") as program:
        program.settle(2)
        before = program.written
        for _ in range(ROWS):
            program.press(DOWN, quiet=0.2)
        program.settle(0.6)
        assert ROWS * 100 < program.written - before <= ROWS * most


def test_no_colour_is_sent_and_the_cursor_can_be_seen_all_the_same(environ: dict[str, str]) -> None:
    with start({**environ, "NO_COLOR": "1"}) as program:
        for keys, seen in (("", "› ACME-CORP"), ("d", "Keep"), ("\x1b", "› ACME-CORP"), (":", "Open"), ("\x1b", "›")):
            program.press(keys, seen, quiet=1)
            cells = [cell for row in program.screen.seen for cell in row]
            assert {(cell.fg, cell.bg) for cell in cells} == {("default", "default")}
            chosen = "".join(cell.data for cell in cells if cell.reverse)
            assert seen.strip("›") in chosen or seen == "›"


@pytest.mark.parametrize("name", ["dumb", "unknown"])
def test_terminal_that_places_no_cursor_is_refused_before_the_screens(name: str, tmp_path: Path) -> None:
    with terminal(["-m", "app", "--demo"], tmp_path, environ={"TERM": name, "PYTHONPATH": str(ROOT)}) as running:
        assert running.ended(TIMEOUT) == 2
        assert f"TERM is {name}. Set TERM to what yours is, such as xterm." in running.text.replace("\n", "")
        assert b"\x1b" not in running.sent


@pytest.mark.parametrize("name", ["linux", "vt220"])
def test_terminals_without_colours_have_signs(name: str, tmp_path: Path) -> None:
    with terminal(["-m", "app", "--demo"], tmp_path, environ={"TERM": name, "PYTHONPATH": str(ROOT)}) as running:
        running.until("· by ID ▲")
        running.until("× Cargo Northwest")
        running.until("› ACME-CORP")
