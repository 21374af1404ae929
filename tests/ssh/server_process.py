"""`dockbook ssh` in a process of its own, and real OpenSSH clients on ptys."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

from tests.bench.terminal import Terminal

#: How long a test waits for what must happen.
WAIT: Final = 30.0


class SSHServerProcess:
    """A running server, on the local book of a home folder of its own unless other arguments are given."""

    def __init__(self, home: Path, port: int, process: subprocess.Popen[str]) -> None:
        self.home = home
        self.port = port
        self.process = process

    @property
    def users_file(self) -> Path:
        """Who may come in."""
        return self.home / ".config" / "dockbook" / "ssh_users"

    def add_key(self, name: str, may: Literal["look", "change"], options: str = "", kind: str = "ed25519") -> None:
        """Make a key for this person, and let it in."""
        add_key(self.home, name, may, options, kind)

    def ssh(self, key: str, place: str, *options: str) -> list[str]:
        """The command of a client."""
        quiet = ("-o", "UserKnownHostsFile=/dev/null", "-o", "StrictHostKeyChecking=no", "-o", "LogLevel=ERROR")
        alone = ("-F", "/dev/null", "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none")
        identity = ("-i", str(self.home / key), "-p", str(self.port))
        return ["ssh", *options, *quiet, *alone, *identity, f"{place}@127.0.0.1"]

    def terminal(self, key: str, place: str, size: tuple[int, int] = (80, 24), options: Sequence[str] = ()) -> Terminal:
        """A client on a terminal of this size."""
        return Terminal(self.ssh(key, place, "-tt", *options), os.environ, size)

    def run(self, key: str, place: str, *options: str, command: str = "") -> subprocess.CompletedProcess[str]:
        """Run a client without a terminal to its end."""
        argv = [*self.ssh(key, place, *options), *([command] if command else [])]
        return subprocess.run(argv, capture_output=True, text=True, timeout=WAIT, stdin=subprocess.DEVNULL, check=False)

    def admin(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `dockbook ssh --who` and the like."""
        return subprocess.run(
            [sys.executable, "-m", "app", "ssh", *arguments],
            env=environment(self.home),
            capture_output=True,
            text=True,
            timeout=WAIT,
            check=False,
        )

    def stop(self) -> tuple[int, str]:
        """Send SIGTERM; returns the exit code and what was written to standard error since the start."""
        self.process.send_signal(signal.SIGTERM)
        _, errors = self.process.communicate(timeout=WAIT)
        return self.process.returncode, errors


def environment(home: Path) -> dict[str, str]:
    """The environment of a program with this home."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("DOCKBOOK_", "XDG_", "SSH_"))
    }
    return {**inherited, "HOME": str(home)}


def add_key(home: Path, name: str, may: str, options: str = "", kind: str = "ed25519") -> None:
    """Make a key for this person, and a line in the users file."""
    if not (home / name).exists():
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", name, "-f", home / name], check=True)
    public = (home / f"{name}.pub").read_text(encoding="utf-8")
    users = home / ".config" / "dockbook" / "ssh_users"
    users.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with users.open("a", encoding="utf-8") as file:
        users.chmod(0o600)
        file.write(f'may="{may}"{options} {public}')


@contextmanager
def ssh_server(
    home: Path, *arguments: str, server_environment: dict[str, str] | None = None, port: int = 0
) -> Iterator[SSHServerProcess]:
    """Run a server until the block ends; it lets in `anna` and `carl`, who may change, and `bob`, who may look."""
    for name, may in (("anna", "change"), ("carl", "change"), ("bob", "look")):
        if not (home / name).exists():
            add_key(home, name, may)
    port = port or free_port()
    with subprocess.Popen(
        [sys.executable, "-m", "app", "ssh", "--listen", f"127.0.0.1:{port}", *arguments],
        env={**environment(home), **(server_environment or {})},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert "host key" in line, line + process.stderr.read()
        try:
            yield SSHServerProcess(home, port, process)
        finally:
            process.kill()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def has_openssh() -> bool:
    """Whether there is a real client."""
    return shutil.which("ssh") is not None
