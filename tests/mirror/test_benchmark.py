"""The benchmark of the mirror runs and measures what it says; no time is checked here."""

from pathlib import Path

from tests.bench.mirror import DELTA, measure, table


async def test_the_benchmark_runs(tmp_path: Path) -> None:
    figures = await measure(400, tmp_path, ["acme", "springfeild"])
    assert figures.typing.looks == 17
    assert figures.by_column.looks == 60
    assert figures.delta_written <= DELTA
    assert "400 customers" in table(figures)
