"""Records who changed what: the server of the customers sees one client for all who come in over SSH.

One line of JSON for each step of a write: time, name, key, place, customer and the names of the fields, never values.
The first line of a write is on the disk before anything is sent; where that fails, nothing is sent.
"""

import asyncio
import errno
import json
import os
import threading
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from app.errors import DockbookError, NotSaved
from app.models.fields import ID_FIELD
from app.repository.repository import CustomerRepository
from app.repository.writer import SaveObserver
from app.ssh.authorized_users import User
from app.storage.files import make_private_dir, open_regular_file, os_error_text

if TYPE_CHECKING:
    from app.models.customer import Customer
    from app.repository.save_result import SaveResult

Action = Literal["save", "create", "discontinue"]
Outcome = Literal["begun", "done", "refused", "unknown"]


class AuditLog:
    """Appends to a file that only this account can read; another program may rotate it. Raises OSError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writing = threading.Lock()

    def write(
        self, user: User, place: str, action: Action, short_id: str, fields: Iterable[str], outcome: Outcome
    ) -> None:
        """Append a line, down to the disk; blocks."""
        entry = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "user": user.name,
            "key": user.fingerprint,
            "place": place,
            "action": action,
            "customer": short_id,
            "fields": sorted(fields),
            "outcome": outcome,
        }
        line = f"{json.dumps(entry, ensure_ascii=False)}\n".encode("utf-8", "backslashreplace")
        with self._writing:
            make_private_dir(self._path.parent)
            descriptor = open_regular_file(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            try:
                written = os.write(descriptor, line)
                if written < len(line):
                    os.ftruncate(descriptor, os.fstat(descriptor).st_size - written)
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


class AuditedRepository(CustomerRepository):
    """A repository that records every write of its user."""

    def __init__(self, *args: Any, log: AuditLog, user: User, place: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._log = log
        self._user = user
        self._place = place

    async def save(
        self,
        base: "Customer",
        changes: Mapping[str, str],
        observer: SaveObserver | None = None,
        *,
        unseen: bool = False,
    ) -> "SaveResult":
        """Save, and record it."""
        step = _Step(self, "save", base.short_id, changes)
        try:
            saved = await super().save(base, changes, step.observe(observer), unseen=unseen)
        except (DockbookError, asyncio.CancelledError) as error:
            await step.failed(error)
            raise
        await step.record("done")
        return saved

    async def create(
        self,
        short_id: str,
        values: Mapping[str, str],
        observer: SaveObserver | None = None,
        *,
        beside: Collection[str] = (),
    ) -> "SaveResult":
        """Create, and record it."""
        step = _Step(self, "create", short_id, [name for name, value in values.items() if value])
        try:
            saved = await super().create(short_id, values, step.observe(observer), beside=beside)
        except (DockbookError, asyncio.CancelledError) as error:
            await step.failed(error)
            raise
        await step.record("done")
        return saved

    async def discontinue(self, customer: "Customer", observer: SaveObserver | None = None) -> "Customer":
        """Discontinue, and record it."""
        step = _Step(self, "discontinue", customer.short_id, ())
        try:
            after = await super().discontinue(customer, step.observe(observer))
        except (DockbookError, asyncio.CancelledError) as error:
            await step.failed(error)
            raise
        await step.record("done")
        return after

    async def append(self, action: Action, short_id: str, fields: Iterable[str], outcome: Outcome) -> None:
        """Append a line for this user. Raises OSError."""
        await asyncio.to_thread(self._log.write, self._user, self._place, action, short_id, fields, outcome)


class _Step:
    """One write, from before it is sent to its outcome; what was not sent is not recorded."""

    def __init__(self, repository: AuditedRepository, action: Action, short_id: str, fields: Iterable[str]) -> None:
        self._repository = repository
        self._action = action
        self._short_id = short_id
        self._fields = set(fields)
        self._begun = False

    def observe(self, observer: SaveObserver | None) -> SaveObserver:
        """Return an observer that records before anything is sent, and then does what the given one does."""
        given = observer or SaveObserver()

        async def on_send(base: "Customer | None", body: Mapping[str, str]) -> None:
            self._fields = set(body) - {ID_FIELD}
            await self.begin()
            await given.on_send(base, body)

        return SaveObserver(on_send, given.on_unconfirmed, given.on_stale_read, given.key)

    async def begin(self) -> None:
        """Record that the write is about to be sent. Raises NotSaved, and then it must not be."""
        try:
            await self._repository.append(self._action, self._short_id, self._fields, "begun")
        except OSError as error:
            raise NotSaved(
                f"The log of who changed what cannot be written ({os_error_text(error)}), and so nothing was saved. "
                "Call whoever looks after this server."
            ) from None
        self._begun = True

    async def failed(self, error: DockbookError | asyncio.CancelledError) -> None:
        """Record that the write was refused, or unknown: its answer was lost, or the session ended before."""
        refused = isinstance(error, DockbookError) and not error.outcome_unknown
        await self.record("refused" if refused else "unknown")

    async def record(self, outcome: Outcome) -> None:
        """Record the outcome, if the write was sent."""
        if self._begun:
            try:
                await self._repository.append(self._action, self._short_id, self._fields, outcome)
            except OSError:
                # Its beginning is on the disk, and the write cannot be taken back.
                return
