"""`dockbook export`: brings the walk, a format and a target together, and tells on standard error how it goes."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final, NoReturn, TextIO

from app.errors import DockbookError, ExportFailed, SettingsError
from app.export.target import Sink, file_sink
from app.terminal.progress import Line, bar
from app.text import visible

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from app.connect import Book, Server
    from app.export.formats import Format
    from app.models import Customer

_BY_SUFFIX: Final = {".csv": "csv", ".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl", ".xlsx": "xlsx"}
#: What a shell says of a program that ended because nobody read its output any more.
PIPE_BROKE: Final = 128 + signal.SIGPIPE

_LABEL: Final = "dockbook: exporting"


@dataclass(frozen=True, slots=True)
class Order:
    """What to export: `status` is `all`, `active` or `discontinued`; `raw` defuses nothing in CSV.

    `output` None is standard output.
    """

    format: str
    status: str = "all"
    raw: bool = False
    output: Path | None = None

    def keeps(self, customer: "Customer") -> bool:
        """Whether the customer is wanted."""
        return self.status in ("all", customer.status)


def format_for(output: Path | None) -> str:
    """The format that the name of the file asks for, or CSV."""
    return "csv" if output is None else _BY_SUFFIX.get(output.suffix.lower(), "csv")


def run_export(order: Order, find_source: Callable[[], "Book | Server"]) -> int:
    """Export and return the exit code; raises DockbookError when it is not whole.

    `find_source` is called once it is certain that there is somewhere to write to.
    """
    if order.output is None:
        _check_standard_output(order)
    try:
        with ExitStack() as stack:
            stack.enter_context(_ended_by_signals())
            form = stack.enter_context(_format(order))
            sink = stack.enter_context(_sink(order))
            export = _Export(order, form, sink, sys.stderr)
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

    def __init__(self, order: Order, form: "Format", sink: Sink, stream: TextIO) -> None:
        self._order = order
        self._form = form
        self._sink = sink
        self._stream = stream
        # Customers that scroll by are progress enough.
        data_is_shown = order.output is None and sys.stdout.isatty()
        self._line = Line(stream, watched=stream.isatty() and not data_is_shown)
        self._read = 0
        self._written = 0
        self._unknown = 0
        self._notes: list[str] = []

    def run(self, source: "Book | Server") -> None:
        """Export everything from this source, and close it."""
        from app.repository import Repository

        async def work() -> None:
            from app.export.walk import Walk

            repository = Repository(source.connect, read_only=True, on_close=source.close)
            try:
                walk = Walk(repository, on_progress=self._progress, on_wait=self._wait)
                await self._write(walk.customers())
                self._notes += walk.notes
            finally:
                await repository.close()

        try:
            asyncio.run(work())
        finally:
            self._line.leave()

    def tell(self) -> None:
        """Say what was exported, and what a person should know of it."""
        status = self._order.status
        where = "" if self._order.output is None else f" to {visible(str(self._order.output))}"
        if status == "all":
            self._say(f"{_counted(self._written)} exported{where}")
        else:
            self._say(f"{self._written:,} {status} of {_counted(self._read)} exported{where}")
            if self._unknown:
                self._say(f"{_counted(self._unknown)} left out: the server does not say whether active.")
        for note in (*self._notes, *self._form.notes()):
            self._say(note)

    async def _write(self, batches: AsyncIterator[list["Customer"]]) -> None:
        """Write what is wanted of these; the file is whole only when they come to their end."""
        self._sink.write(self._form.opening())
        async for batch in batches:
            wanted = [customer for customer in batch if self._order.keeps(customer)]
            self._read += len(batch)
            self._written += len(wanted)
            self._unknown += sum(customer.active is None for customer in batch)
            self._sink.write(self._form.rows(wanted))
        for piece in self._form.closing():
            self._sink.write(piece)

    def _progress(self, done: int, total: int | None) -> None:
        self._check_room(total)
        self._line.show(f"{_LABEL} {done:,}" if total is None else bar(_LABEL, done, total), often=True)

    def _check_room(self, total: int | None) -> None:
        """Better now than after a million rows."""
        if self._order.format == "xlsx" and self._order.status == "all" and total is not None:
            from app.export.workbook import check_rows

            check_rows(total)

    def _wait(self, left: int) -> None:
        self._line.show(f"dockbook: the server asks to slow down; going on in {left} s")

    def _say(self, text: str) -> None:
        self._stream.write(f"dockbook: {visible(text)}\n")
        self._stream.flush()


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


def _counted(customers: int) -> str:
    return "1 customer" if customers == 1 else f"{customers:,} customers"


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


def _format(order: Order) -> "AbstractContextManager[Format]":
    from app.export.formats import CsvFormat, JsonFormat, JsonLinesFormat

    if order.format == "xlsx":
        from app.export.workbook import workbook

        return workbook()
    if order.format == "csv":
        terminal = order.output is None and sys.stdout.isatty()
        return nullcontext(CsvFormat(raw=order.raw, terminal=terminal))
    return nullcontext(JsonFormat() if order.format == "json" else JsonLinesFormat())


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
