"""A customer as the mirror stores it, such that exactly the same record comes back."""

import hashlib
import json
import zlib
from datetime import datetime
from typing import Any, Final, NamedTuple

from app.mirror.row_checksum import DamagedRow, check_of
from app.mirror.search.terms import FIELD, is_joined, joined
from app.models.customer import Customer, NumberText
from app.models.fields import ID_FIELD, WIRE_FIELDS
from app.models.raw_customer import RawCustomer
from app.text.confusables import skeleton

_NOT_A_RECORD: Final = "not a customer record"
#: Begins a text that stands for a number which nothing can hold, or that itself begins so.
_MARK: Final = "\x00"
_ACTIVE: Final = WIRE_FIELDS.index("active")


class Stored(NamedTuple):
    """The columns of a row, in their order.

    `odd` tells records apart whose ID cannot. The fields are texts that SQLite can hold, and `active` 1, 0 or NULL;
    `record` is the JSON of a record that they do not hold whole. `texts` are the fields before `active`, joined.
    """

    odd: str
    values: tuple[str | int | None, ...]
    record: str | None
    texts: str

    @property
    def key(self) -> tuple[str, str]:
        """What tells the row from all others: the ID as SQLite can hold it, and what tells it from others with it."""
        return str(self.values[0]), self.odd

    @property
    def active(self) -> bool | None:
        """The status; `None` where the server did not say."""
        active = self.values[_ACTIVE]
        return None if active is None else active == 1

    def columns(self, fid: str, fname: str) -> tuple[str | int | None, ...]:
        """The values of `COLUMNS`; ID and name as they are found stand in the line."""
        odd, values, record, texts = self
        if record is None:
            # The same without making the texts one once more.
            check = zlib.crc32(f"{texts}\x1f{values[_ACTIVE]}\x1f{values[-2]}\x1f{values[-1]}\x1fNone".encode())
        else:
            check = check_of(values, record)
        return (*values, odd, record, check, fid, fname, skeleton(str(values[0])))


def stored(customer: Customer | RawCustomer) -> Stored:
    """The row of a customer; its entity tag is not kept."""
    received = customer.received
    if not customer.problems and (*received,) == WIRE_FIELDS:
        values: list[Any] = [*received.values()]
        texts = FIELD.join(values[:_ACTIVE])
        if is_joined(texts) and "\x00" not in texts:
            values[_ACTIVE] = 1 if values[_ACTIVE] else 0
            return Stored("", tuple(values), None, texts)
    if isinstance(customer, RawCustomer):
        customer = Customer.from_wire(received)
    record = _written(customer)
    values = [sound(customer.value(name)) for name in WIRE_FIELDS]
    unsure = ID_FIELD in customer.problems or values[0] != customer.short_id
    odd = hashlib.sha256(record.encode()).hexdigest() if unsure else ""
    texts = joined(values[:_ACTIVE])
    values[_ACTIVE] = None if customer.active is None else int(customer.active)
    return Stored(odd, tuple(values), record, texts)


def customer_of(row: tuple[Any, ...]) -> Customer:
    """The customer of a row of `READ`, equal to the one it was made of; raises `DamagedRow`."""
    _, *values, _odd, record, checksum = row
    if checksum != check_of(values, record):
        raise DamagedRow
    if record is not None:
        return Customer.from_wire(_unmarked(json.loads(record)))
    received: dict[str, Any] = dict(zip(WIRE_FIELDS, values, strict=True))
    received["active"] = bool(received["active"])
    return Customer.from_wire(received)


def stored_id(short_id: str) -> str:
    """An ID as it stands in its column."""
    return sound(short_id)


def sound(text: str) -> str:
    """The text as SQLite can hold and search it: lone surrogates and NUL become the sign for what is broken."""
    if text.isascii() and "\x00" not in text:
        return text
    whole = "".join("\ufffd" if "\ud800" <= character <= "\udfff" else character for character in text)
    return whole.replace("\x00", "\ufffd")


def is_older(one: str, other: str) -> bool:
    """Whether a `modified` is before another, where both can be compared."""
    try:
        return datetime.fromisoformat(one) < datetime.fromisoformat(other)
    except (ValueError, TypeError):
        return False


def _written(customer: Customer) -> str:
    """JSON in ASCII, with its odd texts marked."""
    if customer.problems.get(ID_FIELD) == _NOT_A_RECORD:
        return json.dumps(_marked(customer.received["name"]))
    return json.dumps(_marked(customer.received), separators=(",", ":"))


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
