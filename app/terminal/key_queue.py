"""Keys take effect one after another, however fast they come, and a scan is never taken for commands.

Textual forwards a key to the widget that has the focus when the key is read. A scanner, or a fast hand, sends the next
ones before Enter has moved the focus: they would all land in the first field.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from time import monotonic
from typing import Any, Final, Protocol

from textual import events
from textual.app import App
from textual.message_pump import MessagePump

from app.terminal.barcode import (
    LATE_END,
    MAX_LENGTH,
    NEVER_FIRST,
    REPEAT,
    SCAN_TIMEOUT,
    KeyBurst,
    Scanner,
    code_character,
    detect_frame,
    detect_scan,
    is_end,
    pasted_code,
    sent_character,
)
from app.textual_private import handle_exception, is_idle, parent_of

#: Seconds a key may hold up the next one. A busy machine takes its time to open a form, and what is typed for the
#: form must not be run as keys of the list.
_LONGEST: Final = 3.0
#: A key becomes a message, and what hears the message often sends another one: each goes up the same way.
_MESSAGES_OF_A_KEY: Final = 2
#: Seconds between two keys of a text that was pasted as keys, at most.
_PASTED_GAP: Final = 0.03
#: Seconds without a key after which typing has paused.
_PAUSE: Final = 0.4
#: After this many scans in a row with an end, one without an end is only part of a code.
_ENDS_EXPECTED: Final = 3

Reader = Callable[[Iterable[events.Event], Scanner, float], KeyBurst]


class ScanTarget(Protocol):
    """A screen, as far as scans and pastes concern it."""

    def captures(self, event: events.Event) -> bool:
        """Whether the screen takes this key itself, before the bindings."""

    def key_captured(self, event: events.Event) -> None:
        """Look at a key that was captured."""

    @property
    def detects_scans(self) -> bool:
        """Whether fast keys are held back until it is known whether a scanner typed them."""

    @property
    def takes_pasted_codes(self) -> bool:
        """Whether a paste of one line is a scan."""

    @property
    def takes_pasted_text(self) -> bool:
        """Whether a paste goes into a field."""

    def scanned(self, code: str) -> None:
        """Act on a whole code."""

    def code_typed(self, typed: str, code: str) -> bool:
        """Act on a code that a scanner typed into a field, before its end; true if that is all its end is for."""

    def scan_cut_short(self, part: str) -> None:
        """Say that only this part of a code arrived, with `…` where the rest is missing."""

    def paste_refused(self) -> None:
        """Say that a paste is no code, or cannot be taken here."""

    def note_key(self, event: events.Key) -> None:
        """Called with a key before it is delivered."""

    def typing_began(self) -> None:
        """Remember what the fields hold: typing begins after a pause."""

    def lines_typed(self, lines: int) -> None:
        """Say that several lines came as fast as a paste."""


class KeyQueue:
    """Holds keys and pastes back until the one before has done its work: focus moved, screen opened or left.

    `deliver` is what Textual does with one of them. `acted` gives what is set unless the screen one is on still has to
    do what the last key asked for: the customer may be on its way. `target` is the screen one is on.
    """

    def __init__(
        self,
        app: App[Any],
        deliver: Callable[[events.Event], Awaitable[None]],
        acted: Callable[[], asyncio.Event],
        target: Callable[[], ScanTarget | None],
        scanner: Scanner,
    ) -> None:
        self._app = app
        self._action_done = acted
        self._deliver = deliver
        self._target = target
        self.scanner = scanner
        self._waiting: deque[events.Event] = deque()
        self._arrived = asyncio.Event()
        #: How many keys at the front are known to be pressed by hand.
        self._checked_keys = 0
        #: Printable keys that were run, and may have been the beginning of a code that stalled.
        self._head = ""
        self._head_at = float("-inf")
        self._last_letter: events.Key | None = None
        self._typed_at = float("-inf")
        self._doubtful_end: events.Event | None = None
        self._doubtful_text = ""
        self._doubtful_on: object = None
        self._scan_ended_at = float("-inf")
        self._scans_with_end = 0
        self._run_at = float("-inf")
        self._run_lines = 0
        self._run_has_text = False
        #: What was typed without a long pause into the field that has the focus.
        self._run_keys: list[events.Key] = []
        self._delivering: asyncio.Task[None] | None = None
        self._delivered_to: MessagePump | None = None
        self._delivered_at = float("-inf")

    @property
    def idle(self) -> bool:
        """Whether every key has done its work."""
        return self._is_free and self._is_done() and is_idle(self._app)

    @property
    def waiting(self) -> int:
        """How many keys wait for the ones before."""
        return len(self._waiting)

    def may_end_scan(self, event: events.Event) -> bool:
        """Whether the key may be the end of a code whose keys are still waiting."""
        behind = bool(self._waiting) and code_character(self._waiting[-1]) is not None
        return behind and self.scanner.ends_scan(event)

    @property
    def may_be_scan(self) -> float:
        """Seconds for which the last key may yet turn out to be the first of a scan; 0 when it is no letter."""
        return max(0.0, self._head_at + SCAN_TIMEOUT - monotonic()) if self._head else 0.0

    @property
    def _is_free(self) -> bool:
        return not self._waiting and (self._delivering is None or self._delivering.done())

    async def put(self, event: events.Event) -> None:
        """Deliver the key after those that came before it."""
        if self._is_free:
            target = self._target()
            if target is not None and target.captures(event):
                target.key_captured(event)
                return
            if self._is_alone(event):
                await self._deliver_now(event, target)
                return
        self._waiting.append(event)
        self._arrived.set()
        if self._delivering is None or self._delivering.done():
            self._delivering = asyncio.create_task(self._deliver_all())
            self._delivering.add_done_callback(self._ended)

    async def _deliver_all(self) -> None:
        while self._waiting:
            await self._last_done()
            target = self._target()
            if target is not None and await self._take_scan(target):
                continue
            self._checked_keys = max(0, self._checked_keys - 1)
            await self._deliver_now(self._waiting.popleft(), target)

    async def _deliver_now(self, event: events.Event, target: ScanTarget | None) -> None:
        self._delivered_to, self._delivered_at = self._app.focused or self._app.screen, monotonic()
        if target is not None and isinstance(event, events.Key):
            self._note(target, event)
            target.note_key(event)
        await self._deliver(event)

    def _is_alone(self, event: events.Event) -> bool:
        """Whether there is nothing to wait for: nothing under way, and no scan that begins so."""
        if not isinstance(event, events.Key) or sent_character(event) is not None:
            return False
        # The app works on this very key.
        return not self._app.message_queue_size and self._is_done() and self._action_done().is_set()

    async def _last_done(self) -> None:
        """Wait until the key before has done its work. At a person's pace it has, and nothing is to be waited for."""
        left = self._delivered_at + _LONGEST - monotonic()
        done = self._is_done() and is_idle(self._app) and self._action_done().is_set()
        if self._delivered_to is None or left <= 0 or done:
            return
        try:
            async with asyncio.timeout(left):
                await self._follow(self._delivered_to)
                if not (acted := self._action_done()).is_set():
                    await acted.wait()
                    await self._follow(self._delivered_to)
        except TimeoutError:
            # Something on the way waits for longer than a person does; the next key must not.
            return

    async def _take_scan(self, target: ScanTarget) -> bool:
        """Take what is at the front if it belongs to a scan; wait as long as it may become one."""
        event = self._waiting[0]
        if isinstance(event, events.Paste):
            return self._take_paste(target, event)
        if not isinstance(event, events.Key):
            return False
        if target.detects_scans and self._drop_end(target, event):
            return True
        if self._checked_keys:
            return False
        if self.scanner.begins_frame(event):
            return self._take_frame(target, await self._collect(detect_frame))
        if not self._detects(target, event):
            return self._take_typed_code(target, event)
        if self._is_by_hand(event):
            return False
        return self._take_burst(target, await self._collect(detect_scan))

    def _detects(self, target: ScanTarget, event: events.Key) -> bool:
        """Whether keys may be a scan's here: also in a field that a letter has just opened, the first of a code."""
        return target.detects_scans or (bool(self._head) and 0 <= event.time - self._head_at <= SCAN_TIMEOUT)

    def repeats(self, event: events.Event) -> bool:
        """Whether the key is the last letter once more, held down or pressed again."""
        last = self._last_letter
        same = last is not None and isinstance(event, events.Key) and event.key == last.key and not last.key.isdigit()
        return last is not None and same and 0 <= event.time - last.time <= REPEAT

    def _is_by_hand(self, event: events.Key) -> bool:
        """Whether the key is the last one again, or comes without a pause behind keys that a hand typed."""
        return self.repeats(event) or 0 <= event.time - self._typed_at <= _PAUSE

    async def _collect(self, read: Reader) -> KeyBurst:
        burst = read(self._waiting, self.scanner, monotonic())
        while burst.verdict == "open":
            self._arrived.clear()
            try:
                async with asyncio.timeout(burst.expires - monotonic()):
                    await self._arrived.wait()
            except TimeoutError:
                # A key that was read in time may not have been handed over yet.
                await _drained(self._app)
            burst = read(self._waiting, self.scanner, monotonic())
        return burst

    def _take_frame(self, target: ScanTarget, burst: KeyBurst) -> bool:
        if burst.verdict == "scan":
            self._drop(burst.keys)
            self._finish_scan(burst.last)
            target.scanned(burst.text)
            return True
        if not burst.text or not target.detects_scans:
            # Nothing, or no end, came behind what looks like a prefix: it was typed.
            self._checked_keys = burst.keys
            return False
        self._drop(burst.keys)
        self._finish_scan(burst.last)
        target.scan_cut_short(f"{burst.text}…")
        return True

    def _take_burst(self, target: ScanTarget, burst: KeyBurst) -> bool:
        is_rest = bool(self._head) and 0 <= burst.first - self._head_at <= SCAN_TIMEOUT
        # A person may type fast behind the letter that opened a field; only a scanner sends an end as fast.
        is_scan = burst.verdict == "scan" if target.detects_scans else False
        if not is_scan and not (burst.fast and is_rest and (burst.ended or target.detects_scans)):
            self._count_checked_keys(burst)
            return False
        self._drop(burst.keys + (burst.verdict != "scan" and burst.ended))
        whole = burst.ended or self._scans_with_end < _ENDS_EXPECTED
        if not is_rest:
            self._scans_with_end = self._scans_with_end + 1 if burst.ended else 0
        self._finish_scan(burst.last)
        if is_rest:
            target.scan_cut_short(f"…{burst.text}")
        elif whole:
            target.scanned(burst.text)
        else:
            target.scan_cut_short(f"{burst.text}…")
        return True

    def _take_typed_code(self, target: ScanTarget, event: events.Key) -> bool:
        """Take the end of a code that a scanner typed into a field, if the screen acts on it by itself."""
        if not is_end(event) or not self._run_keys:
            return False
        keys = [*self._run_keys, event]
        burst = detect_scan(keys, self.scanner, event.time)
        if burst.verdict != "scan" or burst.keys != len(keys):
            return False
        # A field takes no separators.
        typed = "".join(key.character or "" for key in self._run_keys if key.is_printable)
        if not target.code_typed(typed, burst.text):
            return False
        self._waiting.popleft()
        self._run_keys.clear()
        self._finish_scan(event.time)
        return True

    def _count_checked_keys(self, burst: KeyBurst) -> None:
        """Let the keys of a burst be run, and remember an end behind them that may be a scanner's."""
        self._checked_keys = burst.keys
        if burst.keys and not burst.fast and burst.last > burst.first:
            self._typed_at = burst.last
        if burst.ended:
            self._doubtful_end = self._waiting[burst.keys]
            bound = burst.keys == 1 and self._is_bound(self._waiting[0])
            self._doubtful_text, self._doubtful_on = burst.text, None if bound else self._app.screen

    def _is_bound(self, event: events.Event) -> bool:
        return isinstance(event, events.Key) and any(key in self._app.screen.active_bindings for key in event.aliases)

    def _drop_end(self, target: ScanTarget, event: events.Key) -> bool:
        """Drop the end of a scan that comes late or twice, and one behind fast keys that opened nothing."""
        if not is_end(event):
            return False
        if 0 <= event.time - self._scan_ended_at <= LATE_END:
            self._waiting.popleft()
            return True
        if event is self._doubtful_end and self._app.screen is self._doubtful_on:
            self._waiting.popleft()
            self._finish_scan(event.time)
            target.scan_cut_short(f"…{self._doubtful_text}")
            return True
        return False

    def _take_paste(self, target: ScanTarget, event: events.Paste) -> bool:
        code = pasted_code(event.text) if target.takes_pasted_codes else ""
        if not code and target.takes_pasted_text:
            # A scanner's end behind it answers nothing, where keys are watched for scans.
            self._scan_ended_at = event.time
            return False
        self._waiting.popleft()
        if code:
            self._finish_scan(event.time)
            target.scanned(code)
        else:
            target.paste_refused()
        return True

    def _drop(self, keys: int) -> None:
        for _ in range(keys):
            self._waiting.popleft()

    def _finish_scan(self, ended_at: float) -> None:
        self._scan_ended_at = ended_at
        self._head = ""
        self._last_letter = None
        # The keys behind it are meant for what it opens.
        self._delivered_to, self._delivered_at = self._app.screen, monotonic()

    def _note(self, target: ScanTarget, event: events.Key) -> None:
        """Remember what a key says about those behind it."""
        self._scan_ended_at = float("-inf")
        if sent_character(event) is None:
            self._head, self._last_letter = "", None
            self._run_keys.clear()
            self._run_at = float("-inf")
        else:
            self._note_head(target, event)
            self._note_run(target, event)

    def _note_head(self, target: ScanTarget, event: events.Key) -> None:
        """Remember a letter that is run: it may turn out to be the first of a scan that stalled."""
        character = code_character(event)
        if character is None or character in NEVER_FIRST or is_end(event):
            self._head, self._last_letter = "", None
        elif target.detects_scans:
            follows = 0 <= event.time - self._head_at <= SCAN_TIMEOUT
            self._head = (self._head if follows else "") + character
            self._head_at, self._last_letter = event.time, event
        if 0 <= event.time - self._typed_at <= _PAUSE:
            self._typed_at = event.time

    def _note_run(self, target: ScanTarget, event: events.Key) -> None:
        """Watch for a text of several lines that comes as keys, without the brackets of a paste."""
        if not 0 <= event.time - self._run_at <= _PASTED_GAP:
            self._run_lines, self._run_has_text = 0, False
            target.typing_began()
        part = code_character(event) is not None
        if not part or not 0 <= event.time - self._run_at <= SCAN_TIMEOUT or len(self._run_keys) > MAX_LENGTH:
            self._run_keys.clear()
        if part:
            self._run_keys.append(event)
        self._run_at = event.time
        if is_end(event):
            self._run_has_text = False
        elif event.is_printable and not self._run_has_text:
            self._run_has_text = True
            self._run_lines += 1
            if self._run_lines > 1:
                target.lines_typed(self._run_lines)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Let the app crash on what went wrong, as it does for what goes wrong in a widget."""
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            handle_exception(self._app, error)

    def _is_done(self) -> bool:
        """Whether everything below the app that the last key can pass through waits for something to do."""
        nodes = (*_ancestors(self._delivered_to), self._app.screen)
        return all(is_idle(node) for node in nodes if node is not self._app)

    async def _follow(self, target: MessagePump) -> None:
        """Wait until what the key set off has passed through everything it can pass through."""
        for _ in range(_MESSAGES_OF_A_KEY):
            for node in _ancestors(target):
                await _drained(node)
            await _drained(self._app.screen)
        await _drained(self._app)


def _ancestors(node: MessagePump | None) -> Iterator[MessagePump]:
    while node is not None:
        yield node
        node = parent_of(node)


async def _drained(node: MessagePump) -> None:
    """Wait until the node has worked through the messages it has now."""
    passed = asyncio.Event()

    async def callback() -> None:
        passed.set()

    if node.is_running and node.call_later(callback):
        await passed.wait()
