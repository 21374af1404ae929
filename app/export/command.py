"""`dockbook export`: reads all customers, writes them in a format, and reports progress on standard error."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from types import FrameType
from typing import TYPE_CHECKING, Final, NoReturn, TextIO

from app.errors import DockbookError, ExportFailed, SettingsError
from app.export.output import OutputStream, atomic_output
from app.export.spec import ExportSpec, ExportWriter, check_capacity, open_format
from app.terminal.progress import ProgressLine, bar
from app.text.sanitize import sanitize

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from app.backends import EmbeddedBackend, RemoteBackend

#: The exit code of a program whose reader has gone (128 + SIGPIPE).
PIPE_BROKE: Final = 128 + signal.SIGPIPE

_LABEL: Final = "dockbook: exporting"


def run_export(spec: ExportSpec, open_repository: Callable[[], "EmbeddedBackend | RemoteBackend"]) -> int:
    """Export and return the exit code; raises DockbookError when it is not whole.

    `open_repository` is called once it is certain that there is somewhere to write to.
    """
    if spec.output is None:
        _check_standard_output(spec)
    try:
        with ExitStack() as stack:
            stack.enter_context(_signals_raise())
            on_terminal = spec.output is None and sys.stdout.isatty()
            form = stack.enter_context(open_format(spec, terminal=on_terminal))
            sink = stack.enter_context(_output_stream(spec))
            export = _Export(spec, ExportWriter(spec, form, sink), sys.stderr)
            try:
                export.run(open_repository())
            except SettingsError:
                raise
            except DockbookError as error:
                raise ExportFailed(f"{error.text} {_file_state(spec, sink)}") from error
    except BrokenPipeError:
        return PIPE_BROKE
    export.report_outcome()
    return 0


class _Export:
    """One export under way."""

    def __init__(self, order: ExportSpec, writing: ExportWriter, stream: TextIO) -> None:
        self._order = order
        self._writing = writing
        self._stream = stream
        # Customers that scroll by are progress enough.
        data_is_shown = order.output is None and sys.stdout.isatty()
        self._line = ProgressLine(stream, watched=stream.isatty() and not data_is_shown)
        self._notes: list[str] = []

    def run(self, source: "EmbeddedBackend | RemoteBackend") -> None:
        """Export everything from this source, and close it."""
        from app.backends import DaemonThreadExecutor
        from app.repository.repository import CustomerRepository
        from app.repository.source import CustomerSource
        from app.repository.writer import STARTED_READ_ONLY

        async def work() -> None:
            from app.export.read_all import AllCustomers

            asyncio.get_running_loop().set_default_executor(DaemonThreadExecutor())
            repository = CustomerRepository(
                CustomerSource(source.connect, on_close=source.close), read_only_reason=STARTED_READ_ONLY
            )
            try:
                walk = AllCustomers(repository, on_progress=self._progress, on_wait=self._wait)
                self._writing.begin()
                async for batch in walk.customers():
                    self._writing.write_batch(batch)
                self._writing.finish()
                self._notes += walk.notes
            finally:
                await repository.close()

        try:
            asyncio.run(work())
        finally:
            self._line.leave()

    def report_outcome(self) -> None:
        """Say what was exported, and what a person should know of it."""
        for text in self._writing.summary(self._notes):
            self._stream.write(f"dockbook: {sanitize(text)}\n")
        self._stream.flush()

    def _progress(self, done: int, total: int | None) -> None:
        check_capacity(self._order, total)
        self._line.show(f"{_LABEL} {done:,}" if total is None else bar(_LABEL, done, total), often=True)

    def _wait(self, left: int) -> None:
        self._line.show(f"dockbook: the server is busy; continuing in {left} s")


@contextmanager
def _signals_raise() -> Iterator[None]:
    """Let signals end the program where it is, waiting reader or not, so that what was begun is cleared away.

    asyncio's own way would wait for a loop that waits for whoever reads the output.
    """

    def interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    def end(number: int, _frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    before = {}
    for number, handler in ((signal.SIGINT, interrupt), (signal.SIGTERM, end), (signal.SIGHUP, end)):
        # What a parent (nohup, a shell's &) switched off stays off.
        if signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, handler)
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


def _check_standard_output(order: ExportSpec) -> None:
    # A stream that was closed before the start is None.
    if sys.stdout is None:
        raise SettingsError("standard output is closed. Name a file with -o FILE.")
    if not sys.stdout.isatty():
        return
    if order.format == "xlsx":
        raise SettingsError("a workbook is nothing for a terminal. Name a file with -o FILE, or redirect the output.")
    if order.format == "csv" and order.raw:
        raise SettingsError("--raw keeps characters that a terminal obeys. Name a file with -o FILE, or leave it out.")


def _output_stream(order: ExportSpec) -> "AbstractContextManager[OutputStream]":
    if order.output is not None:
        return atomic_output(order.output)
    return nullcontext(OutputStream(sys.stdout.fileno(), "standard output"))


def _file_state(order: ExportSpec, sink: OutputStream) -> str:
    if order.output is not None:
        return (
            f"{order.output} was not written." if not os.path.lexists(order.output) else f"{order.output} is as it was."
        )
    return "What was written is not complete." if sink.written else "Nothing was written."
