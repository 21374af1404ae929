"""The real app on the real service, with a transport between them that tests can intercept."""

import asyncio
import json
import unicodedata
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from pathlib import Path
from time import monotonic
from types import MappingProxyType
from typing import Any

import httpx
from textual import events
from textual.pilot import Pilot
from textual.worker import WorkerCancelled

from app.api.client import CustomerApi
from app.drafts.store import DraftStore
from app.mirror.mirror import Mirror
from app.mirror.snapshot import read_snapshot
from app.repository.repository import CustomerRepository
from app.repository.source import CustomerSource
from app.repository.writer import STARTED_READ_ONLY
from app.screens.base import DIALOG_GROUP
from app.screens.context import AppContext
from app.screens.list_state import ListStateFile
from app.service.app import create_app
from app.service.credentials import Credentials
from app.service.database.credential_table import IssuedCredential
from app.service.sample.generator import load_sample
from app.service.store import Store
from app.terminal.barcode import Scanner
from app.terminal.input_parser import InputParser
from app.timing import Timing
from app.tui.app import SYNC_GROUP, DockbookApp

URL = "http://service.test/api/v1"
#: Seconds between two typed keys.
TYPING_PAUSE = 0.25
#: Seconds after which waiting for a condition fails.
TIMEOUT = 20.0

#: The mirror is filled as soon as the first page is shown, without pauses.
AT_ONCE = Timing(initial_delay=0.0, between_pages=0.0)

#: Sends the intercepted request on to the service.
Forward = Callable[[], Awaitable[httpx.Response]]
Intercept = Callable[[httpx.Request, Forward], Awaitable[httpx.Response]]


class FaultyTransport(httpx.AsyncBaseTransport):
    """Forwards requests to the service and records them; `intercept` may respond or fail instead."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner
        self.intercept: Intercept | None = None
        self.intercepts_tokens = False
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith("/Token"):
            self.requests.append(request)
        if self.intercept is None or (request.url.path.endswith("/Token") and not self.intercepts_tokens):
            return await self._inner.handle_async_request(request)
        return await self.intercept(request, lambda: self._inner.handle_async_request(request))

    def count(self, method: str) -> int:
        """How many requests of this method were sent."""
        return sum(request.method == method for request in self.requests)

    def disconnect(self) -> None:
        """Refuse every connection from now on."""

        async def refuse(request: httpx.Request, _: object) -> httpx.Response:
            raise httpx.ConnectError("refused", request=request)

        self.intercept = refuse


def json_response(status: int, body: object, headers: dict[str, str] | None = None) -> httpx.Response:
    """A JSON response."""
    return httpx.Response(status, headers=headers, content=json.dumps(body).encode())


def always(response: Callable[[], httpx.Response], method: str | None = None) -> Intercept:
    """An intercept that responds to every request, or to those of one method."""

    async def intercept(request: httpx.Request, forward: Forward) -> httpx.Response:
        return response() if method in (None, request.method) else await forward()

    return intercept


@dataclass
class AppHarness:
    """The running app, its service, and what is on its screen."""

    pilot: Pilot[int]
    transport: FaultyTransport
    store: Store
    credentials: Credentials
    issued: IssuedCredential
    #: When the last key was typed, in seconds of the past on the harness's own clock.
    typed_at: float = 0.0

    @property
    def app(self) -> DockbookApp:
        """The running app."""
        assert isinstance(self.pilot.app, DockbookApp)
        return self.pilot.app

    @property
    def screen_text(self) -> str:
        """The text on the screen."""
        return "\n".join(self.lines)

    @property
    def lines(self) -> list[str]:
        """The lines on the screen."""
        strips = self.app.screen._compositor.render_strips(self.app.size)
        return [strip.text for strip in strips]

    async def press(self, *keys: str) -> None:
        """Press keys at typing speed, and wait until the work they started is done."""
        await self.press_only(*keys)
        await self.settle()

    async def press_only(self, *keys: str) -> None:
        """Press keys and wait until each has taken effect, but not for the work it started."""
        for key in keys:
            # The time stamps lie in the past, so no test waits for the typing pause.
            self.typed_at += TYPING_PAUSE
            event = events.Key(key, _character(key))
            event.time = self.typed_at
            self.app.post_message(event)
        await self.pilot.pause()
        while not self.app.key_queue.idle:
            await self.pilot.pause()

    async def burst(self, data: str) -> None:
        """Send terminal input in one piece, through the input parser."""
        self.burst_only(data)
        await self.press()

    def burst_only(self, data: str) -> None:
        """Like `burst`, without waiting for its effects."""
        parser = InputParser()
        for event in (*parser.feed(data.encode(), monotonic()), *parser.close()):
            self.app.post_message(event)

    async def type_at(self, text: str, pauses: Sequence[float]) -> None:
        """Type with these pauses (seconds, repeated) before the keys, time-stamped in the past."""
        parser = InputParser()
        for character, pause in zip(text, cycle(pauses), strict=False):
            self.typed_at += pause
            for event in parser.feed(character.encode(), self.typed_at):
                self.app.post_message(event)
        await self.press()

    async def paste(self, text: str) -> None:
        """Paste a text."""
        self.app.post_message(events.Paste(text))
        await self.press()

    async def type(self, text: str) -> None:
        """Type a text."""
        await self.press(*text)

    async def settle(self) -> None:
        """Wait until no worker runs, except the sync and those that wait for the user."""
        await self.pilot.pause()
        if running := [one for one in self.app.workers if one.group not in (SYNC_GROUP, DIALOG_GROUP)]:
            try:
                await self.app.workers.wait_for_complete(running)
            except WorkerCancelled:
                # A newer worker has replaced it.
                await self.settle()
        await self.pilot.pause()

    async def filled(self) -> None:
        """Wait until the mirror holds all customers."""
        async with asyncio.timeout(TIMEOUT):
            while (state := await self.app.context.repository.mirror_state()) is None or not state.complete:
                await self.pilot.pause()
        await self.settle()

    async def until(self, text: str) -> None:
        """Wait until the text is on the screen."""
        ends = monotonic() + TIMEOUT
        while text not in self.screen_text:
            assert monotonic() < ends, f"{text!r} did not appear:\n{self.screen_text}"
            await self.pilot.pause()

    def sees(self, *texts: str) -> None:
        """Check that all of these are on the screen."""
        for text in texts:
            assert text in self.screen_text, f"{text!r} is not on:\n{self.screen_text}"

    def misses(self, *texts: str) -> None:
        """Check that none of these is on the screen."""
        for text in texts:
            assert text not in self.screen_text, f"{text!r} is on:\n{self.screen_text}"

    async def record(self, short_id: str) -> dict[str, Any]:
        """The record as stored by the service."""
        stored = await self.store.get(short_id)
        assert stored is not None, f"there is no {short_id}"
        return dict(stored.record)


def _character(key: str) -> str | None:
    """The character that a key types."""
    if len(key) == 1:
        return key
    try:
        return unicodedata.lookup(key.replace("_", " "))
    except KeyError:
        return None


@asynccontextmanager
async def run_app(
    customers: int = 48,
    *,
    size: tuple[int, int] = (80, 24),
    permissions: frozenset[int] = frozenset({130, 131}),
    read_only: bool = False,
    intercept: Intercept | None = None,
    records: list[dict[str, str]] | None = None,
    keymap: dict[str, str] | None = None,
    local: bool = False,
    drafts: DraftStore | None = None,
    mirror: bool = False,
    mirror_file: Path | None = None,
    timing: Timing = AT_ONCE,
    list_state_file: ListStateFile | None = None,
    credentials_hint: str = "",
    flags: tuple[str, ...] = (),
    settled: bool = True,
    scanner: Scanner | None = None,
    save_scanner: Callable[[Scanner], str] | None = None,
    confirm_delays: Sequence[float] = (0.0,),
    commands: Mapping[str, Sequence[str]] = MappingProxyType({}),
    host_access: bool = True,
) -> AsyncIterator[AppHarness]:
    """Run the app on a store of sample customers (or of `records`), at this size in cells, and load the list.

    `confirm_delays` are the pauses between reads that confirm a save with an unclear response.
    With `mirror` it has a local copy, in `mirror_file` or in memory, and waits until that is complete.
    Without `settled` it waits for nothing, because the first response may never come.
    """
    store = Store.open(None)
    if records is not None:
        for record in records:
            await store.upsert(str(record["shortID"]), record, if_match=None, only_new=True)
    elif customers:
        load_sample(store, customers, lambda _done, _total: None)
    credentials = Credentials()
    issued = credentials.issue(permissions)
    transport = FaultyTransport(httpx.ASGITransport(create_app(store, credentials), raise_app_exceptions=False))
    transport.intercept = intercept

    async def connect() -> CustomerApi:
        return CustomerApi(URL, issued.client_id, issued.client_secret, transport=transport)

    source = CustomerSource(
        connect,
        timing,
        on_close=store.close,
        open_mirror=partial(Mirror.open, mirror_file) if mirror else None,
        credentials_hint=credentials_hint,
    )
    repository = CustomerRepository(
        source,
        read_only_reason=STARTED_READ_ONLY if read_only else None,
        snapshot=partial(read_snapshot, mirror_file) if mirror_file is not None else None,
        confirm_delays=confirm_delays,
    )
    app = DockbookApp(
        AppContext(
            repository,
            "test",
            flags,
            local=local,
            views=list_state_file,
            open_drafts=None if drafts is None else lambda: drafts,
            commands=commands,
            host_access=host_access,
        ),
        keymap=keymap,
        scanner=scanner,
        save_scanner=save_scanner,
    )
    async with app.run_test(size=size) as pilot:
        running = AppHarness(pilot, transport, store, credentials, issued)
        if settled:
            await running.settle()
        if mirror and intercept is None:
            await running.filled()
        yield running
