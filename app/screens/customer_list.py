"""The list: one page of all customers, with its order and place always told."""

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final, Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from app.errors import BadRequest, DockbookError, Forbidden, NotAvailable, RateLimited, ValidationFailed
from app.fields import BY_NAME, SORTABLE, Direction, PageRequest
from app.screens.frame import LOOKING_BACK, Desk, DockScreen
from app.screens.paging import Paging
from app.text import visible_id
from app.widgets.panel import StatePanel
from app.widgets.table import CustomerTable

if TYPE_CHECKING:
    from textual import events

    from app.models import Customer, Page

_OTHER_LINES: Final = 4  # header, headings, status, keys
_LEAST_ROWS: Final = 5

Place = Literal["first", "last", "same"]


@dataclass(frozen=True, slots=True)
class Step:
    """The customer next to another one in the list's order, and where it stands (`2 of 48 by ID`)."""

    customer: "Customer"
    position: str


class CustomerListScreen(DockScreen[None]):
    """Browse all customers, page by page."""

    ABOUT = (
        "All customers, discontinued ones too, a page at a time, in the server's order. "
        "The line above the keys tells how many there are, the page, and the order. "
        "A row with ! has something odd in its record: open it to see what."
    )

    TAKES_SCANS = True
    BAR = ("open", "edit", "new", "previous-page", "next-page", "sort", "discontinue", "refresh", "leave")

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f2,e", "edit", "Edit", id="edit"),
        Binding("f6,n,insert", "new", "New", id="new"),
        Binding("f7,less_than_sign", "turn(-1)", "Prev", id="previous-page", tooltip="Previous page"),
        Binding("f8,greater_than_sign", "turn(1)", "Next", id="next-page", tooltip="Next page"),
        Binding("s", "sort", "Sort", id="sort", tooltip="Choose the order; again: turn it round"),
        Binding("f5,ctrl+r", "refresh", "Refresh", id="refresh"),
        Binding("delete,d", "discontinue", "Discont.", id="discontinue", tooltip="Discontinue"),
        Binding("ctrl+home,left_curly_bracket", "first", "First page", id="first-page"),
        Binding("ctrl+end,right_curly_bracket", "last", "Last page", id="last-page"),
        Binding("g", "go_to", "Go to ID", id="go-to", tooltip="Go to an ID, typed or scanned"),
        Binding("y", "copy", "Copy the ID", id="copy"),
        Binding("p", "page_size", "Rows a page", id="page-size"),
        *LOOKING_BACK,
        Binding("f3,q", "leave", "Quit", id="leave", tooltip="Leave dockbook"),
    ]

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.table = CustomerTable()
        self.panel = StatePanel(markup=False)
        self.paging = Paging.starting(desk.page_size or _LEAST_ROWS)
        self._fit = desk.page_size is None

    def body(self) -> ComposeResult:
        yield self.table
        yield self.panel

    def on_mount(self) -> None:
        super().on_mount()
        self.header.title = "Customers"
        self._panel_only()
        self.panel.tell("Loading customers…")

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        self.table.focus()

    def show_written(self, message: DockScreen.Written) -> None:
        self.say(message.text, message.level)
        if not self.table.replace(message.customer):
            self._load(self.paging.request, "same", fresh=True, wrote=message)

    def on_resize(self, event: "events.Resize") -> None:
        """Ask for as many rows as can be seen; the first time, this is what loads the list."""
        size = self._fitting(event.size.height) if self._fit else self.paging.goal.page_size
        if self.paging.page is None or size != self.paging.goal.page_size:
            self._resize_page(size)

    @on(CustomerTable.Opened)
    def open_customer(self, event: CustomerTable.Opened) -> None:
        from app.screens.detail import DetailScreen

        self.status.hush()
        self.app.push_screen(
            DetailScreen(self.desk, event.customer, self.paging.position(self.table.cursor), self.step)
        )

    @on(CustomerTable.EdgePassed)
    def turn_at_edge(self, event: CustomerTable.EdgePassed) -> None:
        # The cursor goes on from what it stands on: a page that is still on its way is not passed over.
        if self.paging.settled:
            self._turn(event.direction, "first" if event.direction > 0 else "last")

    async def step(self, direction: int) -> Step | None:
        """Move to the customer before (-1) or after (+1), over the edge of the page too; `None` at the very end."""
        row = self.table.cursor + direction
        if 0 <= row < len(self.table.rows):
            self.table.cursor = row
        elif (request := self.paging.turned(direction)) is not None:
            page = await self.repository.page(request)
            if not page.rows:
                return None
            self._take(request, page, "first" if direction > 0 else "last")
        else:
            return None
        customer = self.table.current
        return Step(customer, self.paging.position(self.table.cursor)) if customer is not None else None

    def action_edit(self) -> None:
        if (customer := self._chosen()) is not None and self.may_write():
            self._open_form(customer)

    def action_new(self) -> None:
        if self.may_write():
            self._open_form(None)

    def action_discontinue(self) -> None:
        from app.screens.discontinue import discontinue

        if (customer := self._chosen()) is not None and self.may_write():
            discontinue(self, customer)

    def action_turn(self, step: int) -> None:
        self._turn(step, "first")

    def action_first(self) -> None:
        self._load(replace(self.paging.request, page=1), "first")

    def action_last(self) -> None:
        last = self.paging.last
        if last == self.paging.request.page and self.paging.turned(1) is not None:
            self.say("The server does not tell how many pages there are. F8 goes on.")
            return
        self._load(replace(self.paging.request, page=last), "last")

    def action_refresh(self) -> None:
        self.try_writing_again()
        self._load(self.paging.request, "same", fresh=True)

    def action_sort(self) -> None:
        from app.screens.choose import Choice, ChooseDialog

        now = self.paging.request
        arrow = {"ASC": "▲", "DESC": "▼"}[now.direction]
        choices = [Choice(name, BY_NAME[name].label, f"now {arrow}" if name == now.sort else "") for name in SORTABLE]
        dialog = ChooseDialog("Order by", choices, now.sort or "", again="s")
        self.app.push_screen(dialog, self._sort_by)

    def action_page_size(self) -> None:
        from app.screens.choose import Choice, ChooseDialog

        sizes = [Choice("fit", "As many as fit"), *(Choice(str(n), f"{n} rows") for n in (25, 50, 100, 250))]
        now = "fit" if self._fit else str(self.paging.goal.page_size)
        self.app.push_screen(ChooseDialog("Rows a page", sizes, now), self._size_chosen)

    def action_copy(self) -> None:
        if (customer := self._chosen()) is not None:
            short_id = customer.short_id
            self.app.copy_to_clipboard(short_id)
            self.say(f"{visible_id(short_id)} was sent to the terminal's clipboard.")

    async def action_leave(self) -> None:
        await self.app.run_action("quit")

    def _chosen(self) -> "Customer | None":
        """The customer under the cursor; says so when there is none."""
        if self.table.current is None:
            self.say("There is no customer here.")
        return self.table.current

    def _open_form(self, customer: "Customer | None") -> None:
        from app.screens.form import FormScreen

        self.status.hush()
        self.app.push_screen(FormScreen(self.desk, customer), self._form_left)

    def _form_left(self, short_id: str | None) -> None:
        """The form of a new customer found that its ID exists, and the person wants to see that one."""
        if short_id is not None:
            self.read(partial(self._open_by_id, short_id), "open")

    async def _open_by_id(self, short_id: str) -> None:
        from app.screens.detail import DetailScreen

        try:
            customer = await self.repository.customer(short_id)
        except DockbookError as error:
            self.say_error(error)
        else:
            self.once_on_top(lambda: self.app.push_screen(DetailScreen(self.desk, customer)))

    def _sort_by(self, sort: str | None) -> None:
        if sort is None:
            return
        direction: Direction = "ASC"
        if sort == self.paging.request.sort and self.paging.request.direction == "ASC":
            direction = "DESC"
        self._load(replace(self.paging.request, page=1, sort=sort, direction=direction), "first")

    def _size_chosen(self, size: str | None) -> None:
        if size is not None:
            self._fit = size == "fit"
            self._resize_page(self._fitting(self.size.height) if self._fit else int(size))

    def _fitting(self, height: int) -> int:
        """How many rows a screen of this height shows, notices aside: they come and go."""
        return min(max(_LEAST_ROWS, height - _OTHER_LINES), self.paging.most)

    def _resize_page(self, size: int) -> None:
        """Change the page size; the customer under the cursor stays on the page."""
        request = replace(self.paging.request, page=self._cursor_number() // size + 1, page_size=size)
        self._load(request, "same" if self.paging.page else "first")

    def _turn(self, step: int, place: Place) -> None:
        request = self.paging.turned(step)
        if request is not None:
            self.status.hush()
            self._load(request, place)
        elif self.paging.page is not None:
            self.say("This is the last page." if step > 0 else "This is the first page.")

    def _load(
        self,
        request: PageRequest,
        place: Place = "first",
        *,
        fresh: bool = False,
        wrote: DockScreen.Written | None = None,
    ) -> None:
        self.stop_countdown()
        self.paging.goal = request
        self.read(partial(self._fetch, request, place, fresh=fresh, wrote=wrote), "page")

    async def _fetch(
        self, request: PageRequest, place: Place, *, fresh: bool, wrote: DockScreen.Written | None
    ) -> None:
        self._tell_position("loading…")
        try:
            page = await self.repository.page(request, fresh=fresh)
            if not page.rows and request.page > 1:
                # The list became shorter meanwhile, or there never was such a page.
                if request != self.paging.request and page.total != 0 and self.table.rows:
                    self.paging.is_empty_at(request.page)
                    self.say(f"The server has nothing on page {request.page}, whatever its totals say.", "warning")
                    return
                last = self.paging.pages(page.total or 0)
                request = replace(request, page=last if 0 < last < request.page else 1)
                page = await self.repository.page(request)
            elif place == "same" and (given := self.paging.capped(request, page)) is not None:
                request = replace(request, page=self._cursor_number() // given + 1, page_size=given)
                page = await self.repository.page(request)
        except DockbookError as error:
            self._failed(request, place, error, wrote.text if wrote else "")
        else:
            self._take(request, page, place, wrote.customer.short_id if wrote else None)
        finally:
            if self.paging.settled:
                self._tell_position()

    def _cursor_number(self) -> int:
        """The number of the row under the cursor among all, from 0."""
        return (self.paging.request.page - 1) * self.paging.request.page_size + self.table.cursor

    def _take(self, request: PageRequest, page: "Page", place: Place, seek: str | None = None) -> None:
        if self.status.notice is not None and self.status.notice.level == "error":
            self.status.hush()
        self.stop_countdown()
        self.paging.shows(request, page)
        self.table.show(page.rows, request.sort or "", request.direction, place, seek)
        self.show_link(self.repository.link)
        self.header.detail = "" if page.total is None else f"{page.total}"
        if page.rows:
            self.remove_class("-panel")
            self.table.focus()
        else:
            self._show_empty(page)
        self._tell_position()

    def _show_empty(self, page: "Page") -> None:
        """Tell an empty book from a server that is not clear about what it has."""
        self._panel_only()
        if page.total or page.has_more:
            told = "more" if page.total is None else f"{page.total}"
            self.panel.tell(
                "No customers came", f"The server says it has {told}, and sent none.", "F5 tries again.", failed=True
            )
            return
        hints = [] if self.repository.editing_off else ["F6 adds the first one."]
        if self.desk.local:
            hints += [
                "",
                "To look around with samples, leave and type  dockbook --demo",
                "To connect to a server:  dockbook --url https://HOST/api/v1",
                "or write a profile into config.toml (README).",
            ]
        self.panel.tell("No customers yet", "Nobody is in this book.", "\n".join(hints).strip("\n"))

    def _failed(self, request: PageRequest, place: Place, error: DockbookError, before: str) -> None:
        shown = self.paging.request
        self.paging.stays()
        self.show_link(self.repository.link)
        refused = isinstance(error, BadRequest | ValidationFailed | NotAvailable)
        if refused and (request.sort, request.direction) != (shown.sort, shown.direction):
            self.say(f"The server does not sort {request.order} ({error.text}). The order stays as it was.", "warning")
        elif refused and request.sort is not None and self.paging.page is None:
            # Which columns can be sorted by is not in the contract, not even the ID.
            self._load(replace(request, sort=None), place)
        elif self.table.rows:
            self.say_error(error, before)
        else:
            self._panel_only()
            hint = "F5 tries again."
            if isinstance(error, Forbidden):
                hint = "Without it no customer can be listed. F5 asks again once it is given."
            self.panel.tell(error.title, error.text, hint, failed=True)
        if isinstance(error, RateLimited) and error.wait is not None:
            self.count_down(error.wait, partial(self._load, request, place), before)

    def _panel_only(self) -> None:
        self.add_class("-panel")

    def _tell_position(self, doing: str = "") -> None:
        self.status.position = " · ".join(part for part in (doing, self.paging.summary()) if part)
