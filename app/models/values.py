"""What other customers have in a field: offered where one fills it in."""

from typing import NamedTuple


class ValueInUse(NamedTuple):
    """A value, and how many customers have it."""

    value: str
    customers: int


class CityOfZip(NamedTuple):
    """A city and its state, and how many customers are there."""

    city: str
    state: str
    customers: int
