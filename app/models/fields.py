"""The contract's names and limits: fields, permissions, page requests. Free of pydantic, so that it imports fast."""

from datetime import datetime
from enum import IntEnum
from typing import Final, Literal, NamedTuple

Direction = Literal["ASC", "DESC"]
Group = Literal["Who", "Where", "Reach", "Record"]
Status = Literal["all", "active", "discontinued"]
#: When customers were added or changed last, by the calendar of the person; `""` is any time.
Period = Literal["", "changed today", "changed this week", "new today", "new this week"]

ID_FIELD: Final = "shortID"
STATUS: Final = "active"
MAX_FIELD_LENGTH: Final = 200
MAX_ID_LENGTH: Final = 50
MIN_PAGE_SIZE: Final = 1
MAX_PAGE_SIZE: Final = 250
#: The page sizes that can be chosen, beside as many as fit.
PAGE_SIZES: Final = (25, 50, 100, 250)


class Permission(IntEnum):
    """A SecurityID of the contract."""

    LIST = 130
    MODIFY = 131

    @property
    def label(self) -> str:
        """Its name in the warehouse-management system."""
        return "Customers List" if self is Permission.LIST else "Create/Modify Customer"


class Field(NamedTuple):
    """One field of the customer: its name on the wire, what people call it, and where it stands on a screen."""

    name: str
    label: str
    group: Group
    short_label: str = ""

    @property
    def heading(self) -> str:
        """The label where there is little room."""
        return self.short_label or self.label


#: The fields an upsert may write, in the order of the form.
WRITABLE: Final[tuple[Field, ...]] = (
    Field("name", "Name", "Who"),
    Field("contact", "Contact", "Who"),
    Field("address1", "Address", "Where"),
    Field("address2", "Address 2", "Where"),
    Field("city", "City", "Where"),
    Field("state", "State", "Where", "St"),
    Field("zip", "Zip", "Where"),
    Field("country", "Country", "Where", "Ctry"),
    Field("phone", "Phone", "Reach"),
    Field("fax", "Fax", "Reach"),
    Field("email", "Email", "Reach"),
)

#: Every field of the contract's customer, in the order of the detail screen.
FIELDS: Final[tuple[Field, ...]] = (
    Field(ID_FIELD, "ID", "Who"),
    *WRITABLE,
    Field("active", "Status", "Record"),
    Field("created", "Created", "Record"),
    Field("modified", "Modified", "Record"),
)

BY_NAME: Final[dict[str, Field]] = {field.name: field for field in FIELDS}
WRITABLE_FIELDS: Final[tuple[str, ...]] = tuple(field.name for field in WRITABLE)

#: Their names in the order of the contract's examples.
WIRE_FIELDS: Final[tuple[str, ...]] = (
    *(ID_FIELD, "name", "address1", "address2", "city", "state", "zip", "country", "phone", "fax", "email", "contact"),
    *("active", "created", "modified"),
)

#: What our own service sorts by; another server may refuse any of them [contract, ours].
SORTABLE_FIELDS: Final[tuple[str, ...]] = (
    ID_FIELD,
    "name",
    "city",
    "state",
    "country",
    "contact",
    "active",
    "created",
    "modified",
)


class PageRequest(NamedTuple):
    """One page of all customers: `page` from 1, `page_size` 1 to 250, `modified_since` as ISO 8601.

    Without a `sort` the order is the server's own; which columns a server sorts by is not in the contract.
    With `find` (what a person typed), a `status` other than `all` or a `period` the local copy answers, because the API
    has no such filters; while `sort` is `None`, the best hits come first. With `sort_locally` the local copy answers
    too, because the server does not sort by that column.
    """

    page: int = 1
    page_size: int = 25
    sort: str | None = ID_FIELD
    direction: Direction = "ASC"
    modified_since: str | None = None
    find: str = ""
    status: Status = "all"
    sort_locally: bool = False
    period: Period = ""

    @property
    def filtered(self) -> bool:
        """Whether only some of the customers are meant."""
        return bool(self.find.strip()) or self.status != "all" or bool(self.period)

    @property
    def needs_mirror(self) -> bool:
        """Whether the mirror has to answer, because the server cannot."""
        return self.filtered or self.sort_locally

    @property
    def text_order(self) -> str:
        """The column that the list is sorted by, if the beginning of its text can be gone to, else the ID."""
        return ID_FIELD if self.sort is None or self.sort == STATUS else self.sort

    @property
    def order(self) -> str:
        """The order in words."""
        if self.sort is None:
            return "best first" if self.find.strip() else "in the server's order"
        return f"by {BY_NAME[self.sort].label}"

    def query(self) -> dict[str, str]:
        """The query parameters of `GET /Customer/All`."""
        query = {
            "page": str(self.page),
            "pageSize": str(self.page_size),
        }
        if self.sort is not None:
            query |= {"sort": self.sort, "direction": self.direction}
        if self.modified_since is not None:
            query["modifiedSince"] = self.modified_since
        return query


class Origin(NamedTuple):
    """Where a page came from, if not from the server just now: the local copy."""

    #: When the local copy was last known to equal the server; `None` if it was never complete.
    synced_at: datetime | None
    #: How many customers it holds.
    held: int
    #: How many the server says there are.
    expected: int | None = None
    #: If nothing matched: the similar words that were searched instead.
    suggestions: tuple[str, ...] = ()
    #: The total was not counted to the end.
    total_is_minimum: bool = False
