"""PostgreSQL, or an engine that speaks its protocol: connections made when asked for, bounded transactions, retries.

What the service answers as done is committed. When it is not known whether a COMMIT took effect, the answer is
`not_confirmed`, and nothing is repeated; everything before a COMMIT can be repeated, because it left no trace.
"""

import asyncio
import re
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import lru_cache
from operator import methodcaller
from typing import Any, Final, LiteralString, Self, TypeVar, cast

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_attempts, conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus

from app.errors import ApiError, SettingsError, StoreError
from app.service.database.base import Dialect, Rows, Work, shared_deadline
from app.service.database.schema import POSTGRES, SCHEMA_VERSION, VERSION_TABLE, create_statements
from app.service.errors import not_confirmed, unavailable

#: How long a request waits for a database that does not answer, in seconds, and how often it is tried meanwhile.
_DEADLINE: Final = 15.0
_TRY_EVERY: Final = 0.25
#: How often several servers are asked which of them was promoted last, in seconds.
_LOOK_EVERY: Final = 5.0
#: How long a transaction that lost against another one lets others go first.
_TURN: Final = 0.005
_THREADS: Final = 8
#: Of libpq, unless the URL says otherwise: only a server that can be written, and no waiting for dead ones.
_DEFAULTS: Final = {
    "target_session_attrs": "read-write",
    "connect_timeout": "3",
    "tcp_user_timeout": "5000",
    "keepalives_idle": "10",
    "application_name": "dockbook",
    "client_encoding": "utf8",
}
#: Transactions are bounded, so that the ten minutes by which readers of `modifiedSince` overlap are enough.
_SETTINGS: Final = (
    # A plan for any LIMIT and OFFSET reads and sorts all customers for one page.
    "SET plan_cache_mode = 'force_custom_plan'",
    # Starting helpers takes longer than the largest count that is asked for.
    "SET max_parallel_workers_per_gather = 0",
    "SET statement_timeout = '10s'",
    "SET lock_timeout = '5s'",
    "SET idle_in_transaction_session_timeout = '10s'",
)
#: Begins and asks for the time in one round trip.
_BEGIN: Final = "BEGIN; SELECT (clock_timestamp() AT TIME ZONE 'UTC')"
_BEGIN_READING: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
#: The first eight digits are the timeline, which every promotion raises.
_TIMELINE: Final = "SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)"
#: What waiting does not mend. A failed connection has no SQLSTATE, only a text; in another language than English it is
#: tried until the deadline, as everything else.
_REFUSAL: Final = re.compile(
    r"authentication failed|no password supplied|no pg_hba\.conf entry|pg_hba\.conf rejects"
    r'|(role|database) "[^"]*" does not exist|is not permitted to log in|permission denied for database'
    r"|certificate|does not support SSL|SSL was required|private key file"
)
_PARAMETER: Final = re.compile(r"(?<![:\w]):([A-Za-z_]\w*)")
#: Another transaction was in the way; nothing happened.
_TRANSIENT: Final = (
    errors.SerializationFailure,
    errors.DeadlockDetected,
    errors.LockNotAvailable,
    errors.QueryCanceled,
)

T = TypeVar("T")


class PostgresSession:
    """Runs statements on one connection."""

    dialect: Dialect = POSTGRES

    def __init__(self, connection: "psycopg.Connection[Any]", now: datetime | None = None) -> None:
        self._connection = connection
        self._now = now

    @classmethod
    def begin(cls, connection: "psycopg.Connection[Any]") -> Self:
        """Begin a transaction that writes."""
        cursor = connection.execute(_BEGIN)
        cursor.nextset()
        (now,) = cursor.fetchone() or (None,)
        return cls(connection, now)

    @property
    def now(self) -> datetime:
        """The time of the database server when the transaction began, naive UTC: all processes have the same clock."""
        if self._now is None:
            raise AssertionError("only transactions that write have a time")
        return self._now

    def execute(self, sql: str, parameters: Mapping[str, object] = {}) -> Rows:
        """Run one statement."""
        return self._connection.execute(_translate(sql), parameters or None)

    def execute_many(self, sql: str, rows: Iterable[Mapping[str, object]]) -> int:
        """Run one statement for each of the rows."""
        with self._connection.cursor() as cursor:
            cursor.executemany(_translate(sql), cast("Iterable[Mapping[str, Any]]", rows))
            return cursor.rowcount


class PostgresDatabase:
    """A database on one PostgreSQL server, or on a primary and its standbys. Several processes may use it.

    Connections are made when they are needed, again and again until the deadline: after a failover the next one goes
    to the new primary at once. A server on an older timeline than one seen before is a primary that was replaced and
    came back, and is not used. Where the URL names several, all of them are looked at before the first connection, and
    now and then.
    """

    def __init__(self, url: str, *, deadline: float = _DEADLINE) -> None:
        try:
            given = {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
        except psycopg.ProgrammingError as error:
            raise SettingsError(f"The database URL cannot be read: {str(error).strip()}.") from None
        self._conninfo = _DEFAULTS | given
        self._has_several = "," in (given.get("hostaddr") or given.get("host", ""))
        self.name = f"postgresql://{_servers(given)}/{given.get('dbname', '')}"
        self._deadline = deadline
        #: Connections, each with the timeline of its server.
        self._idle: deque[tuple[str, psycopg.Connection[Any]]] = deque()
        self._threads = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="postgres")
        self._timeline = ""
        self._last_used = ""
        self._lock = threading.Lock()
        #: Whether a server was reached yet. The first thread that needs one looks at all, the others wait for it.
        self._reached = False
        self._first_look = threading.Lock()
        self._watcher = threading.Thread(target=self._watch, name="postgres-watcher", daemon=True)
        self._closing = threading.Event()

    async def read(self, work: Work[T], *, quick: bool = False) -> T:
        """Run work that only reads; quick work outside of a transaction, in one round trip a statement."""
        self._check_open()
        with shared_deadline(self._deadline) as deadline:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._read, work, quick, deadline)

    async def write(self, work: Work[T]) -> T:
        """Run work in a transaction, and return once it is committed, on the synchronous standby too."""
        self._check_open()
        with shared_deadline(self._deadline) as deadline:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._write, work, deadline)

    def submit(self, work: Work[T]) -> "Future[T]":
        """Hand work to a thread."""
        self._check_open()
        return self._threads.submit(self._write, work, time.monotonic() + self._deadline)

    async def close(self) -> None:
        """Finish what has begun, then close all connections."""
        if not self._closing.is_set():
            self._closing.set()
            await asyncio.to_thread(self._close)

    def check_schema(self) -> None:
        """Raise `StoreError` when the tables are missing, old or newer than this program."""
        found = self._submit_and_wait(_read_version)
        if found == SCHEMA_VERSION:
            return
        if found > SCHEMA_VERSION:
            raise StoreError(
                f"{self.name} was made by a newer dockbook (schema {found}, this one knows {SCHEMA_VERSION}). "
                "Update dockbook; nothing was changed."
            )
        raise StoreError(f"{self.name} has no tables of this version yet. Run: dockbook migrate --database …")

    def migrate(self) -> bool:
        """Create the tables; return whether there was anything to do. Two processes may try at the same time."""
        found = self._submit_and_wait(_read_version)
        if found >= SCHEMA_VERSION:
            self.check_schema()
            return False
        (encoding,) = self._submit_and_wait(lambda session: session.execute("SHOW server_encoding").fetchone())
        if encoding != "UTF8":
            raise StoreError(f"{self.name} has the encoding {encoding}. Create a database with the encoding UTF8.")
        version = f"INSERT INTO schema_version (version) VALUES ({SCHEMA_VERSION}) ON CONFLICT (version) DO NOTHING"
        for statement in (VERSION_TABLE, *create_statements(POSTGRES), version):
            # Each in a transaction of its own: some engines allow one such statement only.
            self._submit_and_wait(methodcaller("execute", statement))
        return True

    def _submit_and_wait(self, work: Work[T]) -> T:
        try:
            return self.submit(work).result()
        except ApiError as error:
            raise StoreError(error.response.message) from error

    def _check_open(self) -> None:
        if self._closing.is_set():
            raise StoreError("The database is closed.")

    def _read(self, work: Work[T], quick: bool, deadline: float) -> T:
        while True:
            with self._retrying(deadline), self._connection() as connection:
                if quick:
                    return work(PostgresSession(connection))
                connection.execute(_BEGIN_READING)
                result = work(PostgresSession(connection))
                connection.execute("COMMIT")
                return result

    def _write(self, work: Work[T], deadline: float) -> T:
        while True:
            with self._retrying(deadline), self._connection() as connection:
                result = work(PostgresSession.begin(connection))
                _commit(connection)
                return result

    @contextmanager
    def _retrying(self, deadline: float) -> Iterator[None]:
        """Let the block run again when the database was away or another transaction was in the way.

        Work that waited for a thread until the deadline is not begun: a crowd would wait many times as long.
        """
        if time.monotonic() >= deadline:
            raise unavailable("The database does not answer in time.")
        try:
            yield
        except (psycopg.OperationalError, psycopg.InterfaceError, errors.ReadOnlySqlTransaction) as error:
            if isinstance(error, errors.DiskFull | errors.OutOfMemory):
                raise StoreError(_one_line(error)) from error
            pause = _TURN if isinstance(error, _TRANSIENT) else _TRY_EVERY
            if time.monotonic() + pause >= deadline:
                raise unavailable(f"The database does not answer: {_one_line(error)}.") from error
            time.sleep(pause)
        except psycopg.Error as error:
            raise StoreError(f"{self.name}: {_one_line(error)}.") from error

    @contextmanager
    def _connection(self) -> Iterator["psycopg.Connection[Any]"]:
        """A connection for the block, rolled back if the block fails, and closed if it is of no more use."""
        timeline, connection = self._take_idle() or self._connect()
        try:
            yield connection
        except errors.ReadOnlySqlTransaction:
            # This server was the primary.
            connection.close()
            raise
        finally:
            if not connection.closed and connection.info.transaction_status != TransactionStatus.IDLE:
                with suppress(psycopg.Error):
                    # What cannot be rolled back is closed, which comes to the same.
                    connection.execute("ROLLBACK")
            usable = not connection.closed and connection.info.transaction_status == TransactionStatus.IDLE
            if usable and timeline == self._timeline and not self._closing.is_set():
                self._idle.append((timeline, connection))
            else:
                connection.close()

    def _take_idle(self) -> "tuple[str, psycopg.Connection[Any]] | None":
        while True:
            try:
                timeline, connection = self._idle.pop()
            except IndexError:
                return None
            if timeline == self._timeline:
                return timeline, connection
            connection.close()

    def _connect(self) -> "tuple[str, psycopg.Connection[Any]]":
        """Connect to the first server that can be used. A former primary must not hide the servers named after it."""
        with self._first_look:
            if self._has_several and not self._reached:
                self._look_around()
        failures = []
        for server in self._servers():
            try:
                return self._connect_to(server)
            except psycopg.OperationalError as error:
                failures.append(_one_line(error))
        # All addresses of one name are one server.
        enough = all if self._has_several else any
        if not self._reached and enough(map(_REFUSAL.search, failures)):
            raise StoreError(f"{self.name} cannot be used: {'; '.join(failures)}. Check the database URL.")
        raise psycopg.OperationalError("; ".join(failures))

    def _servers(self) -> list[str]:
        """All servers, the one that was used last first: where a machine does not answer, each try takes seconds."""
        servers = [make_conninfo("", **server) for server in conninfo_attempts(self._conninfo)]
        return sorted(servers, key=lambda server: server != self._last_used)

    def _look_around(self) -> None:
        """Learn the last timeline of all servers that can be reached."""
        for server in self._servers():
            with suppress(psycopg.Error):
                _, connection = self._connect_to(server)
                connection.close()

    def _watch(self) -> None:
        """Notice a new primary, also while the former one answers."""
        while not self._closing.wait(_LOOK_EVERY):
            with suppress(psycopg.Error):
                self._look_around()

    def _connect_to(self, server: str) -> "tuple[str, psycopg.Connection[Any]]":
        connection: psycopg.Connection[Any] = psycopg.connect(server, autocommit=True, prepare_threshold=2)
        try:
            for setting in _SETTINGS:
                connection.execute(setting)
            timeline = _timeline(connection)
            with self._lock:
                if timeline < self._timeline:
                    raise psycopg.OperationalError("This server is a former primary that was replaced")  # noqa: TRY301
                # From now on, connections to the former primary are closed when they are next used.
                self._timeline = timeline
                self._last_used = server
                if not self._reached:
                    self._reached = True
                    if self._has_several:
                        self._watcher.start()
        except BaseException:
            connection.close()
            raise
        return timeline, connection

    def _close(self) -> None:
        self._threads.shutdown(wait=True)
        if self._watcher.is_alive():
            self._watcher.join()
        for _, connection in self._idle:
            connection.close()


def _servers(conninfo: Mapping[str, str]) -> str:
    """The hosts with their ports, as in a URL."""
    hosts = conninfo.get("host", "").split(",")
    ports = conninfo.get("port", "").split(",")
    if len(ports) < len(hosts):
        ports = ports[:1] * len(hosts)
    return ",".join(f"{host}:{port}" if port else host for host, port in zip(hosts, ports, strict=False))


def _timeline(connection: "psycopg.Connection[Any]") -> str:
    try:
        (timeline,) = connection.execute(_TIMELINE).fetchone() or ("",)
    except (errors.UndefinedFunction, errors.FeatureNotSupported, errors.InsufficientPrivilege):
        # Another engine, which has no timelines.
        return ""
    return str(timeline)


def _commit(connection: "psycopg.Connection[Any]") -> None:
    """Commit, and know that it is durable. Raises `not_confirmed` when that is not known.

    A COMMIT whose wait for the synchronous standby was cancelled succeeds with a warning: the primary alone has it.
    """
    warnings: list[str] = []

    def note(diagnostic: "psycopg.errors.Diagnostic") -> None:
        if diagnostic.severity_nonlocalized == "WARNING":
            warnings.append(diagnostic.message_primary or "")

    connection.add_notice_handler(note)
    try:
        if connection.execute("COMMIT").statusmessage != "COMMIT":
            raise StoreError("The database rolled the transaction back.")
    except (errors.SerializationFailure, errors.DeadlockDetected):
        # The server says that it was rolled back.
        raise
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        raise not_confirmed() from error
    finally:
        connection.remove_notice_handler(note)
    if warnings:
        raise not_confirmed()


def _read_version(session: Any) -> int:
    (table,) = session.execute("SELECT to_regclass('schema_version')").fetchone()
    if table is None:
        return 0
    (version,) = session.execute("SELECT coalesce(max(version), 0) FROM schema_version").fetchone()
    return int(version)


@lru_cache(maxsize=256)
def _translate(sql: str) -> "LiteralString":
    """The statement with psycopg's way to write parameters."""
    return _PARAMETER.sub(r"%(\1)s", sql)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".?") or type(error).__name__
