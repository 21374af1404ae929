"""A new process takes over the port, and no connection is refused meanwhile."""

import socket
import subprocess
import sys
from pathlib import Path

from tests.ssh.server_process import SSHServerProcess, add_key, environment, free_port, ssh_server


def test_new_process_takes_over_port(own_home: Path) -> None:
    port = free_port()
    with ssh_server(own_home, "--reuse-port", port=port) as old, old.terminal("anna", "dock1") as before:
        before.until("by ID")
        with ssh_server(own_home, "--reuse-port", port=port) as new:
            old.stop()
            before.until("the server is stopped or restarted")
            with new.terminal("anna", "dock1") as after:
                after.until("by ID")
            assert "dock1" in new.admin("--who").stdout


def test_socket_of_systemd_holds_connections_while_nothing_runs(own_home: Path) -> None:
    for name in ("anna", "carl"):
        add_key(own_home, name, "change")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        for _ in range(2):
            # Made before the server is started: it waits in the socket.
            with activated(own_home, listener) as process:
                server = SSHServerProcess(own_home, port, process)
                with server.terminal("anna", "dock1") as terminal:
                    terminal.until("by ID")
                    code, errors = server.stop()
                    assert code == 0
                    assert "Traceback" not in errors


def activated(home: Path, listener: socket.socket) -> "subprocess.Popen[str]":
    """Start a server as systemd does, with the listening socket as file 3."""
    start = (
        "import os, sys; os.dup2(int(sys.argv[1]), 3); os.set_inheritable(3, True); "
        "os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1'); "
        "os.execv(sys.executable, [sys.executable, '-m', 'app', 'ssh'])"
    )
    return subprocess.Popen(
        [sys.executable, "-c", start, str(listener.fileno())],
        env=environment(home),
        pass_fds=[listener.fileno()],
        stderr=subprocess.PIPE,
        text=True,
    )


def test_ready_is_reported_to_systemd(own_home: Path) -> None:
    address = str(own_home / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
        notified.bind(address)
        notified.settimeout(30)
        with ssh_server(own_home, server_environment={"NOTIFY_SOCKET": address}):
            assert {b"READY=1", b"WATCHDOG=1"} <= {notified.recv(100) for _ in range(3)}
