"""A session outlives its connection (H1)."""

import json
import os
import signal
from pathlib import Path

import pytest

from tests.bench.terminal import Terminal
from tests.ssh.server_process import SSHServerProcess, ssh_server


def begin_customer(terminal: Terminal, name: str) -> None:
    """Open New, and type an ID and a name that are not saved."""
    terminal.until("by ID")
    terminal.press("\x1b[17~", until="F10 Save")
    terminal.press("NEW-1")
    terminal.press("\x1b[B")
    terminal.press(name, until="draft kept")


def kill(terminal: Terminal) -> None:
    """End the client as a cut line or an empty battery does."""
    os.kill(terminal.pid, signal.SIGKILL)


@pytest.mark.promise("H1")
def test_client_killed_in_form_comes_back_on_terminal_of_another_size(server: SSHServerProcess) -> None:
    with server.terminal("anna", "killed") as before:
        begin_customer(before, "Maple Optics")
        place = before.screen.cursor.y, before.screen.cursor.x
        kill(before)
    with server.terminal("anna", "killed", (100, 30)) as after:
        after.until("Maple Optics")
        after.settle()
        assert "New customer" in after.screen.display[0]
        assert (after.screen.cursor.y, after.screen.cursor.x) == place
        assert after.written <= 2_000
        after.press("!", until="Maple Optics!")


@pytest.mark.promise("H1")
def test_client_that_does_not_answer_is_taken_over_at_once(server: SSHServerProcess) -> None:
    with server.terminal("anna", "silent") as before:
        begin_customer(before, "Cedar Farms")
        os.kill(before.pid, signal.SIGSTOP)
        with server.terminal("anna", "silent", (60, 20)) as after:
            after.until("Cedar Farms")
        os.kill(before.pid, signal.SIGCONT)
        before.until("this session goes on at another terminal")
        assert before.wait() == 0


@pytest.mark.promise("H1")
@pytest.mark.parametrize(("key", "taken"), [("\r", True), ("n", False)])
def test_client_that_answers_is_asked_for_first(server: SSHServerProcess, key: str, taken: bool) -> None:
    place = f"busy-{taken}"
    with server.terminal("anna", place) as before:
        begin_customer(before, "Cedar Farms")
        with server.terminal("anna", place) as after:
            after.until("is open on another terminal")
            after.press(key, until="Cedar Farms" if taken else "The session stays where it is")
            if taken:
                before.until("this session goes on at another terminal")
            else:
                before.press("!", until="Cedar Farms!")


@pytest.mark.promise("H1")
def test_session_belongs_to_key_and_name(server: SSHServerProcess) -> None:
    with server.terminal("anna", "mine") as anna, server.terminal("anna", "other") as elsewhere:
        begin_customer(anna, "Maple Optics")
        elsewhere.until("by ID")
        with server.terminal("carl", "mine") as carl:
            carl.until("by ID")
        assert "Maple Optics" not in carl.text


@pytest.mark.promise("H1")
def test_draft_is_offered_after_session_expired(own_home: Path) -> None:
    with ssh_server(own_home, "--keep", "0s") as server:
        with server.terminal("anna", "dock1") as before:
            begin_customer(before, "Maple Optics")
            kill(before)
        while server.admin("--who").stdout != "Nobody is here.\n":
            pass
        with server.terminal("anna", "dock1") as after:
            after.until("NEW-1")
            assert "⏎ Resume" in after.text
            after.press("\r", until="Maple Optics")


def test_terminal_without_keys_is_let_go_and_its_session_kept(own_home: Path) -> None:
    with ssh_server(own_home, "--idle", "2s") as server:
        with server.terminal("anna", "dock1") as before:
            begin_customer(before, "Maple Optics")
            before.until("nobody typed for a while")
            assert before.wait() == 0
        with server.terminal("anna", "dock1") as after:
            after.until("Maple Optics")


@pytest.mark.promise("H1")
def test_sigterm_keeps_drafts_and_restores_terminals(own_home: Path) -> None:
    with ssh_server(own_home) as server:
        with server.terminal("anna", "dock1") as terminal, server.terminal("bob", "dock2") as other:
            begin_customer(terminal, "Maple Optics")
            other.until("by ID")
            code, errors = server.stop()
            for shown in (terminal, other):
                shown.until("the server is stopped or restarted")
                assert b"\x1b[?1049l" in shown.output
                assert shown.wait() == 0
        assert code == 0
        assert "Traceback" not in errors
    with ssh_server(own_home) as server, server.terminal("anna", "dock1") as after:
        after.until("⏎ Resume")


def test_sessions_are_listed_ended_and_spoken_to(server: SSHServerProcess) -> None:
    with server.terminal("anna", "listed", (90, 25)) as terminal:
        begin_customer(terminal, "Maple Optics")
        line = next(line for line in server.admin("--who").stdout.splitlines() if "listed" in line)
        assert line.split()[0] == "anna"
        assert "90x25" in line
        assert "Form" in line
        assert "127.0.0.1" in line
        assert "Shown on" in server.admin("--message", "Closing\x1b[2J at six").stdout
        terminal.until("at six")
        assert server.admin("--end", "listed").stdout == "1 session ended.\n"
        terminal.until("the administrator ended this session")
        assert terminal.wait() == 0
    nobody = server.admin("--end", "listed")
    assert nobody.returncode == 2
    assert "no session is at listed" in nobody.stderr


def test_what_one_saves_the_others_see_and_the_log_says_who_it_was(server: SSHServerProcess) -> None:
    with server.terminal("carl", "writer") as writer:
        writer.until("by ID")
        writer.press("\x1b[17~", until="F10 Save")
        writer.press("SEEN-1")
        writer.press("\x1b[21~", until="by ID")
        writer.until("SEEN-1")
        with server.terminal("bob", "reader") as reader:
            reader.until("SEEN-1")
            writer.press("\x1bOQ", until="F10 Save")
            writer.press("Harbor Freight")
            writer.press("\x1b[21~", until="by ID")
            reader.until("Harbor Freight")
    log = (server.home / ".local/state/dockbook/ssh/changes.log").read_text(encoding="utf-8")
    lines = [json.loads(line) for line in log.splitlines() if "SEEN-1" in line]
    assert [(line["action"], line["outcome"], line["fields"]) for line in lines] == [
        ("create", "begun", []),
        ("create", "done", []),
        ("save", "begun", ["name"]),
        ("save", "done", ["name"]),
    ]
    assert {(line["user"], line["place"]) for line in lines} == {("carl", "writer")}
    assert all(line["key"].startswith("SHA256:") for line in lines)
    assert "Harbor" not in log


def test_what_is_scanned_while_the_terminal_connects_is_whole(server: SSHServerProcess) -> None:
    for place in ("scan1", "scan2", "scan3"):
        with server.terminal("carl", place) as terminal:
            # Before anything is shown: the client sends it right behind its request for a shell.
            terminal.type("48151623\r")
            terminal.until("48151623")
            terminal.settle()
            assert "No such customer" in terminal.text
