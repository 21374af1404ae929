"""Believable customers for demonstrations: the same ones every time."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from math import gcd
from random import Random
from typing import Final

from app.service.rows import COLUMNS
from app.service.sample.regions import Region
from app.service.sample.regions_latin import latin
from app.service.sample.regions_scripts import scripts
from app.service.store import Store

_FIRST_DAY: Final = date(2016, 1, 4)
_DAYS: Final = 3430
#: Of sixty tried, the one whose default demo has every kind of gap and seven discontinued.
_SEED: Final = 40
_DESKS: Final = ("orders", "inventory", "dock", "office", "logistics")
_DOMAINS: Final = ("example.com", "example.org", "example.net")

#: The two of the spec, word for word, and a discontinued one from nearby.
_KNOWN: Final = (
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
    for values in _KNOWN[:count]:
        yield dict(zip(COLUMNS, values, strict=True))
    regions = [_Naming(region) for region in (*latin(), *scripts())]
    # Turns are dealt out so that the first dozens come from everywhere.
    most = max(naming.weight for naming in regions)
    turns = [(naming, turn) for turn in range(most) for naming in regions if turn < naming.weight]
    days = [(_FIRST_DAY + timedelta(days=day)).isoformat() for day in range(_DAYS)]
    dice = Random(_SEED)  # noqa: S311  # the same for ever is what is wanted
    for number in range(count - len(_KNOWN)):
        around, position = divmod(number, len(turns))
        naming, turn = turns[position]
        yield naming.customer(around * naming.weight + turn, dice.getrandbits(128), days)


def load_sample(store: Store, count: int, progress: Callable[[int, int], None]) -> None:
    """Add the sample to the store, which may take seconds; `progress` is told how many of `count` are in."""
    store.add_all(sample_customers(count), lambda done: progress(done, count))


class _Naming:
    """A region, and all its pairs of an ID and a company name, in an order where neighbours share neither word."""

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
        """The customer of this ordinal, which is what makes its ID unique; `bits` decide all the rest.

        Written out flat, with one random number taken apart, because a demo of a million rows waits for it.
        """
        region = self._region
        around, pair = divmod(ordinal, len(self._companies))
        short_id, name = self._companies[pair]
        if around:
            short_id = f"{short_id}-{around + 1}"
            name = f"{name} {around + 1}"
        bits, place = divmod(bits, len(region.places))
        bits, street = divmod(bits, len(region.streets))
        bits, person = divmod(bits, len(self._people))
        bits, number = divmod(bits, 280)
        bits, line = divmod(bits, 98)
        bits, born = divmod(bits, _DAYS - 30)
        bits, age = divmod(bits, _DAYS - born)
        bits, minute = divmod(bits, 600)
        bits, later = divmod(bits, 180)
        bits, desk = divmod(bits, len(_DESKS))
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
            "email": f"{_DESKS[desk]}@{short_id.lower()}.{_DOMAINS[domain]}" if has_email else "",
            "contact": self._people[person] if has_contact else "",
            "active": bits % 9 != 0,
            "created": _moment(days[born], minute),
            "modified": _moment(days[born + age], minute + later),
        }


def _moment(day: str, minute: int) -> str:
    """The text of a moment so many minutes after seven in the morning."""
    return f"{day}T{7 + minute // 60:02}:{minute % 60:02}:00"
