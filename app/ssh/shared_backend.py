"""What all sessions share: one client, one token, one local copy; and what each has of its own."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from app.backends import EmbeddedBackend, RemoteBackend
from app.config.paths import Paths
from app.config.settings import Settings
from app.drafts.draft import server_keys
from app.drafts.store import DraftStore
from app.repository.source import CustomerSource
from app.repository.writer import STARTED_READ_ONLY
from app.screens.context import AppContext
from app.screens.list_state import ListStateFile
from app.ssh.audit_log import AuditedRepository, AuditLog
from app.terminal.barcode import Scanner
from app.terminal.channel_driver import ChannelDriver
from app.terminal.crash import report
from app.textual_private import share_parsed_styles
from app.timing import Timing
from app.tui.app import DockbookApp

if TYPE_CHECKING:
    from pathlib import Path

    from app.ssh.sessions import Session

_log = logging.getLogger("dockbook.ssh")

#: Seconds until what runs in the background is started again after an error in the program.
_RESTART_AFTER: Final = 5.0
_LOOK_ONLY: Final = "Your key may look at customers, not change them. Ask whoever looks after this server."


class SharedBackend:
    """Makes the apps of sessions on one source of customers.

    Without `persist` (a demo) neither drafts nor list settings are stored.
    """

    def __init__(
        self, settings: Settings, site: str, folders: Paths, source: EmbeddedBackend | RemoteBackend, *, persist: bool
    ) -> None:
        self._settings = settings
        self._site = site
        self._folders = folders
        self._source = source
        self._persist = persist
        self._styles: object = None
        self._audit_log = AuditLog(folder_of(folders) / "changes.log")
        timing = Timing(interval=settings.refresh_seconds)
        self._customers = CustomerSource(
            source.connect,
            timing._replace(between_pages=0.0) if settings.url is None else timing,
            on_close=source.close,
            open_mirror=partial(source.open_mirror, folders.cache if settings.mirror else None),
            has_mirror=partial(source.has_mirror, folders.cache) if settings.mirror else lambda: False,
            credentials_hint=settings.credentials_hint,
        )

    async def run(self) -> None:
        """Keep the local copy in step and probe a lost server, for all sessions, until cancelled."""
        self._customers.first_page_done.set()
        while True:
            try:
                await self._customers.run_background()
            except Exception as error:  # noqa: BLE001 - one mistake must not leave all sessions without it
                _log.info("%s", report(error, self._folders.state))
                await asyncio.sleep(_RESTART_AFTER)

    async def close(self) -> None:
        """Close the client and the local copy; `run` must have ended."""
        await self._customers.close()

    def make_app(self, session: "Session") -> tuple[DockbookApp, Callable[[], None]]:
        """Return the app of a session, and what closes its drafts."""
        settings, user = self._settings, session.user
        repository = AuditedRepository(
            self._customers,
            shares_source=True,
            read_only_reason=STARTED_READ_ONLY if settings.read_only else None if user.may == "change" else _LOOK_ONLY,
            snapshot=partial(self._source.snapshot, self._folders.cache) if settings.mirror else None,
            log=self._audit_log,
            user=user,
            place=session.place,
        )
        own = folder_of(self._folders) / "users" / quote(user.name, safe=" @+-'")
        where = str(self._folders.book) if settings.url is None else settings.url
        opened: list[DraftStore] = []

        def open_drafts() -> DraftStore:
            opened.append(DraftStore(own / "drafts", *server_keys(where, settings.client_id or "")))
            return opened[-1]

        def close() -> None:
            for drafts in opened:
                drafts.on_change = None
                drafts.close()

        context = AppContext(
            repository,
            self._site,
            () if settings.verify else ("TLS NOT VERIFIED",),
            settings.page_size,
            local=settings.url is None,
            views=ListStateFile(own / "views", settings.url or self._site) if self._persist else None,
            open_drafts=open_drafts if self._persist else None,
            host_access=False,
        )
        app = DockbookApp(
            context,
            keymap=settings.keys,
            report=self._report,
            scanner=Scanner(settings.scan_gap_ms / 1000, settings.scan_prefix, settings.scan_suffix),
            driver=partial(ChannelDriver, host=session),
            bell=settings.bell,
        )
        # Parsed once, for all.
        self._styles = share_parsed_styles(app, self._styles)
        return app, close

    def _report(self, error: BaseException, happened: str) -> str:
        """Write a crash report; return the sentence for the person, who has no use for its place."""
        return report(error, self._folders.state, happened).splitlines()[0] + ".\nWhat was typed is kept as a draft."


def folder_of(folders: Paths) -> "Path":
    """Return the folder of what the SSH server keeps."""
    return folders.state / "ssh"
