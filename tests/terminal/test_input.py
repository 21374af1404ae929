"""Input on a real terminal, with real pauses between the bytes."""

import os
import select
from pathlib import Path

import pytest

from tests.terminal.emulator import Terminal, terminal
from tests.terminal.test_input_parser import ANSWERS

ROOT = Path(__file__).parents[2]
DEMO = ["-m", "app", "--demo"]
ENVIRON = {"PYTHONPATH": str(ROOT)}


def send(running: Terminal, *pieces: bytes | float) -> None:
    """Send bytes; read the screen during the pauses (seconds) between them."""
    for piece in pieces:
        if isinstance(piece, bytes):
            os.write(running.master, piece)
        else:
            running.quiet_for(piece)


def alive(running: Terminal) -> None:
    """Check that keys still work by opening and leaving help."""
    running.type("\x1bOP")
    running.until("Help ·")
    running.type("\x1bOP")
    running.until(lambda text: "Help ·" not in text)


@pytest.mark.promise("I1")
@pytest.mark.parametrize("options", [[], ["--plain-output"]])
def test_no_byte_ends_the_program_or_changes_the_text(tmp_path: Path, options: list[str]) -> None:
    with terminal([*DEMO, *options], tmp_path, environ=ENVIRON) as running:
        running.until("live · 48")
        for answer in ANSWERS:
            send(running, answer.encode())
        send(running, bytes(range(0x80, 0x100)), 0.3)
        alive(running)
        running.type("e")
        running.until("Edit ACME-CORP")
        send(running, 1.3)
        for answer in ANSWERS:
            send(running, answer.encode()[:3], 0.15, answer.encode()[3:])
        alive(running)
        running.until(lambda text: "changed" not in text)
        send(running, b"\xe9x", 0.3)
        running.until("Acme Corporation�x")
        running.until("A character came that is not UTF-8")


@pytest.mark.promise("I2")
def test_paste_without_end_lets_keys_through(tmp_path: Path) -> None:
    with terminal(DEMO, tmp_path, environ=ENVIRON) as running:
        running.until("live · 48")
        running.type("e")
        running.until("Edit ACME-CORP")
        send(running, b"\x1b[200~ Dock 7 \x1b[20", 0.25, b"1~!")
        running.until("Acme Corporation Dock 7 !")
        send(running, b"\x1b[200~ and 8", 0.3, b"\x1b[21~")
        running.until("Saved ACME-CORP")
        send(running, b"\x1b[200~lost", 0.1, b"\x11")
        assert running.ended(5.0) == 0


@pytest.mark.promise("I3")
@pytest.mark.parametrize("code", [b"quay-7", b"east-7"])
def test_stalled_scan_neither_quits_nor_edits(tmp_path: Path, code: bytes) -> None:
    with terminal(DEMO, tmp_path, environ=ENVIRON) as running:
        running.until("live · 48")
        send(running, code[:1], 0.7)
        for key in code[1:] + b"\r":
            send(running, bytes([key]), 0.02)
        running.until(f"Only part of a barcode arrived (…{code[1:].decode()}). Scan again.")
        assert b"\a" in running.sent
        assert running.status is None
        assert "changed" not in running.text


@pytest.mark.promise("I3")
def test_quit_letter_waits_only_for_scan_gap(tmp_path: Path) -> None:
    with terminal(DEMO, tmp_path, environ=ENVIRON) as running:
        running.until("live · 48")
        running.type("q")
        running.until("Leaving dockbook.")
        assert running.ended(5.0) == 0
    with terminal(DEMO, tmp_path, environ=ENVIRON) as running:
        running.until("live · 48")
        running.type("q")
        running.until("Leaving dockbook.")
        running.type("j")
        running.until(lambda text: "Leaving" not in text)
        send(running, 1.3)
        running.type("q")
        running.until("Leaving dockbook.")
        running.type("q")
        assert running.ended(5.0) == 0


@pytest.mark.promise("I3")
def test_slow_scan_opens_customer(tmp_path: Path) -> None:
    with terminal(DEMO, tmp_path, environ=ENVIRON) as running:
        running.until("live · 48")
        for key in b"BRIGHT-MFG":
            send(running, bytes([key]))
            select.select([], [], [], 0.06)
        send(running, 0.4, b"\r")
        running.until("BRIGHT-MFG · Bright Manufacturing LLC")
        send(running, 0.2, b"\n", b"\r", 0.5)
        assert "Edit" not in running.text.splitlines()[0]
