"""Sessions in workers behave as those of one process, and one worker's death ends its own only."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ssh.server_process import SSHServerProcess, ssh_server
from tests.ssh.test_isolation import write_some
from tests.ssh.test_sessions import begin_customer, kill


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SSHServerProcess]:
    """A server with two workers."""
    with ssh_server(tmp_path_factory.mktemp("ssh"), "--workers", "2") as running:
        yield running


def worker_pids(server: SSHServerProcess) -> list[int]:
    """The processes of the workers, in the order in which they were started."""
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text(encoding="ascii")
    return sorted(int(pid) for pid in children.split())


@pytest.mark.promise("H1")
def test_session_in_worker_outlives_its_connection(workers: SSHServerProcess) -> None:
    with workers.terminal("anna", "killed") as before:
        begin_customer(before, "Maple Optics")
        kill(before)
    with workers.terminal("anna", "killed", (100, 30)) as after:
        after.until("Maple Optics")
        after.settle()
        assert after.written <= 2_000
        line = next(line for line in workers.admin("--who").stdout.splitlines() if "killed" in line)
        assert "100x30" in line
        with workers.terminal("anna", "killed") as other:
            other.until("is open on another terminal")
            other.press("\r", until="Maple Optics")
            after.until("this session goes on at another terminal")
        assert "Shown on" in workers.admin("--message", "Closing at six").stdout
    assert workers.admin("--end", "killed").stdout == "1 session ended.\n"


@pytest.mark.promise("H4")
def test_death_of_a_worker_ends_its_sessions_only_and_keeps_their_drafts(own_home: Path) -> None:
    with ssh_server(own_home, "--workers", "2") as server:
        first, second = worker_pids(server)
        with server.terminal("anna", "one") as one:
            begin_customer(one, "Maple Optics")
            # The first session went to the first worker, the second one goes to the other.
            with server.terminal("bob", "two") as two:
                two.until("by ID")
                os.kill(first, signal.SIGKILL)
                one.until("an error in the server ended this session")
                assert one.wait() == 1
                two.press("\x1b[17~", until="Your key may look at customers")
        with server.terminal("anna", "one") as again:
            again.until("⏎ Resume")
            again.press("\r", until="Maple Optics")
        while len(worker_pids(server)) < 2:
            pass
        assert second in worker_pids(server)


def test_hung_worker_is_ended_and_stops_no_revocation(own_home: Path) -> None:
    with ssh_server(own_home, "--workers", "2") as server:
        with server.terminal("anna", "one") as one:
            begin_customer(one, "Maple Optics")
            with server.terminal("bob", "two") as two:
                two.until("by ID")
                os.kill(worker_pids(server)[0], signal.SIGSTOP)
                users = server.users_file.read_text(encoding="utf-8")
                server.users_file.write_text("".join(line for line in users.splitlines(True) if "bob" not in line))
                two.until("your key was removed")
                one.until("an error in the server ended this session")
        with server.terminal("anna", "one") as again:
            again.until("⏎ Resume", "starting or stopping")


@pytest.mark.promise("H4")
def test_flood_of_keys_to_a_worker_is_held_at_the_client(workers: SSHServerProcess) -> None:
    with workers.terminal("carl", "flood") as flood, workers.terminal("bob", "calm") as calm:
        flood.until("by ID")
        calm.until("by ID")
        before = sum(memory_of(pid) for pid in worker_pids(workers))
        os.set_blocking(flood._master, False)
        left = b"\x1b[B\x1b[A" * 20_000
        for _ in range(20):
            left = left[write_some(flood, left) :]
            calm.press("\x1b[B", quiet=0.05)
            flood.settle(0, at_most=0.1)
        assert sum(memory_of(pid) for pid in worker_pids(workers)) - before <= 10


def memory_of(pid: int) -> float:
    """The memory of a process (PSS) in MiB."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    return next(int(line.split()[1]) / 1024 for line in rollup.splitlines() if line.startswith("Pss:"))


def test_sigterm_ends_workers_and_says_so(own_home: Path) -> None:
    with ssh_server(own_home, "--workers", "2") as server, server.terminal("anna", "one") as one:
        begin_customer(one, "Maple Optics")
        pids = worker_pids(server)
        code, errors = server.stop()
        one.until("the server is stopped or restarted")
        assert one.wait() == 0
        assert code == 0
        assert "Traceback" not in errors
        assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_limits_hold_over_all_workers(own_home: Path) -> None:
    with (
        ssh_server(own_home, "--workers", "2", "--sessions", "3", "--sessions-per-key", "2") as server,
        server.terminal("anna", "one") as one,
        server.terminal("anna", "two") as two,
    ):
        one.until("by ID")
        two.until("by ID")
        with server.terminal("anna", "three") as three:
            three.until("your key has 2 sessions (one, two), and may have no more")
            assert three.wait() == 1
        with server.terminal("bob", "four") as four, server.terminal("carl", "five") as five:
            four.until("by ID", "all 3 sessions are taken")
            five.until("by ID", "all 3 sessions are taken")
            assert ("by ID" in four.text) != ("by ID" in five.text)


def test_demo_has_no_workers(own_home: Path) -> None:
    with ssh_server(own_home) as server:
        result = server.admin("--demo", "5", "--workers", "2")
        assert result.returncode == 2
        assert "Leave out --workers" in result.stderr
