"""Country codes and the names people call them by, for the detail screen and the form's choices."""

import unicodedata
from functools import cache
from typing import Final

#: Where ISO 3166 names the state, and a label on a parcel does not.
_COMMON_NAMES: Final = {
    "BO": "Bolivia",
    "BN": "Brunei",
    "CD": "Congo (Kinshasa)",
    "CG": "Congo (Brazzaville)",
    "FK": "Falkland Islands",
    "FM": "Micronesia",
    "GB": "United Kingdom",
    "IR": "Iran",
    "KP": "North Korea",
    "KR": "South Korea",
    "LA": "Laos",
    "MD": "Moldova",
    "MF": "Saint Martin",
    "NR": "Nauru",
    "PS": "Palestine",
    "RU": "Russia",
    "SX": "Sint Maarten",
    "SY": "Syria",
    "TR": "Türkiye",
    "TW": "Taiwan",
    "TZ": "Tanzania",
    "US": "United States",
    "VA": "Vatican City",
    "VE": "Venezuela",
    "VG": "British Virgin Islands",
    "VI": "U.S. Virgin Islands",
    "VN": "Vietnam",
}


def country_name(code: str) -> str | None:
    """The name of the country with this two-letter code in either case; `None` when there is none."""
    return _names().get(code.strip().upper())


def countries() -> tuple[tuple[str, str], ...]:
    """Every code with its name, in the order of the names."""
    return tuple(sorted(_names().items(), key=lambda country: _unaccented(country[1])))


@cache
def _names() -> dict[str, str]:
    # Imported when first asked for: nothing of the first screen needs it.
    from iso3166 import countries_by_alpha2

    return {code: _COMMON_NAMES.get(code, country.name) for code, country in countries_by_alpha2.items()}


def _unaccented(name: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", name.casefold()) if not unicodedata.combining(c))
