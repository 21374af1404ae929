"""Runs the benchmark and writes its tables: `python -m tests.bench`, with `--json` for machines."""

import argparse
import json
import platform
import sys
from datetime import date
from importlib.metadata import version

from app import __version__
from tests.bench.figures import Figure, byte_figures, time_figures
from tests.bench.programs import programs
from tests.bench.tables import Row, lean_rows, other_program_rows, terminal_rows


def main() -> None:
    """Run the measurements that the options select."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--json", action="store_true", help="the figures as JSON")
    parser.add_argument("--runs", type=int, default=10, help="starts of each program (%(default)s)")
    parser.add_argument("--idle", type=float, default=60, help="seconds of doing nothing (%(default)s)")
    parser.add_argument("--short", action="store_true", help="leave out the other programs and terminals")
    arguments = parser.parse_args()
    with programs() as started:
        figures = [*byte_figures(started, arguments.idle), *time_figures(started, arguments.runs)]
        terminals = [] if arguments.short else list(terminal_rows(started))
        modes = [] if arguments.short else list(lean_rows(started))
        others = [] if arguments.short else list(other_program_rows(started))
    about = {
        "date": date.today().isoformat(),  # noqa: DTZ011 - the day where it was measured
        "python": platform.python_version(),
        "dockbook": __version__,
        "textual": version("textual"),
        "httpx": version("httpx"),
    }
    if arguments.json:
        tables = {"terminals": terminals, "modes": modes, "others": others}
        report = {**about, "figures": [figure.as_json() for figure in figures], **tables}
        sys.stdout.write(json.dumps(report, indent=2) + "\n")
        return
    parts = [", ".join(f"{name} {value}" for name, value in about.items()) + "\n"]
    parts.append(_table(("what", "unit", "stock", "dockbook", "at most", ""), [_row(figure) for figure in figures]))
    if terminals:
        parts.append(_table(("size", "colours", "start", "a row down", "a page", "dialog, both ways"), terminals))
        parts.append(_table(("bytes", "--no-lean", "--lean"), modes))
        parts.append(_table(("other program", "start", "a row down"), others))
    sys.stdout.write("\n".join(parts))


def _row(figure: Figure) -> Row:
    verdict = {None: "", True: "kept", False: "MISSED"}[figure.within_limit]
    return figure.what, figure.unit, _number(figure.stock), _number(figure.value), _number(figure.limit), verdict


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.2f}"


def _table(head: Row, rows: list[Row]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines)


if __name__ == "__main__":
    main()
