"""Sample customers, and hypothesis strategies for records."""

from typing import Any, Final

from hypothesis import strategies as st

from app.models.customer import Customer
from app.models.fields import FIELDS, ID_FIELD, WRITABLE_FIELDS

#: The first customer of the specification.
ACME: Final[dict[str, Any]] = {
    "shortID": "ACME-CORP",
    "name": "Acme Corporation",
    "address1": "123 Industrial Way",
    "address2": "",
    "city": "Springfield",
    "state": "IL",
    "zip": "62701",
    "country": "US",
    "phone": "555-0100",
    "fax": "",
    "email": "orders@acme.example.com",
    "contact": "Jane Smith",
    "active": True,
    "created": "2023-04-15T08:30:00",
    "modified": "2024-11-02T14:22:00",
}

#: Any text: every script, empty, spaces, control characters, lone surrogates.
TEXTS = st.text(st.characters(codec=None), max_size=30)


def customer(short_id: str = "A", etag: str | None = None, **values: Any) -> Customer:
    """A complete customer; fields that are not given are empty."""
    record: dict[str, Any] = {field.name: "" for field in FIELDS} | {ID_FIELD: short_id, "active": True} | values
    record |= {"created": "2024-01-01T00:00:00", "modified": "2024-01-01T00:00:00"}
    return Customer.from_wire(record, etag)


def records() -> st.SearchStrategy[dict[str, str]]:
    """Strategy for the writable fields of a record."""
    return st.fixed_dictionaries({name: st.sampled_from(["", "a", "b", "c"]) for name in WRITABLE_FIELDS})
