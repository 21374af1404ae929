"""Keys take effect one after another, however fast they come, and a scan is never taken for commands.

Textual forwards a key to the widget that has the focus when the key is read. A scanner, or a fast hand, sends the next
ones before Enter has moved the focus: they would all land in the first field.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from time import monotonic
from typing import Any, Final

from textual import events
from textual.app import App
from textual.message_pump import MessagePump

from app.terminal.scan import is_end, read_burst

#: Seconds a key may hold up the next one. A busy machine takes its time to open a form, and what is typed for the
#: form must not be run as keys of the list.
_LONGEST: Final = 3.0
#: A key becomes a message, and what hears the message often sends another one: each goes up the same way.
_MESSAGES_OF_A_KEY: Final = 2

Scanned = Callable[[str], None]


class TypeAhead:
    """Holds keys and pastes back until the one before has done its work: focus moved, screen opened or left.

    `deliver` is what Textual does with one of them. `acted` gives what is set unless the screen one is on still has to
    do what the last key asked for: the customer may be on its way. `scans` tells who takes a scan on the screen one is
    on, if anybody does; `gap` is how many seconds a scanner leaves between two keys, at most.
    """

    def __init__(
        self,
        app: App[Any],
        deliver: Callable[[events.Event], Awaitable[None]],
        acted: Callable[[], asyncio.Event],
        scans: Callable[[], Scanned | None],
        gap: float,
    ) -> None:
        self._app = app
        self._acted = acted
        self._deliver = deliver
        self._scans = scans
        self._gap = gap
        self._waiting: deque[events.Event] = deque()
        self._came = asyncio.Event()
        self._known_as_keys = 0
        self._scan_ended_at = float("-inf")
        self._delivering: asyncio.Task[None] | None = None
        self._delivered_to: MessagePump | None = None
        self._delivered_at = float("-inf")

    @property
    def idle(self) -> bool:
        """Whether every key has done its work."""
        return self._is_free and self._is_done() and _at_rest(self._app)

    @property
    def _is_free(self) -> bool:
        return not self._waiting and (self._delivering is None or self._delivering.done())

    async def take(self, event: events.Event) -> None:
        """Deliver the key after those that came before it."""
        if self._is_alone(event):
            await self._deliver_now(event)
            return
        self._waiting.append(event)
        self._came.set()
        if self._delivering is None or self._delivering.done():
            self._delivering = asyncio.create_task(self._deliver_all())
            self._delivering.add_done_callback(self._ended)

    async def _deliver_all(self) -> None:
        while self._waiting:
            await self._last_done()
            if self._drop_end_of_scan() or await self._take_scan():
                continue
            self._known_as_keys = max(0, self._known_as_keys - 1)
            await self._deliver_now(self._waiting.popleft())

    async def _deliver_now(self, event: events.Event) -> None:
        self._delivered_to, self._delivered_at = self._app.focused or self._app.screen, monotonic()
        await self._deliver(event)

    def _is_alone(self, event: events.Event) -> bool:
        """Whether there is nothing to wait for: no other key, nothing under way, and no scan that begins so."""
        if not isinstance(event, events.Key) or event.is_printable or is_end(event):
            return False
        # The app works on this very key.
        return self._is_free and not self._app.message_queue_size and self._is_done() and self._acted().is_set()

    async def _last_done(self) -> None:
        """Wait until the key before has done its work. At a person's pace it has, and nothing is to be waited for."""
        left = self._delivered_at + _LONGEST - monotonic()
        done = self._is_done() and _at_rest(self._app) and self._acted().is_set()
        if self._delivered_to is None or left <= 0 or done:
            return
        try:
            async with asyncio.timeout(left):
                await self._follow(self._delivered_to)
                if not (acted := self._acted()).is_set():
                    await acted.wait()
                    await self._follow(self._delivered_to)
        except TimeoutError:
            # Something on the way waits for longer than a person does; the next key must not.
            return

    async def _take_scan(self) -> bool:
        """Wait as long as the keys at the front may become a scan, and hand it over if they are one."""
        scanned = self._scans()
        if scanned is None or self._known_as_keys:
            return False
        burst = read_burst(self._waiting, self._gap)
        while burst.keys and not burst.ended:
            left = self._waiting[burst.keys - 1].time + self._gap - monotonic()
            if left <= 0:
                break
            self._came.clear()
            try:
                async with asyncio.timeout(left):
                    await self._came.wait()
            except TimeoutError:
                break
            burst = read_burst(self._waiting, self._gap)
        if burst.scan is None:
            self._known_as_keys = burst.keys
            return False
        for _ in range(burst.keys):
            self._scan_ended_at = self._waiting.popleft().time
        # The keys behind it are meant for what it opens.
        self._delivered_to, self._delivered_at = self._app.screen, monotonic()
        scanned(burst.scan)
        return True

    def _drop_end_of_scan(self) -> bool:
        """Drop what a scanner sends after its Tab or Enter: another one, or a line feed."""
        event = self._waiting[0]
        follows = isinstance(event, events.Key) and event.time - self._scan_ended_at <= self._gap
        if not follows or not is_end(event):
            return False
        self._scan_ended_at = self._waiting.popleft().time
        return True

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Let the app crash on what went wrong, as it does for what goes wrong in a widget."""
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            self._app._handle_exception(error)  # noqa: SLF001 - Textual's way for everything unhandled

    def _is_done(self) -> bool:
        """Whether everything below the app that the last key can pass through waits for something to do."""
        nodes = (*_way_up(self._delivered_to), self._app.screen)
        return all(_at_rest(node) for node in nodes if node is not self._app)

    async def _follow(self, target: MessagePump) -> None:
        """Wait until what the key set off has passed through everything it can pass through."""
        for _ in range(_MESSAGES_OF_A_KEY):
            for node in _way_up(target):
                await _passed(node)
            await _passed(self._app.screen)
        await _passed(self._app)


def _way_up(node: MessagePump | None) -> Iterator[MessagePump]:
    while node is not None:
        yield node
        node = node._parent  # noqa: SLF001 - a widget that left the screen has no public way up any more


def _at_rest(node: MessagePump) -> bool:
    """Whether the node has no message and works on none: then it waits for its queue to say that there is one."""
    waits: Iterable[asyncio.Future[bool]] = node._message_queue.ready_event._waiters  # noqa: SLF001 - told nowhere else
    return not node.is_running or any(not waiter.done() for waiter in waits)


async def _passed(node: MessagePump) -> None:
    """Wait until the node has worked through the messages it has now."""
    passed = asyncio.Event()

    async def callback() -> None:
        passed.set()

    if node.is_running and node.call_later(callback):
        await passed.wait()
