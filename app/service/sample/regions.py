"""Where sample customers come from: what a region's cities, streets, companies and people are called."""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Place:
    """A real city; `phone` makes a number out of 0 to 99, from a range that is reserved or belongs to nobody.

    Countries that reserve no numbers for fiction get a local part beginning with 0, which no numbering plan assigns.
    """

    city: str
    state: str
    zip: str
    country: str
    phone: str


@dataclass(frozen=True, slots=True)
class Region:
    """One way of naming: `stems` and `trades` pair the Latin letters of an ID with the words of the company's name.

    `company`, `street_line` and `person` are formats over `stem` and `trade`, `street` and `number`, `given` and
    `family`. `weight` is how many of a round of customers come from here.
    """

    weight: int
    places: tuple[Place, ...]
    stems: tuple[tuple[str, str], ...]
    trades: tuple[tuple[str, str], ...]
    company: str
    streets: tuple[str, ...]
    street_line: str
    second_line: str
    given: tuple[str, ...]
    family: tuple[str, ...]
    person: str

    @classmethod
    def read(cls, weight: int, text: str) -> Self:
        """Read a region from lines of `key: item | item`, where a key may stand on several lines.

        Each `place: city, state, zip, country, phone` has a line of its own.
        """
        rows = [line.strip().split(": ", 1) for line in text.strip().splitlines()]
        places = [value.split(",") for key, value in rows if key == "place"]
        items: dict[str, tuple[str, ...]] = {}
        for key, value in rows:
            items[key] = (*items.get(key, ()), *(item.strip() for item in value.split("|")))
        return cls(
            weight=weight,
            places=tuple(Place(*(part.strip() for part in place)) for place in places),
            stems=tuple(_pair(item) for item in items["stems"]),
            trades=tuple(_pair(item) for item in items["trades"]),
            company=items["company"][0],
            streets=items["streets"],
            street_line=items["street_line"][0],
            second_line=items["second_line"][0],
            given=items["given"],
            family=items["family"],
            person=items["person"][0],
        )


def _pair(item: str) -> tuple[str, str]:
    latin, words = item.split("=")
    return latin, words
