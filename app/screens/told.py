"""Sentences that several screens say: what a save came to, which fields, and when."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from app.fields import BY_NAME
from app.text import visible, visible_id
from app.verdict import Saved

if TYPE_CHECKING:
    from app.local.draft import Draft


def told(saved: Saved, *, new: bool) -> str:
    """What a person should know of a save."""
    who = visible_id(saved.customer.short_id)
    parts = [f"{who} is {'created' if new else 'saved'}."]
    if saved.confirmed:
        parts.append("The answer was lost; the record was read again and has it.")
    for name, value in saved.theirs_kept.items():
        parts.append(f"{BY_NAME[name].label} was changed to {value or '(empty)'} meanwhile; kept.")
    for name, value in saved.stored_otherwise.items():
        parts.append(f"The server stored {BY_NAME[name].label} as {value or '(empty)'}.")
    return " ".join(parts)


def labels(names: Iterable[str]) -> str:
    """Fields as one says them: `Phone, Fax and Contact`."""
    *first, last = [BY_NAME[name].label if name in BY_NAME else visible(name) for name in names] or ["nothing"]
    return f"{', '.join(first)} and {last}" if first else last


def when(moment: datetime, now: datetime) -> str:
    """A moment as one says it: `16:40`, `yesterday 16:40`, `on 3 November 16:40`."""
    local, today = moment.astimezone(), now.astimezone().date()
    if local.date() == today:
        return f"today {local:%H:%M}"
    if local.date() == today - timedelta(days=1):
        return f"yesterday {local:%H:%M}"
    year = "" if local.year == today.year else f" {local.year}"
    return f"on {local.day} {local:%B}{year} {local:%H:%M}"


def also_editing(draft: "Draft", now: datetime) -> str:
    """That another session edits the same customer."""
    return (
        f"Also being edited on {visible(draft.host)} since {when(draft.begun, now).removeprefix('today ')} "
        f"by process {draft.process}. Each keeps a draft of its own; who saves second sees what the first one saved."
    )


def who_is_drafted(draft: "Draft") -> str:
    """Whose draft it is."""
    if draft.base is not None:
        return visible_id(draft.short_id)
    typed = draft.told.get("shortID", "").strip()
    return f"the new customer {visible_id(typed)}" if typed else "a new customer"
