"""A customer as the mirror stores it, such that exactly the same record comes back."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

from app.fields import FIELDS, KEY
from app.models import Customer, NumberText

_NAMES: Final = tuple(field.name for field in FIELDS)
_NOT_A_RECORD: Final = "not a customer record"
_LONGEST_INT: Final = 300
#: Begins a text that stands for a number which nothing can hold, or that itself begins so.
_MARK: Final = "\x00"


@dataclass(frozen=True, slots=True)
class Stored:
    """One row: `odd` tells records apart whose ID cannot, `values` are the texts of all fields, `record` is JSON."""

    odd: str
    values: tuple[str, ...]
    record: str

    @classmethod
    def of(cls, customer: Customer) -> Self:
        """The row of a customer; its entity tag is not kept."""
        record = _written(customer)
        odd = hashlib.sha256(record.encode()).hexdigest() if KEY in customer.oddities else ""
        return cls(odd, tuple(sound(customer.value(name)) for name in _NAMES), record)

    @staticmethod
    def customer_of(record: str) -> Customer:
        """The customer of a `record`, equal to the one it was made of."""
        value = json.loads(record[1:])
        return Customer.from_wire(_unmarked(value) if record[0] == "m" else value)


def sound(text: str) -> str:
    """The text as SQLite can hold and search it: lone surrogates and NUL become the sign for what is broken."""
    if text.isascii() and "\x00" not in text:
        return text
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace").replace("\x00", "\ufffd")


def is_older(one: str, other: str) -> bool:
    """Whether a `modified` is before another, where both can be compared."""
    try:
        return datetime.fromisoformat(one) < datetime.fromisoformat(other)
    except (ValueError, TypeError):
        return False


def _written(customer: Customer) -> str:
    if customer.oddities.get(KEY) == _NOT_A_RECORD:
        return "p" + json.dumps(customer.received["name"])
    record = customer.received
    if not customer.oddities and len(record) == len(_NAMES):
        return "p" + json.dumps(record)
    return "m" + json.dumps(_marked(record))


def _marked(value: Any) -> Any:
    if isinstance(value, NumberText):
        return f"{_MARK}n{value}"
    if isinstance(value, str):
        return f"{_MARK}s{value}" if value.startswith(_MARK) else value
    if isinstance(value, dict):
        return {name: _marked(inner) for name, inner in value.items()}
    return [_marked(inner) for inner in value] if isinstance(value, list) else value


def _unmarked(value: Any) -> Any:
    if isinstance(value, str):
        if not value.startswith(_MARK):
            return value
        return NumberText(value[2:]) if value[1] == "n" else value[2:]
    if isinstance(value, dict):
        return {name: _unmarked(inner) for name, inner in value.items()}
    return [_unmarked(inner) for inner in value] if isinstance(value, list) else value
