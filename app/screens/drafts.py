"""Drafts that were left: found at the start, on opening their customer, and from the palette; taken up in a form."""

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from app.screens.draft_offer import DraftOfferScreen
from app.screens.messages import also_editing, draft_subject, field_list, relative_time
from app.screens.requests import EditDraft
from app.screens.select_dialog import Choice, SelectDialog
from app.screens.unconfirmed import resolve_draft
from app.storage.files import os_error_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.drafts.draft import Draft, DraftListing
    from app.screens.base import BaseScreen

Result = TypeVar("Result")


def offer(screen: "BaseScreen[Result]", draft: "Draft") -> None:
    """Show a draft and ask what to do with it."""
    show_offer(screen, DraftOfferScreen(screen.context, draft))


def show_offer(screen: "BaseScreen[Result]", dialog: DraftOfferScreen) -> None:
    """Show the offer; open the form with the draft that the person resumes."""

    def answered(draft: "Draft | None") -> None:
        if draft is not None:
            screen.post_message(EditDraft(screen, draft))

    screen.app.push_screen(dialog, answered)


async def find_offer(
    screen: "BaseScreen[Result]",
    short_id: str,
    tell_open: "Callable[[tuple[Draft, ...]], None] | None" = None,
) -> DraftOfferScreen | None:
    """Return the offer of a draft of this customer; one that the person postponed is only mentioned.

    Drafts that other sessions have open are passed to `tell_open`, or mentioned too.
    """
    found = await _list_drafts(screen, short_id)
    if found is None:
        return None
    if found.open_elsewhere and tell_open is not None:
        tell_open(found.open_elsewhere)
    elif found.open_elsewhere:
        screen.show_notice(also_editing(found.open_elsewhere[0], datetime.now().astimezone()), "warning")
    fresh = next((draft for draft in found.unclaimed if draft.id not in screen.context.draft_offer_postponed), None)
    if fresh is not None:
        return DraftOfferScreen(screen.context, fresh)
    if found.unclaimed:
        fields = field_list(found.unclaimed[0].shown_fields)
        moment = relative_time(found.unclaimed[0].changed, datetime.now().astimezone())
        screen.show_notice(f"There is a draft ({fields}) from {moment}. Press w to open Drafts.")
    return None


async def offer_at_start(screen: "BaseScreen[Result]") -> None:
    """Offer the drafts of earlier runs, and report those that cannot be read."""
    found = await _list_drafts(screen)
    if found is None:
        return
    for draft in found.unclaimed:
        resolve_draft(screen, draft)
    if len(found.unclaimed) == 1:
        screen.call_when_active(partial(offer, screen, found.unclaimed[0]))
    elif found.unclaimed:
        screen.call_when_active(partial(_choose, screen, found.unclaimed))


def show_drafts(screen: "BaseScreen[Result]") -> None:
    """The drafts that were left, to choose one of; called by a key."""
    screen.run_read(partial(_show, screen), "drafts")


async def _show(screen: "BaseScreen[Result]") -> None:
    if screen.context.drafts is None:
        screen.show_hint("This is a demo: nothing is kept when you leave.")
        return
    found = await _list_drafts(screen)
    if found is not None and found.unclaimed:
        _choose(screen, found.unclaimed)
    elif found is not None:
        screen.show_hint("No drafts: everything was saved or discarded.")


def _choose(screen: "BaseScreen[Result]", drafts: "tuple[Draft, ...]") -> None:
    now = datetime.now().astimezone()
    by_id = {draft.id: draft for draft in drafts}

    def remark(draft: "Draft") -> str:
        state = {"editing": "", "sending": " · not confirmed", "not sent": " · NOT SENT"}[draft.state]
        return f"{relative_time(draft.changed, now)}{state} · {field_list(draft.shown_fields)}"

    def chosen(draft_id: str | None) -> None:
        if draft_id is not None:
            offer(screen, by_id[draft_id])

    choices = [Choice(draft.id, draft_subject(draft), remark(draft)) for draft in drafts]
    screen.app.push_screen(SelectDialog("Drafts: typed but not saved", choices, ""), chosen)


async def _list_drafts(screen: "BaseScreen[Result]", short_id: str | None = None) -> "DraftListing | None":
    drafts = screen.context.drafts
    if drafts is None:
        return None
    try:
        found = await drafts.list_drafts(short_id)
    except OSError as error:
        screen.show_notice(f"Drafts cannot be read: {os_error_text(error)}.", "error")
        return None
    for note in found.notes:
        screen.show_notice(note, "warning")
    screen.update_drafts()
    return found
