"""`dockbook export`: brings the walk, a format and a target together, and tells on standard error how it goes."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from types import FrameType
from typing import TYPE_CHECKING, Final, NoReturn, TextIO

from app.errors import DockbookError, ExportFailed, SettingsError
from app.export.output import Sink, file_sink
from app.export.spec import Order, Writing, check_room, open_format
from app.terminal.progress import Line, bar
from app.text.sanitize import sanitize

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from app.backends import EmbeddedBackend, RemoteBackend

#: What a shell says of a program that ended because nobody read its output any more.
PIPE_BROKE: Final = 128 + signal.SIGPIPE

_LABEL: Final = "dockbook: exporting"


def run_export(order: Order, find_source: Callable[[], "EmbeddedBackend | RemoteBackend"]) -> int:
    """Export and return the exit code; raises DockbookError when it is not whole.

    `find_source` is called once it is certain that there is somewhere to write to.
    """
    if order.output is None:
        _check_standard_output(order)
    try:
        with ExitStack() as stack:
            stack.enter_context(_ended_by_signals())
            on_terminal = order.output is None and sys.stdout.isatty()
            form = stack.enter_context(open_format(order, terminal=on_terminal))
            sink = stack.enter_context(_sink(order))
            export = _Export(order, Writing(order, form, sink), sys.stderr)
            try:
                export.run(find_source())
            except SettingsError:
                raise
            except DockbookError as error:
                raise ExportFailed(f"{error.text} {_aftermath(order, sink)}") from error
    except BrokenPipeError:
        return PIPE_BROKE
    export.tell()
    return 0


class _Export:
    """One export under way."""

    def __init__(self, order: Order, writing: Writing, stream: TextIO) -> None:
        self._order = order
        self._writing = writing
        self._stream = stream
        # Customers that scroll by are progress enough.
        data_is_shown = order.output is None and sys.stdout.isatty()
        self._line = Line(stream, watched=stream.isatty() and not data_is_shown)
        self._notes: list[str] = []

    def run(self, source: "EmbeddedBackend | RemoteBackend") -> None:
        """Export everything from this source, and close it."""
        from app.daemon_threads import DaemonThreadExecutor
        from app.repository.repository import CustomerRepository

        async def work() -> None:
            from app.export.read_all import Walk

            asyncio.get_running_loop().set_default_executor(DaemonThreadExecutor())
            repository = CustomerRepository(source.connect, read_only=True, on_close=source.close)
            try:
                walk = Walk(repository, on_progress=self._progress, on_wait=self._wait)
                self._writing.begin()
                async for batch in walk.customers():
                    self._writing.take(batch)
                self._writing.finish()
                self._notes += walk.notes
            finally:
                await repository.close()

        try:
            asyncio.run(work())
        finally:
            self._line.leave()

    def tell(self) -> None:
        """Say what was exported, and what a person should know of it."""
        for text in self._writing.told(self._notes):
            self._stream.write(f"dockbook: {sanitize(text)}\n")
        self._stream.flush()

    def _progress(self, done: int, total: int | None) -> None:
        check_room(self._order, total)
        self._line.show(f"{_LABEL} {done:,}" if total is None else bar(_LABEL, done, total), often=True)

    def _wait(self, left: int) -> None:
        self._line.show(f"dockbook: the server asks to slow down; going on in {left} s")


@contextmanager
def _ended_by_signals() -> Iterator[None]:
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


def _check_standard_output(order: Order) -> None:
    # A stream that was closed before the start is None.
    if sys.stdout is None:
        raise SettingsError("standard output is closed. Name a file with -o FILE.")
    if not sys.stdout.isatty():
        return
    if order.format == "xlsx":
        raise SettingsError("a workbook is nothing for a terminal. Name a file with -o FILE, or redirect the output.")
    if order.format == "csv" and order.raw:
        raise SettingsError("--raw keeps characters that a terminal obeys. Name a file with -o FILE, or leave it out.")


def _sink(order: Order) -> "AbstractContextManager[Sink]":
    if order.output is not None:
        return file_sink(order.output)
    return nullcontext(Sink(sys.stdout.fileno(), "standard output"))


def _aftermath(order: Order, sink: Sink) -> str:
    if order.output is not None:
        return (
            f"{order.output} was not written." if not os.path.lexists(order.output) else f"{order.output} is as it was."
        )
    return "What was written is not complete." if sink.written else "Nothing was written."
