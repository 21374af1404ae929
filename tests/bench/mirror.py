"""How fast the mirror is searched, and what that costs: `python -m tests.bench.mirror [N] [--json] [--check]`.

A mirror of N sample customers is filled without a service (`tests.bench.filling` measures filling from one). Then it is
searched as a person types, letter by letter, with each status, by each column, and for deep pages; 250 of its customers
are changed; and the memory of a process that opens and searches it is compared with that for 48 customers. With
`--keep FILE` the mirror is made there, or taken from there. `--check` compares the answers with a plain search.

Where a page does not say how many rows there are, the list has them counted afterwards: the same is done here before
the other columns and the deep pages. "By a column at once" is without that: every query is new.
"""

import argparse
import asyncio
import json
import string
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Final, get_args

from app.mirror.mirror import Mirror
from app.models.customer import Customer
from app.models.fields import FIELDS, PageRequest, Status
from app.service.sample.generator import sample_customers
from tests.mirror.reference_search import ReferenceSearch, check_found

#: What is typed: rare, common, two that seldom meet, other scripts, short, nowhere, mistyped, numbers, pasted.
TYPED: Final = (
    *("acme", "springfield", "orders@acme", "hamburg tacoma", "jane smith", "zq", "a", "co", "example.com", "--"),
    *("横浜", "市", "東京", "서울", "물류", "मुंबई", "москва", "الرياض", "peña", "müller"),
    *("555-0100", "5550100", "nothingatall", "sprngfield", "brigt", "warsaw supply", "lorem ipsum dolor sit amet " * 7),
)
DELTA: Final = 250
#: Words mistyped by one letter, and how many of them must be offered.
MISTYPED: Final = 138
FEWEST_OFFERED: Final = 129
_PAGE: Final = 25
_FAR_PAGE: Final = 50
_MEMORY_PROGRAM: Final = """
import asyncio, sys
from pathlib import Path
from app.models.fields import PageRequest
from app.mirror.mirror import Mirror
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
    at_once: Times
    far_down: Times
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


def at_once(texts: Sequence[str]) -> Iterator[PageRequest]:
    """The same, such that nothing is known of any from the one before."""
    return iter(sorted(by_column(texts), key=lambda request: (str(request.sort), request.direction)))


def far_down(texts: Sequence[str], customers: int) -> Iterator[PageRequest]:
    """A page in the middle and the last: of all customers, of those with a status, of these finds; by each order."""
    meant: list[tuple[str, Status]] = [
        *(("", status) for status in get_args(Status)),
        *((text, "all") for text in texts),
    ]
    for find, status in meant:
        for sort in (None, *(field.name for field in FIELDS)):
            for direction in ("ASC", "DESC"):
                for page in (customers // _FAR_PAGE // 2, customers // _FAR_PAGE):
                    yield PageRequest(max(page, 1), _FAR_PAGE, sort, direction, find=find, status=status)


def every_request(customers: int) -> list[PageRequest]:
    """All that is measured, once each."""
    found = (typing(TYPED), by_status(TYPED), by_column(TYPED), far_down(("example.com", "co"), customers))
    return sorted(dict.fromkeys(chain(*found)), key=lambda request: (request.find, request.status))


async def counted(mirror: Mirror, requests: Iterator[PageRequest]) -> Times:
    """Ask one after the other, each after its rows were counted; pages beyond the last are the last."""
    took = []
    for request in requests:
        total = await mirror.count(request) or 0
        last = max(-(-total // request.page_size), 1)
        took.append(await _time_page(mirror, request._replace(page=min(request.page, last))))
    return _times(took)


async def timed(mirror: Mirror, requests: Iterator[PageRequest]) -> Times:
    """Ask one after the other."""
    return _times([await _time_page(mirror, request) for request in requests])


async def _time_page(mirror: Mirror, request: PageRequest) -> tuple[float, str]:
    began = time.perf_counter()
    await mirror.page(request)
    took = (time.perf_counter() - began) * 1000
    what = (request.find[:20], request.status, request.sort or "best", request.direction)
    return took, " ".join((*what, *([f"page {request.page}"] if request.page > 1 else [])))


def _times(took: list[tuple[float, str]]) -> Times:
    took.sort()
    return Times(len(took), took[len(took) // 2][0], took[int(len(took) * 0.95)][0], *took[-1])


async def fill(mirror: Mirror, count: int) -> None:
    """Fill it with this many sample customers in the order of their IDs."""
    records = sorted(sample_customers(count), key=lambda record: str(record["shortID"]))
    full_sync = await mirror.begin_full_sync()
    for start in range(0, count, DELTA):
        await mirror.upsert([Customer.from_wire(record) for record in records[start : start + DELTA]], full_sync)
    await mirror.end_full_sync(full_sync, datetime.now().astimezone(), drop_missing=True)
    await mirror.wait_indexed()


async def sample_evenly(mirror: Mirror, count: int) -> list[Customer]:
    """Some customers from everywhere, as changes are."""
    step = max(count // DELTA, 1)
    pages = [await mirror.page(PageRequest(number, 1)) for number in range(1, count + 1, step)]
    return [row for page in pages for row in page.rows][:DELTA]


async def measure_memory(path: Path) -> float:
    """The memory of a process that opened the mirror and found in it."""
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", _MEMORY_PROGRAM, str(path)], check=True, capture_output=True, text=True
    )
    return float(done.stdout)


def mistyped_words(reference: ReferenceSearch) -> list[tuple[str, str]]:
    """Words that many customers hold, and each mistyped by one letter such that no customer holds it."""
    rng = Random(5)  # noqa: S311  # the same each time
    words = [word for word, _ in reference.words().most_common() if 4 <= len(word) <= 12 and word.isalpha()]
    found = []
    for word in rng.sample(words[: 4 * MISTYPED], MISTYPED):
        while True:
            at = rng.randrange(len(word))
            letter = rng.choice(string.ascii_lowercase)
            before, after = word[:at], word[at + 1 :]
            typed = rng.choice(
                (
                    before + after,
                    before + letter + word[at:],
                    before + letter + after,
                    before + after[:1] + word[at] + after[1:],
                )
            )
            if len(typed) > 3 and not reference.find(PageRequest(find=typed)):
                break
        found.append((word, typed))
    return found


async def count_suggested(mirror: Mirror, words: Sequence[tuple[str, str]]) -> int:
    """How many of the words are offered for their mistyped form."""
    pages = [(word, await mirror.page(PageRequest(1, _PAGE, None, find=typed))) for word, typed in words]
    return sum(page.origin is not None and word in page.origin.suggestions for word, page in pages)


async def check(count: int, folder: Path, stored: Path | None = None) -> str:
    """Compare every answer with that of looking at each customer, and count the near misses that are offered."""
    mirror = await asyncio.to_thread(Mirror.open, folder / "mirror" if stored is None else stored)
    if (await mirror.state()).row_count != count:
        await fill(mirror, count)
    reference = ReferenceSearch(map(Customer.from_wire, sample_customers(count)))
    requests = every_request(count)
    for request in requests:
        await check_found(mirror, reference, request)
    near = await count_suggested(mirror, mistyped_words(reference))
    await mirror.close()
    return (
        f"{len(requests):,} answers are those of a plain search\n"
        f"{near} of {MISTYPED} words mistyped by one letter are offered (must be ≥ {FEWEST_OFFERED})\n"
    )


async def measure(count: int, folder: Path, texts: Sequence[str] = TYPED, stored: Path | None = None) -> Figures:
    """Measure everything, with this many customers."""
    small = await asyncio.to_thread(Mirror.open, folder / "small")
    await fill(small, 48)
    await small.close()
    path = folder / "mirror" if stored is None else stored
    mirror = await asyncio.to_thread(Mirror.open, path)
    if (await mirror.state()).row_count != count:
        await fill(mirror, count)
    some = await sample_evenly(mirror, count)
    typed = await timed(mirror, typing(texts))
    with_status = await timed(mirror, by_status(texts))
    sorted_ = await counted(mirror, by_column(texts))
    new = await timed(mirror, at_once(texts))
    far = await counted(mirror, far_down(("example.com", "co"), count))
    began = time.perf_counter()
    await mirror.upsert(some)
    unchanged = time.perf_counter() - began
    stamp = datetime.now().isoformat()  # noqa: DTZ005 - as the contract's examples, without a zone
    changed = [Customer.from_wire(one.received | {"contact": "Changed", "modified": stamp}) for one in some]
    began = time.perf_counter()
    written = await mirror.upsert(changed)
    delta = time.perf_counter() - began
    await mirror.close()
    return Figures(
        count,
        typed,
        with_status,
        sorted_,
        new,
        far,
        unchanged=unchanged * 1000,
        delta=delta * 1000,
        delta_written=written,
        file=path.stat().st_size / 2**20,
        memory=await measure_memory(path),
        memory_of_48=await measure_memory(folder / "small"),
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
        ("... at once", figures.at_once),
        ("far down", figures.far_down),
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
        f"the difference: {figures.memory - figures.memory_of_48:+.1f} MiB (must be ≤ 10)",
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.mirror", description=__doc__)
    parser.add_argument("customers", type=int, nargs="?", default=100_000)
    parser.add_argument("--json", action="store_true", help="figures for a program")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="a mirror that stays")
    parser.add_argument("--check", action="store_true", help="compare the answers with a plain search, measure nothing")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        if options.check:
            sys.stdout.write(asyncio.run(check(options.customers, Path(folder), options.keep)))
            return
        figures = asyncio.run(measure(options.customers, Path(folder), stored=options.keep))
    sys.stdout.write((json.dumps(asdict(figures), indent=2) if options.json else table(figures)) + "\n")


if __name__ == "__main__":
    main()
