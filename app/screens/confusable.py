"""Texts about easily confused IDs, and the dialog before another one is created."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from app.screens.dialogs import ConfirmDialog
from app.text.confusables import is_confusable, reveal_confusables
from app.text.sanitize import sanitize_id, shorten

if TYPE_CHECKING:
    from app.errors import ConfusableId
    from app.models.customer import Customer

#: Shown if the local copy was searched while it was incomplete.
INCOMPLETE: Final = "The local copy is not complete yet; others may exist."
#: The most customers that are named, and offered to be opened, in one place.
MOST_NAMED: Final = 4
_LONGEST_NAME: Final = 60  # cells


def status_of(customer: "Customer") -> str:
    """Return the status in brackets; nothing for an active customer."""
    return " (discontinued)" if customer.active is False else ""


def name_beside(customer: "Customer", short_id: str) -> str:
    """Return `BRIGHT-MFG · Bright Manufacturing LLC`, naming characters that look like those of `short_id`."""
    who = sanitize_id(reveal_confusables(customer.short_id, short_id))
    name = f" · {shorten(customer.name, _LONGEST_NAME)}" if customer.name.strip() else ""
    return f"{who}{name}{status_of(customer)}"


def describe(short_id: str, others: Sequence["Customer"]) -> str:
    """Return a sentence that names these customers with similar IDs."""
    names = " and ".join(name_beside(other, short_id) for other in others[:MOST_NAMED])
    more = f" and {len(others) - MOST_NAMED} more" if len(others) > MOST_NAMED else ""
    one = len(others) == 1
    if all(is_confusable(short_id, other.short_id) for other in others):
        return f"{names}{more} {'looks' if one else 'look'} the same."
    return f"{names}{more} {'is' if one else 'are'} written almost the same."


class ConfusableDialog(ConfirmDialog):
    """Asks, before a customer is created, about those whose IDs are easily confused with the new one."""

    def __init__(self, error: "ConfusableId", leaving: str) -> None:
        self._offered = {f"open{index}": other.short_id for index, other in enumerate(error.others[:MOST_NAMED])}
        one = len(self._offered) == 1
        opening = {
            key: "Open it" if one else f"Open {sanitize_id(reveal_confusables(short_id, error.short_id))}"
            for key, short_id in self._offered.items()
        }
        lines = [f"The new ID is {sanitize_id(error.short_id)}.", describe(error.short_id, error.others)]
        lines += [leaving] if leaving else []
        super().__init__(
            "That ID looks like another one", lines, {"stay": "Cancel"} | opening | {"create": "Create anyway"}
        )

    def chosen(self, answer: str | None) -> str | None:
        """Return the ID of the customer to open, if that is the answer."""
        return self._offered.get(answer or "")
