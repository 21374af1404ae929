"""Starts the demo on a pty."""

import sys
from pathlib import Path

from tests.bench.terminal import Terminal

ROOT = Path(__file__).parents[2]


def start(
    environ: dict[str, str], *options: str, size: tuple[int, int] = (100, 30), until: str = "· by ID ▲"
) -> Terminal:
    """Start the program with these options, and wait until it shows its list, or this text."""
    terminal = Terminal([sys.executable, "-m", "app", "--demo", *options], environ, size, "16")
    terminal.until(until)
    terminal.settle(0.2)
    return terminal
