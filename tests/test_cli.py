"""The command line: exit codes, clear messages, fast start, and `dockbook serve`."""

import io
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pexpect
import pytest

from app import __version__
from app.cli import main, version_text

CANARY = "s3cr3t-canary"
SLOW = ("textual", "httpx", "pydantic", "starlette", "sqlite3", "asyncio")


pytestmark = pytest.mark.usefixtures("home")


def usage_error(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    """The error message of a command that exits with code 2."""
    assert main(argv) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("dockbook: ")
    assert output.err.count("\n") == 1
    return output.err


def test_version_reports_missing_fts5() -> None:
    assert version_text(has_fts5=True) == f"dockbook {__version__}\n"
    assert "no FTS5: find takes longer" in version_text(has_fts5=False)


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_import_nothing_slow(option: str) -> None:
    program = (
        "import sys\nfrom app.cli import main\n"
        f"try: main([{option!r}])\nexcept SystemExit as end: assert end.code == 0\n"
        f"print([name for name in {SLOW!r} if name in sys.modules], file=sys.stderr)"
    )
    run = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    # Only the library itself knows its parts.
    assert run.stderr == ("['sqlite3']\n" if option == "--version" else "[]\n")
    assert "--read-only" in run.stdout or run.stdout == f"dockbook {__version__}\n"


@pytest.mark.parametrize(
    ("argv", "expected_text"),
    [
        (["--demo", "0"], "'0' is not a number from 1 to 1,000,000"),
        (["--demo", "1000001"], "from 1 to 1,000,000"),
        (["--demo", "serve"], "Try: dockbook serve --demo"),
        (["exprot"], "exprot is not a choice here. Did you mean export?"),
        (["--demo", "--url", "https://x/api/v1"], "not allowed with"),
        (["--demo", "--profile", "a"], "Leave one of them out"),
        (["--dem"], "unrecognized arguments: --dem"),
        (["--url", "x\x1b[2J"], "no spaces"),
        (["serve", "--port", "65536"], "not a port"),
        (["serve", "--demo", "--host", "192.0.2.1"], "There is no credential yet"),
        ([], "need a terminal"),
    ],
)
def test_wrong_usage_exits_with_code_2(argv: list[str], expected_text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert expected_text in usage_error(capsys, *argv)


@pytest.mark.promise("A4")
def test_invalid_settings_are_reported_before_start(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DOCKBOOK_URL", "https://wms.example.com/api/v1")
    monkeypatch.setenv("DOCKBOOK_CLIENT_SECRET", CANARY)
    assert "client ID" in usage_error(capsys)
    monkeypatch.setenv("DOCKBOOK_PROFILE", "a\x1b]0;x\x07")
    message = usage_error(capsys)
    assert "␛]0;x␇" in message
    assert CANARY not in message
    (home / ".config" / "dockbook").mkdir(parents=True)
    (home / ".config" / "dockbook" / "config.toml").write_text("profile = [", encoding="utf-8")
    assert "not valid TOML" in usage_error(capsys, "--demo")


def test_damaged_local_book_exits_with_code_1(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = home / ".local" / "share" / "dockbook"
    folder.mkdir(parents=True)
    (folder / "customers.db").write_bytes(b"not a database" * 100)
    assert main(["serve", "--port", "0"]) == 1
    assert capsys.readouterr().err.startswith("dockbook: ")


@pytest.mark.promise("A4")
def test_crash_message_shows_no_values(home: Path) -> None:
    program = (
        "import sys\nfrom app import cli\n"
        f"def fail(arguments): raise ValueError({CANARY!r})\n"
        "cli._open_screens = fail\nsys.exit(cli.main([]))"
    )
    run = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert run.returncode == 1
    assert "ValueError" in run.stderr
    (path,) = (home / ".local" / "state" / "dockbook").iterdir()
    assert str(path) in run.stderr
    assert CANARY not in run.stdout + run.stderr + path.read_text(encoding="utf-8")


def test_serve_prints_client_settings() -> None:
    command = [sys.executable, "-m", "app", "serve", "--demo", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as service:
        assert service.stdout is not None
        printed = ""
        while "/Token" not in printed:
            printed += service.stdout.readline()
        exports = re.findall(r"^export DOCKBOOK_URL=(\S+) DOCKBOOK_CLIENT_ID=(\S+) DOCKBOOK_CLIENT_SECRET=(\S+)$",
                             printed, re.MULTILINE)  # fmt: skip
        assert len(exports) == 2
        for url, client_id, secret in exports:
            form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
            assert httpx.post(f"{url}/Token", data=form).json()["token_type"] == "bearer"
        service.send_signal(signal.SIGINT)
        rest = service.communicate(timeout=20)
    assert service.returncode in (0, 130)
    assert rest[1] == ""


def test_demo_fill_can_be_interrupted(tmp_path: Path) -> None:
    environ = {**os.environ, "TMPDIR": str(tmp_path)}
    child = pexpect.spawn(
        sys.executable, ["-m", "app", "--demo", "1000000"], env=environ, dimensions=(24, 80), timeout=30
    )
    child.expect("0,000 of 1,000,000")
    child.sendintr()
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130
    assert not list(tmp_path.glob("dockbook-*"))


@pytest.mark.promise("A4")
def test_screen_crash_restores_terminal_and_shows_no_values(home: Path) -> None:
    program = (
        "import sys\nfrom app.cli import main\nfrom app.tui.app import DockbookApp\n"
        f"def fail(self, customer={CANARY!r}): raise ValueError(customer)\n"
        "DockbookApp.action_help = fail\nsys.exit(main(['--demo']))"
    )
    child = pexpect.spawn(sys.executable, ["-c", program], dimensions=(24, 80), timeout=30, encoding="utf-8")
    child.expect("ACME-CORP")
    child.send("?")
    before, rest = child.before or "", child.read()
    child.close()
    assert child.exitstatus == 1
    assert "\x1b[?1049l" in rest
    assert "ValueError" in rest.partition("\x1b[?1049l")[2]
    (path,) = (home / ".local" / "state" / "dockbook").iterdir()
    report = path.read_text(encoding="utf-8")
    assert "in fail" in report
    assert CANARY not in before + rest + report
    assert "Traceback" not in rest


def test_no_color_output_uses_reverse_only(home: Path) -> None:
    child = pexpect.spawn(
        sys.executable,
        ["-m", "app", "--demo"],
        env=os.environ | {"NO_COLOR": "1", "TERM": "xterm-256color", "HOME": str(home)},
        dimensions=(24, 80),
        encoding="utf-8",
        timeout=30,
    )
    with child:
        child.logfile_read = io.StringIO()
        child.expect("ACME-CORP")
        child.send("\x11")
        child.expect(pexpect.EOF)
        sent = child.logfile_read.getvalue()
    sgr_codes = {int(part) for code in re.findall(r"\x1b\[([0-9;]*)m", sent) for part in code.split(";") if part}
    assert not sgr_codes & {*range(30, 39), *range(40, 49)}
    assert 7 in sgr_codes, "the cursor must be visible without colours"
