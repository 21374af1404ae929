"""A customer's address as it stands on a parcel label."""

from collections.abc import Callable
from typing import Final

from app.text.countries import country_name
from app.text.sanitize import sanitize

#: Where the code stands behind the city, and the state between; elsewhere the code comes first.
_CODE_LAST: Final = frozenset({"", "AU", "BR", "CA", "GB", "ID", "IE", "IN", "NZ", "TH", "US", "ZA"})


def address_lines(value: Callable[[str], str]) -> list[str]:
    """Return the lines of a label: name, address, city line, country; `value` returns the text of a wire field.

    Each is one line without control characters. Lines that would be empty are left out, and the country is always
    named: whoever prints the label may be anywhere.
    """

    def text(name: str) -> str:
        return sanitize(" ".join(value(name).split()))

    country = text("country")
    parts = [text("city"), text("state"), text("zip")]
    if country.upper() not in _CODE_LAST:
        parts = [text("zip"), text("city"), text("state")]
    city_line = " ".join(part for part in parts if part)
    lines = [text("name"), text("address1"), text("address2"), city_line, (country_name(country) or country).upper()]
    return [line for line in lines if line]
