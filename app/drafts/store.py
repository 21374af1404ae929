"""Drafts: what is typed is on the disk within a second, by a thread of its own, so that typing waits for no disk."""

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any, Final

from app.drafts.draft import Draft, DraftListing, new_id
from app.drafts.files import DraftFiles, Write
from app.drafts.session_lock import SessionLock
from app.storage.files import os_error_text

#: Seconds between two writes: fast typing is written down a few times a second, not once a key.
_PAUSE: Final = 0.25
_RETRY: Final = 2.0
_FLUSH_WITHIN: Final = 1.0


class DraftStore:
    """The drafts of one server on this machine; new ones bear its first name, old ones may bear any.

    `save` and `delete` return at once and may be called by any thread, `flush` by a signal handler too. `problem` is
    why what was saved last is not on the disk, `None` while all is well; `on_change` is called, by the writing thread,
    whenever that or what is kept changes. `unclaimed` are the drafts nobody has open, as of the last `list_drafts`,
    newest first; `other_editors` names per draft what other sessions had open of the same customer when it was last
    written.
    """

    def __init__(self, folder: Path, *servers: str, pause: float = _PAUSE, write: Write | None = None) -> None:
        self._folder = DraftFiles(folder, *servers, write=write)
        self._server = servers[0]
        self._pause = pause
        self._session = SessionLock(folder)
        # Only operations that a signal handler cannot find half done: no lock is held across them.
        self._latest: dict[str, tuple[Draft, bool]] = {}
        self._jobs: SimpleQueue[Future[bool] | None] = SimpleQueue()
        self._kept: set[str] = set()
        self._noted: set[str] = set()
        self._ending = False
        self._thread = threading.Thread(target=self._work, name="drafts", daemon=True)
        self._thread.start()
        self.problem: str | None = None
        self.on_change: Callable[[], None] | None = None
        self.unclaimed: tuple[Draft, ...] = ()
        self.notes: tuple[str, ...] = ()
        self.other_editors: dict[str, tuple[Draft, ...]] = {}

    def begin(self, short_id: str, base: Mapping[str, Any] | None, draft_id: str | None = None) -> Draft:
        """A new draft, not yet kept: that takes a `put`. The ID of a draft is one of `new_id`."""
        host = socket.gethostname()
        now = datetime.now().astimezone()
        session = self._session.name
        return Draft(draft_id or new_id(), self._server, short_id, base, {}, now, now, host, os.getpid(), session)

    def save(self, draft: Draft) -> None:
        """Have the draft written down, in place of what was put before."""
        self._latest[draft.id] = (draft, True)
        self._jobs.put(None)

    def release(self, draft: Draft) -> None:
        """Save the draft as unclaimed."""
        free = draft._replace(session="")
        self.unclaimed = (free, *(other for other in self.unclaimed if other.id != draft.id))
        self.save(free)

    def delete(self, draft: Draft) -> None:
        """Have the draft removed: it is saved, or was discarded by the person."""
        self.unclaimed = tuple(other for other in self.unclaimed if other.id != draft.id)
        self._latest[draft.id] = (draft, False)
        self._jobs.put(None)

    def is_saved(self, draft: Draft) -> bool:
        """Whether a copy of it is on the disk, a moment old at most."""
        return draft.id in self._kept and self.problem is None

    def is_noted(self, draft: Draft) -> bool:
        """Whether a disk that did not take the draft knows at least that it was being sent."""
        return draft.id in self._noted

    def flush(self, within: float = _FLUSH_WITHIN) -> bool:
        """Write what is waiting, for at most `within` seconds; returns whether all of it is on the disk."""
        written: Future[bool] = Future()
        self._jobs.put(written)
        try:
            return written.result(within)
        except TimeoutError:
            return False

    async def flush_async(self, within: float = _FLUSH_WITHIN) -> bool:
        """Like `flush`, for the event loop."""
        written: Future[bool] = Future()
        self._jobs.put(written)
        try:
            async with asyncio.timeout(within):
                return await asyncio.wrap_future(written)
        except TimeoutError:
            return False

    async def list_drafts(self, short_id: str | None = None) -> DraftListing:
        """The drafts on the disk, or those of one customer; raises OSError when they cannot be read."""
        await self.flush_async()
        found = await asyncio.to_thread(self._folder.list_drafts, self._session.name, short_id)
        self.notes += found.notes
        # What a failing disk has not taken yet is free all the same.
        waiting = [draft for draft, keep in list(self._latest.values()) if keep and not draft.session]
        known = {draft.id: draft for draft in (*found.unclaimed, *waiting)}
        if short_id is not None:
            known |= {draft.id: draft for draft in self.unclaimed if draft.short_id != short_id}
        self.unclaimed = tuple(sorted(known.values(), key=lambda draft: draft.changed, reverse=True))
        return found

    async def claim(self, draft: Draft) -> Draft | None:
        """Claim a draft; `None` if another session has claimed or removed it.

        Raises OSError, and `DraftChanged` when somebody went on with it and left it: then it is still free.
        """
        await self.flush_async()
        if draft.id not in self._latest and await asyncio.to_thread(self._take, draft) is None:
            taken = None
        else:
            taken = draft._replace(session=self._session.name, host=socket.gethostname(), process=os.getpid())
            self.save(taken)
        self.unclaimed = tuple(other for other in self.unclaimed if other.id != draft.id)
        return taken

    def close(self) -> None:
        """Write what is waiting, and let others have what is left; a disk that hangs is not waited for."""
        self.flush()
        self._ending = True
        self._jobs.put(None)
        self._thread.join(_FLUSH_WITHIN)

    def _take(self, draft: Draft) -> Draft | None:
        self._session.acquire()
        return self._folder.claim(draft, self._session.name)

    def _work(self) -> None:
        while not self._ending:
            asked: list[Future[bool] | None] = []
            with suppress(Empty):
                asked.append(self._jobs.get(timeout=_RETRY if self._latest else None))
            self._write_all()
            # New drafts wait a little, unless a caller waits for them.
            until = monotonic() + self._pause
            with suppress(Empty):
                while not self._ending and not any(asked) and (left := until - monotonic()) > 0:
                    asked.append(self._jobs.get(timeout=left))
            if self._latest and self.problem is None:
                self._write_all()
            for job in asked:
                if job is not None and job.set_running_or_notify_cancel():
                    job.set_result(self.problem is None)
        with suppress(OSError):
            self._session.release()

    def _write_all(self) -> None:
        """Write what is waiting; what fails waits for the next time, unless something newer came."""
        problem = None
        before = (self.problem, set(self._kept), dict(self.other_editors))
        for name in list(self._latest):
            draft, keep = job = self._latest.pop(name)
            try:
                self._write(draft, keep=keep)
            except OSError as error:
                self._latest.setdefault(name, job)
                problem = os_error_text(error)
        self.problem = problem
        if self.on_change is not None and before != (self.problem, self._kept, self.other_editors):
            self.on_change()

    def _write(self, draft: Draft, *, keep: bool) -> None:
        if not keep:
            self._folder.delete(draft)
            self._kept.discard(draft.id)
            self._noted.discard(draft.id)
            self.other_editors.pop(draft.id, None)
            return
        self._session.acquire()
        try:
            self._folder.write(draft)
        except OSError:
            if draft.pending_write is not None:
                self._folder.note_sent(draft)
                self._noted.add(draft.id)
            raise
        self._noted.discard(draft.id)
        self._kept.add(draft.id)
        self.other_editors[draft.id] = self._folder.other_editors(draft)
