"""The writes of this session, as far as reads have to know of them."""

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple

from app.models.fields import STATUS, WRITABLE_FIELDS
from app.repository.unconfirmed import UnconfirmedWrites
from app.timestamps import is_before

if TYPE_CHECKING:
    from app.models.customer import Customer, Page
    from app.repository.save_result import SaveResult

#: Seconds for which a read that is older than our own last write is put down to a server that lags.
_LAG: Final = 60.0


class OwnWrite(NamedTuple):
    """A write of ours: the record it was based on (`None` if there was none), the record after it, and when."""

    base: "Customer | None"
    record: "Customer"
    at: float


class WriteLog:
    """Corrects reads by our own writes; `epoch` changes with every write, whether it succeeded or not."""

    def __init__(self) -> None:
        self.epoch = 0
        self.unconfirmed = UnconfirmedWrites()
        self._own_writes: dict[str, OwnWrite] = {}

    def __getitem__(self, short_id: str) -> OwnWrite | None:
        return self._own_writes.get(short_id)

    def remember(self, saved: "SaveResult", base: "Customer | None") -> None:
        """Note what a write of ours led to."""
        self._own_writes[saved.customer.short_id] = OwnWrite(base, saved.customer, _now())

    def forget(self, short_id: str) -> None:
        """Take what the server has for the truth, whatever we wrote."""
        self._own_writes.pop(short_id, None)

    def correct(self, read: "Customer") -> "Customer":
        """Return the record that was read, or our own last one while the server's reads lag behind it.

        Unconfirmed writes of this customer are resolved by it.
        """
        self.unconfirmed.resolve_with(read)
        return self.correct_copy(read)

    def correct_copy(self, read: "Customer") -> "Customer":
        """As `correct`, for a record of the local copy, which resolves nothing."""
        own = self._own_writes.get(read.short_id)
        if own is None or _now() - own.at > _LAG or not self.is_stale(read, own.record):
            return read
        return own.record

    def correct_page(self, page: "Page") -> "Page":
        """Return the page with no row that is older than our own last write."""
        rows = tuple(map(self.correct, page.rows))
        return page.model_copy(update={"rows": rows}) if [*map(id, rows)] != [*map(id, page.rows)] else page

    def is_stale(self, read: "Customer", known: "Customer") -> bool:
        """Whether what was read is from before what is known, and differs from it."""
        own = self._own_writes.get(known.short_id)
        older = is_before(read.modified, known.modified) or (
            # Two writes within one second may have the same time.
            own is not None
            and own.base is not None
            and own.record.received == known.received
            and own.base.received == read.received
        )
        return older and any(read.value(name) != known.value(name) for name in (*WRITABLE_FIELDS, STATUS))

    def without_own(self, changes: dict[str, str], short_id: str) -> dict[str, str]:
        """Return those of `changes` since the edited record was read that others made."""
        own = self._own_writes.get(short_id)
        return {
            name: text
            for name, text in changes.items()
            if own is None or own.base is None or own.record.value(name) != text or own.base.value(name) == text
        }


def _now() -> float:
    return asyncio.get_running_loop().time()
