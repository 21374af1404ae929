"""The verdict on a write: what an answer, or the record read again after a lost one, says came of it. Pure, no I/O."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from app.errors import DeadlineExceeded, DockbookError, EditsOverlap, NotSaved, OutcomeUnknown
from app.fields import BY_NAME
from app.merge import merge

if TYPE_CHECKING:
    from app.models import Customer


class Saved(NamedTuple):
    """A write that is certain.

    `customer` is the record the server holds now; `theirs_kept` what others changed meanwhile in other fields;
    `stored_otherwise` the fields the server stored differently from what was sent; `confirmed` is true when the
    answer was lost and the record was read again to know; `before` is what the fields that were written held until
    then, for undoing it.
    """

    customer: "Customer"
    theirs_kept: Mapping[str, str] = MappingProxyType({})
    stored_otherwise: Mapping[str, str] = MappingProxyType({})
    confirmed: bool = False
    before: Mapping[str, str] = MappingProxyType({})


def answer_to_save(
    theirs: "Customer", to_send: Mapping[str, str], kept: Mapping[str, str], answer: "Customer"
) -> Saved:
    """What the answer to a save says; `theirs` is the record it was made on, `kept` what others changed before."""
    if answer.short_id != theirs.short_id:
        raise OutcomeUnknown(
            f"The server answered the save of {theirs.short_id} with the record of {answer.short_id}. "
            f"Open {theirs.short_id} again to see what was saved."
        )
    otherwise = differences(to_send, answer)
    if len(otherwise) == len(to_send) and all(otherwise[name] == theirs.value(name) for name in otherwise):
        raise NotSaved("The server answered, but kept what it had. Nothing was saved.")
    return Saved(answer, kept, otherwise, before=_values(theirs, to_send))


def verdict_on_save(
    theirs: "Customer", to_send: Mapping[str, str], kept: Mapping[str, str], now: "Customer", error: DockbookError
) -> Saved:
    """What became of a save whose answer was lost by `error`, from the record read `now`."""
    missing = differences(to_send, now)
    if not missing:
        kept = {**kept, **merge(theirs, to_send, now).theirs_kept}
        return Saved(now, kept, confirmed=True, before=_values(theirs, to_send))
    moved = tuple(name for name in missing if missing[name] != theirs.value(name))
    if moved:
        raise EditsOverlap(now, moved, answer_lost=True) from error
    labels = ", ".join(BY_NAME[name].label for name in missing)
    there = "nothing was saved" if len(missing) == len(to_send) else f"{labels} was not saved"
    yet = " yet; a slow server may still be at it" if isinstance(error, DeadlineExceeded) else ""
    raise NotSaved(f"{error.title}: the server's record shows that {there}{yet}. Save again when ready.") from error


def verdict_on_creation(body: Mapping[str, str], now: "Customer", error: DockbookError) -> Saved:
    """What became of a creation whose answer was lost by `error`, from the record that is there `now`."""
    if differences(body, now):
        raise OutcomeUnknown(
            f"{error.title}. There is a customer {now.short_id} now, but not as it was typed here: it may be "
            "yours, stored otherwise, or somebody else's. Save again to be offered to open it."
        ) from error
    return Saved(now, confirmed=True)


def differences(sent: Mapping[str, str], answer: "Customer") -> dict[str, str]:
    """The fields the record has otherwise than they were sent, with what it has."""
    return {name: answer.value(name) for name, text in sent.items() if answer.value(name) != text}


def _values(customer: "Customer", names: Iterable[str]) -> dict[str, str]:
    return {name: customer.value(name) for name in names}
