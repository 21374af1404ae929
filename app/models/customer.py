"""The words of the contract: a customer, a page of them and the error body, read as far as they make sense."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, SkipValidation

from app.models.fields import FIELDS, ID_FIELD, WIRE_FIELDS, WRITABLE_FIELDS, Origin

__all__ = [
    "Candidates",
    "Customer",
    "ErrorBody",
    "ListPosition",
    "NumberText",
    "Origin",
    "Page",
    "conforming_values",
    "parse_count",
    "parse_has_more",
]

_DATES = ("created", "modified")
_ESSENTIAL_FIELDS = (ID_FIELD, "name", "active")
_TEXTS = tuple(field.name for field in FIELDS if field.name != "active")
_ACTIVE: Final = WIRE_FIELDS.index("active")
_SOUND_TYPES: Final = [bool if name == "active" else str for name in WIRE_FIELDS]


class NumberText(str):
    """A number as JSON spelled it, where Python would spell it otherwise (`0.10`, `1E5`, `NaN`)."""

    __slots__ = ()


class Customer(BaseModel):
    """One customer as a server sent it [contract, "The customer object"].

    The attributes hold text fit to be compared and edited; `received` is the record as it came, with unknown
    fields, nulls and wrong types, and `problems` says per field what was wrong with it. Dates stay the server's
    own text: nothing shifts zones.
    """

    model_config = ConfigDict(frozen=True)

    short_id: str = Field(alias=ID_FIELD)
    name: str
    address1: str
    address2: str
    city: str
    state: str
    zip: str
    country: str
    phone: str
    fax: str
    email: str
    contact: str
    active: bool | None
    created: str
    modified: str
    # To look into them again would take longer than all the rest.
    received: Annotated[dict[str, Any], SkipValidation]
    problems: Annotated[dict[str, str], SkipValidation]
    etag: str | None = None

    @classmethod
    def from_wire(cls, record: object, etag: str | None = None) -> Self:
        """Read a record of any shape; what does not fit the contract is kept as text and named in `problems`."""
        if isinstance(record, dict) and (sound := conforming_values(record)) is not None:
            return cls(**dict(zip(WIRE_FIELDS, sound, strict=True)), received=record.copy(), problems={}, etag=etag)
        problems: dict[str, str] = {}
        if not isinstance(record, dict):
            problems[ID_FIELD] = "not a customer record"
            record = {ID_FIELD: "", "name": _shown(record)}
        values: dict[str, Any] = {}
        for name in _TEXTS:
            values[name], odd = _text(record.get(name, _MISSING))
            if odd:
                problems.setdefault(name, odd)
        if not values[ID_FIELD].strip():
            problems.setdefault(ID_FIELD, "empty")
        for name in _DATES:
            if values[name] and name not in problems and not _is_date(values[name]):
                problems[name] = "not a date"
        active = record.get("active", _MISSING)
        if isinstance(active, bool):
            values["active"] = active
        else:
            values["active"] = None
            problems["active"] = "missing" if active is _MISSING else f"{_kind(active)}, not true or false"
        return cls(**values, received=record.copy(), problems=problems, etag=etag)

    @property
    def unknown_fields(self) -> dict[str, str]:
        """What the server sent beyond the contract, as text."""
        return {name: _shown(value) for name, value in self.received.items() if name not in _KNOWN}

    def value(self, field: str) -> str:
        """The text of the field with this wire name; `active` as `active`, `discontinued` or `unknown`."""
        if field == ID_FIELD:
            return self.short_id
        if field == "active":
            return self.status
        text: str = getattr(self, field)
        return text

    @property
    def has_problems(self) -> bool:
        """Whether something is wrong beyond an optional text that is null or missing, which many servers send."""
        return any(name in _ESSENTIAL_FIELDS or odd not in ("null", "missing") for name, odd in self.problems.items())

    @property
    def status(self) -> str:
        """`active`, `discontinued`, or `unknown` when the server did not say."""
        return {True: "active", False: "discontinued", None: "unknown"}[self.active]

    def upsert_body(self, changes: Mapping[str, str]) -> dict[str, Any]:
        """The body of an upsert that writes `changes` (wire name to new text) and nothing else.

        Every other writable field goes back exactly as it was received; one that was missing stays missing.
        """
        body = {name: self.received[name] for name in (ID_FIELD, *WRITABLE_FIELDS) if name in self.received}
        return body | dict(changes)


class Candidates(NamedTuple):
    """Customers that a person may mean, the most similar first; `complete` if there cannot be others."""

    customers: tuple[Customer, ...]
    complete: bool

    def same_but_case(self, short_id: str) -> Customer | None:
        """The only customer whose ID differs in nothing but the case of letters; `None` if there may be others."""
        alike = [one for one in self.customers if one.short_id.casefold() == short_id.casefold()]
        if not self.complete or len(alike) != 1:
            return None
        # Casefolding also makes one sign of several that look alike: the Kelvin sign is a k.
        found = alike[0].short_id
        return alike[0] if (found.upper(), found.lower()) == (short_id.upper(), short_id.lower()) else None


class ListPosition(NamedTuple):
    """The row (from 0) of a list at or after what was typed, and its ID; `begins` if it begins with that."""

    short_id: str
    begins: bool
    row: int


class Page(BaseModel):
    """One page of customers and what the server says of the whole, `None` where it is silent [contract, "Paging"].

    `origin` is `None` for what the server answered, and says how far to trust what the mirror did; `remarks` are what
    a person should know of how the page came.
    """

    model_config = ConfigDict(frozen=True)

    rows: tuple[Customer, ...]
    total: int | None
    page: int | None
    page_size: int | None
    page_count: int | None
    has_more: bool | None
    origin: Origin | None = None
    remarks: tuple[str, ...] = ()
    #: For IDs of this page that look like other customers': the others.
    confusable_ids: Annotated[Mapping[str, tuple[str, ...]], SkipValidation] = {}

    @classmethod
    def from_wire(cls, body: Mapping[str, Any], rows: Sequence[Customer], remarks: tuple[str, ...] = ()) -> Self:
        """Read what stands beside the rows, which were read already."""
        return cls(
            rows=tuple(rows),
            total=parse_count(body.get("totalCount")),
            page=parse_count(body.get("page")),
            page_size=parse_count(body.get("pageSize")),
            page_count=parse_count(body.get("pageCount")),
            has_more=parse_has_more(body),
            remarks=remarks,
        )


class ErrorBody(BaseModel):
    """The error shape of the contract: a code, a message, and messages per field for a `validation_error`."""

    model_config = ConfigDict(frozen=True)

    code: str
    message: str
    details: dict[str, tuple[str, ...]]

    @classmethod
    def from_wire(cls, body: object) -> Self | None:
        """Read an error body; `None` when it has no `error` code and so is not one."""
        if not isinstance(body, dict) or not isinstance(body.get("error"), str):
            return None
        details = body.get("details")
        message = body.get("message")
        return cls(
            code=body["error"],
            message=message if isinstance(message, str) else "",
            details={
                str(field): tuple(_shown(text) for text in (texts if isinstance(texts, list) else [texts]))
                for field, texts in (details.items() if isinstance(details, dict) else ())
            },
        )


class _Missing:
    """Stands for a field the server did not send, which is not the same as null."""


_MISSING = _Missing()
_KNOWN = frozenset(field.name for field in FIELDS)


def conforming_values(record: Mapping[str, Any]) -> list[Any] | None:
    """The values of `WIRE` of a record that is as the contract has it, which most are; else `None`."""
    values: list[Any] = [*map(record.get, WIRE_FIELDS)]
    if [*map(type, values)] != _SOUND_TYPES:
        return None
    texts = values.copy()
    del texts[_ACTIVE]
    whole = "".join(texts)
    if not (values[0].strip() and (whole.isascii() or _is_unicode(whole))):
        return None
    _, created, modified = values[_ACTIVE:]
    if (created and not _is_date(created)) or (modified and not _is_date(modified)):
        return None
    return values


def _text(value: object) -> tuple[str, str | None]:
    """A field's text, and what is odd about the value it was read from."""
    if isinstance(value, str) and not isinstance(value, NumberText):
        return value, None if value.isascii() or _is_unicode(value) else "broken characters"
    if value is _MISSING:
        return "", "missing"
    if value is None:
        return "", "null"
    return _shown(value), f"{_kind(value)}, not text"


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float | NumberText):
        return "a number"
    if isinstance(value, str):
        return "text"
    return "a list" if isinstance(value, list) else "an object"


def parse_count(value: object) -> int | None:
    """A count the server sent, when it can be one."""
    return value if type(value) is int and 0 <= value < 2**53 else None


def parse_has_more(body: Mapping[str, Any]) -> bool | None:
    """Whether the server says that there are more pages; `None` where it says nothing."""
    more = body.get("hasMore")
    return more if isinstance(more, bool) else None


def _is_unicode(text: str) -> bool:
    """Whether the text can be encoded: a lone surrogate cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_date(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
