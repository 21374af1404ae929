"""What was written in this session, so that it can be looked over and undone: pure, no I/O."""

from collections import deque
from collections.abc import Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, Self

if TYPE_CHECKING:
    from app.models.customer import Customer
    from app.repository.save_result import Saved

#: `existed`: a creation over a customer that somebody else had just created, of which nobody knows what it held.
Kind = Literal["saved", "created", "existed", "discontinued", "undone", "unconfirmed"]

_MOST: Final = 200


class Change(NamedTuple):
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
    def of(cls, saved: "Saved", at: datetime, *, new: bool = False, undone: bool = False, key: str = "") -> Self:
        """The change that a save made."""
        after = {name: saved.customer.value(name) for name in saved.before}
        kind: Kind = "undone" if undone else "saved"
        if new and not saved.before:
            kind = "existed" if saved.existed else "created"
        return cls(at, kind, saved.customer, saved.before, after, key)


class Changes:
    """The last writes of this session, newest first."""

    def __init__(self) -> None:
        self._changes: deque[Change] = deque(maxlen=_MOST)
        self._undone: list[Change] = []

    def __iter__(self) -> Iterator[Change]:
        return iter(self._changes)

    def add(self, change: Change) -> None:
        """Note a write; one that changed nothing is none. What was not confirmed of it so far is settled."""
        for other in list(self._changes):
            if other.kind == "unconfirmed" and change.key and other.key == change.key:
                self._changes.remove(other)
        if change.kind not in ("saved", "undone") or change.old:
            self._changes.appendleft(change)

    @property
    def to_undo(self) -> Change | None:
        """The last write that was not undone, and is not itself the undoing of one."""
        return next((change for change in self if change.kind != "undone" and not self.is_undone(change)), None)

    def is_undone(self, change: Change) -> bool:
        """Whether it was undone."""
        return any(other is change for other in self._undone)

    def mark_undone(self, change: Change) -> None:
        """Note that it was undone."""
        self._undone.append(change)
