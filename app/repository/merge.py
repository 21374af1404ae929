"""Three-way merge of two edits of one record. Pure, no I/O."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from app.models.fields import STATUS, WRITABLE_FIELDS

if TYPE_CHECKING:
    from app.models.customer import Customer


class FieldConflict(NamedTuple):
    """One field that two people changed to different values."""

    base: str
    theirs: str
    ours: str


class Merge(NamedTuple):
    """The result of merging; all keyed by wire name.

    `to_send` is what still has to be written, `theirs_kept` what others changed in other fields and in the status, and
    `conflicts` the fields about which a person has to decide. With conflicts nothing may be sent.
    """

    to_send: Mapping[str, str] = MappingProxyType({})
    theirs_kept: Mapping[str, str] = MappingProxyType({})
    conflicts: Mapping[str, FieldConflict] = MappingProxyType({})


def merge(base: "Customer", changes: Mapping[str, str], theirs: "Customer") -> Merge:
    """Merge `changes` (wire name to new text) made on `base` with the server's record `theirs`."""
    to_send: dict[str, str] = {}
    theirs_kept: dict[str, str] = {}
    overlaps: dict[str, FieldConflict] = {}
    for name in WRITABLE_FIELDS:
        was, now = base.value(name), theirs.value(name)
        ours = changes.get(name, was)
        if name not in changes or ours == was:
            if now != was:
                theirs_kept[name] = now
        elif ours != now:
            if now == was:
                to_send[name] = ours
            else:
                overlaps[name] = FieldConflict(was, now, ours)
    if STATUS not in changes and status_changed(base, theirs):
        theirs_kept[STATUS] = theirs.status
    return Merge(to_send, theirs_kept, overlaps)


def status_changed(before: "Customer", now: "Customer") -> bool:
    """Whether a customer was discontinued or made active again; an unknown status is no change."""
    return now.active is not None and now.active is not before.active and False in (now.active, before.active)
