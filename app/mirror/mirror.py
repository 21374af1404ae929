"""A copy of all customers of one server, kept on this machine, searched and sorted here."""

import asyncio
import tempfile
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar

from app.errors import StoreError
from app.mirror.database import (
    Damaged,
    UnusablePlace,
    WriterPlace,
    make_folder,
    nameless_path,
    open_writer,
    remove_names,
    set_aside,
    told,
)
from app.mirror.priority import Way
from app.mirror.reader import Reading, page_of
from app.mirror.search.block_scan import Stale
from app.mirror.search.query import Found
from app.mirror.search.result_cache import Known
from app.mirror.state import MirrorState
from app.mirror.worker import Job, Lane, Opened
from app.mirror.writer import Writing
from app.models.customer import Candidates, Customer, Page
from app.models.fields import PageRequest
from app.models.raw_customer import RawCustomer

__all__ = ["Mirror", "MirrorState"]

_T = TypeVar("_T")
_O = TypeVar("_O", bound=Opened)
_MOST_MENDINGS = 3
_GONE = "The copy of the customers on this machine is gone; a new one is begun."
_LULL = 0.25  # seconds without a page of a sweep, after which there is time to index


class Mirror:
    """A copy of all customers of one server; every method may be awaited from the event loop and blocks nothing.

    One process writes it at a time; in the others the methods that write do nothing, and the others see what it
    wrote. Texts sort by code point, as in our own service, so that a list keeps its order when the server goes;
    ties are broken by the ID, and `DESC` turns the whole round.

    A file that is lost (damaged, foreign, gone, or of a newer program) is set aside and begun anew; where no file can
    be kept, the copy is in memory from then on. `notes` tells why, and `on_begun_anew` is called: the copy is empty
    then, and is to be filled again. Methods raise `StoreError` only where not even that goes.
    """

    def __init__(self, path: Path, place: WriterPlace | None, *, writer: bool) -> None:
        self.notes: tuple[str, ...] = ()
        self._path = path
        self._place = place
        self._known = Known()
        self._way = Way()
        self._writer = writer
        self._write: Lane[Writing] = Lane("write", self._open_writer)
        self._find: Lane[Reading] = Lane("find", self._open_reader)
        self._count: Lane[Reading] = Lane("count", self._open_reader)
        self._finding: set[Job] = set()
        self._counting: Job | None = None
        self._indexing: Job | None = None
        self._closed = False
        self._busy_until = 0.0
        self._tending: asyncio.Task[None] | None = None
        self._mending = asyncio.Lock()
        self._mendings: set[asyncio.Task[None]] = set()
        self._mended = 0
        self.on_begun_anew: Callable[[], None] = lambda: None

    @classmethod
    def open(cls, path: Path | None) -> Self:
        """Open the mirror of this file; blocks. `None` opens one in files without a name, gone with the process."""
        if path is not None:
            try:
                return cls._open_named(path)
            except UnusablePlace as error:
                why = error
        with told(path or Path(tempfile.gettempdir())):
            nameless = nameless_path()
        mirror = cls(nameless, None, writer=True)
        mirror._open_nameless()
        if path is not None:
            mirror.notes = (_in_memory(why),)
        return mirror

    @classmethod
    def _open_named(cls, path: Path) -> Self:
        with told(path):
            make_folder(path)
            place = WriterPlace(path)
        try:
            with told(path):
                mirror = cls(path, place, writer=place.take())
            if mirror._writer:
                try:
                    mirror._write.opened = mirror._open_writer()
                except Damaged as error:
                    mirror._begin_anew(error)
        except UnusablePlace:
            place.close()
            raise
        return mirror

    @property
    def writer(self) -> bool:
        """Whether this process is the one that writes it."""
        return self._writer

    def try_to_write(self) -> bool:
        """Take the writer's place if it is free; tells whether this process has it now."""
        if not self._writer and self._place is not None:
            self._writer = self._place.take()
        return self._writer

    async def state(self) -> MirrorState:
        """What it holds, and how fresh that is."""
        if self._writer:
            opened = self._write.opened
            # It is there at once, also while something is written.
            return opened.state if opened else await self._do(self._write, lambda new: new.state, MirrorState())
        return await self._do(self._find, lambda reading: reading.state(), MirrorState())

    async def page(self, request: PageRequest) -> Page:
        """One page of the customers that were asked for; `Page.origin` says how far to trust it.

        A look for other words is interrupted by it, and goes on behind it where somebody still waits.
        """
        for other in self._finding:
            if other.find != request.find:
                other.stop()
        empty = page_of(request, Found([], 0), [], MirrorState())
        while True:
            job = Job(request.find)
            self._finding.add(job)
            try:
                with self._way.taken():
                    return await self._do(self._find, partial(Reading.page, request=request, job=job), empty, job)
            except Stale:
                continue
            finally:
                self._finding.remove(job)

    async def count(self, request: PageRequest) -> int | None:
        """How many customers were asked for, counted to the end; `None` when a newer count interrupted it."""
        before = self._counting
        job = self._counting = Job(request.find, self._way.give)
        if before is not None:
            before.stop()
        try:
            return await self._do(self._count, lambda reading: reading.count(request, job), 0, job)
        except Stale:
            return None

    async def customer(self, short_id: str) -> Customer | None:
        """The customer with exactly this ID, as last seen."""
        return await self._do(self._find, lambda reading: reading.customer(short_id), None)

    async def newer(self, customers: Sequence[Customer]) -> list[Customer]:
        """Those of these customers of which a newer state is known, in that state."""
        return await self._do(self._find, lambda reading: reading.newer(customers), [])

    async def look_alikes(self, short_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """For each of these IDs that has any, the others that a person could take for it; none before it is whole."""
        return await self._do(self._find, lambda reading: reading.look_alikes(short_ids), {})

    async def resembling(self, short_id: str) -> Candidates:
        """The customers whose IDs may have been meant by this one, the likeliest first."""
        nobody = Candidates((), complete=False)
        return await self._do(self._find, lambda reading: reading.resembling(short_id), nobody)

    async def suggestions(self, typed: str, most: int) -> Candidates:
        """The customers whose ID or name begins with what is typed, at most so many, IDs first."""
        nobody = Candidates((), complete=False)
        with self._way.taken():
            return await self._do(self._find, lambda reading: reading.suggestions(typed, most), nobody)

    async def begin_sweep(self) -> int:
        """Begin to read all customers anew; rows taken under the number are marked as seen in it."""
        return await self._put_down(lambda writing: writing.begin_sweep(), 0)

    async def take(self, rows: Sequence[Customer | RawCustomer], sweep: int | None = None) -> int:
        """Keep these customers; tells how many were new or differed, for only they are written."""
        written = await self._put_down(lambda writing: writing.take(rows, sweep), 0)
        if sweep is not None:
            self._busy_until = asyncio.get_running_loop().time() + _LULL
        if written:
            self._tend()
        return written

    async def end_sweep(self, sweep: int, at: datetime, *, drop_missing: bool) -> int:
        """The sweep was whole, and so is the mirror; tells how many rows were dropped because it had not seen them."""
        dropped = await self._put_down(lambda writing: writing.end_sweep(sweep, at, drop_missing=drop_missing), 0)
        self._busy_until = 0.0
        self._tend()
        return dropped

    async def expect(self, expected: int, newest: str = "") -> None:
        """While it is being filled: so many customers are going to be there, and the newest `modified` so far."""
        await self._put_down(lambda writing: writing.expect(expected, newest), None)

    async def note_synced(self, at: datetime, expected: int | None, newest: str = "") -> None:
        """The mirror was what the server had at this moment, with so many customers.

        `newest` is the largest `modified` that came with what was read; `""` leaves it as it was. A `put` does not
        move it: what others changed before it may not have been read yet.
        """
        await self._put_down(lambda writing: writing.note_synced(at, expected, newest), None)

    async def put(self, customer: Customer) -> None:
        """Keep what the server just answered for one customer; older copies of it do not replace it."""
        self._hurry()
        with self._way.needed():
            await self._put_down(lambda writing: writing.take([customer], put=True), 0)
        self._tend()

    async def forget(self, short_id: str) -> None:
        """The server has no customer with this ID."""
        self._hurry()
        with self._way.needed():
            await self._put_down(lambda writing: writing.forget(short_id), None)
        self._tend()

    async def idle(self) -> None:
        """Wait while somebody finds, but not long: to be called between two steps of what can wait."""
        await self._way.given()

    async def tended(self) -> None:
        """Wait until what was written is indexed; finding is right before that too, but slower."""
        if self._tending is not None:
            await self._tending

    async def close(self) -> None:
        """Finish what is being written, then close; a second time does nothing."""
        if self._closed:
            return
        self._closed = True
        self._busy_until = 0.0
        for job in (*self._finding, self._counting, self._indexing):
            if job is not None:
                job.stop()
        if self._tending is not None:
            await self._tending
        if self._mendings:
            await asyncio.wait(self._mendings)
        for lane in (self._find, self._count, self._write):
            await lane.close()
            lane.end()
        if self._place is not None:
            self._place.close()

    def _tend(self) -> None:
        if self._tending is None or self._tending.done():
            self._tending = asyncio.get_running_loop().create_task(self._index())

    def _hurry(self) -> None:
        """Let a person's own change be written now: an order of a million rows takes seconds to build."""
        if self._indexing is not None:
            self._indexing.stop()

    async def _index(self) -> None:
        self._indexing = Job()
        try:
            while await self._index_next(self._indexing):
                pass
        except Stale:
            # It is taken up again after the write that was in a hurry.
            return
        except StoreError:
            # It is tried again after the next write, which will say what is wrong.
            return

    async def _index_next(self, job: Job) -> bool:
        """Index one thing more; the pages of a sweep come first, unless too much is left to do."""
        lull = self._busy_until - asyncio.get_running_loop().time()
        opened = self._write.opened
        if lull > 0 and opened is not None and not opened.is_behind:
            await asyncio.sleep(lull)
            return True
        return await self._do(self._write, lambda writing: writing.index_one(), default=False, job=job)

    async def _put_down(self, work: Callable[[Writing], _T], default: _T) -> _T:
        return await self._do(self._write, work, default) if self._writer else default

    async def _do(self, lane: Lane[_O], work: Callable[[_O], _T], default: _T, job: Job | None = None) -> _T:
        """Do the work in the lane; `default` is what it gives where there is no mirror that can be read."""

        def told_of(opened: _O) -> _T:
            with told(self._path):
                return work(opened)

        for _ in range(_MOST_MENDINGS):
            mended = self._mended
            try:
                if self._place is not None and self._place.is_gone:
                    await self._see_through(self._take_another_place())
                if lane is self._write and not self._writer:
                    break
                if isinstance(lane.opened, Reading) and self._place is not None and not lane.opened.is_current:
                    await lane.close()
                if self._mending.locked():
                    # What is opened meanwhile is not to be opened by a lane, too.
                    async with self._mending:
                        pass
                return await lane.run(told_of, job)
            except Damaged as error:
                await self._see_through(self._mend(error, mended))
            except UnusablePlace as error:
                await self._see_through(self._go_without_file(error, mended))
        return default

    async def _see_through(self, work: Coroutine[Any, Any, None]) -> None:
        """Wait for what must not be left half done, whoever stops waiting: the next letter typed to find, for one."""
        task = asyncio.create_task(work)
        self._mendings.add(task)
        task.add_done_callback(self._mendings.discard)
        # Where nobody waits any more, the next who asks is told what is wrong.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.wait({task})
        task.result()

    async def _mend(self, error: Damaged, mended: int) -> None:
        """Set a damaged file aside and begin anew, where this process may; others wait until the writer does."""
        async with self._mending:
            if mended != self._mended:
                return
            await self._close_lanes()
            if self.try_to_write():
                try:
                    await asyncio.to_thread(self._begin_anew, error)
                except UnusablePlace as unusable:
                    await self._open_without_file(unusable)
                self.on_begun_anew()

    async def _take_another_place(self) -> None:
        """The folder was emptied: what is open is nobody's any more, and another may have begun anew."""
        async with self._mending:
            if self._place is None or not self._place.is_gone:
                return
            with told(self._path):
                make_folder(self._path)
                place = WriterPlace(self._path)
            await self._close_lanes()
            # Not before there is another one: what is closed twice may be somebody else's by then.
            self._place.close()
            self._place = place
            self._writer = place.take()
            if not self._writer:
                return
            gone = not self._path.exists()
            try:
                # At once: whoever finds no file would begin anew once more.
                self._write.opened = await asyncio.to_thread(self._open_writer)
            except Damaged as error:
                await asyncio.to_thread(self._begin_anew, error)
            else:
                self.notes += (_GONE,) if gone else ()
            if gone or not self._write.opened or not self._write.opened.state.whole:
                self.on_begun_anew()

    async def _go_without_file(self, error: UnusablePlace, mended: int) -> None:
        """Go on in memory where no file can be kept; raises the error where that is so already."""
        async with self._mending:
            if mended != self._mended:
                return
            await self._open_without_file(error)
            self.on_begun_anew()

    async def _open_without_file(self, error: UnusablePlace) -> None:
        if self._place is None:
            raise error
        await self._close_lanes()
        with told(self._path):
            path = await asyncio.to_thread(nameless_path)
        place, self._place = self._place, None
        place.close()
        self._path = path
        self._writer = True
        self.notes = (*self.notes, _in_memory(error))
        await asyncio.to_thread(self._open_nameless)

    async def _close_lanes(self) -> None:
        self._mended += 1
        for lane in (self._find, self._count, self._write):
            await lane.close()

    def _begin_anew(self, error: Damaged) -> None:
        if self._place is None:
            self._open_nameless()
            return
        with told(self._path):
            self.notes = (*self.notes, set_aside(self._path, str(error)))
        self._write.opened = self._open_writer()

    def _open_nameless(self) -> None:
        """All connections are opened before the files lose their names."""
        with told(self._path):
            self._path.parent.mkdir(mode=0o700, exist_ok=True)
            try:
                self._write.opened = self._open_writer()
                self._find.opened = self._open_reader()
                self._count.opened = self._open_reader()
            except BaseException:
                for lane in (self._find, self._count, self._write):
                    lane.close_now()
                raise
            finally:
                remove_names(self._path)

    def _open_reader(self) -> Reading:
        return Reading(self._path, self._known)

    def _open_writer(self) -> Writing:
        """Raises `Damaged`, also when that shows only in what it reads to begin with."""
        connection = open_writer(self._path)
        try:
            with told(self._path):
                return Writing(connection, self._way)
        except BaseException:
            connection.close()
            raise


def _in_memory(error: StoreError) -> str:
    return f"The copy of the customers is kept in memory only: {error.text}"
