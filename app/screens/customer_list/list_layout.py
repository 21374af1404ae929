"""What of the list fits the terminal: the rows a page, and the preview of the customer beside them."""

from typing import TYPE_CHECKING, Final

from app.models.fields import PageRequest
from app.screens.context import AppContext
from app.screens.customer_list.pagination import Pagination
from app.screens.customer_list.row_actions import RowActions
from app.widgets.customer_table import CursorPlacement, rows_in

if TYPE_CHECKING:
    from textual.geometry import Size

_OTHER_LINES: Final = 3  # header, status or search bar, keys
LEAST_ROWS: Final = 3


class ListLayout(RowActions):
    """The part of the list that depends on the size of the terminal; what is loaded is up to the list."""

    def __init__(self, context: AppContext, pagination: Pagination, *, fit: bool) -> None:
        super().__init__(context, pagination)
        #: Whether a page has as many rows as fit.
        self.fit = fit

    def load(self, request: PageRequest, place: CursorPlacement = "first") -> None:
        """Load a page and show it, with the cursor at this place."""
        raise NotImplementedError

    def load_total(self) -> None:
        """Show the number of all customers."""
        raise NotImplementedError

    def save_list_state(self) -> None:
        """Save how the list looks for the next start."""
        raise NotImplementedError

    def action_page_size(self) -> None:
        from app.screens.customer_list.options import ask_page_size

        ask_page_size(self, None if self.fit else self.pagination.requested.page_size, self._set_page_size)

    def page_size_for(self, terminal: "Size") -> int:
        """Return how many rows a page has in a terminal of this size."""
        return self.rows_fitting(terminal) if self.fit else self.pagination.requested.page_size

    def rows_fitting(self, terminal: "Size") -> int:
        """Return how many rows are shown while there is no notice, or a few more if these are all there are."""
        room = max(LEAST_ROWS, rows_in(terminal.width, terminal.height - _OTHER_LINES))
        page = self.pagination.page
        total = page.total if page is not None and not self.pagination.counting else None
        # A last page of one or two rows would hide them.
        rows = total if total is not None and room < total <= room + room // 4 else room
        return min(rows, self.pagination.page_limit)

    def resize_page(self, size: int) -> None:
        """Change the page size; the customer under the cursor stays on the page."""
        request = self.pagination.requested._replace(page=self.cursor_number() // size + 1, page_size=size)
        if self.pagination.page is None and request.filtered:
            self.load_total()
        # Behind provisional rows, their page is being loaded already.
        if not self.table.provisional or request != self.pagination.requested:
            self.load(request, "same" if self.pagination.page or self.table.provisional else "first")

    def fit_page(self) -> None:
        """Change the page size if that leaves no page of one or two rows, or if it did and there are more by now."""
        page, size = self.pagination.page, self.page_size_for(self.app.size)
        if page is not None and page.total is not None and page.total > self.pagination.shown.page_size != size:
            self.resize_page(size)

    def cursor_number(self) -> int:
        """The number of the row under the cursor among all, from 0."""
        return (self.pagination.shown.page - 1) * self.pagination.shown.page_size + self.table.cursor

    def _set_page_size(self, size: int | None) -> None:
        self.fit = size is None
        self.resize_page(size or self.rows_fitting(self.size))
        self.save_list_state()
