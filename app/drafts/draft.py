"""A draft: unsaved edits of one customer, and its file format."""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Self

if TYPE_CHECKING:
    from app.models.customer import Customer

FORMAT: Final = 1
#: The addresses by which people call the server on their own machine.
_LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")
#: No draft comes near it; a file that does is none.
LARGEST: Final = 8 * 2**20

State = Literal["editing", "sending", "not sent"]


class CorruptDraft(ValueError):
    """The file is not a draft, or no longer what was written."""


class NewerDraft(ValueError):
    """A newer dockbook wrote the file."""


class DraftChanged(Exception):
    """Another session has changed the draft since it was read; `now` is its current content."""

    def __init__(self, now: "Draft") -> None:
        super().__init__()
        self.now = now


class PendingWrite(NamedTuple):
    """What was posted, and may or may not have arrived: `body` (wire name to text), made on `record` (`None`: new)."""

    record: Mapping[str, Any] | None
    body: Mapping[str, str]
    at: datetime


class Draft(NamedTuple):
    """`edits` (wire name to text, changed fields only) of `base`, the record as it was received.

    A new customer has no `base`; the ID typed for it, if any, is in `edits`. `session` is the program that has
    it open, and empty when none has; `sent` is there from the moment before a write goes out until it is certain
    what came of it.
    """

    id: str
    server: str
    short_id: str
    base: Mapping[str, Any] | None
    edits: Mapping[str, str]
    created_at: datetime
    changed: datetime
    host: str
    process: int
    session: str = ""
    state: State = "editing"
    pending_write: PendingWrite | None = None

    @property
    def shown_fields(self) -> Mapping[str, str]:
        """What it is about: what is typed, or else what was posted."""
        return self.edits or (self.pending_write.body if self.pending_write else {})

    @property
    def as_sent(self) -> Self:
        """Return the draft marked as being sent, for a disk that could not take that mark."""
        short_id = self.short_id or self.edits.get("shortID", "").strip()
        if self.pending_write is not None or not short_id:
            return self
        body = self.edits if self.base is not None else {**self.edits, "shortID": short_id}
        return self._replace(state="sending", pending_write=PendingWrite(self.base, body, self.changed))

    def base_customer(self) -> "Customer | None":
        """The record the draft was made on; `None` for a new customer."""
        from app.models.customer import Customer

        return None if self.base is None else Customer.from_wire(self.base)

    def same_content(self, other: "Draft") -> bool:
        """Whether both have the same content, in whichever sessions they are open."""
        return self._replace(host="", process=0, session="") == other._replace(host="", process=0, session="")

    def to_bytes(self) -> bytes:
        """The draft as one JSON object, with its format and a checksum."""
        from app.lossless_json import to_json

        sent = self.pending_write
        inner = to_json(
            {
                "id": self.id,
                "server": self.server,
                "shortID": self.short_id,
                "state": self.state,
                "begun": self.created_at.isoformat(),
                "changed": self.changed.isoformat(),
                "host": self.host,
                "process": self.process,
                "typed": dict(self.edits),
                "base": None if self.base is None else dict(self.base),
                "sent": None
                if sent is None
                else {
                    "at": sent.at.isoformat(),
                    "body": dict(sent.body),
                    "record": None if sent.record is None else dict(sent.record),
                },
            }
        )
        return f'{{"dockbook draft":{FORMAT},"sha256":"{_sum(inner)}",\n"draft":{inner}}}\n'.encode("ascii")

    @classmethod
    def from_bytes(cls, content: bytes, session: str = "") -> Self:
        """Read what `to_bytes` wrote. Raises CorruptDraft or NewerDraft."""
        from app.lossless_json import from_json, to_json

        try:
            whole = from_json(content.decode("ascii"))
            inner = whole["draft"]
            _check(whole["dockbook draft"], whole["sha256"] == _sum(to_json(inner)))
            return cls(
                id=_text(inner["id"]),
                server=_text(inner["server"]),
                short_id=_text(inner["shortID"]),
                base=_record(inner["base"]),
                edits=_texts(inner["typed"]),
                created_at=datetime.fromisoformat(inner["begun"]),
                changed=datetime.fromisoformat(inner["changed"]),
                host=_text(inner["host"]),
                process=int(inner["process"]),
                session=session,
                state=_state(inner["state"]),
                pending_write=_sent(inner["sent"]),
            )
        except NewerDraft:
            raise
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise CorruptDraft from error


class DraftListing(NamedTuple):
    """The drafts that were found: `unclaimed` ones, newest first, and those that another session has open.

    `notes` say which files were set aside.
    """

    unclaimed: tuple[Draft, ...] = ()
    open_elsewhere: tuple[Draft, ...] = ()
    notes: tuple[str, ...] = ()


def new_id() -> str:
    """An ID that no other draft has."""
    return os.urandom(16).hex()


def server_key(url: str, client_id: str) -> str:
    """A name for a server and who asks it; the client ID cannot be read from it."""
    return _sum(json.dumps([url, client_id]))[:16]


def server_keys(url: str, client_id: str) -> tuple[str, ...]:
    """All names that the server's drafts may have, its own first: this machine is called by several addresses."""
    beginning, colon, rest = url.partition("://")
    host = next((name for name in _LOOPBACK if re.match(rf"{re.escape(name)}(?=[:/]|$)", rest)), None)
    if host is None:
        return (server_key(url, client_id),)
    others = (f"{beginning}{colon}{name}{rest.removeprefix(host)}" for name in _LOOPBACK if name != host)
    return tuple(server_key(one, client_id) for one in (url, *others))


def customer_key(short_id: str) -> str:
    """Return a file name for a customer, for any ID."""
    return _sum(json.dumps(short_id))[:16]


def _sum(text: str) -> str:
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _check(written: object, sound: bool) -> None:
    if isinstance(written, int) and written > FORMAT:
        raise NewerDraft
    if written != FORMAT or not sound:
        raise CorruptDraft


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise CorruptDraft
    return value


def _texts(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise CorruptDraft
    return {name: _text(text) for name, text in value.items()}


def _record(value: object) -> dict[str, Any] | None:
    if value is not None and not isinstance(value, dict):
        raise CorruptDraft
    return value


def _state(value: object) -> State:
    match value:
        case "editing" | "sending" | "not sent":
            return value
    raise CorruptDraft


def _sent(value: object) -> PendingWrite | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise CorruptDraft
    return PendingWrite(_record(value["record"]), _texts(value["body"]), datetime.fromisoformat(value["at"]))
