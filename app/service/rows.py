"""What the store returns: customers with their entity tags, pages and changes; and the timestamps it writes."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

Value = str | bool
_TICK: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class StoredCustomer:
    """One stored customer: all 15 fields of the contract as JSON, and the random tag of its last change."""

    json: str = field(compare=False)
    tag: str

    @property
    def record(self) -> dict[str, Any]:
        """The fields by their wire names."""
        fields: dict[str, Any] = json.loads(self.json)
        return fields

    @property
    def etag(self) -> str:
        """The strong entity tag, quoted. It moves with every change, and is never used again."""
        return f'"{self.tag}"'


@dataclass(frozen=True, slots=True)
class StoredPage:
    """One page: its records as a JSON array of `StoredCustomer.record`, and the number of all matching records."""

    records: bytes
    total: int


class Change(NamedTuple):
    """One change of a customer: `after` is its whole record as JSON; the record before is that of the version before.

    `client_id` is the credential that made the change, empty for a record that was there before changes were kept.
    """

    version: int
    at: str
    client_id: str
    after: str


def utc_now() -> datetime:
    """Return the current time in UTC, without a zone, as all times of the service are."""
    return datetime.now(UTC).replace(tzinfo=None)


def format_timestamp(moment: datetime) -> str:
    """Return the text of a time; such texts sort by time."""
    return moment.isoformat(timespec="microseconds" if moment.microsecond else "seconds")


def next_modified(now: datetime, before: str | None = None) -> str:
    """Return the `modified` of a change made `now` to a record last modified `before`: always a later one.

    Whole seconds, as in the spec; microseconds only if two changes fall into one second or the clock went back.
    """
    moment = now.replace(microsecond=0)
    if before is not None:
        last = datetime.fromisoformat(before)
        if moment <= last:
            moment = max(now, last + _TICK)
    return format_timestamp(moment)
