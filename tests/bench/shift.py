"""A shift at the loading dock, key by key: what is done, and what each step of it costs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tests.bench.terminal import QUIET, Step, Terminal

DOWN: Final = "\x1b[B"
UP: Final = "\x1b[A"
ENTER: Final = "\r"
ESCAPE: Final = "\x1b"
HELP: Final = "\x1bOP"
EDIT: Final = "\x1bOQ"
BACK: Final = "\x1bOR"
NEXT_PAGE: Final = "\x1b[19~"
SAVE: Final = "\x1b[21~"
DELETE: Final = "\x1b[3~"
QUIT: Final = "\x11"

IDLE: Final = 60.0  # seconds


@dataclass(frozen=True, slots=True)
class Shift:
    """Steps by name; one that was done several times has several."""

    steps: Mapping[str, Sequence[Step]]
    written: int

    def mean(self, name: str) -> float:
        """The bytes of one such step, on average."""
        steps = self.steps[name]
        return sum(step.written for step in steps) / len(steps)


def work(terminal: Terminal, idle: float = IDLE) -> Shift:
    """Do everything a shift is made of, with the program just started; it has ended afterwards."""
    steps: dict[str, list[Step]] = {}

    def do(name: str, keys: str, until: str = "", quiet: float = QUIET) -> Step:
        step = terminal.press(keys, until, quiet)
        steps.setdefault(name, []).append(step)
        return step

    terminal.until("active")
    terminal.settle()
    steps["start"] = [Step(terminal.written, terminal.last_byte - terminal.started, terminal.cpu())]
    for _ in range(10):
        do("row down", DOWN)
    for page in (2, 3, 4):
        do("page", NEXT_PAGE, f"page {page} of")
    if do("find", "/").written:
        for letter in "depot":
            do("letter found", letter)
        do("find left", ESCAPE, quiet=0.6)
    do("open", ENTER, "Address")
    do("edit", EDIT, "F10 Save")
    do("field", DOWN)
    for letter in "the-gate":
        do("letter typed", letter)
    do("save", SAVE, "y Copy", quiet=0.6)
    do("dialog open", DELETE, "Keep")
    do("dialog close", ESCAPE, "y Copy", quiet=0.6)
    do("help", HELP, "Help")
    do("help left", BACK, quiet=0.6)
    do("notice", "y", "Copied")
    do("notice gone", "", quiet=11)
    do("idle", "", quiet=idle)
    do("quit", QUIT)
    terminal.wait()
    return Shift(steps, terminal.written)
