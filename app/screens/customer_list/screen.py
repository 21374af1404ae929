"""The list: one page of customers, all or those one looks for, with its order and place always told."""

from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on
from textual.binding import Binding, BindingType
from textual.widgets import Input

from app.errors import ConnectionFailed
from app.models.fields import Direction, Status
from app.screens.base import LOOKING_BACK, DockScreen
from app.screens.context import Desk
from app.screens.customer_list.pages import PagedScreen, Place
from app.screens.customer_list.pagination import CUT_SHORT, Step, Whence
from app.text.confusables import reveal_confusables
from app.text.folding import fold
from app.text.sanitize import sanitize_id
from app.widgets.customer_table import CustomerTable
from app.widgets.search_bar import FindInput

if TYPE_CHECKING:
    from textual import events

    from app.models.customer import Customer, Page

_UP: Final[Direction] = "ASC"
_NEXT_STATUS: Final[dict[Status, Status]] = {"all": "active", "active": "discontinued", "discontinued": "all"}


class CustomerListScreen(PagedScreen):
    """Browse all customers, page by page, or those that match what is typed."""

    ABOUT = (
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
    BAR = (
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
        Binding("g", "go_to", "Go to ID", id="go-to", tooltip="Go to an ID, typed or scanned"),
        Binding("space", "mark", "Mark", id="mark", tooltip="Mark the customer, or take the mark away"),
        Binding("M", "marked", "Marked", id="marked", tooltip="Copy, export or forget the marked customers"),
        Binding("y", "copy", "Copy", id="copy", tooltip="Copy the ID; again: show it as plain text"),
        Binding("c", "copy_all", "Copy all", id="copy-all", tooltip="Copy all fields of the customer"),
        Binding("x", "export", "Export", id="export", tooltip="Export what the list shows to a file"),
        Binding("p", "page_size", "Rows a page", id="page-size"),
        *LOOKING_BACK,
        Binding("escape,f12", "leave_find", "Back", id="find-leave", tooltip="Leave find, back to where you were"),
        Binding("f3,q", "leave", "Quit", id="leave", tooltip="Leave dockbook"),
    ]

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._whence: Whence | None = None
        self.panel_only()
        self.panel.tell("Loading customers…")

    def on_mount(self) -> None:
        super().on_mount()
        self.header.title = "Customers"
        self.show_glimpse(self.fitting(self.app.size.height) if self.fit else self.paging.goal.page_size)
        if self.desk.views is not None and self.desk.views.note:
            self.say(self.desk.views.note, "warning")

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        self.focus_body()

    def show_written(self, message: DockScreen.Written) -> None:
        self.say(message.text, message.level)
        if self._whence is not None:
            self._whence.page = None
        # Among those that match, it may be in another place now, or not at all.
        if not self.replace(message.customer) or self.paging.goal.needs_mirror:
            self.load(self.paging.goal, "same", fresh=True, seek=message.customer.short_id, before=message.text)

    def on_resize(self, event: "events.Resize") -> None:
        """Ask for as many rows as can be seen; the first time, this is what loads the list."""
        size = self.fitting(event.size.height) if self.fit else self.paging.goal.page_size
        if self.paging.page is None or size != self.paging.goal.page_size:
            self.resize_page(size)
        else:
            # The table gets its new size after this.
            self.call_after_refresh(self.tell_position)

    @on(CustomerTable.Opened)
    def open_customer(self) -> None:
        self.once_here(self._open)

    @on(CustomerTable.EdgePassed)
    def turn_at_edge(self, event: CustomerTable.EdgePassed) -> None:
        place: Place = "first" if event.direction > 0 else "last"
        # The cursor goes on from what it stands on: a page that is still on its way is not passed over.
        if self.table.tentative:
            self.once_shown(partial(self._turn, event.direction, place))
        elif self.paging.settled:
            self._turn(event.direction, place)

    @on(Input.Changed)
    def text_changed(self, event: Input.Changed) -> None:
        """Show what matches the text now; the question before is not waited for."""
        whence, text = self._whence, " ".join(event.value.split())
        goal = self.paging.goal
        if whence is None or not self.finding or text == goal.find:
            return
        if not text:
            self._back_to(whence)
            return
        # An order chosen among results stays; that of the list does not: the best hits come first.
        sort, direction = (goal.sort, goal.direction) if goal.find else (None, _UP)
        self.load(goal._replace(page=1, find=text, sort=sort, direction=direction, sort_locally=False))

    @on(FindInput.Walked)
    def walk(self, event: FindInput.Walked) -> None:
        """Move in the rows while the cursor stays in the text."""
        move = self.table.action_move if event.how == "move" else self.table.action_leaf
        self.once_shown(partial(move, event.step))

    @on(FindInput.Entered)
    def open_found(self) -> None:
        self.once_here(self._open)

    @on(FindInput.RowsWanted)
    def to_rows(self) -> None:
        if self.table.rows:
            self.table.focus()

    @on(FindInput.Left)
    def action_leave_find(self) -> None:
        """Go back to the page, the customer and the order of before; on the plain list, do nothing."""
        whence, self._whence = self._whence, None
        if whence is None:
            return
        self.remove_class("-finding")
        self.status.gives_way = False
        self.status.hush()
        self.table.focus()
        self.show_keys()
        self._back_to(whence)

    def find(self, text: str) -> None:
        """Begin to search with this text."""
        self.action_find()
        self.find_line.input.begin(text)

    def code_typed(self, typed: str, code: str) -> bool:
        """A scanner typed the code into the line: the line says so once it looks for it."""
        line = self.find_line.input
        return self.focused is line and line.take_code(typed, code)

    @on(FindInput.Scanned)
    def open_scanned(self, event: FindInput.Scanned) -> None:
        self.once_here(partial(self._open_scanned, event.text))

    def bar(self) -> tuple[str, ...]:
        name, *others = self.BAR
        return (name, "find-leave", *others) if self.finding else self.BAR

    async def step(self, direction: int) -> Step | None:
        """Move to the customer before (-1) or after (+1), over the edge of the page too; `None` at the very end."""
        row = self.table.cursor + direction
        if 0 <= row < len(self.table.rows):
            self.table.cursor = row
        elif (request := self.paging.turned(direction)) is not None:
            page = await self.repository.page(request)
            if not page.rows:
                return None
            self.take(request, page, "first" if direction > 0 else "last")
        elif direction > 0 and self.paging.cut_short:
            raise ConnectionFailed(CUT_SHORT)
        else:
            return None
        here = self.table.current
        return Step(here, self.paging.position(self.table.cursor), self.paging.origin) if here else None

    def action_find(self) -> None:
        if self._whence is None:
            paging, current = self.paging, self.table.current
            page = paging.page if paging.settled else None
            self._whence = Whence(paging.goal, page, current.short_id if current else None, self.repository.clock())
            self.status.hush()
            self.add_class("-finding")
            self.status.gives_way = True
            self.find_line.input.begin("")
            self.tell_position()
        self.find_line.input.focus()
        self.find_line.input.select_whole()

    def action_edit(self) -> None:
        if self.may_write():
            self.once_here(self._open_form)

    def action_new(self) -> None:
        if self.may_write():
            found = self.table.rows and not self.table.has_caption
            self._open_form(None, "" if found else self.paging.request.find)

    def action_discontinue(self) -> None:
        from app.screens.discontinue import discontinue

        if self.may_write():
            self.once_here(partial(discontinue, self))

    def action_turn(self, step: int) -> None:
        self.once_shown(partial(self._turn, step, "first"))

    def action_first(self) -> None:
        self.load(self.paging.goal._replace(page=1), "first")

    def action_last(self) -> None:
        self.once_shown(self._turn_to_last)

    def _turn_to_last(self) -> None:
        last = self.paging.last
        if self.paging.counting:
            self.say("They are still being counted. F8 goes on.")
        elif last == self.paging.request.page and self.paging.turned(1) is not None:
            self.say("The server does not tell how many pages there are. F8 goes on.")
        else:
            self.load(self.paging.request._replace(page=last), "last")

    def action_refresh(self) -> None:
        self.try_writing_again()
        self.refreshed()
        if self._whence is not None:
            self._whence.page = None
        # Before anything was shown, and while something else is on its way, that is what is asked for again.
        self.load(self.paging.goal, "same", fresh=True)

    def action_filter(self) -> None:
        self.load(self.paging.goal._replace(page=1, status=_NEXT_STATUS[self.paging.goal.status]))
        self.keep_view()

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

        self.once_here(lambda customer: copy(self, "ID", customer, customer.short_id))

    def action_copy_all(self) -> None:
        from app.screens.clipboard import copy_record

        self.once_here(partial(copy_record, self))

    def action_export(self) -> None:
        from app.screens.export import ask_export

        ask_export(self)

    async def action_leave(self) -> None:
        await self.app.run_action("quit")

    def show_empty(self, page: "Page") -> None:
        from app.screens.customer_list.state_texts import tell_nothing

        self.panel_only()
        tell_nothing(self, page)

    def _open(self, customer: "Customer", scanned: str = "") -> None:
        from app.screens.detail import DetailScreen

        self.status.hush()
        position, alike = self.paging.position(self.table.cursor), self.table.alike.others
        detail = DetailScreen(self.desk, customer, position, self.step, alike, self.paging.origin)
        self.app.push_screen(detail)
        if scanned and customer.short_id != scanned:
            was, found = sanitize_id(reveal_confusables(scanned, customer.short_id)), sanitize_id(customer.short_id)
            detail.say(f"Scanned was {was}; the only hit is {found}: that one is shown.", "warning")

    def _open_scanned(self, text: str, customer: "Customer") -> None:
        """Open what was scanned if it is the only hit, or exactly it."""
        page, rows = self.paging.page, self.table.rows
        exact = [row for row in rows if row.short_id == text] or [r for r in rows if fold(r.short_id) == fold(text)]
        if len(exact) == 1:
            self.table.cursor = rows.index(exact[0])
            self._open(exact[0], text)
        elif page is not None and page.total == 1 and not self.table.has_caption:
            self._open(customer, text)
        else:
            self.say(f"No customer has exactly the ID {sanitize_id(text)}. Press Enter again to open the marked one.")

    def _open_form(self, customer: "Customer | None", new_id: str = "") -> None:
        from app.screens.form import FormScreen
        from app.screens.go_to import go_to_chosen

        self.status.hush()
        self.app.push_screen(FormScreen(self.desk, customer, new_id=new_id), partial(go_to_chosen, self))

    def _turn(self, step: int, place: Place) -> None:
        request = self.paging.turned(step)
        if request is not None:
            self.status.hush()
            self.load(request, place)
        elif step > 0 and not self.paging.settled and self.paging.page is not None and self.paging.page.total is None:
            # Whether there is another one behind a page shows when that is here.
            self.once_settled(partial(self._turn, step, place))
        elif self.paging.page is not None:
            last = CUT_SHORT if self.paging.cut_short else "This is the last page."
            self.say(last if step > 0 else "This is the first page.")

    def _back_to(self, whence: Whence) -> None:
        """Show where one was, from memory as long as nothing was written meanwhile."""
        if (page := whence.page_at(self.repository.clock())) is None:
            self.load(whence.request, "same", seek=whence.short_id)
        else:
            self.workers.cancel_group(self, "page")
            self.take(whence.request, page, "same", whence.short_id)
