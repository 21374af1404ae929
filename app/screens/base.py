"""The base of every full screen: header, status line, key bar, notices, workers."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Hashable, Sequence
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, NamedTuple, TypeVar

from textual import events, messages, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen
from textual.widget import Widget
from textual.worker import Worker, WorkerState

from app.errors import DockbookError, RateLimited
from app.repository.history import SavedChange
from app.repository.repository import ConnectionState, CustomerRepository, FullSyncRequest
from app.screens.context import AppContext
from app.screens.latest_size import LatestSizeScreen
from app.screens.list_state import Change
from app.screens.messages import short_time
from app.text.sanitize import sanitize_id
from app.textual_private import note_update
from app.widgets.cached_lines import CachedLines
from app.widgets.header_bar import HeaderBar
from app.widgets.key_bar import KeyBar, Place, hints
from app.widgets.key_names import actions_of
from app.widgets.status_line import Level, Notice, StatusLine

if TYPE_CHECKING:
    from textual.geometry import Size
    from textual.timer import Timer

    from app.models.customer import Customer, Origin, Page
    from app.models.fields import PageRequest
    from app.repository.save_result import SaveResult
    from app.repository.unconfirmed import UnconfirmedWrite

MAX_COUNTDOWN: Final = 60  # seconds; a server that asks for more is asked again by hand

DOUBLE_PRESS_SECONDS: Final = 3.0  # seconds within which a second F5 asks for more than the first

#: The workers that wait for a person.
DIALOG_GROUP: Final = "dialogs"

WRITING_ACTIONS: Final = frozenset({"edit", "new", "duplicate", "discontinue", "save"})

_FULL_SYNC_TEXTS: Final[dict[FullSyncRequest, str]] = {
    "now": "Reading all customers again for find …",
    "later": "All customers are read again for find when the server answers.",
    "elsewhere": "Another dockbook window updates the local copy. Press F5 twice there.",
    "never": "There is no local copy to read again.",
}

#: The actions of the list and of a customer that concern earlier changes.
HISTORY_BINDINGS: Final[tuple[BindingType, ...]] = (
    Binding("u", "app.undo", "Undo", id="undo", tooltip="Undo the last save"),
    Binding("m", "app.my_changes", "My changes", id="my-changes", tooltip="My changes: what was saved in this session"),
    Binding("w", "app.drafts", "Drafts", id="drafts", tooltip="Drafts: typed but not saved"),
)

Result = TypeVar("Result")
Answer = TypeVar("Answer")


class Command(NamedTuple):
    """Something that is done from the palette only: an ID, what it is called, a remark beside that."""

    id: str
    label: str
    remark: str
    run: Callable[[], object]


class BaseScreen(LatestSizeScreen[Result], CachedLines, Generic[Result]):
    """A full screen with header, body, status line and key bar."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1,question_mark", "app.help", "Help", id="help"),
    ]

    AUTO_FOCUS = None

    class CustomerSaved(Message):
        """A customer was written; every screen that shows it takes over the record.

        With `aloud` the text is shown on the top screen, because no form waits for the write any more. Without a text
        another screen says what was done.
        """

        def __init__(
            self,
            customer: "Customer",
            text: str,
            level: Level = "info",
            change: SavedChange | None = None,
            *,
            aloud: bool = False,
        ) -> None:
            super().__init__()
            self.customer = customer
            self.text = text
            self.level = level
            self.change = change
            self.aloud = aloud

    class CodeScanned(Message):
        """A code was scanned on `screen`; its customer is to be opened."""

        def __init__(self, screen: "BaseScreen[Any]", code: str) -> None:
            super().__init__()
            self.screen = screen
            self.code = code

    #: The places of the key bar; those that do not fit are left out from the end, except help.
    FOOTER: ClassVar[tuple[Place, ...]] = ()

    #: Whether a scan opens a customer here.
    TAKES_SCANS: ClassVar[bool] = False

    #: What the screen is for; shown on its help page.
    HELP_TEXT: ClassVar[str] = ""

    def __init__(self, context: AppContext) -> None:
        super().__init__()
        self.context = context
        self.header = HeaderBar()
        self.status = StatusLine()
        self.keys = KeyBar()
        self._deferred: list[Callable[[], object]] = []
        #: Cleared while an action that a key started waits for data.
        self.action_done = asyncio.Event()
        self.action_done.set()
        self._blocking_action: Callable[[], Awaitable[None]] | None = None
        self._awaited_id: str | None = None
        self._countdown: Timer | None = None
        self._refreshed_at = -DOUBLE_PRESS_SECONDS
        self._laid_out_for: Size | None = None

    @property
    def takes_pasted_codes(self) -> bool:
        """Whether a pasted line is a scan."""
        return self.TAKES_SCANS and self.detects_scans

    @property
    def repository(self) -> CustomerRepository:
        return self.context.repository

    def compose_body(self) -> ComposeResult:
        """The widgets between header and status line."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        yield self.header
        yield from self.compose_body()
        yield self.status
        yield self.keys

    async def _on_update(self, message: messages.Update) -> None:
        # As Textual does it, without another message to itself: the screen becomes idle after this one anyway.
        message.stop()
        message.prevent_default()
        if isinstance(message.widget, Widget):
            note_update(self, message.widget)

    def on_mount(self) -> None:
        self.header.site = self.context.site
        self.show_connection(self.repository.connection)
        self.bindings_updated_signal.subscribe(self, lambda _screen: self.show_keys())
        self.show_keys()

    @on(events.Resize)
    def window_resized(self, event: events.Resize) -> None:
        """Remove a hint: what a key could not do for lack of room it may do now."""
        # A screen that starts hears of the same size more than once.
        if self._laid_out_for not in (None, event.size):
            self.status.clear_hint()
        self._laid_out_for = event.size

    def on_screen_resume(self) -> None:
        self.show_connection(self.repository.connection)
        self.show_keys()
        while self._deferred and self.app.screen is self:
            self._deferred.pop(0)()

    def call_when_active(self, act: Callable[[], object]) -> None:
        """Run it when no other screen covers this one; to leave earlier would close the one on top."""
        if self.app.screen is self:
            act()
        else:
            self._deferred.append(act)

    def run_dialog(self, job: Callable[[], Awaitable[None]]) -> None:
        """Run a conversation with the person, which asks with `ask`, in a worker of the app."""
        self.app.run_worker(job, group=DIALOG_GROUP, exit_on_error=False)

    async def until_active(self) -> None:
        """Wait until no other screen covers this one."""
        active = asyncio.Event()
        self.call_when_active(active.set)
        await active.wait()

    async def ask(self, dialog: Screen[Answer]) -> Answer | None:
        """Return the answer to a dialog, shown once no other screen covers this one; call it in `run_dialog`."""
        await self.until_active()
        return await self.app.push_screen_wait(dialog)

    def show_connection(self, link: ConnectionState) -> None:
        """Show the state of the connection and whether editing is off."""
        self.header.connection = describe_connection(link, self.data_origin())
        off = ("READ-ONLY",) if self.repository.read_only_reason else ()
        self.header.flags = (*self.context.flags, *off, *self.context.draft_flags)
        self.keys.dimmed = WRITING_ACTIONS if self.repository.read_only_reason else frozenset()

    def data_origin(self) -> "Origin | None":
        """Where the data shown came from, if not from the server."""
        return None

    def refresh_if_stale(self) -> None:
        """Load again what is shown from the local copy: there may be newer data."""

    def page_arrived(self, request: "PageRequest", page: "Page") -> bool:
        """Show the server's page where the local copy's is shown; false if this screen does not show it."""
        return False

    def note_refresh(self) -> None:
        """Called for F5; a second one soon after the first requests a full sync."""
        now = monotonic()
        twice, self._refreshed_at = now - self._refreshed_at < DOUBLE_PRESS_SECONDS, now
        if twice:
            self.action_read_all()

    def action_read_all(self) -> None:
        self.run_read(self._read_all, "read-all")

    async def _read_all(self) -> None:
        self.show_notice(_FULL_SYNC_TEXTS[await self.repository.request_full_sync()])

    def show_keys(self) -> None:
        """Show the keys of the current bindings, which may have been remapped."""
        actions = {action.id: action for action in actions_of(self)}
        self.keys.hints = tuple(hints((*self.footer_places(), "help"), actions))

    def footer_places(self) -> tuple[Place, ...]:
        """The places of the key bar."""
        return self.FOOTER

    def apply_saved(self, message: CustomerSaved) -> None:
        """Take over a saved record, if it is shown here."""

    def confirm_write(self, write: "UnconfirmedWrite", saved: "SaveResult") -> bool:
        """Show that an unconfirmed write of this screen arrived after all; false if it is not of this screen."""
        return False

    def unsaved_text(self) -> str:
        """What would be lost by leaving now, as a clause; empty if nothing."""
        return ""

    @property
    def draft_is_saved(self) -> bool:
        """Whether the unsaved text is kept as a draft."""
        return False

    def update_drafts(self) -> None:
        """Show that something about the drafts has changed."""
        self.show_connection(self.repository.connection)

    def show_notice(self, text: str, level: Level = "info", kind: Hashable = None) -> None:
        """Show a notice, if there is a text, on the status line instead of the one before."""
        if text:
            self.status.show_notice(text, level, kind)

    def show_hint(self, text: str) -> None:
        """Show why a key did nothing, or what to do next, until a key does something."""
        self.status.show_notice(text, "hint")

    def show_error(self, error: DockbookError, before: str = "") -> None:
        """Show an error on the status line, behind the text `before`, and the state of the connection."""
        self.show_connection(self.repository.connection)
        self.show_notice(f"{before} {error.title}: {error.text}".strip(), "error")
        if isinstance(error, RateLimited) and error.wait is not None:
            self.count_down(error.wait, before=before)

    def count_down(self, wait: float, then: Callable[[], None] | None = None, before: str = "") -> None:
        """Count down the seconds that a server asked to wait, up to a minute; then run `then`, or say so."""
        self.stop_countdown()
        if wait <= MAX_COUNTDOWN:
            self.status.clear_notice()
            self._tick(math.ceil(wait), then, before, self.status.notices)

    def stop_countdown(self) -> None:
        if self._countdown is not None:
            self._countdown.stop()
            self._countdown = None

    def _tick(self, seconds: int, then: Callable[[], None] | None, before: str, shown: tuple[Notice, ...]) -> None:
        # A notice that was shown meanwhile stays; the countdown continues behind it.
        mine = self.status.notices == shown
        what = "trying again" if then else "try again"
        text = f"The server is busy: {what} in {seconds} s." if seconds else "The server is ready again."
        if mine:
            self.show_notice(f"{before} {text}".strip(), "warning" if seconds else "info")
            shown = self.status.notices
        if seconds > 0:
            self._countdown = self.set_timer(1, partial(self._tick, seconds - 1, then, before, shown))
        elif then is not None:
            then()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Pass an error in the program on to the app, which hears of its own workers only."""
        if event.state is WorkerState.ERROR:
            self.app.post_message(Worker.StateChanged(event.worker, event.state))

    def change_list_state(self, change: Change) -> None:
        """Change what is kept of the list, here and in its file."""
        self.app.run_worker(self.context.list_state.update(change), group="list state", exit_on_error=False)

    def commands(self) -> Sequence[Command]:
        """What the palette offers on this screen beside what has keys."""
        return ()

    def can_write(self) -> bool:
        """Whether editing is possible now; if not, show why."""
        if self._awaited_id is not None:
            self.show_notice(
                f"Still looking for {sanitize_id(self._awaited_id)}. Wait for it, then try again.", "warning"
            )
            return False
        reason = self.repository.read_only_reason
        if reason is None:
            return True
        hint = " Press F5 to try again." if not self.repository.read_only else ""
        self.show_notice(f"Editing is off: {reason}{hint}", "warning")
        return False

    def retry_permission(self) -> None:
        """Let editing be tried although it was refused: the permission may have been granted meanwhile."""
        if self.repository.read_only_reason and not self.repository.read_only:
            self.repository.retry_permission()
            self.show_connection(self.repository.connection)
            self.show_hint("You can edit again. The server checks your permission when you save.")

    def run_read(self, job: Callable[[], Awaitable[None]], group: str) -> None:
        """Run a read in a worker of this screen; a newer one of the same group replaces it."""
        self.run_worker(job, group=group, exclusive=True, exit_on_error=False)

    def run_blocking_action(self, job: Callable[[], Awaitable[None]], group: str, awaited: str | None = None) -> None:
        """As `run_read`, for an action that the keys after it wait for; `awaited` is the ID it reads, if any."""

        async def acting() -> None:
            try:
                await job()
            finally:
                # A newer action, which cancels this one, is still to come.
                if self._blocking_action is acting:
                    self.action_done.set()
                    self._awaited_id = None

        self._blocking_action, self._awaited_id = acting, awaited
        self.action_done.clear()
        self.run_read(acting, group)

    def run_write(self, job: Callable[[], Awaitable[None]]) -> None:
        """Run a write in a worker of the app: closing this screen must not cancel it."""
        self.app.run_worker(job, group="writes", exclusive=False, exit_on_error=False)

    def remark(self, text: str) -> None:
        self.show_notice(text, "warning")

    def scanned(self, code: str) -> None:
        """Have the customer opened, on a screen where a scan does that."""
        if self.TAKES_SCANS:
            self.post_message(self.CodeScanned(self, code))
        else:
            super().scanned(code)


def describe_connection(link: ConnectionState, origin: "Origin | None") -> str:
    """Return the state of the connection in a few words, and the age of data that is not the server's."""
    if link.live is False and link.since is not None:
        state = f"{'no access' if link.auth_failed else 'offline'} since {short_time(link.since)}"
    elif link.suspect:
        state = "no answer"
    elif not link.live:
        state = "connecting…"
    else:
        # Old data is not live because the server is.
        state = "live" if origin is None else ""
    parts = [state] if state else []
    if origin is not None:
        parts.append("data incomplete" if origin.synced_at is None else f"data of {short_time(origin.synced_at)}")
    elif link.mirror_percent is not None and link.live and not link.suspect:
        parts.append(f"loading copy {link.mirror_percent}%")
    return " · ".join(parts)
