"""Discontinuing a customer: a dialog of its own, then one request."""

from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from app.errors import DockbookError, OutcomeUnknown
from app.repository.history import SavedChange
from app.screens.base import BaseScreen
from app.screens.dialogs import ConfirmDialog
from app.screens.unconfirmed import report_unconfirmed, save_observer
from app.text.sanitize import sanitize_id

if TYPE_CHECKING:
    from app.models.customer import Customer

Result = TypeVar("Result")


class DiscontinueDialog(ConfirmDialog):
    """Asks whether to discontinue; the focus is on *Keep*, and the key that opened it is no answer."""

    WITHOUT_LETTER = frozenset({"discontinue"})

    def __init__(self, customer: "Customer") -> None:
        place = ", ".join(part for part in (customer.city, customer.state) if part)
        who = " · ".join(part for part in (sanitize_id(customer.short_id), customer.name, place) if part)
        super().__init__(
            "Discontinue this customer?",
            [
                who,
                "It stays in the list, discontinued. It cannot be made active again from here.",
            ],
            {"keep": "Keep", "discontinue": "Discontinue"},
        )


def discontinue(screen: BaseScreen[Result], customer: "Customer") -> None:
    """Ask whether to discontinue, and do it."""
    if customer.active is False:
        screen.show_hint(f"{sanitize_id(customer.short_id)} is already discontinued.")
        return

    if screen.status.level == "info":
        # It is about the customer before.
        screen.status.clear_notice()
    observer = save_observer(screen)

    async def carry_out() -> None:
        try:
            now = await screen.repository.discontinue(customer, observer)
        except OutcomeUnknown as error:
            report_unconfirmed(screen.app, screen.context, customer.short_id, observer.key, error)
        except DockbookError as error:
            screen.show_error(error)
        else:
            change = SavedChange(datetime.now().astimezone(), "discontinued", now, key=observer.key)
            text = f"{sanitize_id(now.short_id)} is now discontinued."
            screen.app.post_message(screen.CustomerSaved(now, text, change=change))

    def answered(answer: str | None) -> None:
        if answer == "discontinue":
            screen.show_notice(f"Discontinuing {sanitize_id(customer.short_id)}…")
            screen.run_write(carry_out)

    screen.app.push_screen(DiscontinueDialog(customer), answered)
