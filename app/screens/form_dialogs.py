"""The questions that a form asks."""

from app.errors import CustomerExists, IdRefused
from app.screens.dialogs import ConfirmDialog


def leave_dialog(unsaved: str, *, in_doubt: bool, draft: bool) -> ConfirmDialog:
    """Ask what becomes of the `unsaved` text; `draft` if it can be kept as one, `in_doubt` if a save may arrive."""
    keep = {"keep": "Keep as draft"} if draft else {}
    return ConfirmDialog(
        "Leave before it is confirmed?" if in_doubt else "Leave without saving?",
        [f"{'Not confirmed' if in_doubt else 'Not saved'}: {unsaved}."],
        {"stay": "Stay", "save": "Save", **keep, "discard": "Discard"},
    )


def leave_saving_dialog() -> ConfirmDialog:
    """Ask whether to leave while a save goes on, where no drafts are kept."""
    return ConfirmDialog(
        "Leave before the save is confirmed?",
        ["No drafts are kept here: if it is not saved, your text is lost. What came of it is shown where you are."],
        {"stay": "Stay", "leave": "Leave"},
    )


def take_back_dialog(changed: str) -> ConfirmDialog:
    """Ask whether pasted lines are to be removed from the fields that they changed."""
    return ConfirmDialog(
        "Take the pasted lines back?",
        [f"They changed {changed}."],
        {"keep": "Keep", "back": "Take them back"},
    )


def save_unread_dialog(error: IdRefused) -> ConfirmDialog:
    """Name the risk of a save before which the record cannot be read again."""
    return ConfirmDialog(
        "Save without looking first?",
        [error.text, "If someone else changed this customer since then, your save overwrites it without showing it."],
        {"stay": "Cancel", "unread": "Save all the same"},
    )


def id_exists_dialog(error: CustomerExists, leaving: str) -> ConfirmDialog:
    """Offer to open the customer that has the ID already; `leaving` is what becomes of the text typed so far."""
    lines = [error.text, *([leaving] if leaving else [])]
    return ConfirmDialog("That ID exists already", lines, {"stay": "Cancel", "open": "Open it"})
