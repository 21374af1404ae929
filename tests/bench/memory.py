"""The memory that a mirror costs the real program: `python -m tests.bench.memory [N]`.

The program fills the mirror of a server with N customers and of one with 48. Memory is measured while the mirror is
filled, while it is indexed, and afterwards.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from app.mirror.database import SORT_INDEXES, MirrorCorrupt, open_reader
from app.mirror.state import MirrorState
from tests.bench.programs import ROOT, credentials_of
from tests.bench.terminal import Terminal

_LONGEST = 600.0  # seconds
_QUIET = 3.0
_LOOK = 0.2


@dataclass(frozen=True, slots=True)
class Memory:
    """MiB (PSS): the most while the mirror was filled, the most while it was then indexed, and seconds later."""

    filling: float
    indexing: float
    at_rest: float
    seconds: float


def measure_memory(customers: int) -> Memory:
    """Start a server and the program on it, and measure the program until its mirror is complete and indexed."""
    with _run_program(customers) as (terminal, home):
        begun = monotonic()
        terminal.until("active")
        filling = indexing = 0.0
        whole = indexed = False
        while not indexed:
            if monotonic() - begun > _LONGEST:
                raise TimeoutError("the mirror was not filled")
            terminal.settle(_LOOK, at_most=_LOOK)
            memory = terminal.memory()
            filling, indexing = (filling, max(indexing, memory)) if whole else (max(filling, memory), indexing)
            whole, indexed = _progress(home)
        seconds = monotonic() - begun
        indexing = max(indexing, terminal.memory())
        terminal.settle(_QUIET, at_most=_QUIET)
        return Memory(filling, indexing, terminal.memory(), seconds)


@contextmanager
def _run_program(customers: int) -> Iterator[tuple[Terminal, Path]]:
    with TemporaryDirectory() as home:
        environ = {"PATH": os.environ["PATH"], "HOME": home, "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"}
        argv = (sys.executable, "-m", "app", "serve", "--demo", str(customers), "--port", "0")
        server = subprocess.Popen(argv, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            environ |= credentials_of(server)
            with Terminal((sys.executable, "-m", "app"), environ) as terminal:
                yield terminal, Path(home)
        finally:
            server.terminate()
            server.communicate()


def _progress(home: Path) -> tuple[bool, bool]:
    """Whether the mirror in this home is complete, and whether it is indexed; the sort indexes are built last."""
    for file in home.glob(".cache/dockbook/**/*.sqlite3"):
        try:
            connection = open_reader(file, full_text=True)
        except MirrorCorrupt:
            # The file is being created.
            return False, False
        try:
            names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'index'")}
            return MirrorState.read(connection).complete, names >= SORT_INDEXES.keys()
        finally:
            connection.close()
    return False, False


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.memory", description=__doc__)
    parser.add_argument("customers", type=int, nargs="?", default=100_000)
    customers = parser.parse_args().customers
    small, large = measure_memory(48), measure_memory(customers)
    lines = [f"MiB of the program, with 48 customers and with {customers:,} (filled in {large.seconds:.0f} s)"]
    for what, few, many in (
        ("at most while it fills", small.filling, large.filling),
        ("at most while it indexes", small.indexing, large.indexing),
        ("at rest", small.at_rest, large.at_rest),
    ):
        lines.append(f"  {what:26}{few:6.1f}{many:7.1f}{many - few:+7.1f}  (must be ≤ 10)")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
