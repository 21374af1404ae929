"""The formats that are plain text, and what every format is to the export: opening, rows, closing, and notes."""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, Protocol

from app.export.cells import (
    CONTROLS,
    TERMINAL_CONTROLS,
    TEXT_PREFIX,
    UNENCODABLE,
    is_dangerous,
    replace_chars,
    text_of,
    unknown_fields,
)
from app.models.customer import NumberText
from app.models.fields import WIRE_FIELDS

if TYPE_CHECKING:
    from app.models.customer import Customer

#: Legal in JSON, but a terminal obeys some of them, and some readers take others for the end of a line.
_ODD_VALUES: Final = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
_NAMED: Final = 10


class Format(Protocol):
    """Turns customers into the bytes of a file, piece by piece; without its closing the file is not whole."""

    def header(self) -> bytes:
        """What stands before the first customer."""

    def rows(self, customers: Sequence["Customer"]) -> bytes:
        """The next customers; a format may keep them until the end."""

    def footer(self) -> Iterable[bytes]:
        """What stands after the last customer."""

    def notes(self) -> list[str]:
        """What is not in the file as the server sent it."""


class DroppedFields:
    """Remembers which fields a server sent that a table has no columns for."""

    def __init__(self) -> None:
        self._names: set[str] = set()

    def add(self, customer: "Customer") -> None:
        """Look for such fields; only the first few are remembered."""
        if len(self._names) <= _NAMED:
            self._names |= unknown_fields(customer)

    def notes(self) -> list[str]:
        """One sentence, if there were any."""
        if not self._names:
            return []
        names = sorted(self._names)
        more = " and more" if len(names) > _NAMED else ""
        return [
            f"The server sent fields that have no column: {', '.join(names[:_NAMED])}{more}. json and jsonl keep them."
        ]


class CsvFormat:
    """RFC 4180 in UTF-8, with a header.

    Cells that a spreadsheet would run are defused, and control characters become signs, unless it is `raw`; what UTF-8
    cannot hold becomes a sign in any case. On a `terminal` line ends within cells become signs too.
    """

    def __init__(self, *, raw: bool = False, terminal: bool = False) -> None:
        self._raw = raw
        self._unwanted = TERMINAL_CONTROLS if terminal else UNENCODABLE if raw else CONTROLS
        self._escaped = 0
        self._dropped = DroppedFields()

    def header(self) -> bytes:
        """The names of the columns."""
        return _lines([WIRE_FIELDS])

    def rows(self, customers: Sequence["Customer"]) -> bytes:
        """A line a customer, and more for line ends in its fields."""
        return _lines(
            [self._cell(text_of(customer, name)) for name in WIRE_FIELDS] for customer in self._noted(customers)
        )

    def footer(self) -> Iterable[bytes]:
        """Nothing."""
        return ()

    def notes(self) -> list[str]:
        """What became a sign, and what has no column."""
        notes = self._dropped.notes()
        if self._escaped:
            keeping = "json keeps them" if self._raw else "--raw keeps what can be kept, json everything"
            notes.append(f"Signs stand for characters that cannot be shown (cells: {self._escaped:,}); {keeping}.")
        return notes

    def _noted(self, customers: Sequence["Customer"]) -> Iterator["Customer"]:
        for customer in customers:
            self._dropped.add(customer)
            yield customer

    def _cell(self, text: str) -> str:
        # Judged by what was received: a sign in its place does not make a cell trustworthy.
        mark = TEXT_PREFIX if not self._raw and is_dangerous(text) else ""
        if text.isascii() and text.isprintable():
            return mark + text
        signed = replace_chars(text, self._unwanted)
        self._escaped += signed != text
        return mark + signed


class JsonFormat:
    """An array of the objects as they were received, a line each; numbers that nothing can hold are texts."""

    def __init__(self) -> None:
        self._separator = ""

    def header(self) -> bytes:
        """The beginning of the array."""
        return b"[\n"

    def rows(self, customers: Sequence["Customer"]) -> bytes:
        """The next elements, after a comma where there are some before them."""
        pieces = []
        for customer in customers:
            pieces.append(f"{self._separator}  {_json(customer)}")
            self._separator = ",\n"
        return _encoded("".join(pieces))

    def footer(self) -> Iterable[bytes]:
        """The end of the array."""
        return (b"\n]\n" if self._separator else b"]\n",)

    def notes(self) -> list[str]:
        """Nothing is lost."""
        return []


class JsonLinesFormat:
    """One object a line, as it was received; numbers that Python cannot hold are texts."""

    def header(self) -> bytes:
        """Nothing."""
        return b""

    def rows(self, customers: Sequence["Customer"]) -> bytes:
        """The next lines."""
        return _encoded("".join(f"{_json(customer)}\n" for customer in customers))

    def footer(self) -> Iterable[bytes]:
        """Nothing."""
        return ()

    def notes(self) -> list[str]:
        """Nothing is lost."""
        return []


def _lines(rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


def _json(customer: "Customer") -> str:
    text = json.dumps(_plain(customer.received), ensure_ascii=False)
    return text if text.isprintable() else _ODD_VALUES.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _plain(value: Any) -> Any:
    """The value with numbers for numbers; what is none to every reader (`NaN`, `1e999`) stays text."""
    if isinstance(value, NumberText):
        number = float(value)
        return number if isfinite(number) else str(value)
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value


def _encoded(text: str) -> bytes:
    # A lone surrogate, which can only stand inside a string, becomes the very escape that JSON has for it.
    return text.encode("utf-8", "backslashreplace")
