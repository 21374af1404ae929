"""A text handed to real programs: what they get, what they write, how they fail, and when they are stopped."""

import os
import select
import sys
from pathlib import Path

import pytest

from app.errors import CommandFailed
from app.export.pipe import pipe_text

TEXT = "Acme Corporation\nSpringfield IL 62701\n"


def python(program: str) -> list[str]:
    return [sys.executable, "-c", program]


async def failure(argv: list[str], seconds: float = 20.0) -> str:
    with pytest.raises(CommandFailed) as failed:
        await pipe_text(argv, TEXT, seconds)
    return failed.value.text


async def test_program_reads_text_and_its_last_line_is_returned(tmp_path: Path) -> None:
    label = tmp_path / "label"
    program = f"import sys; open({str(label)!r}, 'w').write(sys.stdin.read()); print('ready\\n job \\x1b[2J 7 \\n')"
    assert await pipe_text(python(program), TEXT) == "job ␛[2J 7"
    assert label.read_text() == TEXT


async def test_arguments_reach_program_without_a_shell() -> None:
    program = "import sys; print(sys.argv[1:])"
    assert await pipe_text([*python(program), "$HOME", "a b", ";", "*"], TEXT) == "['$HOME', 'a b', ';', '*']"


async def test_program_that_reads_nothing_and_one_with_much_text_both_end() -> None:
    assert await pipe_text(python("pass"), TEXT) == ""
    assert await pipe_text(python("pass"), "x" * 1_000_000) == ""
    assert await pipe_text(python("import sys; print(len(sys.stdin.read()))"), "x" * 1_000_000) == "1000000"


async def test_failure_quotes_reason_and_exit_code() -> None:
    assert await failure(python("import sys; sys.exit('lp: no such printer')")) == "lp: no such printer (exit code 1)."
    assert await failure(python("raise SystemExit(3)")) == "It gave no reason (exit code 3)."
    assert await failure(python("import os; os.kill(os.getpid(), 9)")) == "It gave no reason (signal 9)."


async def test_program_that_cannot_be_started_is_named(tmp_path: Path) -> None:
    assert await failure(["no-such-program"]) == "The program no-such-program is not on this machine."
    plain = tmp_path / "plain"
    plain.write_text("text")
    assert await failure([str(plain)]) == f"The program {plain} cannot be started: permission denied."


async def test_program_that_takes_too_long_is_stopped_with_its_children(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reading = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    program = f"import os, signal; os.fork(); held = open({str(fifo)!r}, 'w'); signal.pause()"
    assert await failure(python(program), 1.0) == "It took longer than 1 s and was stopped."
    # Soon nobody has it open for writing any more.
    assert select.select([reading], [], [], 20.0)[0]
    assert os.read(reading, 1) == b""
    os.close(reading)


async def test_endless_output_is_cut_off() -> None:
    assert await failure(python("while True: print('y' * 1000)")) == f"{'y' * 199}… (exit code 1)."


async def test_child_that_keeps_output_open_is_not_waited_for(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    program = f"import os; os.fork() or (open({str(fifo)!r}).read(), os._exit(0)); print('queued')"
    assert await pipe_text(python(program), TEXT) == "queued"
    # The child waits for this; without one, opening it would fail.
    os.close(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK))


@pytest.mark.promise("A4")
async def test_secret_of_environment_is_not_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKBOOK_CLIENT_SECRET", "s3cr3t-canary")
    program = "import os; print([name for name in os.environ if name.startswith('DOCKBOOK')], 'PATH' in os.environ)"
    assert await pipe_text(python(program), TEXT) == "[] True"


async def test_program_has_no_terminal() -> None:
    assert "'/dev/tty' (exit code 1)" in await failure(python("open('/dev/tty')"))
