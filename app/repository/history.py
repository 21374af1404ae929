"""What was written in this session, so that it can be looked over and undone: pure, no I/O."""

from collections import deque
from collections.abc import Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, Self

if TYPE_CHECKING:
    from app.models.customer import Customer
    from app.repository.save_result import SaveResult

#: `existed`: a creation over a customer that somebody else had just created, of which nobody knows what it held.
Kind = Literal["saved", "created", "existed", "discontinued", "undone", "unconfirmed"]

_MOST: Final = 200


class SavedChange(NamedTuple):
    """One write: what it did to `customer`, which is the record after it; `old` and `new` by wire name.

    One that is `unconfirmed` may not have been carried out: its `customer` is the record from before. `key` is the
    same for it and for the one that is certain in the end.
    """

    at: datetime
    kind: Kind
    customer: "Customer"
    old: Mapping[str, str] = MappingProxyType({})
    new: Mapping[str, str] = MappingProxyType({})
    key: str = ""

    @classmethod
    def of(cls, saved: "SaveResult", at: datetime, *, new: bool = False, undone: bool = False, key: str = "") -> Self:
        """The change that a save made."""
        after = {name: saved.customer.value(name) for name in saved.previous_values}
        kind: Kind = "undone" if undone else "saved"
        if new and not saved.previous_values:
            kind = "existed" if saved.existed_before else "created"
        return cls(at, kind, saved.customer, saved.previous_values, after, key)


class SessionHistory:
    """The last writes of this session, newest first."""

    def __init__(self) -> None:
        self._changes: deque[SavedChange] = deque(maxlen=_MOST)
        self._undone: list[SavedChange] = []

    def __iter__(self) -> Iterator[SavedChange]:
        return iter(self._changes)

    def add(self, change: SavedChange) -> None:
        """Note a write; one that changed nothing is none. What was not confirmed of it so far is settled."""
        for other in list(self._changes):
            if other.kind == "unconfirmed" and change.key and other.key == change.key:
                self._changes.remove(other)
        if change.kind not in ("saved", "undone") or change.old:
            self._changes.appendleft(change)

    @property
    def last_undoable(self) -> SavedChange | None:
        """The last write that was not undone, and is not itself the undoing of one."""
        return next((change for change in self if change.kind != "undone" and not self.is_undone(change)), None)

    def is_undone(self, change: SavedChange) -> bool:
        """Whether it was undone."""
        return any(other is change for other in self._undone)

    def mark_undone(self, change: SavedChange) -> None:
        """Note that it was undone."""
        self._undone.append(change)
