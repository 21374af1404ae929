"""The command `dockbook export`: output, exit codes, and what is left after a failure."""

import csv
import io
import json
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pexpect
import pytest

from app.cli import main
from app.export.cells import TERMINAL_CONTROLS
from app.models.fields import WIRE_FIELDS

ROOT = Path(__file__).parents[2]
SLOW = ("httpx", "pydantic", "asyncio", "csv", "xlsxwriter", "app.export.command")


@pytest.fixture(autouse=True)
def program_environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the program be found, and leave its temporary files in the home of the test."""
    monkeypatch.setenv("TMPDIR", str(home))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))


def export(*options: str, **how: Any) -> subprocess.CompletedProcess[bytes]:
    """Run `dockbook export` in another process."""
    command = [sys.executable, "-W", "error", "-m", "app", "export", *options]
    return subprocess.run(command, check=False, capture_output=how.keys().isdisjoint({"stdout"}), timeout=60, **how)


def rows(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode(), newline=""), strict=True))


def temporary_files(folder: Path) -> list[Path]:
    return [*folder.glob("dockbook-*"), *folder.glob(".dockbook-*")]


class _PageHandler(BaseHTTPRequestHandler):
    """Sends `pages` in turn and repeats the last; `None` is an error response."""

    pages: list[dict[str, Any] | None]

    def do_POST(self) -> None:
        self._answer(200, {"access_token": "token-of-the-test", "token_type": "bearer", "expires_in": 14399})

    def do_GET(self) -> None:
        page = self.pages.pop(0) if len(self.pages) > 1 else self.pages[0]
        self._answer(*((200, page) if page is not None else (501, {"error": "not_implemented"})))

    def log_message(self, *_: object) -> None:
        """Print nothing."""

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())


@contextmanager
def run_server(
    monkeypatch: pytest.MonkeyPatch, *pages: dict[str, Any] | None, handler: type[_PageHandler] = _PageHandler
) -> Iterator[None]:
    """Run a server with these pages, and set the environment to use it."""
    with ThreadingHTTPServer(("127.0.0.1", 0), type("Odd", (handler,), {"pages": list(pages)})) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("DOCKBOOK_URL", f"http://127.0.0.1:{server.server_port}/api/v1")
        monkeypatch.setenv("DOCKBOOK_CLIENT_ID", "a")
        monkeypatch.setenv("DOCKBOOK_CLIENT_SECRET", "canary-secret")
        yield
        server.shutdown()
        thread.join()


def page(*ids: str, total: int, more: bool) -> dict[str, Any]:
    records = [{"shortID": short_id, "name": "=1", "active": None, "region": "N"} for short_id in ids]
    return {"value": records, "totalCount": total, "page": 1, "pageSize": 250, "pageCount": 1, "hasMore": more}


def test_export_help_imports_nothing_slow() -> None:
    program = (
        "import sys\nfrom app.cli import main\ntry: main(['export', '--help'])\nexcept SystemExit: pass\n"
        f"print([name for name in {SLOW!r} if name in sys.modules], file=sys.stderr)"
    )
    run = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert run.stderr == "[]\n"
    assert "--status {all,active,discontinued}" in run.stdout


@pytest.mark.parametrize("status", ["all", "active", "discontinued"])
def test_demo_is_exported_as_csv(status: str) -> None:
    run = export("--demo", "600", "--status", status)
    assert run.returncode == 0
    found = rows(run.stdout)
    assert list(found[0]) == list(WIRE_FIELDS)
    assert {"all": {"true", "false"}, "active": {"true"}, "discontinued": {"false"}}[status] == {
        row["active"] for row in found
    }
    ids = [row["shortID"] for row in found]
    assert ids == sorted(set(ids))
    expected_text = "600 customers exported" if status == "all" else f"{len(ids)} {status} of 600 customers exported"
    assert run.stderr.decode() == f"dockbook: {expected_text}\n"


@pytest.mark.parametrize(
    ("find", "status", "expected_text"),
    [
        ("BRIGHT mfg", "all", "1 of 600"),
        ("muller", "all", "6 of 600"),
        ("5550201", "all", "1 of 600"),
        ("jane springfield", "active", "2 active of 600"),
        ("cargo-nw", "active", "0 active of 600"),
        ("bright-mfg tacoma", "all", "0 of 600"),
        (" ", "all", "600"),
    ],
)
def test_only_matching_customers_are_exported(find: str, status: str, expected_text: str) -> None:
    run = export("--demo", "600", "--find", find, "--status", status)
    assert run.returncode == 0
    assert run.stderr.decode() == f"dockbook: {expected_text} customers exported\n"
    assert f"{len(rows(run.stdout))} " == expected_text.partition(" ")[0] + " "


def test_file_suffix_selects_format(home: Path) -> None:
    (home / "a.jsonl").write_text("old")
    (home / "a.jsonl").chmod(0o644)
    (home / "link.json").symlink_to(home / "a.json")
    for name in ("a.csv", "a.jsonl", "link.json", "a.xlsx", "a"):
        assert main(["export", "--demo", "3", "-o", str(home / name)]) == 0
    assert len(rows((home / "a.csv").read_bytes())) == len(rows((home / "a").read_bytes())) == 3
    lines = [json.loads(line) for line in (home / "a.jsonl").read_text(encoding="utf-8").splitlines()]
    assert lines == json.loads((home / "a.json").read_text(encoding="utf-8"))
    assert list(lines[0]) == list(WIRE_FIELDS)
    assert (home / "a.xlsx").read_bytes().startswith(b"PK")
    assert (home / "link.json").is_symlink()
    assert {file.stat().st_mode & 0o777 for file in home.glob("a.*")} == {0o600}
    assert not temporary_files(home)


def test_unknown_suffix_is_refused_unless_format_is_given(
    home: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert main(["export", "--demo", "3", "-o", str(home / "a.pdf")]) == 2
    assert b"pdf is not a format. Use csv, json, jsonl or xlsx." in capfdbinary.readouterr().err
    assert not (home / "a.pdf").exists()
    assert main(["export", "--demo", "3", "--format", "csv", "-o", str(home / "a.txt")]) == 0
    assert len(rows((home / "a.txt").read_bytes())) == 3


def test_options_before_export_count(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["--demo", "3", "export", "--format", "json"]) == 0
    assert len(json.loads(capfdbinary.readouterr().out)) == 3
    assert main(["--profile", "nowhere", "export"]) == 2
    assert b"no profile nowhere" in capfdbinary.readouterr().err


def test_local_book_is_exported_without_server(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["export"]) == 0
    assert rows(capfdbinary.readouterr().out) == []


@pytest.mark.parametrize(
    ("options", "code", "expected_text"),
    [
        (["--format", "pdf"], 2, "invalid choice"),
        (["--demo", "--url", "https://x/api/v1"], 2, "not allowed with"),
        (["--demo", "--profile", "a"], 2, "Leave one of them out"),
        (["--demo", "-o", "."], 1, "is a folder"),
        (["--demo", "-o", "no/such/folder"], 1, "no such file or directory"),
    ],
)
def test_invalid_options_are_reported(
    options: list[str], code: int, expected_text: str, capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    assert main(["export", *options]) == code
    output = capsys.readouterr()
    assert expected_text in output.err
    assert output.err.count("\n") == 1
    assert not temporary_files(home)


@pytest.mark.promise("T6")
@pytest.mark.parametrize("pages", [[page("A", total=3, more=True), page("B", total=3, more=False)], [None]])
def test_incomplete_export_fails_and_replaces_nothing(
    pages: list[dict[str, Any] | None], monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    (home / "a.csv").write_text("old")
    with run_server(monkeypatch, *pages, page(total=3, more=False)):
        onto_file = export("-o", "a.csv", cwd=home)
    with run_server(monkeypatch, *pages, page(total=3, more=False)):
        onto_pipe = export("--format", "json")
    assert onto_file.returncode == onto_pipe.returncode == 1
    assert (home / "a.csv").read_text() == "old"
    assert b"a.csv is as it was." in onto_file.stderr
    assert b"What was written is not complete." in onto_pipe.stderr
    assert onto_file.stderr.count(b"\n") == 1
    assert b"canary" not in onto_file.stderr + onto_pipe.stderr
    assert not temporary_files(home)
    with pytest.raises(json.JSONDecodeError):
        json.loads(onto_pipe.stdout)


def test_omitted_data_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    with run_server(monkeypatch, page("A", total=1, more=False)):
        run = export("--status", "active")
    assert run.returncode == 0
    assert rows(run.stdout) == []
    assert b"1 customer left out" in run.stderr
    with run_server(monkeypatch, page("A", total=1, more=False)):
        run = export("--raw")
    assert rows(run.stdout)[0]["name"] == "=1"
    assert b"no column: region" in run.stderr


def limit_file_size() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_full_disk_keeps_old_file(ending: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many = page(*(f"C{number:05}{'x' * 500}" for number in range(1000)), total=1000, more=False)
    (home / f"a.{ending}").write_text("old")
    with run_server(monkeypatch, many):
        run = export("-o", f"a.{ending}", cwd=home, preexec_fn=limit_file_size)
    assert run.returncode == 1
    assert b"file too large" in run.stderr
    assert run.stderr.count(b"\n") == 1
    assert (home / f"a.{ending}").read_text() == "old"
    assert not temporary_files(home)


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_full_device_is_reported(form: str, home: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        run = export("--demo", "--format", form, stdout=full, stderr=subprocess.PIPE)
    assert run.returncode == 1
    assert b"standard output cannot be written: no space left on device" in run.stderr
    assert not temporary_files(home)


@pytest.mark.parametrize("form", ["csv", "jsonl", "xlsx"])
def test_closed_pipe_ends_quietly(form: str, home: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    run = export("--demo", "300", "--format", form, stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert run.returncode == 128 + signal.SIGPIPE
    assert run.stderr == b""
    assert not temporary_files(home)


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
    ids=lambda value: str(value),
)
@pytest.mark.parametrize("options", [[], ["--format", "xlsx"]], ids=["a reader who waits", "a target that waits"])
def test_signal_ends_export_and_leaves_no_files(
    number: signal.Signals, code: int, options: list[str], home: Path
) -> None:
    command = [sys.executable, "-m", "app", "export", "--demo", "4000", *options]
    # More than a pipe holds, so the export has to wait for the reader.
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None
        # Except for a workbook, the output begins with a header, before the first customer.
        output = child.stdout.read(1)
        while options == [] and b"ACME-CORP" not in output:
            output += child.stdout.read(1)
        child.send_signal(number)
        assert child.wait(timeout=20) == code
        assert child.stderr is not None
        assert child.stderr.read() == b""
    assert not temporary_files(home)


def test_interrupted_export_leaves_no_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    requested, may_answer = threading.Event(), threading.Event()

    class WaitingHandler(_PageHandler):
        def do_GET(self) -> None:
            requested.set()
            may_answer.wait(20)

    with run_server(monkeypatch, handler=WaitingHandler):
        command = [sys.executable, "-m", "app", "export", "-o", "a.csv"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=home) as child:
            assert requested.wait(20)
            assert temporary_files(home)
            child.send_signal(signal.SIGINT)
            assert child.wait(timeout=20) == 130
            may_answer.set()
    assert not (home / "a.csv").exists()
    assert not temporary_files(home)


def run_on_terminal(*options: str) -> tuple[str, int | None]:
    """Run the export on a terminal; returns its output and the exit code."""
    child = pexpect.spawn(
        sys.executable, ["-m", "app", "export", *options], dimensions=(24, 80), timeout=30, encoding="utf-8"
    )
    shown = child.read()
    child.close()
    return shown, child.exitstatus


def test_progress_bar_appears_only_with_output_file(home: Path) -> None:
    shown, code = run_on_terminal("--demo", "600", "-o", str(home / "a.csv"))
    assert code == 0
    assert "\rdockbook: exporting [############..................] 250 of 600" in shown
    assert shown.rpartition("\r")[0].endswith(f"\rdockbook: 600 customers exported to {home / 'a.csv'}")
    shown, code = run_on_terminal("--demo")
    assert code == 0
    assert "exporting" not in shown
    assert shown.count("\r\n") == 50


@pytest.mark.promise("T1")
@pytest.mark.parametrize("options", [["--format", "xlsx"], ["--raw"]])
def test_binary_and_raw_formats_refuse_terminal(options: list[str]) -> None:
    shown, code = run_on_terminal("--demo", *options)
    assert code == 2
    assert "-o FILE" in shown


@pytest.mark.promise("T1")
def test_terminal_output_contains_no_control_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    naughty = {"shortID": "A\x1b[2J\x9b2J\r\n\u202e", "name": "\ud800", "active": True}
    hostile = {"value": [naughty], "totalCount": 1, "hasMore": False}
    with run_server(monkeypatch, hostile):
        for form in ("csv", "json", "jsonl"):
            shown, code = run_on_terminal("--format", form)
            assert code == 0
            # The terminal turns each LF into CR LF.
            assert not TERMINAL_CONTROLS.search(shown.replace("\r\r\n", "").replace("\r\n", ""))
