"""The values that customers have in a field, and the places that belong to a zip, most used first."""

import sqlite3
from typing import Final, Literal

from app.mirror.rows import sqlite_safe
from app.models.values import CityOfZip, ValueInUse
from app.text.folding import BROKEN

CountedField = Literal["city", "state", "country"]

_MOST_VALUES: Final = 5_000
_MOST_PLACES: Final = 20


def values_in_use(connection: sqlite3.Connection, field: CountedField) -> list[ValueInUse]:
    """Return the values of a field; counted along its index once all customers are there."""
    rows = connection.execute(
        f"SELECT {field}, count(*) AS customers FROM customer WHERE {field} <> '' GROUP BY {field} "
        f"ORDER BY customers DESC, {field} LIMIT {_MOST_VALUES}"
    )
    # What SQLite cannot hold is not what the customer has.
    return [ValueInUse(value, customers) for value, customers in rows if BROKEN not in value]


def places_of_zip(connection: sqlite3.Connection, code: str, country: str) -> list[CityOfZip]:
    """Return where customers with this zip are; in this country, if one is given."""
    rows = connection.execute(
        "SELECT city, state, count(*) AS customers FROM customer WHERE zip = ? AND city <> '' AND ? IN ('', country) "
        f"GROUP BY city, state ORDER BY customers DESC, city, state LIMIT {_MOST_PLACES}",
        (sqlite_safe(code), sqlite_safe(country)),
    )
    return [CityOfZip(*row) for row in rows if BROKEN not in row[0] + row[1]]
