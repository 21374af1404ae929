"""A copy of all customers of one server, kept on this machine, searched and sorted here."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final, Self, TypeVar

from app.fields import FIELDS, KEY, PageRequest
from app.folding import fold, words_of
from app.local.stored import Stored
from app.lookalike import skeleton
from app.models import Customer, Origin, Page

_T = TypeVar("_T")
_NAMES: Final = tuple(field.name for field in FIELDS)


@dataclass(frozen=True, slots=True)
class MirrorState:
    """What the mirror holds, and how fresh it is.

    `seen` rows of `expected`; `whole` once a sweep came to its end (at `swept_at`); `synced_at` when it was last known
    to be what the server has; `newest` the largest `modified` of the server's own values then, `""` without any.
    `sweep` is the number of a sweep that was begun and not ended, and `swept` how many rows came in it.
    """

    seen: int = 0
    expected: int | None = None
    whole: bool = False
    swept_at: datetime | None = None
    synced_at: datetime | None = None
    newest: str = ""
    sweep: int | None = None
    swept: int = 0


class Mirror:
    """A copy of all customers of one server; every method may be awaited from the event loop and blocks nothing."""

    def __init__(self, path: Path | None) -> None:
        self.notes: tuple[str, ...] = ()
        self._state = MirrorState()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mirror")
        self._connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        columns = ", ".join(f"{name} TEXT" for name in _NAMES)
        self._connection.execute(
            f"CREATE TABLE customer (odd TEXT, {columns}, record TEXT, line TEXT, sweep INTEGER, UNIQUE ({KEY}, odd))"
        )
        self._sweeps = 0

    @classmethod
    def open(cls, path: Path | None) -> Self:
        """Open the mirror of this file, or one in memory; blocks."""
        return cls(path)

    @property
    def writer(self) -> bool:
        """Whether this process is the one that writes it."""
        return True

    def try_to_write(self) -> bool:
        """Take the writer's place if it is free."""
        return True

    async def state(self) -> MirrorState:
        """What it holds, and how fresh that is."""
        return await self._run(self._read_state)

    async def page(self, request: PageRequest) -> Page:
        """One page of the customers that were asked for; `Page.origin` says how far to trust it."""
        return await self._run(lambda: self._page(request))

    async def count(self, request: PageRequest) -> int | None:
        """How many customers match, counted to the end; `None` when it was interrupted."""
        return await self._run(lambda: len(self._matching(request)))

    async def customer(self, short_id: str) -> Customer | None:
        """The customer with exactly this ID, as last seen."""

        def read() -> Customer | None:
            found = self._connection.execute(
                f"SELECT record FROM customer WHERE {KEY} = ? ORDER BY odd LIMIT 1", (short_id,)
            ).fetchone()
            return Stored.customer_of(found[0]) if found else None

        return await self._run(read)

    async def look_alikes(self, short_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """For each of these IDs the others that a person could take for it."""

        def read() -> dict[str, tuple[str, ...]]:
            all_ids = [row[0] for row in self._connection.execute(f"SELECT {KEY} FROM customer ORDER BY {KEY}")]
            return {
                short_id: alike
                for short_id in short_ids
                if (alike := tuple(o for o in all_ids if o != short_id and skeleton(o) == skeleton(short_id)))
            }

        return await self._run(read)

    async def begin_sweep(self) -> int:
        """Begin to read all customers anew; rows taken under the number are marked as seen in it."""

        def begin() -> int:
            self._sweeps += 1
            self._state = replace(self._state, sweep=self._sweeps, swept=0)
            return self._sweeps

        return await self._run(begin)

    async def take(self, rows: Sequence[Customer], sweep: int | None = None) -> int:
        """Keep these customers; tells how many were new or differed."""
        return await self._run(lambda: self._take(rows, sweep))

    async def end_sweep(self, sweep: int, at: datetime, *, drop_missing: bool) -> int:
        """The sweep came to its end: the mirror is whole; rows not seen in it are dropped. Tells how many were."""

        def end() -> int:
            dropped = 0
            if drop_missing:
                dropped = self._connection.execute("DELETE FROM customer WHERE sweep < ?", (sweep,)).rowcount
            self._state = replace(self._state, whole=True, swept_at=at, synced_at=at, sweep=None, swept=0)
            return dropped

        return await self._run(end)

    async def expect(self, expected: int, newest: str = "") -> None:
        """While it is being filled: so many customers are going to be there, and the newest `modified` so far."""

        def note() -> None:
            self._state = replace(self._state, expected=expected, newest=newest or self._state.newest)

        await self._run(note)

    async def note_synced(self, at: datetime, expected: int | None, newest: str = "") -> None:
        """The mirror was what the server had at this moment, with so many customers.

        `newest` is the largest `modified` that came with what was read; `""` leaves it as it was. A `put` does not
        move it: what others changed before it may not have been read yet.
        """

        def note() -> None:
            self._state = replace(self._state, synced_at=at, expected=expected, newest=newest or self._state.newest)

        await self._run(note)

    async def put(self, customer: Customer) -> None:
        """Keep what the server just answered for one customer."""
        await self.take([customer])

    async def forget(self, short_id: str) -> None:
        """The server has no customer with this ID."""
        await self._run(lambda: self._connection.execute(f"DELETE FROM customer WHERE {KEY} = ?", (short_id,)))

    async def close(self) -> None:
        """Finish what is being written, then close."""
        await self._run(self._connection.close)
        self._thread.shutdown()

    async def _run(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _read_state(self) -> MirrorState:
        (seen,) = self._connection.execute("SELECT count(*) FROM customer").fetchone()
        return replace(self._state, seen=seen)

    def _take(self, rows: Sequence[Customer], sweep: int | None) -> int:
        written = 0
        number = self._sweeps if sweep is None else sweep
        for customer in rows:
            stored = Stored.of(customer)
            before = self._connection.execute(
                f"SELECT record, modified FROM customer WHERE {KEY} = ? AND odd = ?", (stored.values[0], stored.odd)
            ).fetchone()
            if before and before[0] == stored.record:
                self._connection.execute(
                    f"UPDATE customer SET sweep = ? WHERE {KEY} = ? AND odd = ?",
                    (number, stored.values[0], stored.odd),
                )
                continue
            self._connection.execute(
                f"INSERT OR REPLACE INTO customer VALUES ({', '.join('?' * (len(_NAMES) + 4))})",
                (stored.odd, *stored.values, stored.record, fold(" \n ".join(stored.values[:12])), number),
            )
            written += 1
        if sweep is not None:
            self._state = replace(self._state, swept=self._state.swept + len(rows))
        return written

    def _matching(self, request: PageRequest) -> list[str]:
        column = request.sort or KEY
        order = f"{column} {request.direction}, {KEY} {request.direction}"
        wanted = {"all": None, "active": "active", "discontinued": "discontinued"}[request.status]
        words = words_of(request.find)
        found = self._connection.execute(f"SELECT record, line, active, {KEY}, name FROM customer ORDER BY {order}")
        rows = [
            (record, short_id, name)
            for record, line, active, short_id, name in found
            if wanted in (None, active) and all(word in line for word in words)
        ]
        if request.sort is None and words:
            query = " ".join(words)
            rows.sort(
                key=lambda row: (
                    fold(row[1]) != query,
                    fold(row[2]) != query,
                    not fold(row[1]).startswith(query),
                    not fold(row[2]).startswith(query),
                )
            )
        return [row[0] for row in rows]

    def _page(self, request: PageRequest) -> Page:
        found = self._matching(request)
        state = self._read_state()
        first = (request.page - 1) * request.page_size
        return Page(
            rows=tuple(map(Stored.customer_of, found[first : first + request.page_size])),
            total=len(found),
            page=request.page,
            page_size=request.page_size,
            page_count=-(-len(found) // request.page_size),
            has_more=first + request.page_size < len(found),
            origin=Origin(state.synced_at, state.seen, state.expected),
        )
