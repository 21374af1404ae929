"""Writes whose response left open whether they were carried out, until their customer's record shows it."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from app.errors import DockbookError, EditConflict
from app.models.fields import ID_FIELD, STATUS
from app.repository.save_result import SaveResult, describe_missing, resolve_lost_write, same_id

if TYPE_CHECKING:
    from app.models.customer import Customer


class UnconfirmedWrite:
    """`body` (wire name to text) was sent for the record `base` (`None`: a new customer), and `error` came back.

    `kept` is what others had changed before. `key` identifies the write to the form that made it.
    """

    def __init__(
        self,
        base: "Customer | None",
        body: Mapping[str, str],
        error: DockbookError,
        kept: Mapping[str, str] = MappingProxyType({}),
        key: str = "",
    ) -> None:
        self.base = base
        self.body = body
        self.error = error
        self.kept = kept
        self.key = key
        self.short_id = base.short_id if base is not None else body[ID_FIELD]
        self.result: SaveResult | None = None
        self.confirmed = asyncio.Event()

    @property
    def is_new(self) -> bool:
        """Whether it was to create the customer."""
        return self.base is None

    @property
    def is_discontinuation(self) -> bool:
        """Whether it was to mark the customer as discontinued."""
        return STATUS in self.body

    def is_of(self, short_id: str) -> bool:
        """Whether a record with this ID may be the one that was written."""
        return same_id(self.short_id, short_id) if self.is_new else self.short_id == short_id

    def resolve(self, now: "Customer") -> SaveResult | None:
        """Return what the record read now says of it; `None` if nothing yet. Raises EditConflict."""
        return resolve_lost_write(self.base, self.body, self.kept, now, self.error)

    def describe_missing(self, now: "Customer | None") -> str:
        """Return in a clause what of it the record does not show; `now` is `None` if there is no record."""
        return describe_missing(self.base, self.body, now)


class UnconfirmedWrites:
    """The unconfirmed writes of this session. `on_saved` is called for one that is confirmed while no caller waits."""

    def __init__(self) -> None:
        self._writes: list[UnconfirmedWrite] = []
        self._watched: list[UnconfirmedWrite] = []
        self.on_saved: Callable[[UnconfirmedWrite, SaveResult], None] = lambda _write, _saved: None

    def __iter__(self) -> Iterator[UnconfirmedWrite]:
        return iter(self._writes)

    def of(self, short_id: str) -> list[UnconfirmedWrite]:
        """Return the writes of this customer."""
        return [write for write in self._writes if write.is_of(short_id)]

    def is_watched(self, short_id: str) -> bool:
        """Whether a caller waits for a write of this customer."""
        return any(write.is_of(short_id) for write in self._watched)

    def watch(self, write: UnconfirmedWrite) -> None:
        """Note that a caller waits for this write; an earlier one with the same key is replaced."""
        self._writes = [other for other in self._writes if not (write.key and other.key == write.key)]
        self._writes.append(write)
        self._watched.append(write)

    def stop_watching(self, write: UnconfirmedWrite) -> None:
        """Note that no caller waits any more; the write is still resolved when its customer is read."""
        self._watched.remove(write)

    def add(self, write: UnconfirmedWrite) -> None:
        self._writes.append(write)

    def remove(self, write: UnconfirmedWrite) -> None:
        if write in self._writes:
            self._writes.remove(write)

    def resolve_with(self, now: "Customer") -> None:
        """Resolve the writes of this customer by its record as it was read now."""
        for write in self.of(now.short_id):
            try:
                saved = write.resolve(now)
            except EditConflict:
                # The caller that waits for it reads the record too, and asks the person.
                continue
            if saved is None:
                continue
            self.remove(write)
            write.result = saved
            write.confirmed.set()
            if write not in self._watched:
                self.on_saved(write, saved)
