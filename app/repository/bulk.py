"""Writes many customers one after another, and notes what came of each."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from app.errors import (
    ConnectionFailed,
    DockbookError,
    EditConflict,
    Forbidden,
    OutcomeUnknown,
    RateLimited,
    ReadOnly,
    ServerFault,
    SettingsError,
    StoreError,
    TokenUnavailable,
    TransportError,
    Unauthorized,
)
from app.models.fields import STATUS
from app.repository.save_result import SaveResult
from app.repository.writer import SaveObserver

if TYPE_CHECKING:
    from app.models.customer import Customer
    from app.repository.repository import CustomerRepository

#: What came of one customer. `unchanged`: the server had it so already. `conflict`: others changed it, and it was not
#: overwritten. `failed`: certainly not written. `left`: not tried, because the run ended before.
Outcome = Literal["saved", "unchanged", "conflict", "unconfirmed", "failed", "left"]

#: Writes one customer; the result has `previous_values` if that changed anything.
Write = Callable[["Customer"], Awaitable[SaveResult]]

#: Errors that every other customer would meet too.
_LASTING: Final = (
    *(ConnectionFailed, TokenUnavailable, Unauthorized, Forbidden, ReadOnly, RateLimited, StoreError, SettingsError),
)
#: Errors that may be of the server, or of this one customer.
_TROUBLES: Final = (TransportError, ServerFault, OutcomeUnknown)
#: After so many of those in a row, it is the server.
_MOST_TROUBLES: Final = 2
#: Seconds; a server that asks to wait longer ends the run.
_LONGEST_WAIT: Final = 60.0
#: Seconds to wait where a busy server does not say how long.
_USUAL_WAIT: Final = 5.0
_MOST_WAITS: Final = 10  # for one customer


class BulkResult(NamedTuple):
    """What came of one customer: its record as far as it is known now, and why it was not written, if it was not."""

    customer: "Customer"
    outcome: Outcome
    saved: SaveResult | None = None
    error: DockbookError | None = None


class BulkWriter:
    """Writes `customers` by `write`, each once, one after another, until all are done, `stop` or a lasting error.

    `ready` is awaited before each of them. `on_progress` is called with the number, from 1, of the one that is being
    written, `on_wait` with the seconds left of a wait that the server asked for, and `on_result` with every result of
    a write. What was not written is never tried again here.
    """

    def __init__(
        self,
        customers: "Sequence[Customer]",
        write: Write,
        *,
        ready: Callable[[], Awaitable[None]],
        on_progress: Callable[[int], None],
        on_wait: Callable[[int], None],
        on_result: Callable[[BulkResult], None],
    ) -> None:
        self.results: list[BulkResult] = []
        #: What ended the run early, if an error did.
        self.ended_by: DockbookError | None = None
        self._customers = customers
        self._write = write
        self._ready = ready
        self._on_progress = on_progress
        self._on_wait = on_wait
        self._on_result = on_result
        self._stop = asyncio.Event()

    @property
    def stopping(self) -> bool:
        """Whether it was asked to stop."""
        return self._stop.is_set()

    def stop(self) -> None:
        """Begin no other write; the one that is under way is finished."""
        self._stop.set()

    async def run(self) -> None:
        """Write them; `results` has one for each customer then, in their order."""
        troubles = 0
        for number, customer in enumerate(self._customers, 1):
            if not self.stopping:
                await self._ready()
            if self.stopping:
                break
            self._on_progress(number)
            result = await self._write_one(customer)
            if result is None:
                break
            self.results.append(result)
            self._on_result(result)
            troubles = troubles + 1 if isinstance(result.error, _TROUBLES) else 0
            if isinstance(result.error, _LASTING) or troubles >= _MOST_TROUBLES:
                self.ended_by = result.error
                break
        self.results += [BulkResult(customer, "left") for customer in self._customers[len(self.results) :]]

    async def _write_one(self, customer: "Customer") -> BulkResult | None:
        """Write one customer; `None` if it was asked to stop before that was begun."""
        error: DockbookError | None = None
        for _ in range(_MOST_WAITS):
            try:
                saved = await self._write(customer)
            except RateLimited as busy:
                # Certainly not carried out: the server refused to look at it.
                error = busy
                wait = _USUAL_WAIT if busy.wait is None else busy.wait
                if wait > _LONGEST_WAIT:
                    break
                await self._wait(math.ceil(wait))
                if self.stopping:
                    return None
            except EditConflict as conflict:
                outcome: Outcome = "unconfirmed" if conflict.answer_lost else "conflict"
                return BulkResult(conflict.theirs, outcome, error=conflict)
            except OutcomeUnknown as unknown:
                return BulkResult(customer, "unconfirmed", error=unknown)
            except DockbookError as failure:
                return BulkResult(customer, "failed", error=failure)
            else:
                return BulkResult(saved.customer, "saved" if saved.previous_values else "unchanged", saved)
        return BulkResult(customer, "failed", error=error)

    async def _wait(self, seconds: int) -> None:
        """Wait until the server may be asked again, or until it is asked to stop."""
        for left in range(seconds, 0, -1):
            if self.stopping:
                return
            self._on_wait(left)
            with suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await self._stop.wait()


async def discontinue(repository: "CustomerRepository", customer: "Customer", observer: SaveObserver) -> SaveResult:
    """Discontinue a customer; the result has no previous values if it was discontinued already."""
    sent: dict[str, str] = {}

    async def note(base: "Customer | None", _body: object) -> None:
        sent[STATUS] = base.status if base is not None else ""

    observer.on_send = note
    return SaveResult(await repository.discontinue(customer, observer), previous_values=sent)
