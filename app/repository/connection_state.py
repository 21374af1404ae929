"""How the line to the server is: what a person is told of it, and whether anybody should wait for it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final, NamedTuple

from app.errors import ConnectionFailed, DockbookError, ServerFault, SettingsError, StoreError
from app.timing import Timing, local_now

#: So many calls without a usable answer, one after the other, and nobody waits for the server any more.
FAILURES: Final = 5

#: Ends what is said for as long as the mirror answers.
WAS_THERE: Final = "What is shown was there before."

#: The first and the longest pause between two probes, in seconds.
_PROBE_PAUSES: Final = (1.0, 60.0)


class ConnectionState(NamedTuple):
    """Whether the server answers (`None` before the first call), and since when it does not.

    `doubted` says that it answered last time, and did not when it was asked since. `refused` says that it answers, and
    lets nobody in. `filled` is how many percent of all customers have been read while the mirror is being filled,
    `None` while it is not.
    """

    live: bool | None = None
    since: datetime | None = None
    auth_failed: bool = False
    suspect: bool = False
    mirror_percent: int | None = None


class ConnectionHealth:
    """What the calls to the server taught so far.

    `up` is set while the server answers, `down` while it does not or that is in doubt. While it is `locked` only a
    person may ask it: the credentials are wrong, and asking again and again could lock their account. `on_link` is told
    when what a person sees of it changes, `on_back` when the server answers after it did not.
    """

    def __init__(self, now: Callable[[], datetime] = local_now) -> None:
        self._now = now
        self._failures = 0
        self._unreachable = False
        self.locked = False
        self.state = ConnectionState()
        self.on_change: Callable[[ConnectionState], None] | None = None
        self.on_back: Callable[[], None] | None = None
        self.online = asyncio.Event()
        self.offline = asyncio.Event()

    @property
    def given_up(self) -> bool:
        """Whether nobody should wait for the server: nothing can be connected, or it failed many times in a row."""
        return self.state.live is False and (self._unreachable or self.state.auth_failed or self._failures >= FAILURES)

    def record_success(self) -> None:
        """A call was answered, if only with a refusal of what was asked."""
        self._failures = 0
        self._unreachable = self.locked = False
        back = self.offline.is_set()
        self.offline.clear()
        self.online.set()
        self._set(self.state._replace(live=True, since=None, auth_failed=False, suspect=False))
        if back and self.on_back is not None:
            self.on_back()

    def mark_suspect(self) -> None:
        """Somebody got no answer and did not wait for it: so it has to be found out when there is one again."""
        self.online.clear()
        self.offline.set()
        self._set(self.state._replace(suspect=bool(self.state.live)))

    def record_failure(self, error: DockbookError) -> None:
        """A call brought no usable answer."""
        self._failures += 1
        self._unreachable = isinstance(error, ConnectionFailed | StoreError | SettingsError)
        if isinstance(error, ServerFault) and self._failures < FAILURES and self.state.live is not False:
            # It is there and fails at something: this may well be the fault of what was asked.
            return
        self._set_offline(refused=False)

    def record_auth_failure(self, *, ask_again: bool = False) -> None:
        """The server is there and gives no access; it may be asked again by itself unless the credentials are wrong."""
        self.locked = not ask_again
        self._set_offline(refused=True)

    def set_mirror_percent(self, percent: int | None) -> None:
        """How far the mirror is filled."""
        self._set(self.state._replace(mirror_percent=percent))

    def _set_offline(self, *, refused: bool) -> None:
        self.online.clear()
        self.offline.set()
        since = self.state.since if self.state.live is False else self._now()
        self._set(self.state._replace(live=False, since=since, auth_failed=refused, suspect=False))

    def _set(self, link: ConnectionState) -> None:
        if link != self.state:
            self.state = link
            if self.on_change is not None:
                self.on_change(link)


async def probe_until_online(health: ConnectionHealth, probe: Callable[[], Awaitable[object]], timing: Timing) -> None:
    """Whenever the server is away, ask whether it is back, ever more seldom; never with credentials it refused."""
    first, longest = _PROBE_PAUSES
    pause = first
    while True:
        up_at = timing.clock()
        await health.offline.wait()
        if timing.clock() - up_at > longest:
            # It was there for long enough; a server that comes and goes is looked for more seldom.
            pause = first
        while health.offline.is_set():
            await timing.sleep(pause * (0.5 + timing.random() / 2))
            pause = min(longest, 2 * pause)
            if health.offline.is_set() and not health.locked:
                try:
                    await probe()
                except DockbookError:
                    # What it taught is known to the line already.
                    continue
