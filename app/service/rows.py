"""What the store hands out: customers, their entity tags, pages, and the moments written into them."""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

#: The fields of the contract's customer in the order of the spec's examples, for table and wire alike.
COLUMNS: Final = (
    "shortID",
    "name",
    "address1",
    "address2",
    "city",
    "state",
    "zip",
    "country",
    "phone",
    "fax",
    "email",
    "contact",
    "active",
    "created",
    "modified",
)

Value = str | bool
_TICK: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class StoredCustomer:
    """One customer as the store has it; `record` has all 15 fields of the contract."""

    record: dict[str, Value]

    @classmethod
    def from_row(cls, row: tuple[str | int, ...]) -> "StoredCustomer":
        """Read a row of `COLUMNS`."""
        record: dict[str, Value] = {
            name: bool(value) if name == "active" else str(value) for name, value in zip(COLUMNS, row, strict=True)
        }
        return cls(record)

    @property
    def etag(self) -> str:
        """The strong entity tag, quoted: it moves with every change, because `modified` does."""
        text = json.dumps(self.record, ensure_ascii=False, sort_keys=True)
        return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


@dataclass(frozen=True, slots=True)
class StoredPage:
    """The records of one page, as a JSON array of what `StoredCustomer.record` is, and how many there are in all."""

    records: str
    total: int


def utc_now() -> datetime:
    """The moment of now, without a zone, in UTC: the service tells all times so."""
    return datetime.now(UTC).replace(tzinfo=None)


def stamp(moment: datetime) -> str:
    """The text of a moment; such texts sort as their moments do."""
    return moment.isoformat(timespec="microseconds" if moment.microsecond else "seconds")


def next_stamp(now: datetime, before: str | None = None) -> str:
    """The `modified` of a change made `now` to a record last modified `before`: later, even if the clock went back.

    Whole seconds, as in the spec; parts of a second only where two changes fall into one.
    """
    moment = now.replace(microsecond=0)
    if before is None:
        return stamp(moment)
    last = datetime.fromisoformat(before)
    if moment <= last:
        moment = max(now, last + _TICK)
    return stamp(moment)
