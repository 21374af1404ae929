"""How fast the mirror finds, and what it costs: `python -m tests.bench.mirror [N] [--json]`.

A mirror of N sample customers is filled without a service (what filling from one costs is told by
`tests.bench.filling`). Then it is asked as a person types, letter by letter, with each status and by each column;
250 of its customers are changed; and a process that opens it and finds is weighed beside one with 48 customers.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from app.fields import FIELDS, PageRequest
from app.local.mirror import Mirror
from app.models import Customer
from app.service.sample import sample_customers

#: What is typed: rare, common, two that seldom meet, other scripts, short, nowhere, mistyped, numbers, pasted.
TYPED: Final = (
    *("acme", "springfield", "orders@acme", "hamburg tacoma", "jane smith", "zq", "a", "co", "example.com", "--"),
    *("横浜", "市", "東京", "서울", "물류", "मुंबई", "москва", "الرياض", "peña", "müller"),
    *("555-0100", "5550100", "nothingatall", "sprngfield", "brigt", "warsaw supply", "lorem ipsum dolor sit amet " * 7),
)
DELTA: Final = 250
_PAGE: Final = 25
_WEIGHED: Final = """
import asyncio, sys
from pathlib import Path
from app.fields import PageRequest
from app.local.mirror import Mirror
from tests.bench.mirror import TYPED, memory

async def main():
    mirror = Mirror.open(Path(sys.argv[1]))
    for typed in TYPED:
        for sort in (None, "name"):
            await mirror.page(PageRequest(1, 25, sort, find=typed))
    print(memory())
    await mirror.close()

asyncio.run(main())
"""


@dataclass(frozen=True, slots=True)
class Times:
    """Of some looks into the mirror, in milliseconds; `slowest` is what took longest."""

    looks: int
    median: float
    p95: float
    worst: float
    slowest: str


@dataclass(frozen=True, slots=True)
class Figures:
    """All that was measured: times in milliseconds, sizes in MiB."""

    customers: int
    typing: Times
    by_status: Times
    by_column: Times
    unchanged: float
    delta: float
    delta_written: int
    file: float
    memory: float
    memory_of_48: float


def memory() -> float:
    """The memory of this process, shared parts counted in part, in MiB."""
    lines = Path("/proc/self/smaps_rollup").read_text(encoding="ascii").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def typing(texts: Sequence[str]) -> Iterator[PageRequest]:
    """What the list asks for while these texts are typed."""
    for text in texts:
        for length in range(1, min(len(text), 30) + 1):
            yield PageRequest(1, _PAGE, None, find=text[:length])
        yield PageRequest(1, _PAGE, None, find=text)


def by_status(texts: Sequence[str]) -> Iterator[PageRequest]:
    """Each text among the active and the discontinued."""
    for text in ("", *texts):
        yield PageRequest(1, _PAGE, None, find=text, status="active")
        yield PageRequest(1, _PAGE, None, find=text, status="discontinued")


def by_column(texts: Sequence[str]) -> Iterator[PageRequest]:
    """Each text by each column, up and down."""
    for text in texts:
        for field in FIELDS:
            yield PageRequest(1, _PAGE, field.name, "ASC", find=text)
            yield PageRequest(1, _PAGE, field.name, "DESC", find=text)


async def timed(mirror: Mirror, requests: Iterator[PageRequest]) -> Times:
    """Ask one after the other."""
    took: list[tuple[float, str]] = []
    for request in requests:
        began = time.perf_counter()
        await mirror.page(request)
        what = " ".join((request.find[:20], request.status, request.sort or "best", request.direction))
        took.append(((time.perf_counter() - began) * 1000, what))
    took.sort()
    return Times(len(took), took[len(took) // 2][0], took[int(len(took) * 0.95)][0], *took[-1])


async def fill(mirror: Mirror, count: int) -> list[Customer]:
    """Fill it with so many sample customers by ID; gives the first few back."""
    records = sorted(sample_customers(count), key=lambda record: str(record["shortID"]))
    sweep = await mirror.begin_sweep()
    first: list[Customer] = []
    for start in range(0, count, DELTA):
        page = [Customer.from_wire(record) for record in records[start : start + DELTA]]
        # Some from everywhere, as changes are.
        first += page[:: max(1, len(page) * count // DELTA**2 + 1)][: DELTA - len(first)]
        await mirror.take(page, sweep)
    await mirror.end_sweep(sweep, datetime.now().astimezone(), drop_missing=True)
    await mirror.tended()
    return first


async def weighed(path: Path) -> float:
    """The memory of a process that opened the mirror and found in it."""
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", _WEIGHED, str(path)], check=True, capture_output=True, text=True
    )
    return float(done.stdout)


async def measure(count: int, folder: Path, texts: Sequence[str] = TYPED) -> Figures:
    """Everything, with so many customers."""
    small = await asyncio.to_thread(Mirror.open, folder / "small")
    await fill(small, 48)
    await small.close()
    mirror = await asyncio.to_thread(Mirror.open, folder / "mirror")
    some = await fill(mirror, count)
    typed = await timed(mirror, typing(texts))
    with_status = await timed(mirror, by_status(texts))
    sorted_ = await timed(mirror, by_column(texts))
    began = time.perf_counter()
    await mirror.take(some)
    unchanged = time.perf_counter() - began
    changed = [
        Customer.from_wire(one.received | {"contact": "Changed", "modified": "2026-01-01T00:00:00"}) for one in some
    ]
    began = time.perf_counter()
    written = await mirror.take(changed)
    delta = time.perf_counter() - began
    await mirror.close()
    return Figures(
        count,
        typed,
        with_status,
        sorted_,
        unchanged=unchanged * 1000,
        delta=delta * 1000,
        delta_written=written,
        file=(folder / "mirror").stat().st_size / 2**20,
        memory=await weighed(folder / "mirror"),
        memory_of_48=await weighed(folder / "small"),
    )


def table(figures: Figures) -> str:
    """The figures for a person."""
    must = (15, None) if figures.customers <= 100_000 else (40, 100)
    lines = [f"{figures.customers:,} customers, {figures.file:,.0f} MiB; milliseconds from a key to the rows", ""]
    lines.append(f"{'':14}{'looks':>7}{'median':>9}{'p95':>9}{'worst':>9}   the worst")
    for name, times in (
        ("typing", figures.typing),
        ("with a status", figures.by_status),
        ("by a column", figures.by_column),
    ):
        numbers = f"{times.looks:>7}{times.median:>9.1f}{times.p95:>9.1f}{times.worst:>9.1f}"
        lines.append(f"{name:14}{numbers}   {times.slowest}")
    worst = "" if must[1] is None else f", worst ≤ {must[1]}"
    lines += [
        f"{'must be':14}{f'p95 ≤ {must[0]}{worst}':>25}",
        "",
        f"{DELTA} looked at, unchanged: {figures.unchanged:.0f} ms",
        f"{figures.delta_written} changed: {figures.delta:.0f} ms (must be ≤ 200)",
        f"memory of a process that finds in it: {figures.memory:.1f} MiB, in one of 48: {figures.memory_of_48:.1f} MiB",
        f"the difference: {figures.memory - figures.memory_of_48:+.1f} MiB (must be ≤ 8)",
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure and tell."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.mirror", description=__doc__)
    parser.add_argument("customers", type=int, nargs="?", default=100_000)
    parser.add_argument("--json", action="store_true", help="figures for a program")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        figures = asyncio.run(measure(options.customers, Path(folder)))
    sys.stdout.write((json.dumps(asdict(figures), indent=2) if options.json else table(figures)) + "\n")


if __name__ == "__main__":
    main()
