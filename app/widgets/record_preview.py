"""The record of the customer under the cursor, beside the rows of the list: to look at only."""

from typing import TYPE_CHECKING

from app.widgets.record_view import RecordView

if TYPE_CHECKING:
    from app.models.customer import Customer


class RecordPreview(RecordView, can_focus=False):
    """A record without a cursor on its fields."""

    _shown: "Customer | None" = None

    def show_customer(self, customer: "Customer | None") -> None:
        """Show this customer, unless it is shown already; nothing while there is none."""
        if customer is self._shown:
            return
        self._shown = customer
        self.visible = customer is not None
        if customer is not None:
            self.show(customer)
