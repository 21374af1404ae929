"""How well scans and typing are distinguished, by random timings: `python -m tests.bench.scans`.

A scan counts as right when it is taken whole, and as refused when its rest is; typing counts as mistaken when any of it
is taken for a scan. Every case is drawn so many times (`--draws`), and the same in every run.
"""

import argparse
import math
import random
from collections.abc import Callable, Sequence
from itertools import pairwise

from app.terminal.barcode import DEFAULT_GAP, SCAN_TIMEOUT, Scanner, detect_scan
from app.terminal.input_parser import InputParser

CODES = ("ACME", "quay-7", "ACME-CORP", "BLUE-LOG-001234")
GAPS = (0.03, 0.05, 0.07, DEFAULT_GAP, 0.12)

Draw = Callable[[random.Random, int], list[float]]


def even(milliseconds: float) -> Draw:
    """The same pause between all keys, give or take two milliseconds."""
    return lambda draw, keys: [max(0.0, draw.gauss(milliseconds / 1000, 0.002)) for _ in range(keys)]


def jittered(draw: random.Random, keys: int) -> list[float]:
    """Any pause from 2 to 60 ms."""
    return [draw.uniform(0.002, 0.06) for _ in range(keys)]


def on_clock(inner: Draw) -> Draw:
    """As OpenSSH sends keys since 9.5: on a clock of 20 ms."""

    def drawn(draw: random.Random, keys: int) -> list[float]:
        times = [draw.uniform(0.0, 0.02)]
        for pause in inner(draw, keys):
            times.append(times[-1] + pause)
        return [after - before for before, after in pairwise(math.ceil(time / 0.02) * 0.02 for time in times)]

    return drawn


def typist(spread: float) -> Draw:
    """Twelve characters a second, with this standard deviation in seconds."""
    return lambda draw, keys: [max(0.02, draw.gauss(1 / 12, spread)) for _ in range(keys)]


SCANNERS: dict[str, Draw] = {
    "10 ms a key": even(10),
    "40 ms a key": even(40),
    "60 ms a key": even(60),
    "2 to 60 ms a key": jittered,
    "60 ms on a 20 ms clock": on_clock(even(60)),
    "2 to 60 ms on a 20 ms clock": on_clock(jittered),
}
TYPISTS: dict[str, Draw] = {
    "12 a second, evenly": typist(0.005),
    "12 a second, ± 15 ms": typist(0.015),
    "12 a second, ± 25 ms": typist(0.025),
}


def classify(text: str, pauses: Sequence[float], scanner: Scanner) -> str:
    """Return `right` for a whole scan, `cut` when its rest is refused, `keys` when all of it is run as keys."""
    parser = InputParser()
    now, keys = 100.0, []
    for character, pause in zip(text, pauses, strict=True):
        now += pause
        keys += parser.feed(character.encode(), now)
    burst = detect_scan(keys, scanner, math.inf)
    if burst.verdict == "scan" and burst.text == text.strip():
        return "right"
    rest = detect_scan(keys[burst.keys :], scanner, math.inf)
    if burst.verdict == "keys" and rest.fast and rest.first - burst.last <= SCAN_TIMEOUT:
        return "cut"
    return "keys"


def verdict_shares(
    draw_pauses: Draw, codes: Sequence[str], scanner: Scanner, draws: int, *, stalled: bool
) -> dict[str, float]:
    """The shares of verdicts, in percent."""
    draw = random.Random(1)  # noqa: S311 - the same for ever is what is wanted
    counts = dict.fromkeys(("right", "cut", "keys"), 0)
    for _ in range(draws):
        text = draw.choice(codes) + "\r"
        pauses = draw_pauses(draw, len(text))
        if stalled:
            pauses[draw.randrange(1, len(text))] += draw.uniform(0.1, 1.0)
        counts[classify(text, pauses, scanner)] += 1
    return {name: 100 * count / draws for name, count in counts.items()}


def main() -> None:
    """Print the tables of docs/scanners.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=2_000)
    draws = parser.parse_args().draws
    heads = " | ".join(f"{gap * 1000:.0f} ms" for gap in GAPS)
    print(f"| whole scans, % | {heads} |\n| --- |{' ---: |' * len(GAPS)}")  # noqa: T201
    for stalled in (False, True):
        for name, drawn in SCANNERS.items():
            found = [verdict_shares(drawn, CODES, Scanner(gap), draws, stalled=stalled) for gap in GAPS]
            cells = " | ".join(
                f"{one['right']:.1f}" + (f" (+ {one['cut']:.1f} refused)" if stalled else "") for one in found
            )
            print(f"| {name}{', one stall of 0.1 to 1 s' if stalled else ''} | {cells} |")  # noqa: T201
    print(f"\n| typing taken for a scan, % | {heads} |\n| --- |{' ---: |' * len(GAPS)}")  # noqa: T201
    for name, drawn in TYPISTS.items():
        for codes in (["gacme"], ["gACME-CORP"]):
            found = [verdict_shares(drawn, codes, Scanner(gap), draws, stalled=False) for gap in GAPS]
            cells = " | ".join(f"{one['right']:.1f}" for one in found)
            print(f"| {name}: `{codes[0]}` and Enter | {cells} |")  # noqa: T201


if __name__ == "__main__":
    main()
