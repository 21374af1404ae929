"""The list: one page of customers, all or those one looks for, with its order and place always told."""

from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on
from textual.binding import Binding, BindingType
from textual.widgets import Input

from app.errors import ConnectionFailed
from app.models.fields import Direction, Status
from app.screens.base import HISTORY_BINDINGS, BaseScreen
from app.screens.context import AppContext
from app.screens.customer_list.pages import CursorPlacement, PagedScreen
from app.screens.customer_list.pagination import CUT_SHORT, Neighbour, ReturnPoint
from app.screens.requests import EditCustomer, NewCustomer, OpenCustomer
from app.text.confusables import reveal_confusables
from app.text.folding import fold
from app.text.sanitize import sanitize_id
from app.widgets.customer_table import CustomerTable
from app.widgets.search_bar import SearchInput

if TYPE_CHECKING:
    from textual import events

    from app.models.customer import Customer, Page

_UP: Final[Direction] = "ASC"
_NEXT_STATUS: Final[dict[Status, Status]] = {"all": "active", "active": "discontinued", "discontinued": "all"}


class CustomerListScreen(PagedScreen):
    """Browse all customers, page by page, or those that match what is typed."""

    HELP_TEXT = (
        "All customers, discontinued ones too, a page at a time, in the server's order. "
        "The line above the keys tells how many there are, the page, and the order. "
        "A row with ! has something odd in its record: open it to see what. "
        "The ID of a row with ≈ looks like another customer's, which the same line names.\n\n"
        "/ finds while you type: every word has to be somewhere in ID, name, contact, phone, email, city, zip, address "
        "or fax; capitals, accents and the punctuation of numbers do not matter. What matched is underlined; where no "
        "column shows it, it stands at the end of the row. Find, filter and the order by some columns are answered "
        "from the copy on this machine, and the line tells of when it is."
    )

    TAKES_SCANS = True
    FOOTER = (
        *("open", "find", "edit", "new", "previous-page", "next-page", "sort", "status-filter", "discontinue"),
        *("refresh", "leave"),
    )

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "find", "Find", id="find", tooltip="Find while you type, over everything"),
        Binding("f2,e", "edit", "Edit", id="edit"),
        Binding("f6,n,insert", "new", "New", id="new"),
        Binding("f7,less_than_sign", "turn(-1)", "Prev", id="previous-page", tooltip="Previous page"),
        Binding("f8,greater_than_sign", "turn(1)", "Next", id="next-page", tooltip="Next page"),
        Binding("s", "sort", "Sort", id="sort", tooltip="Choose the order; again: turn it round"),
        Binding("a", "filter", "Filter", id="status-filter", tooltip="All, active, discontinued customers"),
        Binding("f9,v", "columns", "Columns", id="columns", tooltip="Choose the columns"),
        Binding("f5,ctrl+r", "refresh", "Refresh", id="refresh"),
        Binding("R", "read_all", "Read all again", id="read-all", tooltip="Read everything again (or F5 twice)"),
        Binding("delete,d", "discontinue", "Discont.", id="discontinue", tooltip="Discontinue"),
        Binding("ctrl+home,left_curly_bracket", "first", "First page", id="first-page"),
        Binding("ctrl+end,right_curly_bracket", "last", "Last page", id="last-page"),
        Binding("g", "app.go_to", "Go to ID", id="go-to", tooltip="Go to an ID, typed or scanned"),
        Binding("space", "mark", "Mark", id="mark", tooltip="Mark the customer, or take the mark away"),
        Binding("M", "marked", "Marked", id="marked", tooltip="Copy, export or forget the marked customers"),
        Binding("y", "copy", "Copy", id="copy", tooltip="Copy the ID; again: show it as plain text"),
        Binding("c", "copy_all", "Copy all", id="copy-all", tooltip="Copy all fields of the customer"),
        Binding("x", "export", "Export", id="export", tooltip="Export what the list shows to a file"),
        Binding("p", "page_size", "Rows a page", id="page-size"),
        *HISTORY_BINDINGS,
        Binding("escape,f12", "leave_find", "Back", id="find-leave", tooltip="Leave find, back to where you were"),
        Binding("f3,q", "leave", "Quit", id="leave", tooltip="Leave dockbook"),
    ]

    def __init__(self, context: AppContext) -> None:
        super().__init__(context)
        self._return_point: ReturnPoint | None = None
        self.show_empty_state_only()
        self.empty_state.show("Loading customers…")

    def on_mount(self) -> None:
        super().on_mount()
        self.header.title = "Customers"
        self.show_snapshot(self.rows_fitting(self.app.size.height) if self.fit else self.pagination.requested.page_size)
        if self.context.list_state_file is not None and self.context.list_state_file.note:
            self.show_notice(self.context.list_state_file.note, "warning")

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        self.focus_body()

    def apply_saved(self, message: BaseScreen.CustomerSaved) -> None:
        self.show_notice(message.text, message.level)
        if self._return_point is not None:
            self._return_point.page = None
        # Among those that match, it may be in another place now, or not at all.
        if not self.replace(message.customer) or self.pagination.requested.needs_mirror:
            self.load(
                self.pagination.requested, "same", fresh=True, seek=message.customer.short_id, before=message.text
            )

    def on_resize(self, event: "events.Resize") -> None:
        """Ask for as many rows as can be seen; the first time, this is what loads the list."""
        size = self.rows_fitting(event.size.height) if self.fit else self.pagination.requested.page_size
        if self.pagination.page is None or size != self.pagination.requested.page_size:
            self.resize_page(size)
        else:
            # The table gets its new size after this.
            self.call_after_refresh(self.update_position)

    @on(CustomerTable.Opened)
    def open_customer(self) -> None:
        self.with_current_customer(self._open)

    @on(CustomerTable.PageEdgeReached)
    def turn_at_edge(self, event: CustomerTable.PageEdgeReached) -> None:
        place: CursorPlacement = "first" if event.direction > 0 else "last"
        # The cursor goes on from what it stands on: a page that is still on its way is not passed over.
        if self.table.provisional:
            self.after_load(partial(self._turn, event.direction, place))
        elif self.pagination.up_to_date:
            self._turn(event.direction, place)

    @on(Input.Changed)
    def text_changed(self, event: Input.Changed) -> None:
        """Show what matches the text now; the question before is not waited for."""
        whence, text = self._return_point, " ".join(event.value.split())
        goal = self.pagination.requested
        if whence is None or not self.is_searching or text == goal.find:
            return
        if not text:
            self._return_to(whence)
            return
        # An order chosen among results stays; that of the list does not: the best hits come first.
        sort, direction = (goal.sort, goal.direction) if goal.find else (None, _UP)
        self.load(goal._replace(page=1, find=text, sort=sort, direction=direction, sort_locally=False))

    @on(SearchInput.MoveRows)
    def move_rows(self, event: SearchInput.MoveRows) -> None:
        """Move in the rows while the cursor stays in the text."""
        move = self.table.action_move if event.how == "move" else self.table.action_page_rows
        self.after_load(partial(move, event.step))

    @on(SearchInput.Entered)
    def open_found(self) -> None:
        self.with_current_customer(self._open)

    @on(SearchInput.FocusRows)
    def focus_rows(self) -> None:
        if self.table.rows:
            self.table.focus()

    @on(SearchInput.Left)
    def action_leave_find(self) -> None:
        """Go back to the page, the customer and the order of before; on the plain list, do nothing."""
        whence, self._return_point = self._return_point, None
        if whence is None:
            return
        self.remove_class("-finding")
        self.status.hide_when_empty = False
        self.status.clear_notice()
        self.table.focus()
        self.show_keys()
        self._return_to(whence)

    def find(self, text: str) -> None:
        """Begin to search with this text."""
        self.action_find()
        self.search_bar.input.begin(text)

    def code_typed(self, typed: str, code: str) -> bool:
        """A scanner typed the code into the line: the line says so once it looks for it."""
        line = self.search_bar.input
        return self.focused is line and line.take_code(typed, code)

    @on(SearchInput.Scanned)
    def open_scanned(self, event: SearchInput.Scanned) -> None:
        self.with_current_customer(partial(self._open_scanned, event.text))

    def footer_actions(self) -> tuple[str, ...]:
        name, *others = self.FOOTER
        return (name, "find-leave", *others) if self.is_searching else self.FOOTER

    async def neighbour(self, direction: int) -> Neighbour | None:
        """Move to the customer before (-1) or after (+1), over the edge of the page too; `None` at the very end."""
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
        here = self.table.current
        return Neighbour(here, self.pagination.position(self.table.cursor), self.pagination.origin) if here else None

    def action_find(self) -> None:
        if self._return_point is None:
            paging, current = self.pagination, self.table.current
            page = paging.page if paging.up_to_date else None
            self._return_point = ReturnPoint(
                paging.requested, page, current.short_id if current else None, self.repository.clock()
            )
            self.status.clear_notice()
            self.add_class("-finding")
            self.status.hide_when_empty = True
            self.search_bar.input.begin("")
            self.update_position()
        self.search_bar.input.focus()
        self.search_bar.input.select_whole()

    def action_edit(self) -> None:
        if self.can_write():
            self.with_current_customer(self._open_form)

    def action_new(self) -> None:
        if self.can_write():
            found = self.table.rows and not self.table.has_caption
            self._open_form(None, "" if found else self.pagination.shown.find)

    def action_discontinue(self) -> None:
        from app.screens.discontinue import discontinue

        if self.can_write():
            self.with_current_customer(partial(discontinue, self))

    def action_turn(self, step: int) -> None:
        self.after_load(partial(self._turn, step, "first"))

    def action_first(self) -> None:
        self.load(self.pagination.requested._replace(page=1), "first")

    def action_last(self) -> None:
        self.after_load(self._turn_to_last)

    def _turn_to_last(self) -> None:
        last = self.pagination.last
        if self.pagination.counting:
            self.show_notice("They are still being counted. F8 goes on.")
        elif last == self.pagination.shown.page and self.pagination.offset(1) is not None:
            self.show_notice("The server does not tell how many pages there are. F8 goes on.")
        else:
            self.load(self.pagination.shown._replace(page=last), "last")

    def action_refresh(self) -> None:
        self.retry_permission()
        self.note_refresh()
        if self._return_point is not None:
            self._return_point.page = None
        # Before anything was shown, and while something else is on its way, that is what is asked for again.
        self.load(self.pagination.requested, "same", fresh=True)

    def action_filter(self) -> None:
        self.load(self.pagination.requested._replace(page=1, status=_NEXT_STATUS[self.pagination.requested.status]))
        self.save_list_state()

    def action_sort(self) -> None:
        from app.screens.customer_list.options import ask_order

        ask_order(self)

    def action_page_size(self) -> None:
        from app.screens.customer_list.options import ask_page_size

        ask_page_size(self)

    def action_columns(self) -> None:
        from app.screens.customer_list.options import ask_columns

        ask_columns(self)

    def action_copy(self) -> None:
        from app.screens.clipboard import copy

        self.with_current_customer(lambda customer: copy(self, "ID", customer, customer.short_id))

    def action_copy_all(self) -> None:
        from app.screens.clipboard import copy_record

        self.with_current_customer(partial(copy_record, self))

    def action_export(self) -> None:
        from app.screens.export import ask_export

        ask_export(self)

    async def action_leave(self) -> None:
        await self.app.run_action("quit")

    def show_empty(self, page: "Page") -> None:
        from app.screens.customer_list.state_texts import show_nothing

        self.show_empty_state_only()
        show_nothing(self, page)

    def _open(self, customer: "Customer", scanned: str = "") -> None:
        self.status.clear_notice()
        notice = ""
        if scanned and customer.short_id != scanned:
            was, found = sanitize_id(reveal_confusables(scanned, customer.short_id)), sanitize_id(customer.short_id)
            notice = f"Scanned {was}. Showing {found}, the only match."
        self.post_message(
            OpenCustomer(
                self,
                customer,
                position=self.pagination.position(self.table.cursor),
                neighbour=self.neighbour,
                confusable_ids=self.table.confusable.others,
                origin=self.pagination.origin,
                notice=notice,
            )
        )

    def _open_scanned(self, text: str, customer: "Customer") -> None:
        """Open what was scanned if it is the only hit, or exactly it."""
        page, rows = self.pagination.page, self.table.rows
        exact = [row for row in rows if row.short_id == text] or [r for r in rows if fold(r.short_id) == fold(text)]
        if len(exact) == 1:
            self.table.cursor = rows.index(exact[0])
            self._open(exact[0], text)
        elif page is not None and page.total == 1 and not self.table.has_caption:
            self._open(customer, text)
        else:
            self.show_notice(
                f"No customer has exactly the ID {sanitize_id(text)}. Press Enter again to open the marked one."
            )

    def _open_form(self, customer: "Customer | None", new_id: str = "") -> None:
        self.status.clear_notice()
        self.post_message(EditCustomer(self, customer) if customer else NewCustomer(self, new_id))

    def _turn(self, step: int, place: CursorPlacement) -> None:
        request = self.pagination.offset(step)
        if request is not None:
            self.status.clear_notice()
            self.load(request, place)
        elif (
            step > 0
            and not self.pagination.up_to_date
            and self.pagination.page is not None
            and self.pagination.page.total is None
        ):
            # Whether there is another one behind a page shows when that is here.
            self.after_load_settled(partial(self._turn, step, place))
        elif self.pagination.page is not None:
            last = CUT_SHORT if self.pagination.truncated else "This is the last page."
            self.show_notice(last if step > 0 else "This is the first page.")

    def _return_to(self, whence: ReturnPoint) -> None:
        """Show where one was, from memory as long as nothing was written meanwhile."""
        if (page := whence.page_at(self.repository.clock())) is None:
            self.load(whence.request, "same", seek=whence.short_id)
        else:
            self.workers.cancel_group(self, "page")
            self.show_page(whence.request, page, "same", whence.short_id)
