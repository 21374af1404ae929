"""What of the list fits the terminal: the rows a page, and the preview of the customer beside them."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Final

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.geometry import Region
from textual.strip import Strip

from app.models.fields import PageRequest
from app.screens.context import AppContext
from app.screens.customer_list.pagination import Pagination
from app.screens.customer_list.row_actions import RowActions
from app.widgets.customer_table import CursorPlacement, CustomerTable, rows_in

if TYPE_CHECKING:
    from textual.geometry import Size

    from app.widgets.record_preview import RecordPreview

_OTHER_LINES: Final = 3  # header, status or search bar, keys
LEAST_ROWS: Final = 3
#: Columns of a terminal from which the preview is shown, and from which it can be.
_PREVIEW_SHOWN: Final = 160
_PREVIEW_POSSIBLE: Final = 124
#: Cells that the preview has at least and at most, and that the table has before it gets more.
_LEAST_PREVIEW: Final = 60
_MOST_PREVIEW: Final = 80
_TABLE_FIRST: Final = 100


class TableAndPreview(Horizontal):
    """The table and the preview side by side: they cover it, so that none of it is worked out for each row."""

    def render_lines(self, crop: Region) -> list[Strip]:
        return [Strip.blank(crop.width)] * crop.height


class ListLayout(RowActions):
    """The part of the list that depends on the size of the terminal; what is loaded is up to the list."""

    def __init__(self, context: AppContext, pagination: Pagination, *, fit: bool, preview: bool | None = None) -> None:
        super().__init__(context, pagination)
        #: Whether a person wants the preview; `None` where there is much room.
        self.preview_wanted = preview
        #: Made when there is room for it.
        self.preview: RecordPreview | None = None
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

    def compose_rows(self) -> ComposeResult:
        """The table; the preview comes beside it when there is room."""
        with TableAndPreview():
            yield self.table

    @on(CustomerTable.Moved)
    def show_preview(self) -> None:
        """Show the customer under the cursor beside the rows, as the list has it: nothing is requested."""
        if self.preview is not None and self.preview.display and self.pagination.up_to_date:
            self.preview.show_customer(self.table.current)

    def action_preview(self) -> None:
        if self.app.size.width < _PREVIEW_POSSIBLE:
            self.show_hint(f"The preview needs {_PREVIEW_POSSIBLE} columns. Make the window wider.")
            return
        self.preview_wanted = self.preview is None or not self.preview.display
        self.place_preview(self.app.size)
        self.save_list_state()

    def action_columns(self) -> None:
        from app.screens.customer_list.options import ask_columns

        ask_columns(self, self.table, self._choose_columns)

    def _choose_columns(self, fields: tuple[str, ...] | None) -> Collection[str]:
        self.table.chosen = fields
        self.place_preview(self.app.size)
        self.save_list_state()
        cells = self.app.size.width
        return self.table.columns_in(
            cells - _preview_cells(cells) if self.preview is not None and self.preview.display else cells
        )

    def place_preview(self, terminal: "Size") -> None:
        """Give the preview its room, or none."""
        # Columns that a person chose are to be seen, all of them.
        by_itself = terminal.width >= _PREVIEW_SHOWN and self.table.chosen is None
        wanted = by_itself if self.preview_wanted is None else self.preview_wanted
        shown = wanted and terminal.width >= _PREVIEW_POSSIBLE
        self.table.announces_rows = shown
        if shown and self.preview is None:
            from app.widgets.record_preview import RecordPreview

            self.preview = RecordPreview()
            self.query_one(TableAndPreview).mount(self.preview)
        if self.preview is not None:
            self.preview.styles.width = _preview_cells(terminal.width)
            self.preview.display = shown
        self.show_preview()

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


def _preview_cells(cells: int) -> int:
    """The cells of the preview in a terminal this wide."""
    return min(_MOST_PREVIEW, max(_LEAST_PREVIEW, cells - _TABLE_FIRST))
