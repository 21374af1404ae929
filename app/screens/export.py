"""Exporting what the list shows: a dialog that asks for a file, and stays with what was typed until it is written."""

import os
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Input, Static

from app.errors import DockbookError, ExportFailed
from app.screens.dialogs import ConfirmDialog, Dialog
from app.text.sanitize import sanitize, shorten_middle
from app.widgets.form_field import SafeInput

if TYPE_CHECKING:
    from app.models.fields import PageRequest
    from app.screens.base import BaseScreen

#: Shows how far an export is.
Progress = Callable[[str], None]
#: Writes the file and returns what to report about it.
Job = Callable[[Path, Progress], Awaitable[list[str]]]

_DEFAULT = "customers.csv"


class ExportDialog(Dialog[None]):
    """Asks for the name of a file, and writes it with `job`; `what` says what will be in it.

    It stays until the file is written, so that after an error the name needs not be typed again. Left before that, it
    reports on the status line of `below`.
    """

    KEYS = "⏎ export · Esc cancel"
    SCANS_IN_FIELDS = False

    def __init__(self, below: "BaseScreen[Any]", what: str, job: Job) -> None:
        super().__init__("Export")
        self._below = below
        self._what = what
        self._job = job
        self._field = SafeInput(_DEFAULT)
        self._folder = Static(classes="lines", markup=False)
        self._outcome = Static(classes="lines", markup=False)
        self._exporting = self._written = False

    def compose_body(self) -> ComposeResult:
        yield Static(Content(sanitize(self._what)), classes="lines")
        yield self._field
        yield self._folder
        yield Static(Content("File name. It must end in .csv, .json, .jsonl or .xlsx."), classes="lines")
        yield self._outcome

    def on_mount(self) -> None:
        self._outcome.display = False
        self._field.focus()
        self._field.select_all()

    def on_resize(self) -> None:
        super().on_resize()
        self._show_folder()

    def on_input_changed(self) -> None:
        self._show_folder()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Export, unless the name needs another look."""
        from app.export.spec import format_for

        name = event.value.strip()
        if self._exporting:
            return
        if not name:
            self._show_error(f"Type a file name, such as {_DEFAULT}.")
            return
        try:
            path = _path(name)
            if _is_folder(path):
                self._suggest(f"{name} is a folder.", str(Path(name) / _DEFAULT))
                return
            format_for(path)
        except DockbookError as error:
            self._show_error(error.text)
            return
        if not path.suffix:
            self._suggest(f"{name} has no ending.", f"{name.rstrip('.')}.csv")
        elif not _is_folder(path.parent):
            self._show_error(f"The folder {path.parent} is not there, or is closed to you. Type another one.")
        elif os.path.lexists(path):
            self._ask_to_replace(path)
        else:
            self._start(path)

    def on_screen_resume(self) -> None:
        if self._written:
            self.dismiss(None)

    def _suggest(self, problem: str, name: str) -> None:
        """Put a name that would do into the field."""
        self._field.value = name
        self._field.action_end()
        self._show_error(f"{problem} Press ⏎ to export to {name}, or type another name.")

    def _show_folder(self) -> None:
        try:
            path = _path(self._field.value.strip() or _DEFAULT)
        except DockbookError as error:
            self._folder.update(Content(sanitize(error.text)))
        else:
            folder = path if _is_folder(path) else path.parent
            self._folder.update(Content.styled(shorten_middle(f"Folder: {folder}", self.cells - 2), "dim"))

    def _ask_to_replace(self, path: Path) -> None:
        def answered(answer: str | None) -> None:
            if answer == "replace":
                self._start(path)

        lines = [f"{path} is there already.", "It is replaced when the export is complete."]
        question = ConfirmDialog("Replace this file?", lines, {"keep": "Keep", "replace": "Replace"})
        self.app.push_screen(question, answered)

    def _start(self, path: Path) -> None:
        self._exporting = True
        # The list shows the description when the person is about to leave.
        self.app.run_worker(
            self._export(path),
            group="exports",
            description=f"an export to {path.name} that is under way",
            exit_on_error=False,
        )

    async def _export(self, path: Path) -> None:
        self._show_progress(f"Exporting to {path.name}…")
        try:
            report = await self._job(path, self._show_progress)
        except DockbookError as error:
            if self.is_attached:
                self._show_error(f"Not exported: {error.text}")
            else:
                # A warning: the next page would remove an error of the list.
                self._below.show_notice(f"Not exported to {path.name}: {error.text}", "warning")
        else:
            self._below.show_notice(" ".join(text if text.endswith(".") else f"{text}." for text in report))
            self._written = True
            if self.app.screen is self:
                self.dismiss(None)
        finally:
            self._exporting = False

    def _show_progress(self, text: str) -> None:
        if self.is_attached:
            self.remark("Esc lets it go on while you work")
            self._show_outcome(Content(sanitize(text)))
        else:
            self._below.show_notice(text)

    def _show_error(self, text: str) -> None:
        self.remark("⏎ try again · Esc cancel")
        self._show_outcome(Content.styled(f"! {sanitize(text)}", "bold $error"))

    def _show_outcome(self, text: Content) -> None:
        self._outcome.update(text)
        self._outcome.display = True


def ask_export(screen: "BaseScreen[Any]", request: "PageRequest") -> None:
    """Ask for a file, and write into it all customers of this request, on all pages."""
    status = "" if request.status == "all" else f"{request.status} "
    kind = f"{status}customers {request.period}".strip()
    matching = f' that match "{request.find}"' if request.find else ""
    order = "" if request.sort is None and request.find else f", {request.order}"
    _ask(screen, f"All {kind}{matching}, on all pages{order}.", partial(_export_list, screen, request))


def ask_export_marked(screen: "BaseScreen[Any]", short_ids: Sequence[str]) -> None:
    """Ask for a file, and write into it the customers with these IDs."""
    what = f"The {len(short_ids):,} marked customers, as the server has them now."
    _ask(screen, what, partial(_export_marked, screen, short_ids))


def _ask(screen: "BaseScreen[Any]", what: str, job: Job) -> None:
    if screen.context.host_access:
        screen.app.push_screen(ExportDialog(screen, what, job))
    else:
        # The file would be on the server.
        screen.show_notice("No export over SSH. On your own computer, run: dockbook export", "warning")


def _path(name: str) -> Path:
    """The file of this name, with its folder; raises DockbookError if that is nobody's home."""
    try:
        return Path(os.path.normpath(Path(name).expanduser().absolute()))
    except RuntimeError as error:
        raise ExportFailed(f"There is no home folder for {name.split('/')[0]}. Type the folder in full.") from error


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        # Not to be looked at, or no name at all: the export reports what is wrong.
        return False


async def _export_list(
    screen: "BaseScreen[Any]", request: "PageRequest", path: Path, show_progress: Progress
) -> list[str]:
    from app.export.list_export import export_list
    from app.export.spec import format_for

    def wait(left: int) -> None:
        show_progress(f"The server is busy; the export continues in {left} s.")

    return await export_list(screen.repository, request, format_for(path), path, partial(_count, show_progress), wait)


async def _export_marked(
    screen: "BaseScreen[Any]", short_ids: Sequence[str], path: Path, show_progress: Progress
) -> list[str]:
    from app.export.list_export import export_marked
    from app.export.spec import format_for

    return await export_marked(screen.repository, short_ids, format_for(path), path, partial(_count, show_progress))


def _count(show_progress: Progress, done: int, total: int | None) -> None:
    show_progress(f"Exporting {done:,}{'' if total is None else f' of {total:,}'}…")
