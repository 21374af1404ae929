"""What the service needs of a database, whichever engine it is: sessions, in which statements run, and transactions."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

T = TypeVar("T")


class Dialect(NamedTuple):
    """The words in which the SQL of the engines differs; everything else is the same text for all."""

    name: str
    #: The type of a text column, ordered by code point.
    text: str
    #: The type of a true or false column, and its two values.
    flag: str
    true: str
    false: str
    #: Before and after the columns of the table of customers: a row number of its own, or none.
    row_column: str
    id_constraint: str
    table_options: str
    #: What builds a JSON object as text of `{pairs}` of names and values, and the column `active` as a JSON value.
    json_object: str
    active_json: str


class Rows(Protocol):
    """The result of a statement."""

    @property
    def rowcount(self) -> int:
        """How many rows were written."""

    def fetchone(self) -> Any:
        """The next row, or `None`."""

    def fetchall(self) -> list[Any]:
        """All rows that are left."""


class Session(Protocol):
    """Runs statements in one transaction. Parameters are written `:name`."""

    @property
    def dialect(self) -> Dialect:
        """The words of this engine."""

    @property
    def now(self) -> datetime:
        """The time of the transaction: naive UTC, by the clock of the database."""

    def execute(self, sql: str, parameters: Mapping[str, object] = ...) -> Rows:
        """Run one statement."""

    def execute_many(self, sql: str, rows: Iterable[Mapping[str, object]]) -> int:
        """Run one statement for each of the rows, and return how many rows were written."""


class RequestWait:
    """How long the calls of one request have waited for the database, in seconds: they share one deadline."""

    def __init__(self) -> None:
        self.seconds = 0.0


#: Of the request that runs in this task. Elsewhere every call has a deadline of its own.
request_wait: ContextVar[RequestWait | None] = ContextVar("request_wait", default=None)


@contextmanager
def shared_deadline(seconds: float) -> Iterator[float]:
    """Give the deadline of a call: after `seconds`, less what other calls of its request have waited."""
    wait = request_wait.get() or RequestWait()
    began = time.monotonic()
    try:
        yield began + seconds - wait.seconds
    finally:
        wait.seconds += time.monotonic() - began


Work = Callable[[Session], T]


class Database(Protocol):
    """Runs work in transactions, in threads of its own. `work` may run more than once, so it must only use its session.

    Raises `StoreError` when the database cannot be used, and the errors of `app.service.errors`: `unavailable` when a
    transaction certainly did not take effect, `not_confirmed` when that is not known.
    """

    @property
    def name(self) -> str:
        """What to call it in messages: the path, or the address without a password."""

    async def read(self, work: Work[T], *, quick: bool = False) -> T:
        """Run work that only reads. `quick` work reads a few rows; its statements need not see the same moment."""

    async def write(self, work: Work[T]) -> T:
        """Run work in one transaction, and return when it is committed, down to the disk."""

    def submit(self, work: Work[T]) -> "Future[T]":
        """Like `write`, without an event loop."""

    async def close(self) -> None:
        """Finish what has begun, then close."""
