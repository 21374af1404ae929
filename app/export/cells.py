"""Customers as cells: the columns, the text of each, and what is done to text that a file or a reader cannot bear."""

import json
import re
from typing import TYPE_CHECKING, Final

from app.models.fields import WIRE_FIELDS

if TYPE_CHECKING:
    from app.models.customer import Customer


#: A spreadsheet runs a cell that begins so as a formula; the wide signs count where people type Chinese or Japanese.
FORMULA_STARTS: Final = frozenset("=+-@\t\r\n\0＝＋－＠")

#: What UTF-8 cannot hold.
UNENCODABLE: Final = re.compile("[\ud800-\udfff]")
#: What has no business in a text file, or steers a terminal that shows it; line ends and tabs do no harm in quotes.
CONTROLS: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
#: On a terminal every control character steers, and what turns the direction of writing shows one text as another.
TERMINAL_CONTROLS: Final = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
#: What XML 1.0 cannot hold, however it is written; Excel has an escape of its own for the rest.
NOT_XML: Final = re.compile("[\ud800-\udfff\ufffe\uffff]")

#: Makes a spreadsheet take the rest of the cell as text.
TEXT_PREFIX: Final = "'"


def text_of(customer: "Customer", column: str) -> str:
    """The field as text: as received, nothing for null and for missing, `true` or `false`, JSON for the unexpected."""
    if column != "active":
        return customer.value(column)
    active = customer.received.get(column)
    if active is None:
        return ""
    return active if isinstance(active, str) else json.dumps(active, ensure_ascii=False)


def is_dangerous(text: str) -> bool:
    """Whether a spreadsheet would take the text for a formula, or might after trimming it."""
    return text != "" and text[0] in FORMULA_STARTS


def replace_chars(text: str, unwanted: re.Pattern[str]) -> str:
    """The text with each unwanted character as a sign: `␛` for C0 and DEL, its code (`‹D800›`) for the rest."""
    return unwanted.sub(_replacement, text)


def unknown_fields(customer: "Customer") -> set[str]:
    """What the server sent that no column holds."""
    return customer.received.keys() - set(WIRE_FIELDS)


def _replacement(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"‹{code:04X}›"
