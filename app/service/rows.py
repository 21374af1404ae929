"""What the store returns: customers with their entity tags, and pages; and the timestamps it writes."""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from app.models.fields import WIRE_FIELDS

Value = str | bool
_TICK: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class StoredCustomer:
    """One stored customer; `record` has all 15 fields of the contract."""

    record: dict[str, Value]

    @classmethod
    def from_row(cls, row: tuple[str | int, ...]) -> "StoredCustomer":
        """Read a row of `WIRE_FIELDS`."""
        record: dict[str, Value] = {
            name: bool(value) if name == "active" else str(value) for name, value in zip(WIRE_FIELDS, row, strict=True)
        }
        return cls(record)

    @property
    def etag(self) -> str:
        """The strong entity tag, quoted. It moves with every change, because `modified` does."""
        text = json.dumps(self.record, ensure_ascii=False, sort_keys=True)
        return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


@dataclass(frozen=True, slots=True)
class StoredPage:
    """One page: its records as a JSON array of `StoredCustomer.record`, and the number of all matching records."""

    records: str
    total: int


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
