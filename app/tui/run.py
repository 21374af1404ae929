"""Builds the parts of the terminal program, runs it, and closes them however it ends."""

import gc
import os
import sys
from typing import TYPE_CHECKING, Final

from app.config.paths import Paths
from app.config.settings import Settings
from app.text.sanitize import sanitize

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from pathlib import Path

    from app.backends import EmbeddedBackend, RemoteBackend
    from app.drafts.store import DraftStore
    from app.terminal.barcode import Scanner

START: Final = 3.0  # seconds
SWITCH: Final = 0.001  # seconds
LEAN_FRAMES: Final = 15  # a second


def run_tui(
    settings: Settings,
    site: str,
    folders: Paths,
    source: "EmbeddedBackend | RemoteBackend",
    *,
    persist: bool,
    plain_output: bool,
) -> int:
    """Run the terminal program on this source of customers and return the exit code.

    Without `persist` (a demo) neither drafts nor list settings are stored.
    """
    # Almost everything that is made at start stays: collecting garbage would only take time.
    gc.disable()
    # Each SQLite call releases the GIL; with the default 5 ms switch interval a busy thread would delay every key.
    sys.setswitchinterval(SWITCH)
    prepare_imports(os.environ, lean=settings.lean, plain=plain_output)
    import asyncio
    from functools import partial

    from app.backends import DaemonThreadExecutor
    from app.repository.repository import CustomerRepository
    from app.repository.source import CustomerSource
    from app.repository.writer import STARTED_READ_ONLY
    from app.screens.context import AppContext
    from app.screens.list_state import ListStateFile
    from app.terminal.barcode import Scanner
    from app.terminal.crash import report, silence_tracebacks
    from app.terminal.lean_driver import LeanDriver
    from app.terminal.shutdown import ShutdownHandler
    from app.timing import Timing
    from app.tui.app import DockbookApp

    if settings.keys:
        from app.tui.keymap import check_keymap

        check_keymap(settings.keys)
    silence_tracebacks(folders.state)
    opened: list[DraftStore] = []

    def open_drafts() -> "DraftStore":
        opened.append(_drafts(settings, folders))
        return opened[-1]

    local = settings.url is None
    pace = Timing(interval=settings.refresh_seconds)
    customers = CustomerSource(
        source.connect,
        # The service in this process needs no rest between two pages.
        pace._replace(between_pages=0.0) if local else pace,
        on_close=source.close,
        open_mirror=partial(source.open_mirror, folders.cache if settings.mirror else None),
        has_mirror=partial(source.has_mirror, folders.cache) if settings.mirror else lambda: False,
        credentials_hint=settings.credentials_hint,
    )
    repository = CustomerRepository(
        customers,
        read_only_reason=STARTED_READ_ONLY if settings.read_only else None,
        snapshot=partial(source.snapshot, folders.cache) if settings.mirror else None,
    )
    flags = () if settings.verify else ("TLS NOT VERIFIED",)
    context = AppContext(
        repository,
        site,
        flags,
        settings.page_size,
        local=local,
        views=ListStateFile(folders.state / "views", settings.url or site) if persist else None,
        open_drafts=open_drafts if persist else None,
        commands=settings.commands,
    )

    def leave(code: int) -> None:
        loop.call_soon_threadsafe(lambda: app.exit(return_code=code))

    def keep_drafts() -> None:
        for drafts in opened:
            drafts.flush()

    endings = ShutdownHandler([keep_drafts], leave, lambda: app.suspended)
    app = DockbookApp(
        context,
        keymap=settings.keys,
        report=lambda error, happened: report(error, folders.state, happened),
        save_scanner=partial(_save_scanner, folders.config_file),
        scanner=Scanner(settings.scan_gap_ms / 1000, settings.scan_prefix, settings.scan_suffix),
        driver=None if plain_output else LeanDriver,
        on_exit=endings.exit_soon,
        bell=settings.bell,
    )
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        loop.set_default_executor(DaemonThreadExecutor())
        loop.call_later(START, _resume_gc)
        try:
            with endings.installed():
                runner.run(app.run_async(mouse=settings.mouse))
        finally:
            runner.run(source.close())
            for drafts in opened:
                drafts.close()
    for drafts in opened:
        if drafts.problem:
            sys.stderr.write(
                f"dockbook: your last changes could not be saved as a draft: {sanitize(drafts.problem)}.\n"
            )
    return app.return_code or 0


def _save_scanner(path: "Path", scanner: "Scanner") -> str:
    """Store the settings of the scanner; return what to say of it."""
    from app.config.toml_editor import write_ui_settings
    from app.errors import SettingsError

    values: dict[str, int | str] = {
        "scan_gap_ms": round(scanner.gap * 1000),
        "scan_prefix": scanner.prefix,
        "scan_suffix": scanner.suffix,
    }
    try:
        write_ui_settings(path, values)
    except SettingsError as error:
        return f"Kept until you leave dockbook. {error.text}"
    return f"Kept in {path}."


def _resume_gc() -> None:
    """Collect garbage again, except among what the start made."""
    gc.freeze()
    gc.enable()


def _drafts(settings: Settings, folders: Paths) -> "DraftStore":
    """The drafts of the server, or of the local book, that the settings name."""
    from app.drafts.draft import server_keys
    from app.drafts.store import DraftStore

    where = str(folders.book) if settings.url is None else settings.url
    return DraftStore(folders.drafts, *server_keys(where, settings.client_id or ""))


def prepare_imports(environ: "MutableMapping[str, str]", *, lean: bool, plain: bool = False) -> None:
    """Set what pydantic and Textual read while they are imported, unless the person has set it.

    With `plain`, Textual is left as it is.
    """
    # It would search all installed packages for plug-ins.
    environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    if plain:
        return
    # The terminal reports its own size; a second one would have the screen laid out for both in turn, for ever.
    environ.pop("COLUMNS", None)
    environ.pop("LINES", None)
    environ.setdefault("TEXTUAL_ANIMATIONS", "none")
    environ.setdefault("TEXTUAL_SMOOTH_SCROLL", "0")
    if lean:
        environ.setdefault("TEXTUAL_FPS", str(LEAN_FRAMES))
