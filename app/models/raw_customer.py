"""Pages for the copy of all customers, which asks of most records only whether they are as the contract has them."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Self

from app.models.customer import Customer, conforming_values, parse_count, parse_has_more

_NONE: Final[Mapping[str, str]] = MappingProxyType({})


class RawCustomer(NamedTuple):
    """A customer that is as the contract has it: the values of `WIRE`, and the record as it came.

    A `Customer` of it, which takes three times as long to make, would have no problems.
    """

    values: tuple[Any, ...]
    received: dict[str, Any]

    @property
    def short_id(self) -> str:
        """The ID."""
        short_id: str = self.values[0]
        return short_id

    @property
    def modified(self) -> str:
        """When it was last changed, in the server's own text."""
        modified: str = self.values[-1]
        return modified

    @property
    def problems(self) -> Mapping[str, str]:
        """As of a `Customer`: none."""
        return _NONE


class RawPage(NamedTuple):
    """One page as its copy is made, and what the server says of the whole, `None` where it is silent."""

    rows: tuple[RawCustomer | Customer, ...]
    total: int | None
    has_more: bool | None

    @classmethod
    def from_wire(cls, body: Mapping[str, Any], rows: Sequence[RawCustomer | Customer]) -> Self:
        """Read what stands beside the rows, which were read already."""
        return cls(tuple(rows), parse_count(body.get("totalCount")), parse_has_more(body))


def parse_record(record: object) -> RawCustomer | Customer:
    """Read a record of any shape; a `Customer` is made of what does not fit the contract."""
    if isinstance(record, dict) and (sound := conforming_values(record)) is not None:
        return RawCustomer(tuple(sound), record)
    return Customer.from_wire(record)
