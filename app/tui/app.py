"""DockbookApp: theme, global keys, the first screen, and the workers that write."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

from rich.console import RenderableType
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.dom import DOMNode
from textual.driver import Driver
from textual.geometry import Offset
from textual.screen import Screen
from textual.theme import Theme
from textual.worker import Worker, WorkerState

from app.repository.repository import ConnectionState, NoticeKind, RepositoryListener
from app.screens.base import DOUBLE_PRESS_SECONDS, BaseScreen
from app.screens.context import AppContext
from app.screens.customer_list.screen import CustomerListScreen
from app.screens.dialogs import ConfirmDialog, Dialog
from app.screens.latest_size import LatestSizeScreen
from app.screens.scan_target import ScanTargetScreen
from app.screens.styles import STYLES
from app.terminal.barcode import Scanner
from app.terminal.crash import CRASHED, INPUT_FAILED
from app.terminal.encoding import UTF_8
from app.terminal.key_queue import KeyQueue
from app.terminal.suspend import SuspendingDriver
from app.terminal.too_small import is_too_small
from app.textual_private import close_messages, exception_of, handle_exception, print_at_exit
from app.tui.navigation import NavigatingApp
from app.widgets.caret import caret_offset
from app.widgets.direct_keys import DirectKeys
from app.widgets.key_names import actions_behind_field, actions_of

if TYPE_CHECKING:
    from textual.actions import ActionParseResult
    from textual.timer import Timer

    from app.models.customer import Page
    from app.models.fields import PageRequest
    from app.repository.save_result import SaveResult
    from app.repository.unconfirmed import UnconfirmedWrite

#: What stands for a byte that could not be decoded.
NOT_DECODED: Final = "\N{REPLACEMENT CHARACTER}"

#: The workers that run for as long as the program does.
SYNC_GROUP: Final = "keeper"

_LEAVING: Final = frozenset({"ctrl+q", "ctrl+c"})

#: Seconds after which a second Ctrl+Q is deliberate.
_DELIBERATE: Final = 1.0

#: The terminal's own sixteen colours, with cyan as the only accent: fewest bytes, and readable on every background.
THEME = Theme(
    name="dock",
    ansi=True,
    primary="ansi_cyan",
    secondary="ansi_cyan",
    accent="ansi_cyan",
    warning="ansi_yellow",
    error="ansi_red",
    success="ansi_green",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
    variables={
        "ansi-background": "ansi_default",
        "ansi-foreground": "ansi_default",
        "border": "ansi_cyan",
        "border-blurred": "ansi_default",
        "block-cursor-foreground": "ansi_black",
        "block-cursor-background": "ansi_cyan",
        "input-cursor-background": "ansi_default",
        "input-cursor-foreground": "ansi_default",
        "input-selection-background": "ansi_cyan",
        "input-selection-foreground": "ansi_black",
    },
)


class QuitQuestion(ConfirmDialog):
    """Asks whether to quit; `nothing_lost` if everything typed is kept as a draft."""

    nothing_lost = False


class _ScreenUpdater(RepositoryListener):
    """Passes on to the screens what the repository reports."""

    def __init__(self, app: "DockbookApp") -> None:
        self._app = app

    def connection_changed(self, state: ConnectionState) -> None:
        self._app.show_connection(state)

    def data_changed(self) -> None:
        for screen in self._app.base_screens:
            screen.refresh_if_stale()

    def page_arrived(self, request: "PageRequest", page: "Page") -> bool:
        return any(screen.page_arrived(request, page) for screen in self._app.base_screens)

    def notice(self, text: str, kind: NoticeKind) -> None:
        self._app.announce(text, kind)

    def write_confirmed(self, write: "UnconfirmedWrite", saved: "SaveResult") -> None:
        from app.screens.unconfirmed import report_saved

        report_saved(self._app, self._app.context, write, saved)


class DockbookApp(NavigatingApp):
    """The program on the terminal.

    `on_exit` is called with the exit code when the program begins to leave.
    `report` is called with an error that ends it and with what happened, and returns what may be printed about it;
    `bell` says whether the terminal's may ring.
    """

    # The first screen is made by Textual itself, which does not look at its CSS_PATH.
    CSS_PATH = [STYLES / "app.tcss", STYLES / "customer_list.tcss"]
    TITLE = "dockbook"
    ENABLE_COMMAND_PALETTE = False  # Textual's own blinks, and takes two lines a command
    ESCAPE_TO_MINIMIZE = False
    ALLOW_SELECT = False

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "quit", "Quit", priority=True, id="quit"),
        Binding("colon", "palette", "More", id="palette", tooltip="All commands"),
        Binding("ctrl+p", "palette", "More", priority=True, id="palette", tooltip="All commands"),
        Binding("T", "test_scanner", "Test scanner", id="test-scanner", tooltip="Test the scanner, and set it up"),
        Binding("ctrl+z", "suspend_process", "Suspend", id="suspend", tooltip="Back to the shell; fg returns"),
    ]

    def __init__(
        self,
        context: AppContext,
        *,
        keymap: Mapping[str, str] | None = None,
        report: Callable[[BaseException, str], str] | None = None,
        scanner: Scanner | None = None,
        save_scanner: Callable[[Scanner], str] | None = None,
        driver: Callable[..., Driver] | None = None,
        on_exit: Callable[[int], None] = lambda _code: None,
        bell: bool = True,
    ) -> None:
        # The theme alone is too late: with NO_COLOR, Textual decides now what to do with colours.
        super().__init__(driver_class=cast("type[Driver]", driver or SuspendingDriver), ansi_color=True)
        self.context = context
        self._report = report
        self._save_scanner = save_scanner
        self._tested_scanner: Scanner | None = None
        self._on_exit = on_exit
        self._interrupted_at = self._asked_at = self._left_at = self._dropped_at = -DOUBLE_PRESS_SECONDS
        self._happened = CRASHED
        self._bell = bell
        self._was_offline = False
        #: Whether the terminal has no room for the screens.
        self._is_too_small = False
        #: What is done unless a key shows that the one before was the first of a scan, and what is done then.
        self._delayed: Timer | None = None
        self._take_back: Callable[[], None] = lambda: None
        self._idle_quit = asyncio.Event()
        self._idle_quit.set()
        self.key_queue = KeyQueue(
            self, self._dispatch_key, self._pending_action, self._scan_target, scanner or Scanner()
        )
        self.register_theme(THEME)
        self.theme = THEME.name
        self._variables = self.get_css_variables()
        self.stylesheet.set_variables(self._variables)
        if keymap:
            self.set_keymap(dict(keymap))

    @property
    def suspended(self) -> bool:
        """Whether the terminal was given back to the shell for now."""
        return isinstance(self._driver, SuspendingDriver) and self._driver.suspended

    @property
    def cursor_position(self) -> Offset:
        """Where the terminal's cursor is put with every update."""
        screen = self.screen
        pointed = screen.pointed if isinstance(screen, LatestSizeScreen) else None
        return caret_offset(pointed or screen.focused)

    @cursor_position.setter
    def cursor_position(self, _offset: Offset) -> None:
        """Ignore what Textual's fields set, which would be kept when the focus is somewhere else by then."""

    def refresh_css(self, animate: bool = True) -> None:
        """Skip what Textual does for a new theme: the styles were parsed for this one."""
        if (variables := self.get_css_variables()) != self._variables:
            self._variables = variables
            super().refresh_css(animate)

    def get_default_screen(self) -> Screen[Any]:
        return CustomerListScreen(self.context)

    def on_mount(self) -> None:
        repository = self.context.repository
        repository.listen(_ScreenUpdater(self))
        keep: Callable[[], Awaitable[None]] = repository.run_background
        self.run_worker(keep, group=SYNC_GROUP, exit_on_error=False)
        self.call_after_refresh(self._announce_encoding)
        self.call_after_refresh(self._open_drafts)

    async def on_event(self, event: events.Event) -> None:
        if self._leaves_at_once(event):
            await self.action_quit()
        elif isinstance(event, events.Key | events.Paste) and not event.is_forwarded:
            if self._is_too_small and not (isinstance(event, events.Key) and event.key == "ctrl+q"):
                # Nobody could see what it does.
                self._ring_once()
                return
            if self._delayed is not None and not self.key_queue.repeats(event):
                self._stop_delayed()
            await self.key_queue.put(event)
        else:
            if isinstance(event, events.Resize):
                self._is_too_small = is_too_small(*event.size)
            await super().on_event(event)

    def _leaves_at_once(self, event: events.Event) -> bool:
        """Whether this is the second of two leaving keys, which must not wait for the keys before it."""
        if not isinstance(event, events.Key) or event.is_forwarded or event.key not in _LEAVING:
            return False
        if self.key_queue.may_end_scan(event):
            # Scanners send ETX, which is Ctrl+C.
            return False
        before, self._left_at = self._left_at, monotonic()
        return self._left_at - before < DOUBLE_PRESS_SECONDS and not self.key_queue.idle

    def _ring_once(self) -> None:
        """Ring for a key that is not taken, and not again for those that follow it closely, as in a scan."""
        before, self._dropped_at = self._dropped_at, monotonic()
        if self._dropped_at - before > _DELIBERATE:
            self.bell()

    async def _dispatch_key(self, event: events.Event) -> None:
        if (
            isinstance(event, events.Key)
            and event.character == NOT_DECODED
            and isinstance(self.screen, ScanTargetScreen)
        ):
            self.screen.remark(f"A character came that is not UTF-8 ({NOT_DECODED}). Set your terminal to UTF-8.")
        if isinstance(self.screen, LatestSizeScreen):
            self.screen.pointed = None
        focused = self.focused
        if (
            isinstance(event, events.Key)
            and isinstance(focused, DirectKeys)
            and await focused.run_direct_key(event.key)
        ):
            return
        await super().on_event(event)

    async def run_action(
        self,
        action: "str | ActionParseResult",
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """Run an action; a hint about the key before has done its duty."""
        if isinstance(self.screen, BaseScreen):
            self.screen.status.clear_hint()
        return await super().run_action(action, default_namespace, namespaces)

    async def on_unmount(self) -> None:
        if self.context.drafts is not None:
            self.context.drafts.on_change = None
        await self.context.repository.close()

    def on_base_screen_customer_saved(self, message: BaseScreen.CustomerSaved) -> None:
        if message.change is not None:
            self.context.history.add(message.change)
        screens = self.base_screens
        for screen in screens:
            screen.apply_saved(message)
        if message.aloud and screens:
            screens[-1].show_notice(message.text, message.level)

    def action_palette(self) -> None:
        from app.screens.palette import PaletteDialog

        screen = self.screen
        if not isinstance(screen, BaseScreen):
            return
        palette = PaletteDialog([*actions_of(screen), *actions_behind_field(screen)], screen.commands())

        async def chosen(name: str | None) -> None:
            if name is not None:
                await palette.run(name)

        self.push_screen(palette, chosen)

    def action_test_scanner(self) -> None:
        from app.screens.scanner_test import ScannerTestScreen

        if isinstance(self.screen, BaseScreen) and not isinstance(self.screen, ScannerTestScreen):
            self.push_screen(ScannerTestScreen(self.context, self._report_scan, self._keep_scanner))

    def _report_scan(self, keys: Sequence[events.Event]) -> Sequence[tuple[str, str]]:
        from app.terminal.scanner_report import report_scan

        report = report_scan(keys, self.key_queue.scanner)
        self._tested_scanner = report.fits
        return report.lines

    def _keep_scanner(self) -> str:
        """Use the settings that fit the tested scanner from now on, and store them."""
        scanner = self._tested_scanner
        if scanner is None:
            return "Scan a code first."
        self.key_queue.scanner = scanner
        return self._save_scanner(scanner) if self._save_scanner else "Kept until you leave dockbook."

    def bell(self) -> None:
        """Ring, for a person who looks at the pallet and not at the screen, unless the settings say not to."""
        if self._bell:
            super().bell()

    def copy_to_clipboard(self, text: str) -> None:
        # A lone surrogate cannot be encoded, and would end the program.
        super().copy_to_clipboard(text.encode("utf-8", "replace").decode("utf-8"))

    def exit(self, result: int | None = None, return_code: int = 0, message: RenderableType | None = None) -> None:
        self._on_exit(return_code)
        super().exit(result, return_code, message)

    async def action_quit(self) -> None:
        if isinstance(self.screen, QuitQuestion):
            # If something would be lost, a key held down too long is no answer.
            if self.screen.nothing_lost or monotonic() - self._asked_at >= _DELIBERATE:
                self.exit(0)
            return
        if self.context.drafts is not None:
            await self.context.drafts.flush_async()
        screens = [screen for screen in self.base_screens if screen.unsaved_text()]
        repository = self.context.repository
        lost = "Not confirmed" if repository.unconfirmed else "Not saved"
        unsaved = [
            f"{'Kept as a draft' if screen.draft_is_saved else lost}: {screen.unsaved_text()}." for screen in screens
        ]
        if repository.writing:
            unsaved.append("Not confirmed: a change is on its way to the server.")
        elif repository.unconfirmed and self.context.drafts is None and not screens:
            unsaved.append("Not confirmed: a save. Once you have left, nobody looks whether it arrived.")
        if not unsaved:
            self._leave()
            return

        def answered(answer: str | None) -> None:
            if answer == "quit":
                self.exit(0)

        kept = screens and all(screen.draft_is_saved for screen in screens)
        title = "Quit? Your unsaved changes are kept" if kept else "Quit and lose your unsaved changes?"
        if kept:
            unsaved.append("You are asked about the draft at the next start. It is never sent by itself.")
        unsaved.append("Press Ctrl+Q again to quit.")
        question = QuitQuestion(title, unsaved, {"stay": "Stay", "quit": "Quit"})
        question.nothing_lost = bool(kept) and not self.context.repository.writing
        self._asked_at = monotonic()
        self.push_screen(question, answered)

    def _leave(self) -> None:
        """Leave now; after a letter only when it cannot be the start of a scan, or when it is pressed again."""
        if self._delayed is not None:
            self.exit(0)
        elif self._run_unless_scanned(partial(self.exit, 0), self._stay) and isinstance(self.screen, BaseScreen):
            self.screen.show_notice("Leaving dockbook. Press any other key to stay.")

    def _stay(self) -> None:
        for screen in self.base_screens:
            screen.status.clear_notice()

    def on_confirm_dialog_letter_pressed(self, message: ConfirmDialog.LetterPressed) -> None:
        dialog, answer = message.dialog, message.answer
        if self._delayed is None and self._run_unless_scanned(partial(dialog.answer, answer), dialog.take_back_letter):
            dialog.mark_letter(answer)

    def _run_unless_scanned(self, act: Callable[[], None], take_back: Callable[[], None]) -> bool:
        """Run what the last key asks for, now or once it cannot be the first of a scan; true if it has to wait."""
        wait = self.key_queue.may_be_scan
        if wait:
            self._delayed, self._take_back = self.set_timer(wait, partial(self._run_delayed, act)), take_back
        else:
            act()
        return wait > 0

    def _run_delayed(self, act: Callable[[], None]) -> None:
        self._delayed = None
        act()

    def _stop_delayed(self) -> None:
        """Another key came behind the letter."""
        if self._delayed is not None:
            self._delayed.stop()
            self._delayed = None
            self._take_back()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Report an error in the program and go on: a form with text may be open."""
        error = event.worker.error
        if event.state is not WorkerState.ERROR or not isinstance(error, Exception):
            return
        if self._report is None:
            handle_exception(self, error)
            return
        text = self._report(error, CRASHED).replace("\n", " ")
        for screen in self.base_screens:
            screen.show_notice(text, "error")

    def on_suspending_driver_no_shell(self) -> None:
        """Explain Ctrl+Z, which many people press to undo."""
        self.announce("There is no shell to go back to. To undo the last save, press u.")

    def on_suspending_driver_input_failed(self, message: SuspendingDriver.InputFailed) -> None:
        """End as after a crash: without input the person could not even quit."""
        self._happened = INPUT_FAILED
        handle_exception(self, message.error)

    def action_help_quit(self) -> None:
        """Ctrl+C with nothing to copy: a second one soon after quits. Textual would show a toast."""
        now = monotonic()
        again, self._interrupted_at = now - self._interrupted_at < DOUBLE_PRESS_SECONDS, now
        if again or isinstance(self.screen, QuitQuestion):
            self.call_later(self.action_quit)
        elif isinstance(self.screen, BaseScreen):
            self.screen.show_notice("Press Ctrl+C again, or Ctrl+Q, to leave dockbook.")
        elif isinstance(self.screen, Dialog):
            self.screen.remark("press Ctrl+C again to leave dockbook")

    def _pending_action(self) -> asyncio.Event:
        return self.screen.action_done if isinstance(self.screen, BaseScreen) else self._idle_quit

    def _scan_target(self) -> ScanTargetScreen[Any] | None:
        return self.screen if isinstance(self.screen, ScanTargetScreen) else None

    def show_connection(self, link: ConnectionState) -> None:
        for screen in self.base_screens:
            screen.show_connection(link)
            if link.live:
                screen.status.clear_notice("fallback")
        count = self.context.unconfirmed_texts
        if link.live and self._was_offline and count:
            what = "1 draft is" if count == 1 else f"{count} drafts are"
            self.announce(f"The server is back. {what} not sent yet. Press w to see your drafts.")
        self._was_offline = link.live is False

    def _drafts_changed(self, loop: asyncio.AbstractEventLoop) -> None:
        """Show the drafts; called by the thread that writes them."""
        # The program may be ending.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(self._show_drafts)

    def _show_drafts(self) -> None:
        for screen in self.base_screens:
            screen.update_drafts()

    async def _offer_drafts(self, screen: BaseScreen[Any]) -> None:
        from app.screens.drafts import offer_at_start

        await offer_at_start(screen)

    def _announce_encoding(self) -> None:
        """Explain why some characters are replaced."""
        encoding = self._driver.repertoire.encoding if isinstance(self._driver, SuspendingDriver) else UTF_8
        if encoding != UTF_8:
            name = encoding.upper().replace("ISO8859", "ISO-8859").replace("_", "-")
            self.announce(f"The locale is not UTF-8 ({name}): = is Enter, ? a sign it lacks.")

    def _open_drafts(self) -> None:
        if self.context.drafts is not None:
            self.context.drafts.on_change = partial(self._drafts_changed, asyncio.get_running_loop())
            # A key may have opened another screen already: the offer waits until that is closed.
            first = self.base_screens[0]
            offer: Callable[[], Awaitable[None]] = partial(self._offer_drafts, first)
            first.call_when_active(lambda: self.run_worker(offer, exit_on_error=False))

    def announce(self, text: str, kind: NoticeKind = None) -> None:
        """Show what concerns every screen on the top one, behind a warning that is shown there."""
        screens = self.base_screens
        if screens:
            screens[-1].status.add_warning(text, kind)

    def _fatal_error(self) -> None:
        """End after a crash: Textual's own traceback would print the values of variables, customers and tokens."""
        if self._report is not None and (error := exception_of(self)) is not None:
            print_at_exit(self, Text(self._report(error, self._happened)))
        close_messages(self)
