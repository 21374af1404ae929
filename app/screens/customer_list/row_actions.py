"""What the list does with the customer under the cursor, and with the marked ones."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from app.errors import ConnectionFailed
from app.models.fields import PageRequest
from app.models.find_query import may_be_new_id, parse_find
from app.screens.base import Command
from app.screens.context import AppContext
from app.screens.customer_actions import CustomerActions
from app.screens.customer_list.marked_neighbours import MarkedNeighbours
from app.screens.customer_list.pagination import CUT_SHORT, Pagination, exact_match
from app.screens.customer_list.state_texts import position_text
from app.screens.requests import EditCustomer, Neighbour, NewCustomer, OpenCustomer
from app.text.confusables import reveal_confusables
from app.text.sanitize import sanitize_id
from app.timestamps import is_before
from app.widgets.customer_table import CursorPlacement, CustomerTable

if TYPE_CHECKING:
    from app.models.customer import Customer, Page
    from app.repository.bulk import BulkResult


class RowActions(CustomerActions):
    """The part of the list that acts on customers; what is loaded and shown is up to the list."""

    def __init__(self, context: AppContext, pagination: Pagination) -> None:
        super().__init__(context)
        self.table = CustomerTable()
        self.pagination = pagination
        self.marked: dict[str, Customer] = {}

    def after_load(self, act: Callable[[], object]) -> None:
        """Run the action now, or after the pending page is shown."""
        raise NotImplementedError

    def show_page(self, request: PageRequest, page: "Page", place: CursorPlacement, seek: str | None = None) -> None:
        """Show a page with the cursor at this place, or on the customer `seek`."""
        raise NotImplementedError

    def update_position(self, doing: str = "") -> None:
        """Show the position, behind what the list is `doing`."""
        raise NotImplementedError

    @property
    def provisional_id(self) -> str | None:
        """The ID under the cursor while the rows are provisional."""
        raise NotImplementedError

    async def neighbour(self, direction: int) -> Neighbour | None:
        """Move to the customer before (-1) or after (+1), also on another page; `None` at the end of the list."""
        row = self.table.cursor + direction
        if 0 <= row < len(self.table.rows):
            self.table.cursor = row
        elif (request := self.pagination.offset(direction)) is not None:
            page = await self.repository.page(request)
            if not page.rows:
                return None
            self.show_page(request, page, "first" if direction > 0 else "last")
        elif direction > 0 and self.pagination.truncated:
            raise ConnectionFailed(CUT_SHORT)
        else:
            return None
        if (customer := self.table.current) is None:
            return None
        return Neighbour(customer, position_text(self.pagination, self.table.cursor), self.pagination.origin)

    def action_edit(self) -> None:
        if self.can_write():
            self.with_current_customer(self._open_form)

    def action_new(self) -> None:
        if self.can_write():
            self.after_load(self._new)

    def action_discontinue(self) -> None:
        from app.screens.discontinue import discontinue

        if self.can_write():
            self.with_current_customer(partial(discontinue, self))

    def action_mark(self) -> None:
        self.with_current_customer(self._mark)

    def action_marked(self) -> None:
        from app.screens.customer_list.options import ask_about_marked

        others: dict[str, Callable[[], None]] = {
            "Open them one after another": self._open_marked,
            "Set one field in all": self.action_set_field,
            "Discontinue all": self.discontinue_all,
            "Clear all marks": partial(self.set_marks, {}),
        }
        self._with_marked(lambda _customers: ask_about_marked(self, self.marked, others))

    def action_set_field(self) -> None:
        from app.screens.bulk_edit import ask_field

        if self.can_write():
            self._with_marked(lambda customers: ask_field(self, customers, self._unmark_written))

    def discontinue_all(self) -> None:
        from app.screens.bulk_edit import ask_discontinue

        if self.can_write():
            self._with_marked(lambda customers: ask_discontinue(self, customers, self._unmark_written))

    def commands(self) -> Sequence[Command]:
        return [
            *super().commands(),
            Command("discontinue-all", "Discontinue all marked customers", "", self.discontinue_all),
            Command("find-doubles", "Find double customers", "", self._find_doubles),
        ]

    def action_copy(self) -> None:
        from app.screens.copy_dialog import ask_what_to_copy

        self.with_current_customer(partial(ask_what_to_copy, self))

    def action_copy_all(self) -> None:
        from app.screens.clipboard import copy_row

        self.with_current_customer(partial(copy_row, self))

    def with_current_customer(self, act: Callable[["Customer"], None]) -> None:
        """Run the action with the customer under the cursor, now or when its page is shown."""
        self.after_load(partial(self._with_current, act, self.provisional_id))

    def replace(self, customer: "Customer") -> bool:
        """Update the customer's row and mark; false if the page does not have it."""
        if customer.short_id in self.marked:
            self.marked[customer.short_id] = customer
        self.pagination.replace(customer)
        return self.table.replace(customer)

    def set_marks(self, marked: "dict[str, Customer]") -> None:
        """Mark these customers only; marks are kept across pages, orders and searches."""
        self.marked = marked
        self.table.marked = frozenset(marked)
        self.update_position()

    def _with_marked(self, act: "Callable[[Sequence[Customer]], None]") -> None:
        """Run the action with the marked customers, as the local copy has them if that is newer."""
        if not self.marked:
            self.show_hint("Nothing is marked. Press Space to mark a customer.")
            return

        async def run() -> None:
            for customer in await self.repository.updated_since(list(self.marked.values())):
                self.marked[customer.short_id] = customer
            act(list(self.marked.values()))

        self.run_blocking_action(run, "marked")

    def _unmark_written(self, results: "Sequence[BulkResult]") -> None:
        """Take the marks from the customers that were written.

        A record that others changed is what the next attempt is about, which shows it before it asks; but not an older
        one of a server that lags.
        """
        marked = dict(self.marked)
        for result in results:
            short_id = result.customer.short_id
            if result.outcome in ("saved", "unchanged"):
                marked.pop(short_id, None)
            elif result.outcome == "conflict" and not is_before(result.customer.modified, marked[short_id].modified):
                marked[short_id] = result.customer
        self.set_marks(marked)

    def _find_doubles(self) -> None:
        from app.screens.double_customers import show_double_customers

        show_double_customers(self)

    def _open_marked(self) -> None:
        self._open(next(iter(self.marked.values())))

    def _with_current(self, act: Callable[["Customer"], None], short_id: str | None) -> None:
        """Run it with the customer under the cursor, or with the one it was on when the key was pressed."""
        at = {row.short_id: at for at, row in enumerate(self.table.rows)}
        if short_id is not None and short_id not in at:
            self.show_hint(f"{sanitize_id(short_id)} is not on this page any more.")
            return
        if short_id is not None:
            self.table.cursor = at[short_id]
        if self.table.current is None:
            self.show_hint("No customer is selected.")
        else:
            act(self.table.current)

    def _mark(self, customer: "Customer") -> None:
        marked = dict(self.marked)
        if marked.pop(customer.short_id, None) is None:
            marked[customer.short_id] = customer
        self.set_marks(marked)
        self.table.cursor += 1

    def _new(self) -> None:
        found = self.table.rows and not self.table.has_caption
        typed = self.pagination.shown.find
        self._open_form(None, "" if found or not may_be_new_id(typed) else typed)

    def _move_to(self, short_id: str) -> None:
        """Move the cursor to a customer, if the page has it."""
        at = next((at for at, row in enumerate(self.table.rows) if row.short_id == short_id), None)
        if at is not None:
            self.table.cursor = at

    def _open(self, customer: "Customer", scanned: str = "") -> None:
        self.status.clear_notice()
        notice = ""
        if scanned and customer.short_id != scanned:
            was, found = sanitize_id(reveal_confusables(scanned, customer.short_id)), sanitize_id(customer.short_id)
            notice = f"Scanned {was}. Showing {found}, the only match."
        marked = MarkedNeighbours(self.marked, customer.short_id, self._move_to) if self.marked else None
        self.post_message(
            OpenCustomer(
                self,
                customer,
                position=marked.position if marked else position_text(self.pagination, self.table.cursor),
                neighbour=marked.neighbour if marked else self.neighbour,
                confusable_ids=self.table.confusable.others,
                origin=self.pagination.origin,
                notice=notice,
            )
        )

    def _open_scanned(self, text: str, customer: "Customer") -> None:
        """Open the customer that was scanned, or the only match."""
        page, exact = self.pagination.page, exact_match(self.table.rows, text)
        if exact is not None:
            self.table.cursor = self.table.rows.index(exact)
            self._open(exact, text)
        elif page is not None and page.total == 1 and not self.table.has_caption and parse_find(text).is_plain:
            self._open(customer, text)
        else:
            self.show_hint(f"No customer has the ID {sanitize_id(text)}. Press Enter again to open the one at ›.")

    def _open_form(self, customer: "Customer | None", new_id: str = "") -> None:
        self.status.clear_notice()
        self.post_message(EditCustomer(self, customer) if customer else NewCustomer(self, new_id))
