"""A work shift, key by key, and what each step costs."""

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
    """The steps by name; repeated steps have several entries."""

    steps: Mapping[str, Sequence[Step]]
    written: int

    def mean(self, name: str) -> float:
        """The average bytes of this step."""
        steps = self.steps[name]
        return sum(step.written for step in steps) / len(steps)


def run_shift(terminal: Terminal, idle: float = IDLE) -> Shift:
    """Run the shift in a program that was just started, and end it."""
    steps: dict[str, list[Step]] = {}

    def step(name: str, keys: str, until: str = "", quiet: float = QUIET) -> Step:
        step = terminal.press(keys, until, quiet)
        steps.setdefault(name, []).append(step)
        return step

    terminal.until("active")
    terminal.settle()
    steps["start"] = [Step(terminal.written, terminal.last_byte - terminal.started, terminal.cpu())]
    for _ in range(10):
        step("row down", DOWN)
    for page in (2, 3, 4):
        step("page", NEXT_PAGE, f"page {page} of")
    if step("find", "/").written:
        for letter in "depot":
            step("letter found", letter)
        step("find left", ESCAPE, quiet=0.6)
    step("open", ENTER, "Address")
    step("edit", EDIT, "F10 Save")
    step("field", DOWN)
    for letter in "the-gate":
        step("letter typed", letter)
    step("save", SAVE, "y Copy", quiet=0.6)
    step("dialog open", DELETE, "Keep")
    step("dialog close", ESCAPE, "y Copy", quiet=0.6)
    step("help", HELP, "Help")
    step("help left", BACK, quiet=0.6)
    step("notice", "y", "Copied")
    step("notice gone", "", quiet=11)
    step("idle", "", quiet=idle)
    step("quit", QUIT)
    terminal.wait()
    return Shift(steps, terminal.written)
