"""Generates believable customers for demonstrations; the same ones every time."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from math import gcd
from random import Random
from typing import Final

from app.models.fields import WIRE_FIELDS
from app.service.sample.regions import Region, load_regions
from app.service.store import Store

_FIRST_DAY: Final = date(2016, 1, 4)
_DAYS: Final = 3430
#: Of sixty seeds tried, this one gives the default demo every kind of gap and seven discontinued customers.
_SEED: Final = 40
_MAILBOXES: Final = ("orders", "inventory", "dock", "office", "logistics")
_DOMAINS: Final = ("example.com", "example.org", "example.net")

#: The two customers of the spec, word for word, and a discontinued one.
_FIXED: Final = (
    (
        *("ACME-CORP", "Acme Corporation", "123 Industrial Way", "", "Springfield", "IL", "62701", "US"),
        *("555-0100", "", "orders@acme.example.com", "Jane Smith"),
        *(True, "2023-04-15T08:30:00", "2024-11-02T14:22:00"),
    ),
    (
        *("BRIGHT-MFG", "Bright Manufacturing LLC", "88 Factory Rd", "Suite 200", "Rockford", "IL", "61101", "US"),
        *("555-0201", "555-0202", "inventory@brightmfg.example.com", "Tom Briggs"),
        *(True, "2022-09-01T09:00:00", "2025-01-15T11:05:00"),
    ),
    (
        *("CARGO-NW", "Cargo Northwest", "4100 Port of Tacoma Rd", "", "Tacoma", "WA", "98421", "US"),
        *("555-0144", "", "desk@cargonw.example.com", "Ruth Olsen"),
        *(False, "2019-06-11T10:15:00", "2023-12-29T16:40:00"),
    ),
)


def sample_customers(count: int) -> Iterator[dict[str, object]]:
    """The first `count` sample customers, with all 15 fields; a longer sample begins with a shorter one."""
    for values in _FIXED[:count]:
        yield dict(zip(WIRE_FIELDS, values, strict=True))
    regions = [_RegionGenerator(region) for region in load_regions()]
    # The regions take turns, so that the first dozens of customers come from everywhere.
    rounds = max(region.weight for region in regions)
    turns = [(region, turn) for turn in range(rounds) for region in regions if turn < region.weight]
    days = [(_FIRST_DAY + timedelta(days=day)).isoformat() for day in range(_DAYS)]
    random = Random(_SEED)  # noqa: S311  # the sample must be the same every time
    for number in range(count - len(_FIXED)):
        cycle, position = divmod(number, len(turns))
        region, turn = turns[position]
        yield region.customer(cycle * region.weight + turn, random.getrandbits(128), days)


def load_sample(store: Store, count: int, progress: Callable[[int, int], None]) -> None:
    """Add `count` sample customers to the store, which may take seconds; calls `progress` with (added, count)."""
    store.add_all(sample_customers(count), lambda done: progress(done, count))


class _RegionGenerator:
    """Generates the customers of one region. Neighbours share neither word of their company names."""

    def __init__(self, region: Region) -> None:
        self.weight = region.weight
        self._region = region
        pairs = [
            (f"{stem_id}-{trade_id}", region.company.format(stem=stem, trade=trade))
            for stem_id, stem in region.stems
            for trade_id, trade in region.trades
        ]
        total = len(pairs)
        stride = next(step for step in range(total * 5 // 8, 2 * total) if gcd(step, total) == 1)
        self._companies = [pairs[index * stride % total] for index in range(total)]
        self._people = [region.person.format(given=g, family=f) for g in region.given for f in region.family]

    def customer(self, ordinal: int, bits: int, days: list[str]) -> dict[str, object]:
        """Build the customer with this ordinal, which makes its ID unique; `bits` decide everything else.

        One random number is taken apart in straight-line code, because a demo of a million rows waits for it.
        """
        region = self._region
        cycle, pair = divmod(ordinal, len(self._companies))
        short_id, name = self._companies[pair]
        if cycle:
            short_id = f"{short_id}-{cycle + 1}"
            name = f"{name} {cycle + 1}"
        bits, place = divmod(bits, len(region.places))
        bits, street = divmod(bits, len(region.streets))
        bits, person = divmod(bits, len(self._people))
        bits, number = divmod(bits, 280)
        bits, line = divmod(bits, 98)
        bits, created_day = divmod(bits, _DAYS - 30)
        bits, age = divmod(bits, _DAYS - created_day)
        bits, minute = divmod(bits, 600)
        bits, later = divmod(bits, 180)
        bits, mailbox = divmod(bits, len(_MAILBOXES))
        bits, domain = divmod(bits, len(_DOMAINS))
        bits, has_second_line = divmod(bits, 3)
        bits, has_phone = divmod(bits, 16)
        bits, has_fax = divmod(bits, 4)
        bits, has_email = divmod(bits, 14)
        bits, has_contact = divmod(bits, 11)
        city = region.places[place]
        return {
            "shortID": short_id,
            "name": name,
            "address1": region.street_line.format(number=number + 1, street=region.streets[street]),
            "address2": "" if has_second_line else region.second_line.format(number=1 + number % 40),
            "city": city.city,
            "state": city.state,
            "zip": city.zip,
            "country": city.country,
            "phone": city.phone.format(line) if has_phone else "",
            "fax": "" if has_fax else city.phone.format(line + 1),
            "email": f"{_MAILBOXES[mailbox]}@{short_id.lower()}.{_DOMAINS[domain]}" if has_email else "",
            "contact": self._people[person] if has_contact else "",
            "active": bits % 9 != 0,
            "created": _timestamp(days[created_day], minute),
            "modified": _timestamp(days[created_day + age], minute + later),
        }


def _timestamp(day: str, minute: int) -> str:
    """Return the timestamp `minute` minutes after seven in the morning of `day`."""
    return f"{day}T{7 + minute // 60:02}:{minute % 60:02}:00"
