"""Three-way merge of two edits of one record: pure, no I/O."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from app.models.fields import STATUS, WRITABLE_FIELDS

if TYPE_CHECKING:
    from app.models.customer import Customer


class Conflict(NamedTuple):
    """One field that two people changed to different values: as it was, theirs, and yours."""

    base: str
    theirs: str
    ours: str


class Merge(NamedTuple):
    """What becomes of `changes` made to `base` once the server's record is `theirs`; all keyed by wire name.

    `to_send` is what still has to be written, `theirs_kept` what others changed in fields not edited here and in the
    status, and `overlaps` the fields that need a person to decide. With overlaps nothing may be sent.
    """

    to_send: Mapping[str, str] = MappingProxyType({})
    theirs_kept: Mapping[str, str] = MappingProxyType({})
    conflicts: Mapping[str, Conflict] = MappingProxyType({})


def merge(base: "Customer", changes: Mapping[str, str], theirs: "Customer") -> Merge:
    """Merge `changes` (wire name to new text) made on `base` with what the server holds now."""
    to_send: dict[str, str] = {}
    theirs_kept: dict[str, str] = {}
    overlaps: dict[str, Conflict] = {}
    for name in WRITABLE_FIELDS:
        was, now = base.value(name), theirs.value(name)
        yours = changes.get(name, was)
        if name not in changes or yours == was:
            if now != was:
                theirs_kept[name] = now
        elif yours != now:
            if now == was:
                to_send[name] = yours
            else:
                overlaps[name] = Conflict(was, now, yours)
    if STATUS not in changes and status_changed(base, theirs):
        theirs_kept[STATUS] = theirs.status
    return Merge(to_send, theirs_kept, overlaps)


def status_changed(before: "Customer", now: "Customer") -> bool:
    """Whether a customer was discontinued, or made active again; a server that does not say which says nothing."""
    return now.active is not None and now.active is not before.active and False in (now.active, before.active)
