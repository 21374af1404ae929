"""Answered writes survive kill -9."""

import os
import select
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

WRITER = """
import asyncio, sys
from pathlib import Path
from app.service.store import Store

async def main(path: str, name: str) -> None:
    store = Store.open(Path(path))
    number = 0
    while True:
        await store.upsert(f"{name}-{number}", {"name": "x" * 100})
        print(f"{name}-{number}", flush=True)
        number += 1

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.promise("S3")
@pytest.mark.parametrize("answers", [1, 40, 97])
def test_answered_writes_survive_kill(tmp_path: Path, answers: int) -> None:
    path = tmp_path / "book.sqlite3"
    command = [sys.executable, "-c", WRITER, str(path)]
    writers = [subprocess.Popen([*command, name], stdout=subprocess.PIPE) for name in ("one", "two")]
    # A line may come in two pieces, and those of the other writer between.
    output = {writer.stdout.fileno(): b"" for writer in writers if writer.stdout}
    while sum(text.count(b"\n") for text in output.values()) < answers:
        for ready in select.select(list(output), [], [], 30)[0]:
            output[ready] += os.read(ready, 4096)
    for writer in writers:
        writer.send_signal(signal.SIGKILL)
    answered: set[str] = set()
    for writer, text in zip(writers, output.values(), strict=True):
        rest, _ = writer.communicate()
        answered.update((text + rest).decode().split("\n")[:-1])
        assert writer.returncode == -signal.SIGKILL
    with closing(sqlite3.connect(path)) as connection:
        stored = {short_id for (short_id,) in connection.execute("SELECT shortID FROM customer")}
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert len(answered) >= answers
    assert answered <= stored
