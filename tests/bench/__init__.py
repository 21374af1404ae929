"""What dockbook costs: bytes to the terminal, time, memory, measured beside other programs: `python -m tests.bench`."""
