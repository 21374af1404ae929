"""How the line to the server is: what a person is told of it, and whether anybody should wait for it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final, NamedTuple

from app.errors import ConnectionFailed, DockbookError, ServerFault, SettingsError, StoreError
from app.timing import Pace, local_now

#: So many calls without a usable answer, one after the other, and nobody waits for the server any more.
FAILURES: Final = 5

#: Ends what is said for as long as the mirror answers.
WAS_THERE: Final = "What is shown was there before."

#: The first and the longest pause between two probes, in seconds.
_PROBE_PAUSES: Final = (1.0, 60.0)


class Link(NamedTuple):
    """Whether the server answers (`None` before the first call), and since when it does not.

    `doubted` says that it answered last time, and did not when it was asked since. `refused` says that it answers, and
    lets nobody in. `filled` is how many percent of all customers have been read while the mirror is being filled,
    `None` while it is not.
    """

    live: bool | None = None
    since: datetime | None = None
    refused: bool = False
    doubted: bool = False
    filled: int | None = None


class Line:
    """What the calls to the server taught so far.

    `up` is set while the server answers, `down` while it does not or that is in doubt. While it is `locked` only a
    person may ask it: the credentials are wrong, and asking again and again could lock their account. `on_link` is told
    when what a person sees of it changes, `on_back` when the server answers after it did not.
    """

    def __init__(self, now: Callable[[], datetime] = local_now) -> None:
        self._now = now
        self._failures = 0
        self._cut = False
        self.locked = False
        self.link = Link()
        self.on_link: Callable[[Link], None] | None = None
        self.on_back: Callable[[], None] | None = None
        self.up = asyncio.Event()
        self.down = asyncio.Event()

    @property
    def offline(self) -> bool:
        """Whether nobody should wait for the server: nothing can be connected, or it failed many times in a row."""
        return self.link.live is False and (self._cut or self.link.refused or self._failures >= FAILURES)

    def answered(self) -> None:
        """A call was answered, if only with a refusal of what was asked."""
        self._failures = 0
        self._cut = self.locked = False
        back = self.down.is_set()
        self.down.clear()
        self.up.set()
        self._tell(self.link._replace(live=True, since=None, refused=False, doubted=False))
        if back and self.on_back is not None:
            self.on_back()

    def doubted(self) -> None:
        """Somebody got no answer and did not wait for it: so it has to be found out when there is one again."""
        self.up.clear()
        self.down.set()
        self._tell(self.link._replace(doubted=bool(self.link.live)))

    def failed(self, error: DockbookError) -> None:
        """A call brought no usable answer."""
        self._failures += 1
        self._cut = isinstance(error, ConnectionFailed | StoreError | SettingsError)
        if isinstance(error, ServerFault) and self._failures < FAILURES and self.link.live is not False:
            # It is there and fails at something: this may well be the fault of what was asked.
            return
        self._lost(refused=False)

    def refused(self, *, ask_again: bool = False) -> None:
        """The server is there and gives no access; it may be asked again by itself unless the credentials are wrong."""
        self.locked = not ask_again
        self._lost(refused=True)

    def filling(self, percent: int | None) -> None:
        """How far the mirror is filled."""
        self._tell(self.link._replace(filled=percent))

    def _lost(self, *, refused: bool) -> None:
        self.up.clear()
        self.down.set()
        since = self.link.since if self.link.live is False else self._now()
        self._tell(self.link._replace(live=False, since=since, refused=refused, doubted=False))

    def _tell(self, link: Link) -> None:
        if link != self.link:
            self.link = link
            if self.on_link is not None:
                self.on_link(link)


async def look_for_server(line: Line, probe: Callable[[], Awaitable[object]], pace: Pace) -> None:
    """Whenever the server is away, ask whether it is back, ever more seldom; never with credentials it refused."""
    first, longest = _PROBE_PAUSES
    pause = first
    while True:
        up_at = pace.clock()
        await line.down.wait()
        if pace.clock() - up_at > longest:
            # It was there for long enough; a server that comes and goes is looked for more seldom.
            pause = first
        while line.down.is_set():
            await pace.sleep(pause * (0.5 + pace.chance() / 2))
            pause = min(longest, 2 * pause)
            if line.down.is_set() and not line.locked:
                try:
                    await probe()
                except DockbookError:
                    # What it taught is known to the line already.
                    continue
