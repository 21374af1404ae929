"""Measures every figure with a limit, together with stock and bare Textual in the same run."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import count
from statistics import median
from time import perf_counter
from typing import Final

from tests.bench.programs import ROOT, Programs
from tests.bench.shift import DOWN, ESCAPE, UP, run_shift
from tests.bench.terminal import Terminal

ROWS: Final = 10
_ROUNDS: Final = 9
_THERE_AND_BACK: Final = (*[DOWN] * ROWS, *[UP] * ROWS)


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of dockbook, the same of stock Textual, and its limit; `None` if there is none."""

    what: str
    unit: str
    value: float
    stock: float | None = None
    limit: float | None = None

    @property
    def within_limit(self) -> bool | None:
        """Whether the figure is within its limit."""
        return None if self.limit is None else self.value <= self.limit

    def as_json(self) -> dict[str, object]:
        """The figure as a JSON object."""
        return {**asdict(self), "kept": self.within_limit}


def byte_figures(programs: Programs, idle: float) -> Iterator[Figure]:
    """Bytes to the terminal and memory; these are equal in every run."""
    with programs.dockbook() as lean:
        shift = run_shift(lean, idle)
    with programs.dockbook("--plain-output") as plain:
        all_drawn = run_shift(plain, idle)
    with programs.textual("stock") as stock:
        stock.until("active")
        stock.settle()
        first = stock.written
        rows = [stock.press(DOWN) for _ in range(ROWS)]
        page = stock.press("\x1b[6~").written
        dialog = stock.press("d").written + stock.press(ESCAPE, quiet=0.6).written
        notice = stock.press("n", quiet=2).written
    yield Figure("first paint and rows", "bytes", shift.mean("start"), first, 6_000)
    yield Figure("one row down", "bytes", shift.mean("row down"), mean(step.written for step in rows), 250)
    yield Figure("one page", "bytes", shift.mean("page"), page, 4_500)
    yield Figure(
        "dialog open and closed", "bytes", shift.mean("dialog open") + shift.mean("dialog close"), dialog, 6_000
    )
    yield Figure("a letter typed, on average", "bytes", shift.mean("letter typed"), None, 100)
    yield Figure("a letter typed, the dearest", "bytes", max(s.written for s in shift.steps["letter typed"]), None, 100)
    yield Figure("a notice shown and gone", "bytes", shift.mean("notice") + shift.mean("notice gone"), notice, 1_500)
    yield Figure(f"idle for {idle:.0f} s", "bytes", shift.mean("idle"), None, 0)
    yield Figure("the whole shift", "bytes", shift.written, None, None)
    yield Figure("the whole shift", "x --plain-output", shift.written / all_drawn.written, 1, 0.35)
    with programs.dockbook(colours="16") as terminal:
        terminal.until("active")
        # Wait until the mirror is filled.
        terminal.settle(4)
        mine = [terminal.press(DOWN) for _ in range(ROWS)]
    yield Figure("one row down, 16 colours", "bytes", mean(step.written for step in mine), None, 220)
    yield _processor(programs)
    yield from _memory(programs)


def _processor(programs: Programs) -> Figure:
    """The processor time of a row, measured in turns so that other load affects both programs."""
    with programs.textual("stock") as stock, programs.dockbook() as mine:
        for terminal in (stock, mine):
            terminal.until("active")
            # Wait until the mirror is filled.
            terminal.settle(4)
        both = [[terminal.press_all(_THERE_AND_BACK).cpu for terminal in (stock, mine)] for _ in range(_ROUNDS + 1)]
    # The first round is a warm-up.
    share = median(ours / theirs for theirs, ours in both[1:])
    return Figure("one row down, processor", "x stock", share, 1, 0.6)


def _memory(programs: Programs) -> Iterator[Figure]:
    def pss(terminal: Terminal, text: str) -> float:
        with terminal:
            terminal.until(text)
            terminal.settle(1)
            return terminal.memory()

    client, imported = (
        median(pss(programs.textual(kind), "bare") for _ in range(3)) for kind in ("client", "imported")
    )
    for name, server in (("server", True), ("--demo", False)):
        memory = median(pss(programs.dockbook(server=server), "active") for _ in range(3))
        yield Figure(f"memory at the list, {name}", "x bare with client", memory / client, 1, 1.25)
    yield Figure("memory of bare with httpx and a model of pydantic", "MiB", client)
    yield Figure("the same with both imported and no model made", "MiB", imported)


def time_figures(programs: Programs, runs: int) -> Iterator[Figure]:
    """Times until something is shown: medians of alternating runs, relative to bare Textual."""
    fresh = count()
    starts: dict[str, Callable[[], Terminal]] = {
        "bare": lambda: programs.textual("bare"),
        "stock": lambda: programs.textual("stock"),
        "server": lambda: programs.dockbook(server=True, cache=f"fresh-{next(fresh)}"),
        "mirror": lambda: programs.dockbook(server=True, cache="kept"),
        "--demo": programs.dockbook,
    }
    with starts["mirror"]() as terminal:
        terminal.until("live")
        # The mirror is filled during the first second.
        terminal.settle(3)
    paint: dict[str, list[float]] = {name: [] for name in starts}
    rows: dict[str, list[float]] = {name: [] for name in starts}
    help_text: list[float] = []
    nothing: list[float] = []
    for _ in range(runs):
        for name, start in starts.items():
            with start() as terminal:
                paint[name].append(terminal.until("dockbook", "bare", "Stock"))
                rows[name].append(terminal.until("active", "bare"))
        help_text.append(_run("-m", "app", "--help"))
        nothing.append(_run("-c", "pass"))
    bare = median(paint["bare"])
    stock = median(rows["stock"]) / bare
    yield Figure("spawn to first paint of bare", "s", bare)
    yield Figure("spawn to first paint", "x bare", median(paint["server"]) / bare, median(paint["stock"]) / bare, 1.15)
    yield Figure("spawn to first rows, server", "x bare", median(rows["server"]) / bare, stock, 1.6)
    yield Figure("spawn to first rows, with a mirror", "x bare", median(rows["mirror"]) / bare, stock, 1.3)
    yield Figure("spawn to first rows, --demo", "x bare", median(rows["--demo"]) / bare, stock, 2.0)
    yield Figure("dockbook --help", "x python -c pass", median(help_text) / median(nothing), None, 3)


def _run(*arguments: str) -> float:
    begun = perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return perf_counter() - begun


def mean(values: Iterator[int] | Iterator[float]) -> float:
    """The average."""
    numbers = list(values)
    return sum(numbers) / len(numbers)
