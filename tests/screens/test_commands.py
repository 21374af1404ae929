"""A customer's address handed to a command of the settings: from the palette, and what is said of it."""

import os
import select
import sys
from pathlib import Path

import pytest

from tests.harness import AppHarness, run_app

LABEL = "Acme Corporation\n123 Industrial Way\nSpringfield IL 62701\nUNITED STATES\n"


COMMANDS = {"label": ["no-such-program"], "fails": ["sh", "-c", "echo no paper >&2; exit 4"]}


def writes_to(path: Path, output: str = "") -> list[str]:
    """A program that writes what it reads to a file."""
    program = f"import sys; open({str(path)!r}, 'w').write(sys.stdin.read()); print({output!r})"
    return [sys.executable, "-c", program]


async def choose(it: AppHarness, name: str) -> None:
    """Choose a command in the palette."""
    await it.press("colon", *name, "enter")


@pytest.mark.parametrize("keys", [(), ("enter",)])
async def test_command_of_palette_gets_address_of_current_customer(keys: tuple[str, ...], tmp_path: Path) -> None:
    label = tmp_path / "label"
    async with run_app(commands={"label": writes_to(label, "request 7")}) as it:
        await it.press(*keys, "colon", *"label")
        it.sees("label: send address  ")
        await it.press("enter")
        it.sees("Sent the address of ACME-CORP to label: request 7")
        assert label.read_text() == LABEL
        assert it.transport.count("POST") == 0


@pytest.mark.promise("T1")
async def test_command_gets_and_shows_no_control_characters(tmp_path: Path) -> None:
    label = tmp_path / "label"
    record = {"shortID": "X", "name": "Evil\x1b@^XA\nnext", "address1": "1\x00way"}
    commands = {"label [1]": writes_to(label, "\x1b]52;c;aGk=\x07[/]")}
    async with run_app(records=[record], commands=commands) as it:
        await choose(it, "label")
        it.sees("Sent the address of X to label [1]: ␛]52;c;aGk=␇[/]")
        assert label.read_text() == "Evil␛@^XA next\n1␀way\n"


async def test_failure_is_shown_with_what_to_do() -> None:
    async with run_app(commands=COMMANDS) as it:
        await choose(it, "label")
        it.sees("! Not sent to label: The program no-such-program is not on this machine.", "[commands] in config.toml")
        await it.press("enter")
        await choose(it, "fails")
        it.sees("! Not sent to fails: no paper (exit code 4).", "try again", "Who")


async def test_customer_without_address_is_not_sent(tmp_path: Path) -> None:
    label = tmp_path / "label"
    async with run_app(records=[{"shortID": "Q-1"}], commands={"label": writes_to(label)}) as it:
        await choose(it, "label")
        it.sees("Q-1 has no name and no address: nothing to send.")
        assert not label.exists()


@pytest.mark.promise("H2")
@pytest.mark.parametrize(("commands", "host_access"), [({}, True), (COMMANDS, False)])
async def test_no_command_is_offered_unless_settings_and_door_allow_it(
    commands: dict[str, list[str]], host_access: bool
) -> None:
    async with run_app(commands=commands, host_access=host_access) as it:
        await it.press("colon", *"on a label")
        it.sees("Copy the address, as on a label")
        it.misses("send address")
        await it.press("enter")
        assert it.app.clipboard == LABEL.rstrip()
        it.sees("Copied: the address of ACME-CORP, 4 lines.")


async def test_running_command_is_stopped_when_dockbook_ends(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reading = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    program = f"import signal; held = open({str(fifo)!r}, 'w', 1); print('ready', file=held); signal.pause()"
    async with run_app(commands={"label": [sys.executable, "-c", program]}) as it:
        await it.press_only("colon", *"label", "enter")
        while not select.select([reading], [], [], 0)[0] or not os.read(reading, 10):
            await it.pilot.pause()
        it.sees("Sending the address of ACME-CORP to label …")
    assert select.select([reading], [], [], 20.0)[0]
    assert os.read(reading, 10) == b""
    os.close(reading)
