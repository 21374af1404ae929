"""What was written in this session, to be listed and undone. Pure, no I/O."""

from collections import deque
from collections.abc import Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, Self

if TYPE_CHECKING:
    from app.models.customer import Customer
    from app.repository.save_result import SaveResult

#: `existed`: a creation over a customer that someone else had just created, with unknown content.
Kind = Literal["saved", "created", "existed", "discontinued", "undone", "unconfirmed"]

_MAX_CHANGES: Final = 1_000


class SavedChange(NamedTuple):
    """One write; `customer` is the record after it, `old` and `new` are its values by wire name.

    An `unconfirmed` one may not have been carried out: its `customer` is the record from before. The confirmed one
    that replaces it has the same `key`.
    """

    at: datetime
    kind: Kind
    customer: "Customer"
    old: Mapping[str, str] = MappingProxyType({})
    new: Mapping[str, str] = MappingProxyType({})
    key: str = ""

    @classmethod
    def of(cls, saved: "SaveResult", at: datetime, *, new: bool = False, undone: bool = False, key: str = "") -> Self:
        """Return the change that a save made."""
        after = {name: saved.customer.value(name) for name in saved.previous_values}
        kind: Kind = "undone" if undone else "saved"
        if new and not saved.previous_values:
            kind = "existed" if saved.existed_before else "created"
        return cls(at, kind, saved.customer, saved.previous_values, after, key)


class SessionHistory:
    """The last writes of this session, newest first."""

    def __init__(self) -> None:
        self._changes: deque[SavedChange] = deque(maxlen=_MAX_CHANGES)
        self._undone: list[SavedChange] = []
        #: The keys of the writes that were asked for together.
        self._batches: list[set[str]] = []

    def __iter__(self) -> Iterator[SavedChange]:
        return iter(self._changes)

    def add(self, change: SavedChange) -> None:
        """Add a write, unless it changed nothing; it replaces the unconfirmed one with the same key."""
        for other in list(self._changes):
            if other.kind == "unconfirmed" and change.key and other.key == change.key:
                self._changes.remove(other)
        if change.kind not in ("saved", "undone") or change.old:
            self._changes.appendleft(change)

    def add_batch(self) -> set[str]:
        """Return a set for the keys of writes that are asked for together, and can be undone together."""
        self._batches.append(set())
        return self._batches[-1]

    def undoable_with(self, change: SavedChange) -> list[SavedChange]:
        """Return the changes that were asked for together with this one and can still be undone, newest first."""
        batch = next((keys for keys in self._batches if change.key in keys), {change.key})
        return [one for one in self if one.kind == "saved" and one.key in batch and not self.is_undone(one)]

    @property
    def last_undoable(self) -> SavedChange | None:
        """The last write that was not undone and is not an undo itself."""
        return next((change for change in self if change.kind != "undone" and not self.is_undone(change)), None)

    def is_undone(self, change: SavedChange) -> bool:
        return any(other is change for other in self._undone)

    def mark_undone(self, change: SavedChange) -> None:
        self._undone.append(change)
