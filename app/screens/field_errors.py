"""What is wrong with the value of a field, in the words of the screen: labels, not names of the wire."""

import re
from typing import Final

from app.models.fields import BY_NAME, ID_FIELD, MAX_FIELD_LENGTH, MAX_ID_LENGTH

_BY_FOLDED: Final = {name.casefold(): field for name, field in BY_NAME.items()}
#: How servers name a field in a sentence, our own and those on ASP.NET: "The zip field is", "The field Zip must".
_NAMED: Final = re.compile(r"\b(The) (?:(\w+) field|field (\w+))\b", re.IGNORECASE)
_LENGTH: Final = re.compile(r"must have (?:1 to|at most) \d+ characters|maximum length", re.IGNORECASE)


def too_long(field: str, value: str) -> str:
    """Say that the contract's server refuses a value of this length; empty if it does not."""
    length, most = (len(value.strip()), MAX_ID_LENGTH) if field == ID_FIELD else (len(value), MAX_FIELD_LENGTH)
    return f"The {BY_NAME[field].label} is too long ({length}). At most {most} characters." if length > most else ""


def in_labels(field: str, message: str, value: str) -> str:
    """Return a server's message about a value as the screen would say it; one that is not known as it came."""
    if field in BY_NAME and _LENGTH.search(message) and (known := too_long(field, value)):
        return known
    return _NAMED.sub(_with_label, message)


def behind_label(field: str, message: str, value: str) -> str:
    """Return a server's message for a place that is not at its field: behind the label, unless it names the field."""
    text = in_labels(field, message, value)
    label = BY_NAME[field].label if field in BY_NAME else field
    return text if not label or text != message else f"{label}: {message}"


def _with_label(named: re.Match[str]) -> str:
    known = _BY_FOLDED.get((named[2] or named[3]).casefold())
    return f"{named[1]} {known.label}" if known else named[0]
