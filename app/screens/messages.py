"""Sentences that several screens share: summaries of saves, lists of fields, times."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from app.models.fields import BY_NAME, STATUS
from app.repository.save_result import SaveResult
from app.text.sanitize import sanitize, sanitize_id

if TYPE_CHECKING:
    from app.drafts.draft import Draft
    from app.models.customer import Customer
    from app.widgets.status_line import Level


def save_summary(saved: SaveResult, *, new: bool) -> str:
    """Return what a person should know about a save."""
    who = sanitize_id(saved.customer.short_id)
    if saved.existed_before:
        return " ".join([*_existing_summary(saved, who), *_normalized(saved)])
    what = f": {field_list(saved.previous_values)}" if saved.previous_values else ""
    how = f" ({saved.confirmed_by_reread}, but the server has it)" if saved.confirmed_by_reread else ""
    parts = [f"Created {who}{how}." if new else f"Saved {who}{what}{how}."]
    parts += changed_by_others(saved.customer, saved.merged_from_others)
    parts += _normalized(saved)
    by = "The server also" if saved.changed_by_server else "The server, or someone else, also"
    for name, value in saved.changed_too.items():
        if name == STATUS:
            parts.append(_status_change(saved.customer, value))
        else:
            parts.append(f"{by} changed {BY_NAME[name].label} to {value or '(empty)'}.")
    return " ".join(parts)


def notice_level(saved: SaveResult) -> "Level":
    """Return how important the summary of a save is."""
    odd = saved.merged_from_others or saved.normalized_by_server or saved.changed_too or saved.existed_before
    return "warning" if odd else "info"


def changed_by_others(customer: "Customer", kept: Mapping[str, str], stays: str = "was kept too") -> list[str]:
    """Return what others changed meanwhile, one sentence a field."""
    return [
        _status_change(customer, value)
        if name == STATUS
        else f"Someone else changed {BY_NAME[name].label} to {value or '(empty)'}; that {stays}."
        for name, value in kept.items()
    ]


def _status_change(customer: "Customer", status: str) -> str:
    what = "discontinued" if status == "discontinued" else "made active again"
    return f"{sanitize_id(customer.short_id)} was {what} meanwhile."


def _normalized(saved: SaveResult) -> list[str]:
    return [
        f"The server stored {BY_NAME[name].label} as {value or '(empty)'}."
        for name, value in saved.normalized_by_server.items()
    ]


def _existing_summary(saved: SaveResult, who: str) -> list[str]:
    """Return what to say about a creation over a customer that someone else had just created."""
    parts = [f"{who} existed already: someone else created it just before. What you typed was saved over theirs."]
    if saved.previous_values:
        theirs = ", ".join(
            f"{BY_NAME[name].label} {value or '(empty)'}" for name, value in saved.previous_values.items()
        )
        parts.append(f"Theirs was: {theirs}. Press u to put that back.")
    if saved.overwritten_fields:
        parts.append(f"What they had in {field_list(saved.overwritten_fields)} is not known here.")
    stays = {name: value for name, value in saved.changed_too.items() if name != STATUS}
    if stays:
        parts.append(f"Theirs stays: {', '.join(f'{BY_NAME[name].label} {value}' for name, value in stays.items())}.")
    if STATUS in saved.changed_too:
        parts.append(f"{who} is discontinued.")
    return parts


def field_list(names: Iterable[str]) -> str:
    """Return the fields as people say them: `Phone, Fax and Contact`."""
    *first, last = [BY_NAME[name].label if name in BY_NAME else sanitize(name) for name in names] or ["nothing"]
    return f"{', '.join(first)} and {last}" if first else last


def short_time(when: datetime) -> str:
    """Return the time of day, with the day unless it is today."""
    when = when.astimezone()
    return f"{when:%H:%M}" if when.date() == datetime.now().astimezone().date() else f"{when:%d %b %H:%M}"


def relative_time(moment: datetime, now: datetime) -> str:
    """Return a time as people say it: `today 16:40`, `yesterday 16:40`, `on 3 November 16:40`."""
    local, today = moment.astimezone(), now.astimezone().date()
    if local.date() == today:
        return f"today {local:%H:%M}"
    if local.date() == today - timedelta(days=1):
        return f"yesterday {local:%H:%M}"
    year = "" if local.year == today.year else f" {local.year}"
    return f"on {local.day} {local:%B}{year} {local:%H:%M}"


def also_editing(draft: "Draft", now: datetime) -> str:
    """Return the notice that another session edits the same customer."""
    since = relative_time(draft.created_at, now).removeprefix("today ")
    return (
        f"Someone else is editing this customer too (on {sanitize(draft.host)}, since {since}). If both change the "
        "same field, the second to save is asked."
    )


def draft_subject(draft: "Draft") -> str:
    """Return which customer the draft is about."""
    if draft.base is not None:
        return sanitize_id(draft.short_id)
    typed = draft.shown_fields.get("shortID", "").strip()
    return f"the new customer {sanitize_id(typed)}" if typed else "a new customer"
