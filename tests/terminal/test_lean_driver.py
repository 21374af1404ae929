"""The lean driver and Textual's on a pty: the same screens, and the bytes each key costs."""

import re
import sys
from random import Random

import pytest

from tests.bench.terminal import Terminal
from tests.terminal.pty_program import start

#: All output that may reach a terminal.
ALLOWED = re.compile(
    rb"(?:\x1b\[[0-9;]*[HmKJABCD]|\x1bE|\x1b\[\?(?:1049|25|7|2004|1004)[hl]|\x1b\[(?:>[0-9]+|<)u"
    rb"|\x1b\]52;c;[A-Za-z0-9+/=]*\x07|[\r\x07\x08]|[^\x00-\x1f\x7f]|\n)*"
)

KEYS = {
    "down": "\x1b[B",
    "up": "\x1b[A",
    "next": "\x1b[19~",
    "end": "\x1b[F",
    "enter": "\r",
    "escape": "\x1b",
    "edit": "\x1bOQ",
    "help": "\x1bOP",
    "delete": "\x1b[3~",
    "sort": "s",
    "letter": "a",
    "palette": "\x10",
}


def test_session_shows_same_screens_as_plain_output(environ: dict[str, str]) -> None:
    chance = Random(5)  # noqa: S311 - keys, no secrets
    with start(environ) as lean, start(environ, "--plain-output") as plain:
        assert lean.screen.seen == plain.screen.seen
        for step in range(24):
            name, size = chance.choice(list(KEYS)), chance.choice([(80, 24), (100, 30), (120, 20)])
            for terminal in (lean, plain):
                if step % 8 == 7:
                    terminal.resize(*size)
                terminal.press(KEYS[name], quiet=0.15)
            wait_for_same_screen(lean, plain, name)
        assert ALLOWED.fullmatch(bytes(lean.output))
        assert lean.written * 3 < plain.written


def test_keys_stay_within_byte_limits(environ: dict[str, str]) -> None:
    with start(environ) as lean:
        assert lean.written <= 6_000
        rows = [lean.press(KEYS["down"]).written for _ in range(10)]
        assert sum(rows) <= 220 * len(rows)
        assert lean.press(KEYS["next"], "page 2").written <= 4_500
        dialog = lean.press(KEYS["delete"], "Keep").written + lean.press(KEYS["escape"], "Customers").written
        assert dialog <= 6_000
        lean.press(KEYS["edit"], "F10 Save")
        letters = [lean.press("a").written for _ in range(4)]
        assert max(letters) <= 100
        assert max(letters[1:]) <= 20


def test_dialog_restores_lines_below(environ: dict[str, str]) -> None:
    with start(environ, "--lean", size=(80, 24)) as running:
        for key, text in (("delete", "Discontinue this"), ("sort", "Order by"), ("palette", "All commands")):
            before = running.screen.seen
            running.press(KEYS[key], text)
            running.press(KEYS["escape"], "F7/F8 Page", quiet=0.4)
            assert running.screen.seen == before


@pytest.mark.parametrize(("part", "rings"), [("lean", 1), ("plain", 1), ("silent", 0)])
def test_bell_rings_unless_disabled(part: str, rings: int, environ: dict[str, str]) -> None:
    argv = [sys.executable, "-m", "tests.terminal.fakes", environ["HOME"], part]
    with Terminal(argv, environ, (80, 24), "16") as running:
        running.until("· by ID ▲")
        running.settle(0.2)
        offset = len(running.output)
        running.press("\x14")
        assert running.output[offset:].count(b"\a") == rings


def wait_for_same_screen(lean: Terminal, plain: Terminal, key: str) -> None:
    """Wait until both screens are equal; a busy machine may delay one of them."""
    for _ in range(50):
        if lean.screen.seen == plain.screen.seen:
            return
        lean.settle(0.1)
        plain.settle(0.1)
    raise AssertionError(f"{key}:\n{lean.text}\n\n{plain.text}")
