"""The real program, killed while typing: every draft is readable, and at most a second is lost."""

import asyncio
import os
import random
import signal
import string
import sys
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import pexpect
import pytest

from app.backends import open_store
from app.config.paths import Paths
from app.drafts.draft import DraftListing, server_key
from app.drafts.files import DraftFiles

if TYPE_CHECKING:
    from collections.abc import Iterator

SEED = 20261124
WAS = "Acme Corporation"
KEY_EVERY = 0.08  # seconds


@pytest.fixture
def folders(tmp_path: Path) -> Paths:
    """The paths of a home with a small local book."""
    folders = Paths.from_environment({"HOME": str(tmp_path)})
    store = open_store(folders.book, 3)
    asyncio.run(store.close())
    return folders


@contextmanager
def program(home: Path) -> "Iterator[pexpect.spawn[str]]":
    """Run dockbook on the local book."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("DOCKBOOK_", "XDG_"))}
    child = pexpect.spawn(
        sys.executable,
        ["-m", "app"],
        env=environ | {"HOME": str(home), "TERM": "xterm-256color"},
        dimensions=(24, 80),
        encoding="utf-8",
        timeout=30,
    )
    try:
        yield child
    finally:
        child.kill(signal.SIGKILL)
        child.close()


def find(folders: Paths) -> DraftListing:
    return DraftFiles(folders.drafts, server_key(str(folders.book), "")).list_drafts("")


def open_form(child: "pexpect.spawn[str]") -> None:
    child.expect("ACME-CORP")
    child.send("\x1bOQ")
    child.expect("Put back")


def drain(child: "pexpect.spawn[str]", seconds: float) -> None:
    """Read the program's output for this time."""
    until = monotonic() + seconds
    while (left := until - monotonic()) > 0:
        try:
            child.read_nonblocking(100_000, timeout=left)
        except pexpect.TIMEOUT:
            return


def type_and_kill(folders: Paths, home: Path, seconds: float) -> None:
    """Type for this time, kill the program, and check its drafts."""
    with program(home) as child:
        open_form(child)
        keys: list[float] = []
        kill_at = monotonic() + seconds
        for character in string.ascii_lowercase + string.digits:
            if monotonic() > kill_at:
                break
            child.send(character)
            keys.append(monotonic())
            drain(child, min(KEY_EVERY, kill_at - monotonic()))
        killed = monotonic()
        child.kill(signal.SIGKILL)
        child.wait()
    found = find(folders)
    assert not found.notes, "every draft is readable"
    due = sum(key < killed - 1 for key in keys)
    typed = [draft.edits["name"] for draft in found.unclaimed]
    assert len(typed) == 1 or (not typed and not due)
    if typed:
        extra = typed[0].removeprefix(WAS)
        assert (string.ascii_lowercase + string.digits).startswith(extra)
        assert len(extra) >= due, f"{due} keys were a second old, {len(extra)} are kept"
    for path in folders.drafts.glob("*.json"):
        path.unlink()


@pytest.mark.promise("D1")
def test_kill_loses_at_most_a_second_of_typing(folders: Paths, tmp_path: Path) -> None:
    moments = random.Random(SEED)  # noqa: S311 - moments, not secrets
    for _ in range(3):
        type_and_kill(folders, tmp_path, moments.uniform(0.1, 2.2))


@pytest.mark.promise("D1")
@pytest.mark.slow
def test_two_hundred_kills_lose_at_most_a_second(folders: Paths, tmp_path: Path) -> None:
    moments = random.Random(SEED + 1)  # noqa: S311 - moments, not secrets
    for _ in range(200):
        type_and_kill(folders, tmp_path, moments.uniform(0, 2.5))


@pytest.mark.promise("D4", "D5")
def test_start_after_kill_offers_draft(folders: Paths, tmp_path: Path) -> None:
    with program(tmp_path) as one:
        open_form(one)
        one.send("x")
        one.expect("draft kept")
        with program(tmp_path) as two:
            open_form(two)
            two.expect("Someone else is editing this customer")
        one.kill(signal.SIGKILL)
        one.wait()
    with program(tmp_path) as after:
        after.expect("You changed Name of ACME-CORP")
        after.expect("Server now")
        after.send("\r")
        after.expect("draft kept")
        assert [draft.edits for draft in find(folders).open_elsewhere] == [{"name": f"{WAS}x"}]


@pytest.mark.promise("D2", "D1")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signal_while_typing_loses_nothing(folders: Paths, tmp_path: Path, number: int) -> None:
    with program(tmp_path) as child:
        open_form(child)
        child.send("xyz")
        child.expect("z")
        child.kill(number)
        child.read()
    assert [draft.edits for draft in find(folders).unclaimed] == [{"name": f"{WAS}xyz"}]
