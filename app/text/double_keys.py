"""What two records of one customer have in common, although it is written differently: phone, e-mail, address."""

from typing import Final

from app.text.folding import fold

_FEWEST_DIGITS: Final = 5
#: Letters and digits of a street, at least; `n/a` is none.
_FEWEST_SIGNS: Final = 5


def phone_key(phone: str) -> str | None:
    """Return the digits of a phone number; `None` if they are too few to say anything."""
    digits = "".join(filter(str.isdigit, fold(phone)))
    return digits if len(digits) >= _FEWEST_DIGITS else None


def email_key(email: str) -> str | None:
    """Return an e-mail address without its case; `None` if it is none."""
    name, at, domain = email.strip().casefold().partition("@")
    return f"{name}@{domain}" if name and at and domain else None


def address_key(address1: str, address2: str, place_code: str, city: str) -> str | None:
    """Return street and zip, or without a zip street and city, folded as for find; `None` without a street."""
    street = letters_and_digits(f"{address1} {address2}")
    if len(street) < _FEWEST_SIGNS:
        return None
    return f"{street}, {letters_and_digits(place_code) or letters_and_digits(city)}"


def letters_and_digits(text: str) -> str:
    """Return the letters and digits of a text, folded."""
    return "".join(filter(str.isalnum, fold(text)))
