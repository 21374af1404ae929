"""Writes whose answer left open whether they were carried out, until a reading of their customer shows it."""

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
    """`body` (wire name to text) was sent, made on the record `made_on` (`None`: a new customer); `error` came back.

    `kept` is what others had changed before. `key` tells whoever wrote it which of their writes it is.
    """

    def __init__(
        self,
        made_on: "Customer | None",
        body: Mapping[str, str],
        error: DockbookError,
        kept: Mapping[str, str] = MappingProxyType({}),
        key: str = "",
    ) -> None:
        self.base = made_on
        self.body = body
        self.error = error
        self.kept = kept
        self.key = key
        self.short_id = made_on.short_id if made_on is not None else body[ID_FIELD]
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
        """What the record read now says of it; `None`: nothing so far. Raises EditsOverlap."""
        return resolve_lost_write(self.base, self.body, self.kept, now, self.error)

    def describe_missing(self, now: "Customer | None") -> str:
        """In a clause, how the record falls short of it; `None`: there is none."""
        return describe_missing(self.base, self.body, now)


class UnconfirmedWrites:
    """Those of one run of the program. `on_saved` is told when one that nobody waits for any more is seen."""

    def __init__(self) -> None:
        self._writes: list[UnconfirmedWrite] = []
        self._watched: list[UnconfirmedWrite] = []
        self.on_saved: Callable[[UnconfirmedWrite, SaveResult], None] = lambda _write, _saved: None

    def __iter__(self) -> Iterator[UnconfirmedWrite]:
        return iter(self._writes)

    def of(self, short_id: str) -> list[UnconfirmedWrite]:
        """Those that a record with this ID may tell of."""
        return [write for write in self._writes if write.is_of(short_id)]

    def is_watched(self, short_id: str) -> bool:
        """Whether somebody waits for what becomes of a write of this customer."""
        return any(write.is_of(short_id) for write in self._watched)

    def watch(self, write: UnconfirmedWrite) -> None:
        """Somebody waits for what becomes of this write; an earlier note of the same one is replaced."""
        self._writes = [other for other in self._writes if not (write.key and other.key == write.key)]
        self._writes.append(write)
        self._watched.append(write)

    def stop_watching(self, write: UnconfirmedWrite) -> None:
        """Nobody waits any more; unless it is forgotten, it is still looked for."""
        self._watched.remove(write)

    def add(self, write: UnconfirmedWrite) -> None:
        """Look for it again, whenever its customer is read."""
        self._writes.append(write)

    def remove(self, write: UnconfirmedWrite) -> None:
        """It is not looked for any more."""
        if write in self._writes:
            self._writes.remove(write)

    def resolve_with(self, now: "Customer") -> None:
        """Judge the writes of this customer by its record as it was read now."""
        for write in self.of(now.short_id):
            try:
                saved = write.resolve(now)
            except EditConflict:
                # Whoever waits for it reads the record, and has a person decide.
                continue
            if saved is None:
                continue
            self.remove(write)
            write.result = saved
            write.confirmed.set()
            if write not in self._watched:
                self.on_saved(write, saved)
