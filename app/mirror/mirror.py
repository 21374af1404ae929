"""The local copy of all customers of one server, searched and sorted on this machine."""

import asyncio
import tempfile
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Self, TypeVar

from app.errors import StoreError
from app.mirror.database import (
    MirrorCorrupt,
    MirrorUnwritable,
    WriterLock,
    open_writer,
    quarantine,
    temp_path,
    translate_errors,
    unlink_files,
)
from app.mirror.reader import MirrorReader, build_page
from app.mirror.search.index import fts5_available
from app.mirror.search.query import Found
from app.mirror.search.values import CountedField
from app.mirror.state import MirrorState
from app.mirror.worker import CancelToken, DatabaseWorker, HasConnection, QueryCancelled
from app.mirror.writer import MirrorWriter
from app.models.customer import Candidates, Customer, ListPosition, Page
from app.models.doubles import Doubles
from app.models.fields import PageRequest
from app.models.raw_customer import RawCustomer
from app.models.values import CityOfZip, ValueInUse
from app.storage.files import make_private_dir

__all__ = ["Mirror", "MirrorState"]

_T = TypeVar("_T")
_O = TypeVar("_O", bound=HasConnection)
_MAX_RECOVERIES = 3
_GONE = "The local copy is gone; a new one is begun."
_LULL = 0.25  # seconds without a page of a full sync, after which there is time to index


class Mirror:
    """A copy of all customers of one server; every method can be awaited from the event loop and blocks nothing.

    One process writes it at a time; in the others the methods that write do nothing, and they see what it wrote.
    Texts sort by code point, as in our own service, so that a list keeps its order when the server goes away; ties are
    broken by the ID, and `DESC` reverses the whole order.

    A file that is lost (corrupt, foreign, deleted, or of another version) is quarantined and recreated; where no file
    can be kept, the copy is in memory from then on. `notes` say why, and `on_recreated` is called: the copy is empty
    then, and has to be filled again. Methods raise `StoreError` only where not even that works.

    `full_text` says whether to search with FTS5; `None` uses it where the SQLite of this Python has it.
    """

    def __init__(self, path: Path, lock: WriterLock | None, *, writer: bool, full_text: bool | None = None) -> None:
        self.notes: tuple[str, ...] = ()
        self.has_full_text_index = fts5_available() if full_text is None else full_text
        self._path = path
        self._lock = lock
        self._writer = writer
        self._write: DatabaseWorker[MirrorWriter] = DatabaseWorker("write", self._open_writer)
        self._find: DatabaseWorker[MirrorReader] = DatabaseWorker("find", self._open_reader)
        self._count: DatabaseWorker[MirrorReader] = DatabaseWorker("count", self._open_reader)
        self._compare: DatabaseWorker[MirrorReader] = DatabaseWorker("compare", self._open_reader)
        self._finding: dict[CancelToken, object] = {}
        self._counting: dict[object, CancelToken] = {}
        self._indexing: CancelToken | None = None
        self._closed = False
        self._busy_until = 0.0
        self._index_task: asyncio.Task[None] | None = None
        self._recovery_lock = asyncio.Lock()
        self._recoveries: set[asyncio.Task[None]] = set()
        self._recovered = 0
        self.on_recreated: Callable[[], None] = lambda: None

    @classmethod
    def open(cls, path: Path | None, *, full_text: bool | None = None) -> Self:
        """Open the mirror in this file; blocks. `None` opens one in unlinked files, gone with the process."""
        if path is not None:
            try:
                return cls._open_named(path, full_text=full_text)
            except MirrorUnwritable as error:
                why = error
        with translate_errors(path or Path(tempfile.gettempdir())):
            unlinked = temp_path()
        mirror = cls(unlinked, None, writer=True, full_text=full_text)
        mirror._open_unlinked()
        if path is not None:
            mirror.notes = (_in_memory(why),)
        return mirror

    @classmethod
    def _open_named(cls, path: Path, *, full_text: bool | None) -> Self:
        with translate_errors(path):
            make_private_dir(path.parent)
            lock = WriterLock(path)
        try:
            with translate_errors(path):
                mirror = cls(path, lock, writer=lock.acquire(), full_text=full_text)
            if mirror._writer:
                try:
                    mirror._write.opened = mirror._open_writer()
                except MirrorCorrupt as error:
                    mirror._recreate(error)
        except MirrorUnwritable:
            lock.close()
            raise
        return mirror

    @property
    def writer(self) -> bool:
        """Whether this process is the one that writes it."""
        return self._writer

    def try_to_write(self) -> bool:
        """Become the writer if there is none; returns whether this process is the writer now."""
        if not self._writer and self._lock is not None:
            self._writer = self._lock.acquire()
        return self._writer

    async def state(self) -> MirrorState:
        """What it holds, and how fresh it is."""
        if self._writer:
            opened = self._write.opened
            # Available at once, also while something is written.
            return opened.state if opened else await self._run(self._write, lambda new: new.state, MirrorState())
        return await self._run(self._find, lambda reader: reader.state(), MirrorState())

    async def page(self, request: PageRequest, *, asker: object = None) -> Page:
        """One page of the customers that the request selects; `Page.origin` says how fresh it is.

        It interrupts a search of the same asker for other words, which goes on after it if its caller still waits.
        """
        for other, other_asker in self._finding.items():
            if other_asker is asker and other.find != request.find:
                other.cancel()
        empty = build_page(request, Found([], 0), [], MirrorState())
        while True:
            token = CancelToken(request.find)
            self._finding[token] = asker
            try:
                return await self._run(self._find, lambda reader: reader.page(request), empty, token)
            except QueryCancelled:
                continue
            finally:
                del self._finding[token]

    async def count(self, request: PageRequest, *, asker: object = None) -> int | None:
        """How many customers the request selects, counted to the end; `None` if a newer count of the asker interrupts
        it.
        """
        before = self._counting.get(asker)
        token = self._counting[asker] = CancelToken(request.find)
        if before is not None:
            before.cancel()
        try:
            return await self._run(self._count, lambda reader: reader.count(request), 0, token)
        except QueryCancelled:
            return None
        finally:
            if self._counting.get(asker) is token:
                del self._counting[asker]

    async def rank(self, request: PageRequest, short_id: str) -> int | None:
        """How many customers of a list come before this one, whether the list has it or not; `None` if unknown."""
        return await self._run(self._find, lambda reader: reader.rank(request, short_id), None)

    async def customer(self, short_id: str) -> Customer | None:
        """The customer with exactly this ID, as last seen."""
        return await self._run(self._find, lambda reader: reader.customer(short_id), None)

    async def newer(self, customers: Sequence[Customer]) -> list[Customer]:
        """Those of these customers of which the mirror has a newer version, in that version."""
        return await self._run(self._find, lambda reader: reader.newer(customers), [])

    async def look_alikes(self, short_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """For each of these IDs that has any, the IDs a person could confuse with it; none before it is complete."""
        return await self._run(self._find, lambda reader: reader.look_alikes(short_ids), {})

    async def resembling(self, short_id: str) -> Candidates:
        """The customers whose IDs may have been meant by this one, the likeliest first."""
        nothing = Candidates((), complete=False)
        return await self._run(self._find, lambda reader: reader.resembling(short_id), nothing)

    async def suggestions(self, typed: str, most: int, request: PageRequest) -> Candidates:
        """At most this many customers who begin with what is typed, in the order of a list."""
        nothing = Candidates((), complete=False)
        return await self._run(self._find, lambda reader: reader.suggestions(typed, most, request), nothing)

    async def position(self, request: PageRequest, typed: str) -> ListPosition | None:
        """The row of the list at or after what is typed; `None` while rows of the list are missing here."""
        return await self._run(self._find, lambda reader: reader.position(request, typed), None)

    async def values_in_use(self, field: CountedField) -> list[ValueInUse]:
        """The values that customers have in this field, the most used first."""
        return await self._run(self._find, lambda reader: reader.values_in_use(field), [])

    async def places_of_zip(self, code: str, country: str) -> list[CityOfZip]:
        """Where customers with this zip are (in this country, unless it is empty), the most usual place first."""
        return await self._run(self._find, lambda reader: reader.places_of_zip(code, country), [])

    async def doubles(self, most: int) -> Doubles | None:
        """At most this many groups of customers that share a phone, an e-mail or an address; `None` if unreadable."""
        # No search or count waits for it; it ends when its caller does.
        return await self._run(self._compare, lambda reader: reader.doubles(most), None, CancelToken())

    async def begin_full_sync(self) -> int:
        """Begin to read all customers; rows stored under the number returned are marked as seen in it."""
        return await self._run_writer(lambda writer: writer.begin_full_sync(), 0)

    async def upsert(self, rows: Sequence[Customer | RawCustomer], full_sync: int | None = None) -> int:
        """Store these customers; returns how many were new or differed, for only they are written."""
        written = await self._run_writer(lambda writer: writer.upsert(rows, full_sync), 0)
        if full_sync is not None:
            self._busy_until = asyncio.get_running_loop().time() + _LULL
        if written:
            self._start_indexing()
        return written

    async def end_full_sync(self, full_sync: int, at: datetime, *, drop_missing: bool) -> int:
        """The full sync and the mirror are complete; returns how many rows it did not bring and were deleted."""
        dropped = await self._run_writer(
            lambda writer: writer.end_full_sync(full_sync, at, drop_missing=drop_missing), 0
        )
        self._busy_until = 0.0
        self._start_indexing()
        return dropped

    async def set_expected_total(self, expected: int, newest: str = "") -> None:
        """While it is filled: how many customers there will be, and the newest `modified` so far."""
        await self._run_writer(lambda writer: writer.set_expected_total(expected, newest), None)

    async def note_synced(self, at: datetime, expected: int | None, newest: str = "") -> None:
        """The mirror was what the server had at this moment, with this many customers.

        `newest` is the largest `modified` that came with what was read; `""` leaves it as it was. A `put` does not
        move it: what others changed before that may not have been read yet.
        """
        await self._run_writer(lambda writer: writer.note_synced(at, expected, newest), None)

    async def put(self, customer: Customer) -> None:
        """Store what the server just answered for one customer; older copies of it do not replace it."""
        self._preempt_indexing()
        await self._run_writer(lambda writer: writer.upsert([customer], put=True), 0)
        self._start_indexing()

    async def forget(self, short_id: str) -> None:
        """The server has no customer with this ID: delete it."""
        self._preempt_indexing()
        await self._run_writer(lambda writer: writer.forget(short_id), None)
        self._start_indexing()

    async def wait_indexed(self) -> None:
        """Wait until what was written is indexed; searches are right before that too, but slower."""
        if self._index_task is not None:
            await self._index_task

    async def close(self) -> None:
        """Finish what is being written, then close; a second time does nothing."""
        if self._closed:
            return
        self._closed = True
        self._busy_until = 0.0
        for token in (*self._finding, *self._counting.values(), self._indexing):
            if token is not None:
                token.cancel()
        if self._index_task is not None:
            await self._index_task
        if self._recoveries:
            await asyncio.wait(self._recoveries)
        for worker in (self._find, self._count, self._compare, self._write):
            await worker.close()
            worker.end()
        if self._lock is not None:
            self._lock.close()

    def _start_indexing(self) -> None:
        if self._index_task is None or self._index_task.done():
            self._index_task = asyncio.get_running_loop().create_task(self._index())

    def _preempt_indexing(self) -> None:
        """Let a person's own change be written now: an order of a million rows takes seconds to build."""
        if self._indexing is not None:
            self._indexing.cancel()

    async def _index(self) -> None:
        try:
            while not self._closed and await self._index_next():
                pass
        except StoreError:
            # It is tried again after the next write, which will report what is wrong.
            return

    async def _index_next(self) -> bool:
        """Index a batch; returns whether there may be more to do."""
        lull = self._busy_until - asyncio.get_running_loop().time()
        if lull > 0:
            # The pages of a full sync come first.
            await asyncio.sleep(lull)
            return True
        token = self._indexing = CancelToken()
        try:
            return await self._run(self._write, lambda writer: writer.index_next(), default=False, token=token)
        except QueryCancelled:
            # It goes on behind the write that preempted it.
            return True

    async def _run_writer(self, work: Callable[[MirrorWriter], _T], default: _T) -> _T:
        return await self._run(self._write, work, default) if self._writer else default

    async def _run(
        self, worker: DatabaseWorker[_O], work: Callable[[_O], _T], default: _T, token: CancelToken | None = None
    ) -> _T:
        """Do the work in the worker, recovering a lost file; returns `default` where no mirror can be read."""

        def work_translated(opened: _O) -> _T:
            with translate_errors(self._path):
                return work(opened)

        for _ in range(_MAX_RECOVERIES):
            recovered = self._recovered
            try:
                if self._lock is not None and self._lock.was_deleted:
                    await self._complete(self._reacquire_lock())
                if worker is self._write and not self._writer:
                    break
                if isinstance(worker.opened, MirrorReader) and self._lock is not None and not worker.opened.is_current:
                    await worker.close()
                if self._recovery_lock.locked():
                    # The recovery opens the file: the worker must not open it meanwhile.
                    async with self._recovery_lock:
                        pass
                return await worker.run(work_translated, token)
            except MirrorCorrupt as error:
                await self._complete(self._recover(error, recovered))
            except MirrorUnwritable as error:
                await self._complete(self._go_without_file(error, recovered))
        return default

    async def _complete(self, work: Coroutine[Any, Any, None]) -> None:
        """Wait for work that must not be left half done when its caller is cancelled, by the next letter for one."""
        task = asyncio.create_task(work)
        self._recoveries.add(task)
        task.add_done_callback(self._recoveries.discard)
        # Without a caller the error is reported by the next call.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.wait({task})
        task.result()

    async def _recover(self, error: MirrorCorrupt, recovered: int) -> None:
        """The file cannot be used: the writer recreates it, once however many calls noticed."""
        async with self._recovery_lock:
            if recovered != self._recovered:
                return
            await self._close_workers()
            if self.try_to_write():
                try:
                    await asyncio.to_thread(self._recreate, error)
                except MirrorUnwritable as unwritable:
                    await self._open_without_file(unwritable)
                self.on_recreated()

    async def _reacquire_lock(self) -> None:
        """The folder was emptied: our files are orphaned, and another process may have created new ones."""
        async with self._recovery_lock:
            if self._lock is None or not self._lock.was_deleted:
                return
            with translate_errors(self._path):
                make_private_dir(self._path.parent)
                lock = WriterLock(self._path)
            await self._close_workers()
            # Close the old descriptor only after the new one is open; closing it twice could hit a reused number.
            self._lock.close()
            self._lock = lock
            self._writer = lock.acquire()
            if not self._writer:
                return
            gone = not self._path.exists()
            try:
                # At once: another call that finds no file would recreate it again.
                self._write.opened = await asyncio.to_thread(self._open_writer)
            except MirrorCorrupt as error:
                await asyncio.to_thread(self._recreate, error)
            else:
                self.notes += (_GONE,) if gone else ()
            if gone or not self._write.opened or not self._write.opened.state.complete:
                self.on_recreated()

    async def _go_without_file(self, error: MirrorUnwritable, recovered: int) -> None:
        """Go on in memory where no file can be kept; raises the error where that is so already."""
        async with self._recovery_lock:
            if recovered != self._recovered:
                return
            await self._open_without_file(error)
            self.on_recreated()

    async def _open_without_file(self, error: MirrorUnwritable) -> None:
        if self._lock is None:
            raise error
        await self._close_workers()
        with translate_errors(self._path):
            path = await asyncio.to_thread(temp_path)
        lock, self._lock = self._lock, None
        lock.close()
        self._path = path
        self._writer = True
        self.notes = (*self.notes, _in_memory(error))
        await asyncio.to_thread(self._open_unlinked)

    async def _close_workers(self) -> None:
        self._recovered += 1
        for worker in (self._find, self._count, self._compare, self._write):
            await worker.close()

    def _recreate(self, error: MirrorCorrupt) -> None:
        if self._lock is None:
            self._open_unlinked()
            return
        with translate_errors(self._path):
            self.notes = (*self.notes, quarantine(self._path, str(error)))
        self._write.opened = self._open_writer()

    def _open_unlinked(self) -> None:
        """Open all connections, then unlink the files."""
        with translate_errors(self._path):
            self._path.parent.mkdir(mode=0o700, exist_ok=True)
            try:
                self._write.opened = self._open_writer()
                self._find.opened = self._open_reader()
                self._count.opened = self._open_reader()
                self._compare.opened = self._open_reader()
            except BaseException:
                for worker in (self._find, self._count, self._compare, self._write):
                    worker.close_now()
                raise
            finally:
                unlink_files(self._path)

    def _open_reader(self) -> MirrorReader:
        return MirrorReader(self._path, full_text=self.has_full_text_index)

    def _open_writer(self) -> MirrorWriter:
        """Open the file; raises `MirrorCorrupt` also when that shows only in what is read to begin with."""
        connection = open_writer(self._path, full_text=self.has_full_text_index)
        try:
            with translate_errors(self._path):
                return MirrorWriter(connection, full_text=self.has_full_text_index)
        except BaseException:
            connection.close()
            raise


def _in_memory(error: StoreError) -> str:
    return f"The local copy is kept in memory only: {error.text}"
