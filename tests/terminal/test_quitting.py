"""Quitting waits for nothing that hangs: name lookup, connect or disk."""

import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.terminal.emulator import terminal

#: Two seconds, and one more for a busy machine.
MAX_SECONDS: Final = 3.0

#: The program on a machine where one call never returns.
HANGING: Final = """
import {module}, sys, time
{module}.{function} = lambda *_, **__: time.sleep(3600)
from app.cli import main
sys.exit(main(sys.argv[1:]))
"""

SERVER: Final = {"DOCKBOOK_CLIENT_ID": "x", "DOCKBOOK_CLIENT_SECRET": "canary-secret"}


@pytest.mark.promise("D2", "N3")
@pytest.mark.parametrize("keys", ["\x11", "\x03\x03", "q"], ids=["ctrl+q", "ctrl+c twice", "q"])
@pytest.mark.parametrize("hangs", ["socket.getaddrinfo", "sqlite3.connect", "connect"])
def test_quit_does_not_wait_for_hanging_calls(hangs: str, keys: str, tmp_path: Path) -> None:
    # The backlog is full, so further connections are never accepted.
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, socket.socket() as other:
        other.connect(listener.getsockname())
        module, _, function = hangs.rpartition(".")
        # If the connect hangs, no other call has to.
        code = HANGING.format(module=module or "types", function=function)
        address = f"127.0.0.1:{listener.getsockname()[1]}" if hangs == "connect" else "localhost:1"
        environ = SERVER | {"DOCKBOOK_URL": f"http://{address}/api/v1"}
        with terminal(["-c", code], tmp_path, environ=environ) as running:
            running.until("Loading customers" if hangs != "sqlite3.connect" else "cannot be reached")
            running.quiet(0.1)
            running.type(keys)
            assert running.ended(MAX_SECONDS) == 0
            assert running.modes() == running.before


@pytest.mark.promise("D4")
def test_second_ctrl_q_leaves_form_and_keeps_draft(tmp_path: Path) -> None:
    with terminal(["-m", "app"], tmp_path) as running:
        running.until("No customers yet")
        running.type("n")
        running.until("New customer")
        running.type("ABC-1")
        running.until("draft kept")
        running.type("\x11")
        running.until("Quit?")
        running.type("\x11")
        assert running.ended(MAX_SECONDS) == 0
    with terminal(["-m", "app"], tmp_path) as running:
        running.until("ABC-1")


def test_export_is_interrupted_during_name_lookup(tmp_path: Path) -> None:
    code = HANGING.format(module="socket", function="getaddrinfo").replace("from app", "print(flush=True)\nfrom app")
    environ = SERVER | {"DOCKBOOK_URL": "http://localhost:1/api/v1", "HOME": str(tmp_path), "PATH": ""}
    with subprocess.Popen(
        [sys.executable, "-c", code, "export", "-o", str(tmp_path / "x.csv")],
        env=environ,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        while not list(tmp_path.glob(".dockbook-export-*")):
            assert child.poll() is None
        child.send_signal(signal.SIGINT)
        assert child.wait(MAX_SECONDS) == 130
    assert not list(tmp_path.glob(".dockbook-export-*"))
