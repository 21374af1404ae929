"""The program with one part replaced: `python -m tests.terminal.fakes FOLDER PART`."""

import asyncio
import errno
import sys
from functools import partial
from pathlib import Path
from typing import ClassVar, Final

from textual.binding import Binding, BindingType
from textual.events import Key
from textual.message import Message

from app.backends import EmbeddedBackend
from app.drafts.store import DraftStore
from app.repository.repository import CustomerRepository
from app.repository.source import CustomerSource
from app.screens.context import AppContext
from app.terminal.crash import report
from app.terminal.lean_driver import LeanDriver
from app.terminal.shutdown import ShutdownHandler
from app.terminal.suspend import SuspendingDriver
from app.tui.app import DockbookApp

ERRORS: Final = {"error": ValueError("Jane-Smith"), "gone": OSError(errno.EIO, "gone"), "end": EOFError()}


class BrokenDriver(LeanDriver):
    """The thread that reads the keyboard fails at Ctrl+T."""

    def send_message(self, message: Message) -> None:
        if isinstance(message, Key) and message.key == "ctrl+t":
            raise ERRORS[sys.argv[2]]
        super().send_message(message)


class RingingApp(DockbookApp):
    """Ctrl+T rings the bell."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+t", "bell", show=False)]


def main(folder: Path, part: str) -> int:
    """Run the app as `app.tui.run` does; returns the exit code."""
    source = EmbeddedBackend(None, 3, read_only=False)
    open_mirror = partial(source.open_mirror, None)
    customers = CustomerSource(source.connect, on_close=source.close, open_mirror=open_mirror, has_mirror=lambda: False)
    repository = CustomerRepository(customers)
    drafts = DraftStore(folder / "drafts", "key")
    app = RingingApp(
        AppContext(repository, "demo", open_drafts=lambda: drafts),
        driver=BrokenDriver if part in ERRORS else SuspendingDriver if part == "plain" else LeanDriver,
        report=lambda error, happened: report(error, folder / "state", happened),
        bell=part != "silent",
    )

    def flush() -> None:
        drafts.flush()

    with ShutdownHandler([flush], app.exit).installed():
        asyncio.run(app.run_async(mouse=False))
    drafts.close()
    return app.return_code or 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
