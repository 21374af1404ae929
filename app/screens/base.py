"""What every screen of dockbook has: header, status line, key bar, help, and the repository behind it."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, ClassVar, Final, Generic, TypeVar

from textual import messages
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widget import Widget
from textual.worker import Worker, WorkerState

from app.errors import DockbookError, RateLimited
from app.repository.history import SavedChange
from app.repository.repository import ConnectionState, CustomerRepository, FullSyncRequest
from app.screens.context import Desk
from app.screens.latest_size import SizedScreen
from app.text.sanitize import sanitize_id
from app.widgets.cached_lines import Still
from app.widgets.header_bar import HeaderBar
from app.widgets.key_bar import KeyBar
from app.widgets.key_names import actions_of
from app.widgets.status_line import Level, Notice, StatusLine

if TYPE_CHECKING:
    from textual.timer import Timer

    from app.models.customer import Customer, Origin

#: The folder of the style sheets: beside the package in the sources and in the wheel alike.
STYLES: Final = Path(__file__).parents[2] / "styles"

LONGEST_WAIT: Final = 60  # seconds; a server that asks for more is asked again by hand

TWICE: Final = 3.0  # seconds within which a second F5 asks for more than the first

WRITING_ACTIONS: Final = frozenset({"edit", "new", "discontinue", "save"})

_REREADING: Final[dict[FullSyncRequest, str]] = {
    "now": "All customers are being read again, for finding and for when the server is away.",
    "later": "All customers will be read again, for finding, once the server answers.",
    "elsewhere": "Another dockbook on this machine keeps the copy: press F5 twice there.",
    "never": "No copy of the customers is kept here, so there is nothing to be read again.",
}

#: What can be done on the list and on a customer about what was written, or not, so far.
LOOKING_BACK: Final[tuple[BindingType, ...]] = (
    Binding("u", "undo", "Undo", id="undo", tooltip="Undo the last save"),
    Binding("m", "my_changes", "My changes", id="my-changes", tooltip="My changes: what was saved in this session"),
    Binding("w", "drafts", "Drafts", id="drafts", tooltip="Drafts: what was typed and not saved"),
)

Result = TypeVar("Result")


class DockScreen(SizedScreen[Result], Still, Generic[Result]):
    """A full screen with header, body, status line and key bar."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1,question_mark", "help", "Help", id="help"),
    ]

    AUTO_FOCUS = None

    class Written(Message):
        """A customer was written; every screen that shows it takes the record over.

        It is said `aloud`, on whatever screen there is, where nobody waits for it any more.
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

    #: The actions of the key bar, by id; those that do not fit are left out from the end, help never.
    BAR: ClassVar[tuple[str, ...]] = ()

    #: Whether a scan opens a customer here.
    TAKES_SCANS: ClassVar[bool] = False

    #: What the screen is for, in a few sentences, for its help page.
    ABOUT: ClassVar[str] = ""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk
        self.header = HeaderBar()
        self.status = StatusLine()
        self.keys = KeyBar()
        self._postponed: list[Callable[[], object]] = []
        #: Not set while what a key asked for waits for what it is to be done with.
        self.acted = asyncio.Event()
        self.acted.set()
        self._acting: Callable[[], Awaitable[None]] | None = None
        self._awaited: str | None = None
        self._countdown: Timer | None = None
        self._refreshed_at = -TWICE

    @property
    def takes_pasted_codes(self) -> bool:
        """Whether a paste of one line is a scan."""
        return self.TAKES_SCANS and self.detects_scans

    @property
    def repository(self) -> CustomerRepository:
        """What the screen may ask for."""
        return self.desk.repository

    def body(self) -> ComposeResult:
        """The widgets between header and status line."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        yield self.header
        yield from self.body()
        yield self.status
        yield self.keys

    async def _on_update(self, message: messages.Update) -> None:
        # As Textual does it, but for a message more to itself: being idle comes after this one anyhow.
        message.stop()
        message.prevent_default()
        if self in self._compositor and isinstance(message.widget, Widget):
            self._dirty_widgets.add(message.widget)

    def on_mount(self) -> None:
        self.header.site = self.desk.site
        self.show_link(self.repository.connection)
        self.bindings_updated_signal.subscribe(self, lambda _screen: self.show_keys())
        self.show_keys()

    def on_screen_resume(self) -> None:
        self.show_link(self.repository.connection)
        self.show_keys()
        while self._postponed and self.app.screen is self:
            self._postponed.pop(0)()

    def once_on_top(self, act: Callable[[], object]) -> None:
        """Do it when no other screen lies over this one: leaving, for one, would take away the one on top."""
        if self.app.screen is self:
            act()
        else:
            self._postponed.append(act)

    def show_link(self, link: ConnectionState) -> None:
        """Tell the state of the connection and whether editing is off."""
        self.header.link = told_of(link, self.shown_from())
        off = ("READ-ONLY",) if self.repository.read_only_reason else ()
        self.header.flags = (*self.desk.flags, *off, *self.desk.draft_flags)
        self.keys.dimmed = WRITING_ACTIONS if self.repository.read_only_reason else frozenset()

    def shown_from(self) -> "Origin | None":
        """Where what is shown came from instead of the server; `None` for what the server has."""
        return None

    def look_again(self) -> None:
        """Ask again for what is shown, if it came from the mirror: there may be newer now."""

    def refreshed(self) -> None:
        """F5 was pressed; a second time soon after the first, it asks for everything."""
        now = monotonic()
        twice, self._refreshed_at = now - self._refreshed_at < TWICE, now
        if twice:
            self.action_read_all()

    def action_read_all(self) -> None:
        self.read(self._read_all, "read-all")

    async def _read_all(self) -> None:
        self.say(_REREADING[await self.repository.request_full_sync()])

    def show_keys(self) -> None:
        """Take the keys for the bar from the bindings, as they may have been remapped."""
        actions = {action.id: action for action in actions_of(self)}
        self.keys.actions = tuple(actions[name] for name in (*self.bar(), "help") if name in actions)

    def bar(self) -> tuple[str, ...]:
        """The ids of the actions for the key bar, as things are now."""
        return self.BAR

    def show_written(self, message: Written) -> None:
        """Take over a record that was written, if it is shown here."""

    def unsaved(self) -> str:
        """What would be lost by leaving now, as a clause; empty when nothing would."""
        return ""

    @property
    def draft_kept(self) -> bool:
        """Whether what would be lost is kept as a draft."""
        return False

    def show_drafts(self) -> None:
        """Take over what changed about the drafts."""
        self.show_link(self.repository.connection)

    def say(self, text: str, level: Level = "info") -> None:
        """Put a notice on the status line, in place of the one before."""
        self.status.say(text, level)

    def say_error(self, error: DockbookError, before: str = "") -> None:
        """Put an error on the status line, after what is said `before`, and what it teaches about the connection."""
        self.show_link(self.repository.connection)
        self.say(f"{before} {error.title}: {error.text}".strip(), "error")
        if isinstance(error, RateLimited) and error.wait is not None:
            self.count_down(error.wait, before=before)

    def count_down(self, wait: float, then: Callable[[], None] | None = None, before: str = "") -> None:
        """Count the seconds a server asked to wait, if a person would; then act, or say that it is time."""
        self.stop_countdown()
        if wait <= LONGEST_WAIT:
            self.status.hush()
            self._tick(math.ceil(wait), then, before, None)

    def stop_countdown(self) -> None:
        """Nothing is waited for any more."""
        if self._countdown is not None:
            self._countdown.stop()
            self._countdown = None

    def _tick(self, seconds: int, then: Callable[[], None] | None, before: str, told: Notice | None) -> None:
        # What else was said meanwhile stays; the count goes on behind it.
        mine = self.status.notice is told
        what = "trying again" if then else "try again"
        text = f"The server asks to slow down: {what} in {seconds} s." if seconds else "The server can be asked now."
        if mine:
            self.say(f"{before} {text}".strip(), "warning" if seconds else "info")
            told = self.status.notice
        if seconds > 0:
            self._countdown = self.set_timer(1, partial(self._tick, seconds - 1, then, before, told))
        elif then is not None:
            then()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Hand an error in the program to the app, which hears only of its own workers."""
        if event.state is WorkerState.ERROR:
            self.app.post_message(Worker.StateChanged(event.worker, event.state))

    def may_write(self) -> bool:
        """Whether editing is on and somebody is there to be edited; says why when it is not so."""
        if self._awaited is not None:
            self.say(f"Still looking for {sanitize_id(self._awaited)}: nothing else is changed meanwhile.", "warning")
            return False
        reason = self.repository.read_only_reason
        if reason is None:
            return True
        hint = " F5 lets you try again." if not self.repository.read_only else ""
        self.say(f"Editing is off: {reason}{hint}", "warning")
        return False

    def try_writing_again(self) -> None:
        """Let editing be tried although it was refused: the permission may have been given meanwhile."""
        if self.repository.read_only_reason and not self.repository.read_only:
            self.repository.retry_permission()
            self.show_link(self.repository.connection)
            self.say("Editing can be tried again; whether it is permitted shows when you save.")

    def read(self, job: Callable[[], Awaitable[None]], group: str) -> None:
        """Run a read in a worker of this screen; a newer one of the same group takes its place."""
        self.run_worker(job, group=group, exclusive=True, exit_on_error=False)

    def act(self, job: Callable[[], Awaitable[None]], group: str, awaited: str | None = None) -> None:
        """As `read`, for what a key asked for that the keys after it have to wait for, or the one with this ID."""

        async def acting() -> None:
            try:
                await job()
            finally:
                # A newer one, which cancels this, still has to act.
                if self._acting is acting:
                    self.acted.set()
                    self._awaited = None

        self._acting, self._awaited = acting, awaited
        self.acted.clear()
        self.read(acting, group)

    def write(self, job: Callable[[], Awaitable[None]]) -> None:
        """Run a write in a worker of the app: leaving this screen must not cut it short."""
        self.app.run_worker(job, group="writes", exclusive=False, exit_on_error=False)

    def remark(self, text: str) -> None:
        self.say(text, "warning")

    def scanned(self, code: str) -> None:
        """Open what was scanned, where a scan opens a customer."""
        from app.screens.go_to import go_to

        if self.TAKES_SCANS:
            go_to(self, code)
        else:
            super().scanned(code)

    def action_go_to(self) -> None:
        from app.screens.go_to import ask_where_to_go

        ask_where_to_go(self)

    def action_drafts(self) -> None:
        from app.screens.drafts import show_drafts

        show_drafts(self)

    def action_undo(self) -> None:
        from app.screens.history import undo_last

        undo_last(self)

    def action_my_changes(self) -> None:
        from app.screens.history import show_changes

        show_changes(self)

    def action_help(self) -> None:
        from app.screens.help import HelpScreen

        self.app.push_screen(HelpScreen(self))


def told_of(link: ConnectionState, origin: "Origin | None") -> str:
    """The state of the line in a few words, and the age of what is shown when that is not what the server has now."""
    if link.live is False and link.since is not None:
        state = f"{'no access' if link.auth_failed else 'offline'} since {moment(link.since)}"
    elif link.suspect:
        state = "no answer"
    elif not link.live:
        state = "connecting…"
    else:
        # What the server said a while ago is not live because the server is.
        state = "live" if origin is None else ""
    parts = [state] if state else []
    if origin is not None:
        parts.append("data incomplete" if origin.synced_at is None else f"data of {moment(origin.synced_at)}")
    elif link.mirror_percent is not None and link.live and not link.suspect:
        parts.append(f"mirror {link.mirror_percent}%")
    return " · ".join(parts)


def moment(when: datetime) -> str:
    """The time of day, with the day when that is another one."""
    when = when.astimezone()
    return f"{when:%H:%M}" if when.date() == datetime.now().astimezone().date() else f"{when:%d %b %H:%M}"
