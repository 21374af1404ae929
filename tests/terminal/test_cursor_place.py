"""The terminal's cursor stands on what has the focus, at once: a screen reader reads what is under it."""

import pytest

from tests.bench.terminal import Terminal
from tests.terminal.pty_program import start

DOWN, RIGHT, ESCAPE, EDIT, ENTER = "\x1b[B", "\x1b[C", "\x1b", "\x1bOQ", "\r"
SIZES = [(80, 24), pytest.param((24, 16), marks=pytest.mark.slow)]


def under_cursor(terminal: Terminal) -> str:
    """What the terminal shows from its cursor to the end of the line."""
    cursor = terminal.screen.cursor
    return terminal.screen.display[cursor.y][cursor.x :].rstrip()


def before_cursor(terminal: Terminal) -> str:
    """What the terminal shows before its cursor."""
    cursor = terminal.screen.cursor
    return terminal.screen.display[cursor.y][: cursor.x]


@pytest.mark.parametrize("size", SIZES)
def test_cursor_is_on_row_field_and_answer(environ: dict[str, str], size: tuple[int, int]) -> None:
    with start(environ, size=size, until="live") as terminal:
        assert under_cursor(terminal).startswith("› ACME-CORP")
        terminal.press(DOWN)
        assert under_cursor(terminal).startswith("› AGUILA-CALC")
        terminal.press("d", "Discontinue", quiet=1)
        assert under_cursor(terminal).split()[0] == "Keep"
        terminal.press(RIGHT)
        assert under_cursor(terminal).strip() == "Discontinue"
        terminal.press(ESCAPE, quiet=0.6)
        assert under_cursor(terminal).startswith("› AGUILA-CALC")
        terminal.press(EDIT, "F10", quiet=0.6)
        terminal.press(DOWN)
        # Behind the text.
        assert before_cursor(terminal).endswith("ña")
        terminal.press("x")
        assert before_cursor(terminal).endswith("ñax")


@pytest.mark.parametrize("size", SIZES)
def test_cursor_is_in_text_that_is_typed_and_on_entry_that_an_arrow_chose(
    environ: dict[str, str], size: tuple[int, int]
) -> None:
    with start(environ, size=size, until="live") as terminal:
        terminal.settle(2)
        terminal.press(":", "type to search", quiet=1)
        assert under_cursor(terminal).startswith("type to search")
        for letter in "refr":
            terminal.press(letter, quiet=0.3)
        assert before_cursor(terminal).strip() == "refr"
        terminal.press(DOWN)
        assert under_cursor(terminal).startswith("Refresh")
        terminal.press(ESCAPE, quiet=0.6)
        terminal.press("/", quiet=1)
        for letter in "bri":
            terminal.press(letter, quiet=0.4)
        assert before_cursor(terminal).endswith("bri")
        terminal.press(DOWN)
        assert under_cursor(terminal).startswith("› ")


def test_cursor_is_on_field_of_record(environ: dict[str, str]) -> None:
    with start(environ) as terminal:
        terminal.press(ENTER, "Jane Smith", quiet=0.6)
        assert "› ID" in terminal.screen.display[terminal.screen.cursor.y]
        terminal.press(DOWN)
        terminal.press(DOWN)
        assert "Jane Smith" in terminal.screen.display[terminal.screen.cursor.y]
