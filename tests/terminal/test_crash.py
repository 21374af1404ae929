"""A crash report contains types and locations: no values, messages or source lines."""

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.terminal.crash import report, silence_tracebacks

CANARY = "Jane-Smith-555-0100"


def fail(customer: str) -> None:
    raise LookupError(customer)


def fail_twice(customer: str) -> None:
    try:
        fail(customer)
    except LookupError as error:
        raise ValueError(f"odd: {customer}\x1b[2J") from error


def raise_and_catch() -> ValueError:
    with pytest.raises(ValueError, match="odd") as crash:
        fail_twice(CANARY)
    return crash.value


@pytest.mark.promise("A4")
def test_report_contains_types_and_locations_only(tmp_path: Path) -> None:
    message = report(raise_and_catch(), tmp_path / "state")
    (path,) = (tmp_path / "state").iterdir()
    written = path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert str(path) in message
    for text in (message, written):
        assert CANARY not in text
        assert "odd" not in text
        assert "ValueError" in text
        assert "test_crash.py:" in text
        assert "in fail_twice" in text
    assert "caused by LookupError" in written
    assert len(message.splitlines()) <= 5


@pytest.mark.promise("A4")
def test_exception_group_lists_its_members(tmp_path: Path) -> None:
    report(ExceptionGroup(CANARY, [raise_and_catch(), raise_and_catch()]), tmp_path)
    (path,) = tmp_path.iterdir()
    assert path.read_text().count("which contains ValueError") == 2
    assert CANARY not in path.read_text()


@pytest.mark.promise("A4")
def test_crash_is_reported_without_report_file(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    message = report(raise_and_catch(), blocked / "state")
    assert "No report could be written: not a directory." in message
    assert CANARY not in message


@pytest.fixture
def hooks() -> Iterator[None]:
    before = threading.excepthook, sys.unraisablehook
    yield
    threading.excepthook, sys.unraisablehook = before


@pytest.mark.promise("A4")
@pytest.mark.usefixtures("hooks")
def test_thread_traceback_shows_no_values(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    silence_tracebacks(tmp_path)

    thread = threading.Thread(target=fail, args=[CANARY])
    thread.start()
    thread.join()
    message = capsys.readouterr().err
    assert "LookupError" in message
    assert CANARY not in message
