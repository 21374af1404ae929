"""Takes a pasted address apart, line by line: only what is written there goes into a field, nothing is guessed."""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from app.text.countries import countries, country_name
from app.text.folding import fold

#: What countries are called on letters, beside their English names.
_OTHER_NAMES: Final = {
    "belgie": "BE",
    "belgique": "BE",
    "brasil": "BR",
    "ceska republika": "CZ",
    "danmark": "DK",
    "deutschland": "DE",
    "england": "GB",
    "espana": "ES",
    "great britain": "GB",
    "italia": "IT",
    "nederland": "NL",
    "norge": "NO",
    "osterreich": "AT",
    "polska": "PL",
    "schweiz": "CH",
    "scotland": "GB",
    "suisse": "CH",
    "suomi": "FI",
    "sverige": "SE",
    "the netherlands": "NL",
    "turkey": "TR",
    "u.k.": "GB",
    "u.s.a.": "US",
    "uk": "GB",
    "united states of america": "US",
    "usa": "US",
    "wales": "GB",
}
#: The signs of countries before a zip, where they differ from the codes.
_SIGNS: Final = {
    "A": "AT",
    "B": "BE",
    "D": "DE",
    "E": "ES",
    "F": "FR",
    "I": "IT",
    "L": "LU",
    "N": "NO",
    "P": "PT",
    "S": "SE",
}

_BRITISH: Final = r"[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}"
_CANADIAN: Final = r"[A-Z]\d[A-Z] ?\d[A-Z]\d"
_ZIP_FIRST: Final = r"\d{4} [A-Z]{2}|\d{3} \d{2}|\d{2}-\d{3}|\d{4}-\d{3}|\d{3}-\d{4}|\d{5}-\d{3}|\d{4,6}"
_ZIP_LAST: Final = rf"\d{{5}}(?:-\d{{3,4}})?|\d{{4}}-\d{{3}}|\d{{3}}-\d{{4}}|\d{{6}}|{_BRITISH}|{_CANADIAN}"
_SIGN: Final = r"(?:(?P<sign>[A-Z](?=[- ])|[A-Z]{2}(?=-))[- ] ?)?"
_CITY: Final = r"(?P<city>[^\d,][^\d]*?)"
#: The clearest first: a city with its state and zip, with its zip, a zip with its city, a city with its state.
_PLACES: Final = tuple(
    re.compile(pattern)
    for pattern in (
        rf"{_CITY},? +(?P<state>[A-Z]{{2,3}}),? +(?P<zip>\d{{4,5}}(?:-\d{{4}})?|{_CANADIAN})",
        rf"{_CITY},? +(?P<zip>{_ZIP_LAST})",
        rf"{_SIGN}(?P<zip>{_ZIP_FIRST}),? +{_CITY}(?:, ?(?P<state>[A-Z]{{2,3}}))?",
        rf"{_CITY}, ?(?P<state>[A-Z]{{2,3}})",
    )
)
_ZIP_ALONE: Final = re.compile(rf"{_ZIP_FIRST}|{_ZIP_LAST}")
#: What follows the number of a house rather than a zip.
_STREET: Final = re.compile(
    r"\b(st|street|rd|road|ave?|avenue|ln|lane|dr|drive|way|blvd|boulevard|hwy|highway|pkwy|parkway|ct|court|pl|place"
    r"|sq|square|ter|terrace|rue|calle|via)\b\.?",
    re.IGNORECASE,
)
_EMAIL: Final = re.compile(r"(?:e-?mail|mailto)?[:.\s]*([^\s@:<>]+@[^\s@:<>]+\.[^\s@:<>]+)", re.IGNORECASE)
_NUMBER: Final = r"\+?[\d(][\d ()./\-–]{5,}\d"
_PHONE: Final = re.compile(
    rf"(?:t|tel|telephone|telefon|phone|ph|mobile|mobil|cell|m)[.:\s]+({_NUMBER})|({_NUMBER})", re.IGNORECASE
)
_FAX: Final = re.compile(rf"(?:f|fax|telefax)[.:\s]+({_NUMBER})", re.IGNORECASE)
_CONTACT: Final = re.compile(r"(?:attn|attention|att|contact|z\.? ?hd)[.:\s]+(\S.*)", re.IGNORECASE)
_WEB: Final = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_FEWEST_DIGITS: Final = 7


class PastedAddress(NamedTuple):
    """The fields of an address by wire name, and the lines that belong in none of them."""

    fields: dict[str, str]
    unplaced: list[str]


def parse_address(lines: Sequence[str], *, with_name: bool) -> PastedAddress:
    """Take the lines of an address apart; with `with_name` the first one is a name, whatever it looks like.

    Otherwise it is one if there is no number in it.
    """
    fields: dict[str, str] = {}
    unplaced: list[str] = []
    rest = [line for line in lines[1:] if not _take_reach(line, fields, unplaced)]
    if lines and (with_name or not _take_reach(lines[0], fields, unplaced)):
        rest.insert(0, lines[0])
    first = 1 if with_name else 0
    _take_country(rest, first, fields)
    _take_place(rest, first, fields)
    if "country" not in fields:
        _take_country(rest, first, fields)
    if rest and (with_name or not _has_digit(rest[0])):
        fields["name"] = rest.pop(0)
    if len(rest) > 2 and "contact" not in fields and not _has_digit(rest[0]) and _has_digit(rest[1]):
        fields["contact"] = rest.pop(0)
    if rest:
        fields["address1"] = rest.pop(0)
    if rest:
        fields["address2"] = ", ".join(rest)
    return PastedAddress(fields, unplaced)


def _take_reach(line: str, fields: dict[str, str], unplaced: list[str]) -> bool:
    """Take a line with a contact, phone, fax or e-mail address; what has its field already is placed nowhere."""
    found = ""
    for name, pattern in (("email", _EMAIL), ("fax", _FAX), ("phone", _PHONE), ("contact", _CONTACT)):
        match = pattern.fullmatch(line)
        text = next((group for group in match.groups() if group), "") if match else ""
        numeric = name in ("fax", "phone")
        if text and not (numeric and (_ZIP_ALONE.fullmatch(text) or sum(map(str.isdigit, text)) < _FEWEST_DIGITS)):
            found = name
            break
    if found and found not in fields:
        fields[found] = text
    elif found or _WEB.fullmatch(line):
        unplaced.append(line)
    else:
        return False
    return True


def _take_country(rest: list[str], first: int, fields: dict[str, str]) -> None:
    """Take the last line if it is a country."""
    if len(rest) > first and (code := _country_code(rest[-1])):
        fields["country"] = code
        rest.pop()


def _country_code(text: str) -> str:
    folded = fold(text.strip(" .,"))
    if folded in _OTHER_NAMES:
        return _OTHER_NAMES[folded]
    if len(text) == 2 and text.isupper() and country_name(text):
        return text
    return next((code for code, name in countries() if fold(name) == folded), "")


def _take_place(rest: list[str], first: int, fields: dict[str, str]) -> None:
    """Take the line with zip, city and state, which stands near the end."""
    for pattern in _PLACES:
        for at in range(len(rest) - 1, first - 1, -1):
            match = pattern.fullmatch(rest[at])
            if match is None or (_STREET.search(match["city"]) and not _is_clear(match)):
                continue
            found = match.groupdict()
            sign = found.pop("sign", None)
            if sign:
                code = _SIGNS.get(sign) or (sign if country_name(sign) else "")
                if not code or fields.setdefault("country", code) != code:
                    continue
            fields.update({name: text.strip(" ,") for name, text in found.items() if text})
            del rest[at]
            return
    _take_zip_alone(rest, first, fields)


def _is_clear(match: re.Match[str]) -> bool:
    """Whether the line is a place though a word in it may be a street's: it has a state and a zip."""
    found = match.groupdict()
    return bool(found.get("state") and found.get("zip"))


def _take_zip_alone(rest: list[str], first: int, fields: dict[str, str]) -> None:
    """Take a last line that is only a zip, and the city before it."""
    if len(rest) <= first or not _ZIP_ALONE.fullmatch(rest[-1]):
        return
    fields["zip"] = rest.pop()
    if len(rest) > max(first, 1) and not _has_digit(rest[-1]):
        fields["city"] = rest.pop()


def _has_digit(text: str) -> bool:
    return any(map(str.isdigit, text))
