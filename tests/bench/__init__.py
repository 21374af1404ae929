"""Benchmarks: bytes to the terminal, time and memory, compared with other programs: `python -m tests.bench`."""
