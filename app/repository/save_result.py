"""The verdict on a write: what its answer, or the record read after a lost one, says came of it. Pure, no I/O."""

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

#: A server may take a moment between the two times that it notes on a customer it creates.
_CREATING: Final = 1.0  # seconds


class SaveResult(NamedTuple):
    """A write that is certain.

    `customer` is the record the server holds now; `theirs_kept` what others changed meanwhile in other fields;
    `stored_otherwise` the fields the server stored differently from what was sent, and `changed_too` what the answer
    has otherwise in fields that were not sent (`by_server`: nobody else can have changed those); `confirmed` says what
    became of the answer where the record was read again to know; `before` is what the fields that were written held
    until then, for undoing it. `existed` says that a customer which was to be created was there already, and
    `overwritten` names its fields of which nobody knows what they held.
    """

    customer: "Customer"
    merged_from_others: Mapping[str, str] = _NOTHING
    normalized_by_server: Mapping[str, str] = _NOTHING
    confirmed_by_reread: str = ""
    previous_values: Mapping[str, str] = _NOTHING
    changed_too: Mapping[str, str] = _NOTHING
    changed_by_server: bool = True
    existed_before: bool = False
    overwritten_fields: tuple[str, ...] = ()


def check_response(
    theirs: "Customer", sent: Mapping[str, str], kept: Mapping[str, str], answer: "Customer", *, guarded: bool
) -> SaveResult:
    """What the answer to a save says; raises UnclearAnswer where that leaves it open.

    `theirs` is the record the save was made on, `kept` what others changed before. A `guarded` save was sent with a
    precondition, so nobody else can have changed the record between.
    """
    if answer.short_id != theirs.short_id:
        raise UnclearResponse(
            f"The server answered the save of {theirs.short_id} with the record of {answer.short_id}."
        )
    _refuse_partial(sent, answer)
    otherwise = differences(sent, answer)
    unchanged = len(otherwise) == len(sent) and all(otherwise[name] == theirs.value(name) for name in otherwise)
    if unchanged and not is_before(theirs.modified, answer.modified):
        raise UnclearResponse("The server answered with the record as it was before.")
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
    body: Mapping[str, str], answer: "Customer", *, says_new: bool, tells_new: bool
) -> SaveResult:
    """What the answer to a creation says; raises UnclearAnswer where that leaves it open.

    `says_new` is whether the answer calls it created (201), and `tells_new` whether this server is known to do so.
    """
    if not same_id(answer.short_id, body[ID_FIELD]):
        raise UnclearResponse(
            f"The server answered the creation of {body[ID_FIELD]} with the record of {answer.short_id}."
        )
    _refuse_partial({name: text for name, text in body.items() if name != ID_FIELD} or {"name": ""}, answer)
    changed_too = {name: answer.value(name) for name in WRITABLE_FIELDS if name not in body and answer.value(name)}
    if answer.active is False:
        changed_too[STATUS] = answer.status
    older = is_before(answer.created, answer.modified)
    # A server may well fill in its own country; nobody but the other creator fills in a phone number.
    theirs = changed_too.keys() - {"country"}
    existed = (
        is_before(answer.created, answer.modified, _CREATING)
        or (older and (not says_new or bool(theirs)))
        or (not says_new and (tells_new or bool(theirs)))
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
    made_on: "Customer | None", body: Mapping[str, str], kept: Mapping[str, str], now: "Customer", error: DockbookError
) -> SaveResult | None:
    """What the record read `now` says of a write whose answer was lost by `error`; `None`: it does not show it.

    Raises EditsOverlap when the fields are neither as they were nor as they were sent.
    """
    missing = differences(body, now)
    if made_on is None:
        spelled = (
            {ID_FIELD: missing.pop(ID_FIELD)} if ID_FIELD in missing and same_id(now.short_id, body[ID_FIELD]) else {}
        )
        return (
            None
            if missing
            else SaveResult(now, normalized_by_server=spelled, confirmed_by_reread=_what_became_of_answer(error))
        )
    if is_before(now.modified, made_on.modified):
        return None
    if not missing:
        kept = {**kept, **merge(made_on, body, now).theirs_kept}
        return SaveResult(
            now, kept, confirmed_by_reread=_what_became_of_answer(error), previous_values=_values(made_on, body)
        )
    moved = tuple(name for name in missing if missing[name] != made_on.value(name))
    if moved:
        raise EditConflict(now, moved, "answer lost") from error
    return None


def describe_missing(made_on: "Customer | None", body: Mapping[str, str], now: "Customer | None") -> str:
    """In a clause, how a record falls short of a write that it does not show."""
    if made_on is None and now is not None:
        return (
            f"There is a customer {now.short_id} now, but not as it was typed here: it may be yours, stored otherwise, "
            "or somebody else's"
        )
    if made_on is not None and now is None:
        return "There is no such customer on the server now"
    missing = differences(body, now) if now is not None else body
    if len(missing) < len(body):
        return f"The server has not stored {', '.join(BY_NAME[name].label for name in missing)} so far"
    return "The server has not stored it so far"


def differences(sent: Mapping[str, str], answer: "Customer") -> dict[str, str]:
    """The fields the record has otherwise than they were sent, with what it has."""
    return {name: answer.value(name) for name, text in sent.items() if answer.value(name) != text}


def same_id(one: str, other: str) -> bool:
    """Whether a server that is not strict about spaces and case would take these for the same ID."""
    return one.strip().casefold() == other.strip().casefold()


def _refuse_partial(sent: Mapping[str, str], answer: "Customer") -> None:
    """An answer without the fields that were sent says nothing of them; one that leaves out empty texts may do so."""
    left_out = [name for name in sent if name not in answer.received]
    if len(left_out) == len(sent) or any(sent[name] for name in left_out):
        raise UnclearResponse("The server answered with a part of the record only.")


def _completed(answer: "Customer", theirs: "Customer") -> "Customer":
    """The answer, with what it left out as it was before."""
    left_out = {n: theirs.received[n] for n in WIRE_FIELDS if n in theirs.received and n not in answer.received}
    return answer.from_wire(answer.received | left_out, answer.etag) if left_out else answer


def _what_became_of_answer(error: DockbookError) -> str:
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
