"""Progress is a bar on a terminal, and one line elsewhere."""

import io

from app.terminal.progress import Progress


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_on_terminal_is_a_bar() -> None:
    stream = _Terminal()
    progress = Progress("making", stream)
    progress(10, 20)
    progress(20, 20)
    assert stream.getvalue() == (
        "\rmaking [###############...............] 10 of 20\rmaking [##############################] 20 of 20\n"
    )


def test_progress_in_file_is_one_line() -> None:
    stream = io.StringIO()
    progress = Progress("making", stream)
    progress(10, 20_000)
    progress(20_000, 20_000)
    assert stream.getvalue() == "making: 20,000 of 20,000\n"
