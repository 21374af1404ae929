"""After provoked crashes and errors, secret and token are found nowhere but where they were given."""

import os
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.customers import ACME
from tests.hostile.malicious_server import MaliciousServer, RawResponse, serve
from tests.terminal.emulator import terminal

SECRET: Final = "canary-secret-in-the-environment"
TOKEN: Final = "canary-token"
JANE: Final = "Jane Smith"

#: The program with a key that makes it crash with all its secrets in the failing frames.
CRASHING: Final = """
import sys
from app.cli import main
from app.tui.app import DockbookApp

def fail(self):
    repository = self.context.repository
    raise ValueError(f"{vars(repository)} {vars(repository._server)} {self.screen.table.current!r}")

DockbookApp.action_help = fail
sys.exit(main([]))
"""


@pytest.mark.promise("A4")
def test_secrets_appear_nowhere_after_crash(tmp_path: Path) -> None:
    def echo_secret(_method: str, path: str) -> RawResponse | None:
        if not broken:
            return None
        secret = SECRET if path == "/Token" else TOKEN
        return RawResponse(
            401, {"error": "unauthorized", "message": f"{secret} is no good", "error_description": secret}
        )

    broken: list[bool] = []
    with (
        serve(MaliciousServer([ACME], echo_secret)) as server,
        terminal(["-c", CRASHING], tmp_path, environ=server.environ) as running,
    ):
        running.until("ACME-CORP")
        command = Path(f"/proc/{running.pid}/cmdline").read_bytes()
        broken.append(True)
        running.type("\x1b[15~")  # F5
        running.until("not accepted")
        running.type("?")
        assert running.ended(10) == 1
        sent = bytes(running.sent)
        requests = "\n".join(server.requests)
    assert "ValueError" in sent.decode("utf-8", "replace")
    for canary in (SECRET, TOKEN):
        assert canary.encode() not in command
        assert canary not in requests
        assert canary.encode() not in sent
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.name.startswith("crash-") for path in files)
    for path in files:
        content = path.read_bytes()
        assert SECRET.encode() not in content, path
        assert TOKEN.encode() not in content, path
        if path.name.startswith("crash-"):
            assert JANE.encode() not in content
        assert path.stat().st_mode & 0o077 == 0, path
    assert sys.executable.encode() in command
    assert os.environ.get("DOCKBOOK_CLIENT_SECRET") is None
