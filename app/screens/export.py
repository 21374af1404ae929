"""Exporting what the list shows: a name for the file, and whether to replace one that is there."""

import os
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Input, Static

from app.errors import DockbookError
from app.screens.dialogs import Dialog, Question
from app.text.sanitize import sanitize
from app.widgets.form_field import SignInput

if TYPE_CHECKING:
    from app.models.fields import PageRequest
    from app.screens.customer_list.pages import PagedScreen

Job = Callable[[Path], Awaitable[list[str]]]

_DEFAULT = "customers.csv"


class ExportDialog(Dialog[str]):
    """Asks for the name of a file; Enter answers with it."""

    KEYS = "⏎ export · Esc leave"
    SCANS_IN_FIELDS = False

    def __init__(self, what: str) -> None:
        super().__init__("Export")
        self._what = what

    def body(self) -> ComposeResult:
        yield Static(Content(sanitize(self._what)), classes="lines")
        yield SignInput(_DEFAULT)
        yield Static(Content("The ending tells the format: csv, json, jsonl or xlsx."), classes="lines")

    def on_mount(self) -> None:
        field = self.query_one(SignInput)
        field.focus()
        field.select_all()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip() or None)


def ask_export(screen: "PagedScreen") -> None:
    """Ask for a file, and write into it every customer that the list shows, over all its pages."""
    # The way to it that is shown is the one that is meant, also when the list goes on meanwhile.
    request = screen.paging.goal._replace(page=1)
    _ask(screen, _what(request), partial(_list, screen, request))


def ask_export_of(screen: "PagedScreen", short_ids: Sequence[str]) -> None:
    """Ask for a file, and write into it the customers with these IDs."""
    _ask(screen, f"The {len(short_ids):,} marked, as the server has them now.", partial(_some, screen, short_ids))


def _ask(screen: "PagedScreen", what: str, job: Job) -> None:
    def answered(name: str | None) -> None:
        if name is None:
            return
        path = Path(name).expanduser()
        if os.path.lexists(path) and not path.is_dir():
            _ask_to_replace(screen, job, path)
        else:
            _begin(screen, job, path)

    screen.app.push_screen(ExportDialog(what), answered)


def _what(request: "PageRequest") -> str:
    kind = "customers" if request.status == "all" else f"{request.status} customers"
    found = f' that match "{request.find}"' if request.find else ""
    order = "" if request.sort is None and request.find else f", {request.order}"
    return f"All {kind}{found}, on all pages{order}."


def _ask_to_replace(screen: "PagedScreen", job: Job, path: Path) -> None:
    def answered(answer: str | None) -> None:
        if answer == "replace":
            _begin(screen, job, path)

    screen.app.push_screen(
        Question(
            "Replace this file?",
            [f"{path} is there already.", "It is replaced when the export is complete."],
            {"keep": "Keep it", "replace": "Replace"},
        ),
        answered,
    )


def _begin(screen: "PagedScreen", job: Job, path: Path) -> None:
    screen.app.run_worker(_export(screen, job, path), group="exports", exit_on_error=False)


async def _list(screen: "PagedScreen", request: "PageRequest", path: Path) -> list[str]:
    from app.export.list_export import export_list
    from app.export.spec import format_for

    def wait(left: int) -> None:
        screen.say(f"The server asks to slow down; the export goes on in {left} s.")

    return await export_list(screen.repository, request, format_for(path), path, partial(_tell, screen), wait)


async def _some(screen: "PagedScreen", short_ids: Sequence[str], path: Path) -> list[str]:
    from app.export.list_export import export_some
    from app.export.spec import format_for

    return await export_some(screen.repository, short_ids, format_for(path), path, partial(_tell, screen))


def _tell(screen: "PagedScreen", done: int, total: int | None) -> None:
    screen.say(f"Exporting {done:,}{'' if total is None else f' of {total:,}'}…")


async def _export(screen: "PagedScreen", job: Job, path: Path) -> None:
    screen.under_way = f"an export to {path} that is under way"
    screen.say(f"Exporting to {path}…")
    try:
        told = await job(path)
    except DockbookError as error:
        # No error of the list, which the next page that comes would take away.
        screen.say(f"Nothing was written to {path}. {error.title}: {error.text}", "warning")
    else:
        screen.say(" ".join(text if text.endswith(".") else f"{text}." for text in told))
    finally:
        screen.under_way = ""
