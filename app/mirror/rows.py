"""A customer as the mirror stores it, such that exactly the same record comes back.

pydantic and the models are imported only where a row needs them: `app.mirror.snapshot` reads rows before that.
"""

import hashlib
import json
import zlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from app.models.fields import ID_FIELD, WIRE_FIELDS
from app.text.confusables import skeleton

if TYPE_CHECKING:
    from app.models.customer import Customer
    from app.models.raw_customer import RawCustomer

#: The fields that hold text, in which customers are searched, and what separates them while they are joined.
TEXT_FIELDS: Final = WIRE_FIELDS[: WIRE_FIELDS.index("active")]
SEPARATOR: Final = "\x1f"
#: The columns of a stored customer; the last three are what is looked up: ID and name folded, and what the ID looks
#: like.
COLUMNS: Final = (*WIRE_FIELDS, "disambiguator", "record", "checksum", "folded_id", "folded_name", "skeleton")
#: The fields that are stored folded too, in these columns.
FOLDED_COLUMNS: Final = {ID_FIELD: "folded_id", "name": "folded_name"}
#: The columns that a customer is read from.
READ_COLUMNS: Final = ", ".join(("customer.rowid", *COLUMNS[:-3]))

_NOT_A_RECORD: Final = "not a customer record"
#: Begins a text that stands for a number which nothing can hold, or that itself begins like that.
_MARK: Final = "\x00"
_ACTIVE: Final = len(TEXT_FIELDS)


class CorruptRow(Exception):
    """A row is not what was once written."""


class MirrorRow(NamedTuple):
    """The columns of a row, in their order.

    `disambiguator` tells records apart whose ID cannot. The fields are texts that SQLite can hold, and `active` 1, 0 or
    NULL; `record` is the JSON of a record that they do not hold completely. `texts` are the fields before `active`,
    joined.
    """

    disambiguator: str
    values: tuple[str | int | None, ...]
    record: str | None
    texts: str

    @property
    def key(self) -> tuple[str, str]:
        """What identifies the row: the ID as SQLite can hold it, and the disambiguator."""
        return str(self.values[0]), self.disambiguator

    @property
    def active(self) -> bool | None:
        """The status; `None` where the server did not say."""
        active = self.values[_ACTIVE]
        return None if active is None else active == 1

    def columns(self, folded_id: str, folded_name: str) -> tuple[str | int | None, ...]:
        """The values of `COLUMNS`."""
        disambiguator, values, record, texts = self
        if record is None:
            # The same sum without joining the texts again.
            check = zlib.crc32(f"{texts}\x1f{values[_ACTIVE]}\x1f{values[-2]}\x1f{values[-1]}\x1fNone".encode())
        else:
            check = checksum(values, record)
        look = skeleton(str(values[0]))
        return (*values, disambiguator, record, check, folded_id, folded_name, look)


def join_fields(texts: Iterable[str]) -> str:
    """Join the texts of `TEXT_FIELDS` with `SEPARATOR`, which none of them then contains."""
    return SEPARATOR.join([text.replace(SEPARATOR, " ") for text in texts])


def checksum(values: Iterable[object], record: str | None) -> int:
    """A sum that shows a changed bit."""
    return zlib.crc32("\x1f".join(map(str, (*values, record))).encode())


def encode_row(customer: "Customer | RawCustomer") -> MirrorRow:
    """The row of a customer; its entity tag is not stored."""
    received = customer.received
    if not customer.problems and (*received,) == WIRE_FIELDS:
        values: list[Any] = [*received.values()]
        texts = SEPARATOR.join(values[:_ACTIVE])
        if texts.count(SEPARATOR) == _ACTIVE - 1 and "\x00" not in texts:
            values[_ACTIVE] = 1 if values[_ACTIVE] else 0
            return MirrorRow("", tuple(values), None, texts)
    from app.models.customer import Customer

    if not isinstance(customer, Customer):
        customer = Customer.from_wire(received)
    record = _encode_record(customer)
    values = [sqlite_safe(customer.value(name)) for name in WIRE_FIELDS]
    has_unsafe_id = ID_FIELD in customer.problems or values[0] != customer.short_id
    disambiguator = hashlib.sha256(record.encode()).hexdigest() if has_unsafe_id else ""
    texts = join_fields(values[:_ACTIVE])
    values[_ACTIVE] = None if customer.active is None else int(customer.active)
    return MirrorRow(disambiguator, tuple(values), record, texts)


def decode_row(row: tuple[Any, ...]) -> "Customer":
    """The customer of a row of `READ_COLUMNS`, equal to the one it was made from; raises `CorruptRow`."""
    from app.models.customer import Customer

    _, *values, _disambiguator, record, check = row
    if check != checksum(values, record):
        raise CorruptRow
    if record is not None:
        return Customer.from_wire(_unmark(json.loads(record)))
    received: dict[str, Any] = dict(zip(WIRE_FIELDS, values, strict=True))
    received["active"] = bool(received["active"])
    return Customer.from_wire(received)


def searched_fields(row: Sequence[Any]) -> tuple[str, bool | None]:
    """What the search text of a row of `READ_COLUMNS` is made from; raises `CorruptRow`."""
    _, *values, _disambiguator, record, check = row
    if check != checksum(values, record):
        raise CorruptRow
    active = values[_ACTIVE]
    return join_fields(values[:_ACTIVE]), None if active is None else active == 1


def encode_id(short_id: str) -> str:
    """An ID as it stands in its column."""
    return sqlite_safe(short_id)


def sqlite_safe(text: str) -> str:
    """The text as SQLite can hold and search it: lone surrogates and NUL become the replacement character."""
    if text.isascii() and "\x00" not in text:
        return text
    safe = "".join("\ufffd" if "\ud800" <= character <= "\udfff" else character for character in text)
    return safe.replace("\x00", "\ufffd")


def is_older(one: str, other: str) -> bool:
    """Whether a `modified` is before another, where both can be compared."""
    try:
        return datetime.fromisoformat(one) < datetime.fromisoformat(other)
    except (ValueError, TypeError):
        return False


def _encode_record(customer: "Customer") -> str:
    """JSON in ASCII; what JSON cannot hold is marked."""
    if customer.problems.get(ID_FIELD) == _NOT_A_RECORD:
        return json.dumps(_mark(customer.received["name"]))
    return json.dumps(_mark(customer.received), separators=(",", ":"))


def _mark(value: Any) -> Any:
    from app.models.customer import NumberText

    if isinstance(value, NumberText):
        return f"{_MARK}n{value}"
    if isinstance(value, str):
        return f"{_MARK}s{value}" if value.startswith(_MARK) else value
    if isinstance(value, dict):
        return {name: _mark(inner) for name, inner in value.items()}
    return [_mark(inner) for inner in value] if isinstance(value, list) else value


def _unmark(value: Any) -> Any:
    from app.models.customer import NumberText

    if isinstance(value, str):
        if not value.startswith(_MARK):
            return value
        return NumberText(value[2:]) if value[1] == "n" else value[2:]
    if isinstance(value, dict):
        return {name: _unmark(inner) for name, inner in value.items()}
    return [_unmark(inner) for inner in value] if isinstance(value, list) else value
