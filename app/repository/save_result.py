"""Decides from a response, or from the record read after a lost one, what came of a write. Pure, no I/O."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from app.errors import (
    ConnectionLost,
    DeadlineExceeded,
    DockbookError,
    EditConflict,
    Interrupted,
    UnclearResponse,
)
from app.models.fields import BY_NAME, ID_FIELD, STATUS, WIRE_FIELDS, WRITABLE_FIELDS
from app.repository.merge import merge, status_changed
from app.timestamps import is_before

if TYPE_CHECKING:
    from app.models.customer import Customer

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})

#: Seconds that may lie between `created` and `modified` of a customer that a server has just created.
_CREATING: Final = 1.0


class SaveResult(NamedTuple):
    """A write that was certainly carried out; all mappings go from wire name to text."""

    #: The record the server has now.
    customer: "Customer"
    #: What others changed in other fields since the edited record was read.
    merged_from_others: Mapping[str, str] = _NOTHING
    #: Fields that the server stored differently from what was sent.
    normalized_by_server: Mapping[str, str] = _NOTHING
    #: If the record had to be read again to know: what became of the response.
    confirmed_by_reread: str = ""
    #: What the written fields held before, for undo.
    previous_values: Mapping[str, str] = _NOTHING
    #: Fields that were not sent and differ all the same.
    changed_too: Mapping[str, str] = _NOTHING
    #: Whether only the server can have changed those.
    changed_by_server: bool = True
    #: A customer that was to be created existed already.
    existed_before: bool = False
    #: Its fields whose values from before are not known.
    overwritten_fields: tuple[str, ...] = ()


def check_response(
    theirs: "Customer", sent: Mapping[str, str], kept: Mapping[str, str], answer: "Customer", *, guarded: bool
) -> SaveResult:
    """Return what the response to a save says. Raises UnclearResponse if it leaves open whether it was carried out.

    `theirs` is the record the save was based on, `kept` what others changed before. A `guarded` save was sent with a
    precondition, so no one else can have changed the record in between.
    """
    if answer.short_id != theirs.short_id:
        raise UnclearResponse(f"The server answered the save of {theirs.short_id} with the customer {answer.short_id}.")
    _refuse_partial(sent, answer)
    otherwise = differences(sent, answer)
    unchanged = len(otherwise) == len(sent) and all(otherwise[name] == theirs.value(name) for name in otherwise)
    if unchanged and not is_before(theirs.modified, answer.modified):
        raise UnclearResponse("The server answered with the customer as it was before.")
    whole = _completed(answer, theirs)
    changed_too = {
        name: whole.value(name)
        for name in WRITABLE_FIELDS
        if name not in sent and whole.value(name) != theirs.value(name)
    }
    if status_changed(theirs, whole):
        changed_too[STATUS] = whole.status
    before = _values(theirs, sent)
    return SaveResult(
        whole, kept, otherwise, previous_values=before, changed_too=changed_too, changed_by_server=guarded
    )


def check_create_response(
    body: Mapping[str, str], answer: "Customer", *, says_new: bool, reports_new: bool
) -> SaveResult:
    """Return what the response to a creation says. Raises UnclearResponse if it leaves open whether it was carried out.

    `says_new`: the response has the status 201. `reports_new`: this server is known to use that status.
    """
    if not same_id(answer.short_id, body[ID_FIELD]):
        raise UnclearResponse(
            f"The server answered the creation of {body[ID_FIELD]} with the customer {answer.short_id}."
        )
    _refuse_partial({name: text for name, text in body.items() if name != ID_FIELD} or {"name": ""}, answer)
    changed_too = {name: answer.value(name) for name in WRITABLE_FIELDS if name not in body and answer.value(name)}
    if answer.active is False:
        changed_too[STATUS] = answer.status
    older = is_before(answer.created, answer.modified)
    # A server may fill in its own country; only another creator fills in a phone number.
    theirs = changed_too.keys() - {"country"}
    existed = (
        is_before(answer.created, answer.modified, _CREATING)
        or (older and (not says_new or bool(theirs)))
        or (not says_new and (reports_new or bool(theirs)))
    )
    overwritten = tuple(name for name in body if name != ID_FIELD) if existed else ()
    otherwise = differences(body, answer)
    return SaveResult(
        answer,
        normalized_by_server=otherwise,
        changed_too=changed_too,
        changed_by_server=False,
        existed_before=existed,
        overwritten_fields=overwritten,
    )


def resolve_lost_write(
    base: "Customer | None", body: Mapping[str, str], kept: Mapping[str, str], now: "Customer", error: DockbookError
) -> SaveResult | None:
    """Return what the record read `now` says of a write whose response was lost by `error`; `None` if nothing.

    Raises EditConflict if the fields are neither as they were nor as they were sent.
    """
    missing = differences(body, now)
    if base is None:
        spelled = (
            {ID_FIELD: missing.pop(ID_FIELD)} if ID_FIELD in missing and same_id(now.short_id, body[ID_FIELD]) else {}
        )
        return (
            None
            if missing
            else SaveResult(now, normalized_by_server=spelled, confirmed_by_reread=_response_text(error))
        )
    if is_before(now.modified, base.modified):
        return None
    if not missing:
        kept = {**kept, **merge(base, body, now).theirs_kept}
        return SaveResult(now, kept, confirmed_by_reread=_response_text(error), previous_values=_values(base, body))
    moved = tuple(name for name in missing if missing[name] != base.value(name))
    if moved:
        raise EditConflict(now, moved, "answer lost") from error
    return None


def describe_missing(base: "Customer | None", body: Mapping[str, str], now: "Customer | None") -> str:
    """Return in a clause what of a write a record does not show."""
    if base is None and now is not None:
        return (
            f"There is a customer {now.short_id} now, but not as you typed it: the server may have changed it, "
            "or someone else made it"
        )
    if base is not None and now is None:
        return "There is no such customer on the server now"
    missing = differences(body, now) if now is not None else body
    if len(missing) < len(body):
        return f"The server has not stored {', '.join(BY_NAME[name].label for name in missing)} so far"
    return "The server has not stored it so far"


def differences(sent: Mapping[str, str], answer: "Customer") -> dict[str, str]:
    """Return the fields that the record has differently from what was sent, with what it has."""
    return {name: answer.value(name) for name, text in sent.items() if answer.value(name) != text}


def same_id(one: str, other: str) -> bool:
    """Whether a server that is not strict about spaces and case would take these for the same ID."""
    return one.strip().casefold() == other.strip().casefold()


def _refuse_partial(sent: Mapping[str, str], answer: "Customer") -> None:
    """Raise UnclearResponse if the response lacks fields that were sent; it may leave out empty ones."""
    left_out = [name for name in sent if name not in answer.received]
    if len(left_out) == len(sent) or any(sent[name] for name in left_out):
        raise UnclearResponse("The server answered with a part of the customer only.")


def _completed(answer: "Customer", theirs: "Customer") -> "Customer":
    """Return the response's record, with the fields that it leaves out as they were before."""
    left_out = {n: theirs.received[n] for n in WIRE_FIELDS if n in theirs.received and n not in answer.received}
    return answer.from_wire(answer.received | left_out, answer.etag) if left_out else answer


def _response_text(error: DockbookError) -> str:
    match error:
        case ConnectionLost():
            return "the connection dropped"
        case DeadlineExceeded():
            return "the answer took too long"
        case Interrupted():
            return "dockbook ended before the answer came"
        case UnclearResponse():
            return "the answer was not clear"
    return "the answer was an error"


def _values(customer: "Customer", names: Iterable[str]) -> dict[str, str]:
    return {name: customer.value(name) for name in names}
