"""Who comes in, and that a connection gives nothing but dockbook (H2, H3, H7)."""

import asyncio
import json
import os
import re
import socket
import string
import subprocess
import sys
import zlib
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

import asyncssh
import pytest

from app.errors import SettingsError
from app.ssh.asyncssh_private import LimitedDecompressor
from app.ssh.authorized_users import AuthorizedUsers, User, parse_users
from app.ssh.server import MAX_STRANGERS, Doorkeeper, listen, open_host_key, open_sockets
from app.ssh.sessions import Session, SessionLimits, SessionManager
from tests.ssh.server_process import WAIT, SSHServerProcess, add_key, free_port, ssh_server

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEkYTWgmPTLIIeyHt6BTuGYyjhRiAsm5AGg2mmlzMvXk"


def open_files(server: SSHServerProcess) -> list[str]:
    """What the server has open."""
    return [str(path.readlink()) for path in Path(f"/proc/{server.process.pid}/fd").iterdir()]


def users_of(text: str) -> list[User]:
    return list(parse_users(text, Path("users")))


def test_users_file_is_read_as_authorized_keys() -> None:
    text = f'# the dock\n\nmay="change",from="10.1.0.0/16,!10.1.9.0/24" {KEY} Anna Berg\n'
    (anna,) = users_of(text)
    assert (anna.name, anna.may) == ("Anna Berg", "change")
    assert anna.may_come_from("10.1.2.3")
    assert anna.may_come_from("::ffff:10.1.2.3")
    assert not anna.may_come_from("10.1.9.3")
    assert not anna.may_come_from("192.168.0.1")
    assert not anna.may_come_from("fe80::1%eth0")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"{KEY} Anna", 'say what the key is for, at the start: may="look" or may="change"'),
        (f'may="all" {KEY} Anna', 'may="look" or may="change"'),
        (f"may=look {KEY} Anna", "no option and no type of key"),
        (f'may="look",command="sh" {KEY} Anna', "command= is not known here"),
        (f'may="look",environment="A=1" {KEY} Anna', "environment= is not known here"),
        (f'may="look",may="change" {KEY} Anna', "may= is given twice"),
        (f'may="look",no-pty {KEY} Anna', "no option and no type of key"),
        (f'may="look",from="dock.example" {KEY} Anna', "'dock.example' is none"),
        (f'may="look",from="!10.0.0.1" {KEY} Anna', "Add those that are allowed"),
        (f'may="look" {KEY}', "the name of the person is missing"),
        (f'may="look" {KEY} ../../etc', "is no name"),
        ('may="look" ssh-ed25519 AAAA Anna', "the key cannot be read"),
        ('may="look" ssh-dss AAAAB3NzaC1kc3MAAACBAJ Anna', "no type of key that is accepted"),
    ],
)
def test_line_that_is_not_understood_is_an_error_with_its_number(line: str, expected: str) -> None:
    with pytest.raises(SettingsError, match=r"users, line 2: ") as caught:
        users_of(f"# comment\n{line}\n")
    assert expected in caught.value.text


def test_weak_rsa_key_is_refused() -> None:
    for bits, strong in ((2048, False), (3072, True)):
        public = asyncssh.generate_private_key("ssh-rsa", key_size=bits).export_public_key().decode().strip()
        if strong:
            assert users_of(f'may="look" {public} Anna')[0].name == "Anna"
        else:
            with pytest.raises(SettingsError, match="2048 bits is too weak"):
                users_of(f'may="look" {public} Anna')


def test_key_twice_and_empty_file_are_errors() -> None:
    with pytest.raises(SettingsError, match=r"line 2: the same key as line 1"):
        users_of(f'may="look" {KEY} Anna\nmay="change" {KEY} Anna\n')
    with pytest.raises(SettingsError, match="names nobody"):
        users_of("# nobody yet\n")


def test_users_file_is_private_and_read_again_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "users"
    with pytest.raises(SettingsError, match="is missing"):
        AuthorizedUsers(path)
    path.write_text(f'may="look" {KEY} Anna\n')
    path.chmod(0o644)
    with pytest.raises(SettingsError, match="chmod 600"):
        AuthorizedUsers(path)
    path.chmod(0o600)
    users = AuthorizedUsers(path)
    fingerprint = users_of(f'may="look" {KEY} Anna')[0].fingerprint
    assert not users.reload()
    path.write_text(f'may="change" {KEY} Anna\n')
    assert users.reload()
    found = users.find(fingerprint)
    assert found is not None
    assert found.may == "change"
    path.write_text("nonsense\n")
    assert users.reload()
    assert users.problem is not None
    assert "line 1" in users.problem
    assert users.find(fingerprint) is None


@pytest.mark.promise("H2")
@pytest.mark.parametrize(
    ("options", "command"),
    [
        ((), "id"),
        (("-tt",), "id"),
        (("-T",), ""),
        (("-s",), "sftp"),
        (("-tt", "-s"), "netconf"),
    ],
    ids=["command", "command-pty", "shell-no-pty", "sftp", "subsystem-pty"],
)
def test_only_a_terminal_is_given(server: SSHServerProcess, options: tuple[str, ...], command: str) -> None:
    result = server.run("anna", "refused", *options, command=command)
    assert result.returncode != 0
    assert "uid=" not in result.stdout
    assert "refused" not in server.admin("--who").stdout


@pytest.mark.promise("H2")
def test_no_files_are_copied(server: SSHServerProcess, tmp_path: Path) -> None:
    secret = server.home / ".config/dockbook/ssh_host_key"
    options = server.ssh("anna", "copy")[1:-3]
    for mode in ((), ("-O",)):
        fetched = tmp_path / f"fetched{len(mode)}"
        for source, target in ((f"x@127.0.0.1:{secret}", fetched), (fetched, "x@127.0.0.1:/tmp/dockbook-copied")):
            fetched.touch() if source == fetched else None
            argv = ["scp", *mode, *options, "-P", str(server.port), str(source), str(target)]
            result = subprocess.run(argv, capture_output=True, timeout=WAIT, check=False)
            assert result.returncode != 0
        assert not fetched.read_bytes()
        assert not Path("/tmp/dockbook-copied").exists()  # noqa: S108 - the server would have to be able to write it


@pytest.mark.promise("H2")
def test_nothing_is_forwarded(server: SSHServerProcess, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as target:
        target.settimeout(0.5)
        through = target.getsockname()[1]
        # Straight through.
        result = server.run("anna", "forward", "-W", f"127.0.0.1:{through}")
        assert result.returncode != 0
        local, remote, path = free_port(), free_port(), tmp_path / "socket"
        forwarding = ("-L", f"{local}:127.0.0.1:{through}", "-L", f"{path}:/run/x.sock", "-D", str(free_port()))
        with server.terminal("anna", "forward", options=forwarding) as terminal:
            terminal.until("by ID")
            with socket.create_connection(("127.0.0.1", local), timeout=WAIT) as client:
                assert client.recv(1) == b""
            with pytest.raises(TimeoutError):
                target.accept()
        for options in (("-R", f"{remote}:127.0.0.1:{through}"), ("-R", f"{tmp_path}/r:127.0.0.1:{through}")):
            result = server.run("anna", "reverse", "-o", "ExitOnForwardFailure=yes", "-N", *options)
            assert result.returncode != 0
        assert not (tmp_path / "r").exists()


@pytest.mark.promise("H2")
def test_agent_and_display_are_not_forwarded(server: SSHServerProcess) -> None:
    with server.terminal("anna", "agent", options=("-A", "-X", "-Y", "-o", "SendEnv=*", "-v")) as terminal:
        terminal.until("by ID")
        assert not [path for path in open_files(server) if "agent" in path]
        assert "agent" in server.admin("--who").stdout


@pytest.mark.promise("H2")
def test_second_session_of_connection_is_refused(server: SSHServerProcess, tmp_path: Path) -> None:
    control = ("-o", f"ControlPath={tmp_path}/control")
    with server.terminal("anna", "master", options=("-o", "ControlMaster=yes", *control)) as terminal:
        terminal.until("by ID")
        with server.terminal("anna", "master", options=("-o", "ControlMaster=no", *control)) as second:
            second.until("Session open refused by peer")
            # The client then tries a connection of its own, at the same place.
            second.until("is open on another terminal")


@pytest.mark.promise("H2")
@pytest.mark.parametrize("method", ["password", "keyboard-interactive", "none", "hostbased"])
def test_only_keys_that_are_known_let_in(server: SSHServerProcess, method: str) -> None:
    result = server.run("anna", "nokey", "-tt", "-o", f"PreferredAuthentications={method}")
    assert result.returncode == 255
    assert "Customers" not in result.stdout


def test_key_from_another_network_is_refused(own_home: Path) -> None:
    with ssh_server(own_home) as server:
        server.add_key("dora", "look", ',from="192.0.2.0/24"')
        server.add_key("emil", "look", ',from="127.0.0.0/8"')
        for _ in range(50):
            # Until the users file is read again.
            with server.terminal("emil", "dock") as emil:
                emil.settle(0.5)
                if "Customers" in emil.text:
                    break
        assert "Customers" in emil.text
        assert server.run("dora", "dock", "-tt").returncode == 255


def test_session_of_revoked_key_ends(own_home: Path) -> None:
    with ssh_server(own_home) as server, server.terminal("anna", "dock1") as anna, server.terminal("bob", "d") as bob:
        anna.until("by ID")
        bob.until("by ID")
        users = server.users_file.read_text(encoding="utf-8")
        server.users_file.write_text("".join(line for line in users.splitlines(keepends=True) if "anna" not in line))
        anna.until("your key was removed")
        assert anna.wait() == 0
        assert server.run("anna", "dock1", "-tt").returncode == 255
        bob.press("\x1b[B")
        assert "by ID" in bob.text


def test_revoked_key_gets_no_session_by_an_answer_it_owed(own_home: Path) -> None:
    with ssh_server(own_home) as server, server.terminal("anna", "dock1") as first:
        first.until("by ID")
        with server.terminal("anna", "dock1") as second:
            second.until("is open on another terminal")
            users = server.users_file.read_text(encoding="utf-8")
            server.users_file.write_text("".join(line for line in users.splitlines(True) if "anna" not in line))
            first.until("your key was removed")
            second.press("\r", until="The session stays where it is")
        assert server.admin("--who").stdout == "Nobody is here.\n"


def test_change_that_cannot_be_recorded_whole_leaves_no_half_line(tmp_path: Path) -> None:
    program = """
import resource, signal, sys
from pathlib import Path
from app.ssh.audit_log import AuditLog
from app.ssh.asyncssh_private import LimitedDecompressor
from app.ssh.authorized_users import User
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))
log, user = AuditLog(Path(sys.argv[1])), User("anna", "change", "SHA256:x")
log.write(user, "dock1", "save", "ACME-CORP", ["phone"], "begun")
try:
    log.write(user, "dock1", "save", "ACME-CORP", ["phone"], "done")
except OSError as error:
    print(error.strerror)
"""
    path = tmp_path / "changes.log"
    argv = [sys.executable, "-c", program, str(path)]
    result = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=WAIT)
    assert result.stdout == "No space left on device\n"
    (line,) = path.read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["outcome"] == "begun"


@pytest.mark.promise("H3")
def test_who_may_only_look_changes_nothing_whatever_is_pressed(server: SSHServerProcess) -> None:
    with server.terminal("carl", "maker") as carl:
        carl.until("by ID")
        carl.press("\x1b[17~", until="F10 Save")
        carl.press("KEEP-1")
        carl.press("\x1b[21~", until="by ID")
        carl.until("KEEP-1")
    book = server.home / ".local/share/dockbook/customers.db"
    before = history(book)
    keys = [*" \r\t", "\x13", "\x1bOQ", *(f"\x1b[{code}~" for code in (3, 15, 17, 18, 19, 20, 21))]
    keys += [letter for letter in string.ascii_letters + ":/<>{}?0" if letter != "q"]
    starts = ("", "\r", "\x1bOQ")
    with ExitStack() as stack:
        terminals = [stack.enter_context(server.terminal("bob", f"press{place}")) for place in range(len(starts))]
        for terminal, start in zip(terminals, starts, strict=True):
            terminal.until("KEEP-1")
            terminal.press(start)
        for key in keys:
            for terminal in terminals:
                terminal.type(key)
                # Slower than a scan.
                terminal.settle(0.04, at_most=0.04)
        for terminal in terminals:
            terminal.settle()
    assert history(book) == before


def history(book: Path) -> list[tuple[object, ...]]:
    """All that was ever written to the book."""
    import sqlite3

    with sqlite3.connect(f"file:{book}?mode=ro", uri=True) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return [row for table in sorted(tables) for row in connection.execute(f'SELECT * FROM "{table}"')]  # noqa: S608


@pytest.mark.promise("H7")
def test_half_open_connections_keep_nobody_out(server: SSHServerProcess) -> None:
    with ExitStack() as stack:
        for _ in range(3 * MAX_STRANGERS):
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=WAIT))
        with server.terminal("anna", "crowd") as terminal:
            terminal.until("by ID")
        assert len(open_files(server)) < MAX_STRANGERS + 100


@pytest.mark.promise("H7")
def test_wrong_keys_delay_no_right_one(server: SSHServerProcess, tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "wrong"], check=True)
    argv = [part if part != str(server.home / "anna") else str(tmp_path / "wrong") for part in server.ssh("anna", "w")]
    wrong = [subprocess.Popen(argv, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) for _ in range(20)]
    with server.terminal("anna", "right") as terminal:
        terminal.until("by ID")
        # Those that came after the first ten still wait for their answer.
        waiting = [process for process in wrong if process.poll() is None]
        assert waiting
    for process in wrong:
        assert process.wait(WAIT) == 255


async def test_connection_without_session_is_closed(tmp_path: Path) -> None:
    add_key(tmp_path, "anna", "change")
    users = AuthorizedUsers(tmp_path / ".config/dockbook/ssh_users")
    open_host_key(tmp_path / "host_key")
    sockets = open_sockets("127.0.0.1", 0, reuse_port=False)
    doorkeeper = Doorkeeper(users, SessionManager(no_app, SessionLimits(10, 5, 60, 60), raise_it), login_timeout=0.2)
    (acceptor,) = await listen(doorkeeper, tmp_path / "host_key", sockets)
    port = acceptor.get_port()
    connection = await asyncssh.connect(
        "127.0.0.1", port, username="dock1", client_keys=[str(tmp_path / "anna")], known_hosts=None, config=None
    )
    await connection.wait_closed()
    with socket.create_connection(("127.0.0.1", port)) as silent:
        silent.setblocking(False)
        loop = asyncio.get_running_loop()
        while await loop.sock_recv(silent, 1000):
            pass
    acceptor.close()


def no_app(session: Session) -> NoReturn:
    raise AssertionError(session)


def raise_it(error: Exception) -> NoReturn:
    raise error


async def test_packet_that_unpacks_to_much_ends_its_connection(tmp_path: Path) -> None:
    decompressor = LimitedDecompressor()
    packet = zlib.compressobj()
    small = packet.compress(b"x" * 1000) + packet.flush(zlib.Z_SYNC_FLUSH)
    assert decompressor.decompress(small) == b"x" * 1000
    bomb = packet.compress(bytes(50_000_000)) + packet.flush(zlib.Z_SYNC_FLUSH)
    assert decompressor.decompress(bomb) is None


def test_users_file_that_is_a_pipe_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "users"
    os.mkfifo(path, 0o600)
    with pytest.raises(SettingsError, match="cannot be read"):
        AuthorizedUsers(path)


def test_second_server_of_account_is_refused(own_home: Path) -> None:
    with ssh_server(own_home) as server:
        second = server.admin("--listen", f"127.0.0.1:{free_port()}")
        assert second.returncode == 2
        assert "another dockbook ssh of this account is running" in second.stderr
        assert server.admin("--who").stdout == "Nobody is here.\n"


def test_strange_sizes_and_environment_do_no_harm(server: SSHServerProcess) -> None:
    with server.terminal("anna", "strange", (1, 1), options=("-o", "SetEnv=A=" + "x" * 30_000)) as terminal:
        terminal.settle(1)
        line = next(line for line in server.admin("--who").stdout.splitlines() if "strange" in line)
        assert re.search(r" 20x5 ", line)


def test_wrong_options_and_files_are_explained(own_home: Path) -> None:
    with ssh_server(own_home) as server:
        taken = server.admin("--listen", f"127.0.0.1:{server.port}")
        assert taken.returncode == 2
        assert "Another program listens there" in taken.stderr
        for arguments, expected in (
            (("--listen", "8322"), "is no HOST:PORT"),
            (("--keep", "soon"), "is no time"),
            (("--sessions", "0"), "is not a number from 1"),
            (("--users", "/no/such/file"), "is missing"),
        ):
            result = server.admin(*arguments)
            assert result.returncode == 2
            assert expected in result.stderr
    nobody = SSHServerProcess(own_home, 0, server.process).admin("--who")
    assert "no dockbook ssh of this account is running" in nobody.stderr
