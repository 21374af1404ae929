"""Exporting what the list shows: asks for a file name, and whether to replace a file that exists."""

import os
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Input, Static

from app.errors import DockbookError
from app.screens.dialogs import ConfirmDialog, Dialog
from app.text.sanitize import sanitize
from app.widgets.form_field import SafeInput

if TYPE_CHECKING:
    from app.models.fields import PageRequest
    from app.screens.base import BaseScreen

#: Writes the file and returns what to report about it.
Job = Callable[[Path], Awaitable[list[str]]]

_DEFAULT = "customers.csv"


class ExportDialog(Dialog[str]):
    """Asks for the name of a file; Enter answers with it."""

    KEYS = "⏎ export · Esc cancel"
    SCANS_IN_FIELDS = False

    def __init__(self, what: str) -> None:
        super().__init__("Export")
        self._what = what

    def compose_body(self) -> ComposeResult:
        yield Static(Content(sanitize(self._what)), classes="lines")
        yield SafeInput(_DEFAULT)
        yield Static(Content("File name. It must end in .csv, .json, .jsonl or .xlsx."), classes="lines")

    def on_mount(self) -> None:
        field = self.query_one(SafeInput)
        field.focus()
        field.select_all()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip() or None)


def ask_export(screen: "BaseScreen[Any]", request: "PageRequest") -> None:
    """Ask for a file, and write into it all customers of this request, on all pages."""
    status = "" if request.status == "all" else f"{request.status} "
    kind = f"{status}customers {request.period}".strip()
    matching = f' that match "{request.find}"' if request.find else ""
    order = "" if request.sort is None and request.find else f", {request.order}"
    _ask(screen, f"All {kind}{matching}, on all pages{order}.", partial(_export_list, screen, request))


def ask_export_marked(screen: "BaseScreen[Any]", short_ids: Sequence[str]) -> None:
    """Ask for a file, and write into it the customers with these IDs."""
    what = f"The {len(short_ids):,} marked, as the server has them now."
    _ask(screen, what, partial(_export_marked, screen, short_ids))


def _ask(screen: "BaseScreen[Any]", what: str, job: Job) -> None:
    def answered(name: str | None) -> None:
        if name is None:
            return
        path = Path(name).expanduser()
        if os.path.lexists(path) and not path.is_dir():
            _ask_to_replace(screen, job, path)
        else:
            _start(screen, job, path)

    screen.app.push_screen(ExportDialog(what), answered)


def _ask_to_replace(screen: "BaseScreen[Any]", job: Job, path: Path) -> None:
    def answered(answer: str | None) -> None:
        if answer == "replace":
            _start(screen, job, path)

    lines = [f"{path} is there already.", "It is replaced when the export is complete."]
    screen.app.push_screen(ConfirmDialog("Replace this file?", lines, {"keep": "Keep", "replace": "Replace"}), answered)


def _start(screen: "BaseScreen[Any]", job: Job, path: Path) -> None:
    # The list shows the description when the person is about to leave.
    description = f"an export to {path} that is under way"
    screen.app.run_worker(_export(screen, job, path), group="exports", description=description, exit_on_error=False)


async def _export_list(screen: "BaseScreen[Any]", request: "PageRequest", path: Path) -> list[str]:
    from app.export.list_export import export_list
    from app.export.spec import format_for

    def wait(left: int) -> None:
        screen.show_notice(f"The server is busy; the export continues in {left} s.")

    return await export_list(screen.repository, request, format_for(path), path, partial(_show_progress, screen), wait)


async def _export_marked(screen: "BaseScreen[Any]", short_ids: Sequence[str], path: Path) -> list[str]:
    from app.export.list_export import export_marked
    from app.export.spec import format_for

    return await export_marked(screen.repository, short_ids, format_for(path), path, partial(_show_progress, screen))


def _show_progress(screen: "BaseScreen[Any]", done: int, total: int | None) -> None:
    screen.show_notice(f"Exporting {done:,}{'' if total is None else f' of {total:,}'}…")


async def _export(screen: "BaseScreen[Any]", job: Job, path: Path) -> None:
    screen.show_notice(f"Exporting to {path}…")
    try:
        report = await job(path)
    except DockbookError as error:
        # A warning: the next page would remove an error of the list.
        screen.show_notice(f"Not exported to {path}: {error.text}", "warning")
    else:
        screen.show_notice(" ".join(text if text.endswith(".") else f"{text}." for text in report))
