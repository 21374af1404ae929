"""Which fields a duplicate of a customer begins with, and what is said about those it does not."""

from typing import TYPE_CHECKING

from app.models.fields import BY_NAME, WRITABLE_FIELDS
from app.text.sanitize import sanitize_id, shorten

if TYPE_CHECKING:
    from app.models.customer import Customer
    from app.widgets.status_line import Level

_ABSENT = ("null", "missing")
_MOST_NAMES = 5
_NAME_CELLS = 30


def fields_to_copy(customer: "Customer") -> dict[str, str]:
    """Return the fields of the form that hold sound text, by wire name."""
    odd = _odd_fields(customer)
    return {name: text for name in WRITABLE_FIELDS if name not in odd and (text := customer.value(name))}


def describe_copy(customer: "Customer") -> "tuple[str, Level]":
    """Return what to say when the form opens: what comes next, and what is not copied beyond status and dates."""
    short_id = sanitize_id(customer.short_id)
    parts = [f"A copy of {short_id}: type its ID, change what differs, then F10."]
    if customer.active is False:
        parts.append(f"{short_id} is discontinued, the copy will be active.")
    left_out = [BY_NAME[name].label for name in _odd_fields(customer)] + list(customer.unknown_fields)
    if left_out:
        names = ", ".join(shorten(name, _NAME_CELLS) for name in left_out[:_MOST_NAMES])
        more = len(left_out) - _MOST_NAMES
        parts.append(f"Not copied: {names}{f' and {more:,} more' if more > 0 else ''}.")
    return " ".join(parts), "info" if len(parts) == 1 else "warning"


def _odd_fields(customer: "Customer") -> list[str]:
    """The fields of the form whose value is no text, or broken text: it would be written in another form."""
    return [name for name in WRITABLE_FIELDS if customer.problems.get(name, _ABSENT[0]) not in _ABSENT]
