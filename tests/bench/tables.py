"""Bytes compared: of all terminals, with and without `--lean`, and of other programs."""

from collections.abc import Iterator
from typing import Final

from tests.bench.figures import ROWS, mean
from tests.bench.programs import OTHERS, Programs
from tests.bench.shift import BACK, DELETE, DOWN, EDIT, ESCAPE, NEXT_PAGE, run_shift
from tests.bench.terminal import Terminal

SIZES: Final = ((80, 24), (100, 30), (160, 50))
#: Cursor down in application mode, which curses programs request.
_DOWN_FOR_CURSES: Final = "\x1bOB"
_HURRY: Final = 0.02  # seconds between two letters typed fast

Row = tuple[str, ...]


def terminal_rows(programs: Programs) -> Iterator[Row]:
    """Bytes at every size and number of colours: start, a row down, a page, a dialog."""
    for size in SIZES:
        for colours in ("16", "256", "truecolor"):
            with programs.dockbook(size=size, colours=colours) as terminal:
                terminal.until("by ID")
                terminal.settle()
                start = terminal.written
                row = mean(terminal.press(DOWN).written for _ in range(ROWS))
                page = terminal.press(NEXT_PAGE, "page 2").written
                dialog = terminal.press(DELETE, "Keep").written + terminal.press(ESCAPE, quiet=0.6).written
                yield f"{size[0]}x{size[1]}", colours, f"{start:,}", f"{row:,.0f}", f"{page:,}", f"{dialog:,}"


def other_program_rows(programs: Programs) -> Iterator[Row]:
    """First paint and a row down of other programs, if they are installed."""
    for name in OTHERS:
        started = programs.other(name)
        if started is None:
            yield name, "not installed", ""
            continue
        terminal, text = started
        with terminal:
            terminal.until(text)
            terminal.settle()
            start = terminal.written
            row = mean(terminal.press(_DOWN_FOR_CURSES).written for _ in range(ROWS))
            yield name, f"{start:,}", f"{row:,.0f}"


def lean_rows(programs: Programs) -> Iterator[Row]:
    """The same actions without and with `--lean`."""
    usual, lean = (list(_costs(programs, option)) for option in ("--no-lean", "--lean"))
    for (what, bytes_usual), (_, bytes_lean) in zip(usual, lean, strict=True):
        yield what, f"{bytes_usual:,.0f}", f"{bytes_lean:,.0f}"


def _costs(programs: Programs, option: str) -> Iterator[tuple[str, float]]:
    for size in SIZES:
        with programs.dockbook(option, size=size) as terminal:
            terminal.until("by ID")
            terminal.settle()
            name = f"{size[0]}×{size[1]}"
            yield f"{name}: start", terminal.written
            yield "a row down", mean(terminal.press(DOWN).written for _ in range(ROWS))
            yield "a page", terminal.press(NEXT_PAGE, "page 2").written
            yield "find, and 8 letters typed fast", _find_fast(terminal)
            yield "a question, both ways", _there_and_back(terminal, DELETE, "Keep", ESCAPE)
            yield "a choice, both ways", _there_and_back(terminal, "s", "Order by", ESCAPE)
            yield "the form, both ways", _there_and_back(terminal, EDIT, "F10 Save", BACK)
    with programs.dockbook(option) as terminal:
        yield "100×30: the whole shift", run_shift(terminal, idle=1).written


def _find_fast(terminal: Terminal) -> int:
    before = terminal.written
    terminal.press("/", "Find:")
    terminal.press_all("cascade ", quiet=_HURRY)
    terminal.settle(1)
    found = terminal.written - before
    terminal.press(ESCAPE, quiet=1)
    return found


def _there_and_back(terminal: Terminal, keys: str, until: str, back: str) -> int:
    return terminal.press(keys, until).written + terminal.press(back, quiet=0.6).written
