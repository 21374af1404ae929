"""Customers that may be one customer twice, because they share a phone, an e-mail or an address."""

from typing import Final, Literal, NamedTuple

from app.models.fields import Origin

SharedField = Literal["phone", "email", "address1"]

#: What is compared; the address is more than the field that it is named after.
SHARED_FIELDS: Final[tuple[SharedField, ...]] = ("phone", "email", "address1")


class DoubleMember(NamedTuple):
    """A customer of a group; `active` is `None` where the server did not say."""

    short_id: str
    name: str
    active: bool | None


class DoubleGroup(NamedTuple):
    """Customers that share these fields: the first of them by ID, of `size`."""

    shared: tuple[SharedField, ...]
    members: tuple[DoubleMember, ...]
    size: int


class Doubles(NamedTuple):
    """Groups of the local copy, those that share most first; `truncated` if there are more. `origin` is its state."""

    groups: tuple[DoubleGroup, ...]
    truncated: bool
    origin: Origin
