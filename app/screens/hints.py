"""Hints about odd values in a form: shown beside the field, never a reason to refuse them."""

import re
import unicodedata
from typing import Final

from app.text.countries import country_name

_ZIPS: Final = (
    {
        "US": r"\d{5}(-\d{4})?",
        "CA": r"[A-Z]\d[A-Z] ?\d[A-Z]\d",
        "GB": r"[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}",
        "NL": r"\d{4} ?[A-Z]{2}",
        "JP": r"\d{3}-?\d{4}",
        "PL": r"\d{2}-\d{3}",
        "SE": r"\d{3} ?\d{2}",
    }
    | dict.fromkeys(("DE", "FR", "ES", "IT", "MX", "FI", "TR", "UA"), r"\d{5}")
    | dict.fromkeys(("AT", "BE", "CH", "DK", "NO", "AU", "HU"), r"\d{4}")
)
_EMAIL: Final = re.compile(r"[^\s@]+@[^\s@.]+(\.[^\s@.]+)+")
_UNFINISHED: Final = re.compile(r"\.(exampel|con|cmo|ocm|nte|ogr|c|n|o)$", re.IGNORECASE)


def input_hint(field: str, value: str, country: str) -> str:
    """A sentence about an odd value, or nothing; `country` is what the record says now."""
    if not value:
        return ""
    if any(unicodedata.category(character) in ("Cc", "Cf") for character in value):
        return "Holds invisible characters."
    if value != value.strip():
        return "Begins or ends with a space."
    match field:
        case "email":
            return _of_email(value)
        case "phone" | "fax":
            return _of_number(value)
        case "country":
            return _of_country(value)
        case "zip":
            pattern = _ZIPS.get(country)
            return f"Unusual for {country}." if pattern and not re.fullmatch(pattern, value) else ""
        case _:
            return ""


def _of_email(value: str) -> str:
    if "@" not in value:
        return "An email address has an @."
    return "Is this address complete?" if not _EMAIL.fullmatch(value) or _UNFINISHED.search(value) else ""


def _of_number(value: str) -> str:
    digits = sum(character.isdigit() for character in value)
    return f"{'Short' if digits < 5 else 'Long'} for a phone number." if not 5 <= digits <= 20 else ""


def _of_country(value: str) -> str:
    if not country_name(value):
        return "Not a country code."
    return "" if value.isupper() else f"Did you mean {value.upper()}?"
