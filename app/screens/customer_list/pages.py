"""A screen that shows customers page by page: how a page is asked for, put up, and what is told in its stead."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, Literal, cast

from textual import on
from textual.app import ComposeResult

from app.errors import DockbookError
from app.models.fields import Direction, PageRequest
from app.repository.repository import ConnectionState
from app.screens.base import DockScreen
from app.screens.context import Desk
from app.screens.customer_list.list_state import View
from app.screens.customer_list.pagination import Paging, near_misses, told_of_repeats, without_repeats
from app.screens.customer_list.view_keeping import ViewKeeping
from app.text.sanitize import sanitize_id, width
from app.widgets.customer_table import CustomerTable
from app.widgets.empty_state import StatePanel
from app.widgets.search_bar import FindLine

if TYPE_CHECKING:
    from app.mirror.snapshot import Glimpse
    from app.models.customer import Customer, Origin, Page

_OTHER_LINES: Final = 4  # header, headings, status or find, keys
LEAST_ROWS: Final = 5

Place = Literal["first", "last", "same"]


class PagedScreen(DockScreen[None]):
    """Asks for pages and shows them, one at a time; the newest request takes the place of those before."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        view = desk.views.view if desk.views is not None else View()
        size = view.page_size or desk.page_size or "fit"
        self.fit = size == "fit"
        self.table = CustomerTable()
        self.table.chosen = view.columns
        self.panel = StatePanel(markup=False)
        self.find_line = FindLine()
        self.paging = Paging(
            PageRequest(
                page_size=size if isinstance(size, int) else LEAST_ROWS,
                sort=view.sort,
                direction=view.direction,
                status=view.status,
            )
        )
        self._waiting: list[Callable[[], object]] = []
        self._glimpsed: Glimpse | None = None
        self.under_way = ""
        self.marked: dict[str, Customer] = {}
        self.sorted_here: set[str | None] = set()
        self._keeping = ViewKeeping(self)
        #: The page without rows that the panel speaks of.
        self._nothing: Page | None = None

    def body(self) -> ComposeResult:
        yield self.table
        yield self.panel
        yield self.find_line

    def shown_from(self) -> "Origin | None":
        page = self.paging.page
        if self.table.tentative and self._glimpsed is not None:
            return self._glimpsed.origin
        link = self.repository.connection
        there = link.live and not link.suspect
        # What was searched is the mirror's in any case, and the status line tells how old.
        return None if page is None or (self.paging.request.needs_mirror and there) else page.origin

    def show_link(self, link: ConnectionState) -> None:
        super().show_link(link)
        if self._nothing is not None and self.paging.request.needs_mirror:
            # Whether the rest of the copy is on its way may have changed with it.
            self.show_empty(self._nothing)

    def look_again(self) -> None:
        if self.paging.page is None and self.paging.settled:
            # The first page did not come; it may now.
            self.load(self.paging.goal)
        elif self.paging.settled and self.paging.page is not None and self.paging.page.origin is not None:
            self.load(self.paging.request, "same")
        else:
            self.read(self._learn, "alike")

    def unsaved(self) -> str:
        return self.under_way

    @property
    def finding(self) -> bool:
        """Whether somebody is searching: then the line to type in stands in place of the status."""
        return self.has_class("-finding")

    def focus_body(self) -> None:
        """Give the focus to what the keys are for."""
        (self.find_line.input if self.finding and not self.table.has_focus else self.table).focus()

    def load(
        self,
        request: PageRequest,
        place: Place = "first",
        *,
        fresh: bool = False,
        seek: str | None = None,
        before: str = "",
    ) -> None:
        """Ask for a page and put it up with the cursor at this place, or at the customer `seek`.

        With `fresh` the server is asked now; `before` is said before an error.
        """
        self.stop_countdown()
        # What was pressed on rows that are only there to be looked at is meant for those that are on their way.
        if not self.table.tentative:
            self._forget_waiting()
        self.paging.goal = request
        self.read(partial(self._fetch, request, place, fresh=fresh, seek=seek, before=before), "page")

    def once_here(self, act: Callable[["Customer"], None]) -> None:
        """Do it with the customer under the cursor, which may be on its way to be shown."""
        self.once_shown(partial(self._with_current, act, self._looked_at()))

    def once_shown(self, act: Callable[[], object]) -> None:
        """Do it now, or when what was typed to find, or what one went back to, is shown: whoever pressed meant that."""
        narrowed = self.paging.goal.needs_mirror or self.paging.request.needs_mirror
        if self.table.tentative or (not self.paging.settled and narrowed):
            self.once_settled(act)
        else:
            act()

    def once_settled(self, act: Callable[[], object]) -> None:
        """Do it when what was asked for last is shown."""
        self._waiting.append(act)
        self.acted.clear()

    def action_mark(self) -> None:
        self.once_here(self._mark)

    def action_marked(self) -> None:
        from app.screens.customer_list.marked import ask_about_marked

        ask_about_marked(self)

    def set_marks(self, marked: "dict[str, Customer]") -> None:
        """Mark these customers and no others; marks stay over pages, orders and searches."""
        self.marked = marked
        self.table.marked = frozenset(marked)
        self.tell_position()

    def order_by(self, sort: str | None, direction: Direction) -> None:
        """Show the first page in this order."""
        here = sort in self.sorted_here
        self.load(self.paging.goal._replace(page=1, sort=sort, direction=direction, sort_locally=here), "first")
        self.keep_view()

    def keep_view(self) -> None:
        """Write down how the list looks, for the next start; what is found is no part of that."""
        if self.desk.views is not None and not self.finding:
            goal = self.paging.goal
            size: Literal["fit"] | int = "fit" if self.fit else goal.page_size
            self._keeping.keep(View(goal.sort, goal.direction, goal.status, size, self.table.chosen))

    def resize_page(self, size: int) -> None:
        """Change the page size; the customer under the cursor stays on the page."""
        # Of what was asked for last: a filter that is still on its way is not taken back.
        request = self.paging.goal._replace(page=self._cursor_number() // size + 1, page_size=size)
        if self.paging.page is None and request.filtered:
            self.read(self._read_total, "total")
        # Where the rows are there to be looked at, they are asked for already.
        if not self.table.tentative or request != self.paging.goal:
            self.load(request, "same" if self.paging.page or self.table.tentative else "first")

    def show_glimpse(self, size: int) -> None:
        """Show what this machine had of the page last, before the program has all it takes to ask for it."""
        request = self.paging.goal._replace(page_size=size)
        glimpse = self.repository.snapshot(request)
        if glimpse is None or not glimpse.rows:
            return
        self._glimpsed = glimpse
        rows = cast("Sequence[Customer]", glimpse.rows)
        self.table.show(rows, request.sort or "", request.direction, tentative=True)
        self.remove_class("-panel")
        self.show_link(self.repository.connection)
        self.paging.goal = request
        # What it takes to ask for the page would hold these rows up.
        self.call_after_refresh(self._load_glimpsed, request)

    def fitting(self, height: int) -> int:
        """How many rows a screen of this height shows, notices aside: they come and go."""
        return min(max(LEAST_ROWS, height - _OTHER_LINES), self.paging.most)

    def take(self, request: PageRequest, page: "Page", place: Place, seek: str | None = None) -> None:
        """Put up a page that came."""
        if self.status.notice is not None and self.status.notice.level == "error":
            self.status.hush()
        self.stop_countdown()
        self.paging.shows(request, page)
        words, caption = near_misses(request.find, page)
        rows, repeated = without_repeats(page.rows)
        remarks = [*page.remarks, *([told_of_repeats(repeated)] if repeated else [])]
        if remarks and self.status.notice is None:
            self.say(" ".join(remarks), "warning")
        self.table.show(
            rows,
            request.sort or "",
            request.direction,
            place,
            seek,
            words=words,
            caption=caption,
            repeated=repeated,
        )
        self.read(self._learn, "alike")
        if request.filtered:
            self.show_link(self.repository.connection)
        else:
            self._tell_total(page)
        self._nothing = None if page.rows else page
        if page.rows:
            self.remove_class("-panel")
        else:
            self.show_empty(page)
        if self.app.screen is self:
            self.focus_body()
        self.tell_position()
        self._after_narrowed(request, page)
        while self._waiting and self.app.screen is self:
            self._waiting.pop(0)()
        self._forget_waiting()

    def show_empty(self, page: "Page") -> None:
        """Tell what it means that there are no rows."""
        raise NotImplementedError

    def panel_only(self) -> None:
        """Put the panel in place of the rows."""
        self.add_class("-panel")

    def show_failure(self, error: DockbookError, hint: str) -> None:
        """Put on the panel why there are no rows to be shown."""
        self._nothing = None
        self.table.show((), "", "ASC")
        self.panel_only()
        self.panel.tell(error.title, error.text, hint, failed=True)

    def tell_position(self, doing: str = "") -> None:
        """Say where one is, after what is being done."""
        # In front of the find line nothing is said that would come and go with every letter.
        marked = f"{len(self.marked):,} marked" if self.marked else ""
        doing = " · ".join(part for part in (doing, marked) if part)
        if self.finding:
            room = self.find_line.room_in(self.size.width) - (len(marked) + 3 if marked else 0)
            self.find_line.position = " · ".join(part for part in (marked, self.paging.summary(room)) if part)
            self.status.position = ""
        else:
            before = [part for part in (self.table.told, doing) if part]
            room = self.size.width - 2 - sum(width(part) + 3 for part in before)
            self.status.position = " · ".join(part for part in (*before, self.paging.summary(room)) if part)

    @on(CustomerTable.Moved)
    def customer_reached(self) -> None:
        """An ID that looks like another one is told while the cursor stands on it."""
        if self.paging.settled:
            self.tell_position()

    def replace(self, customer: "Customer") -> bool:
        """Show the customer as it is now where it stands; false when the page does not have it."""
        self.paging.learn(customer)
        return self.table.replace(customer)

    async def _learn(self) -> None:
        """What the server told of the rows since is shown in their place; IDs that look like theirs may be anywhere."""
        live = self.paging.origin is None
        for customer in await self.repository.updated_since(self.table.rows) if live else ():
            self.replace(customer)
        self.table.learn_alikes(await self.repository.confusable_ids([row.short_id for row in self.table.rows]))
        self.customer_reached()

    def _mark(self, customer: "Customer") -> None:
        marked = dict(self.marked)
        if marked.pop(customer.short_id, None) is None:
            marked[customer.short_id] = customer
        self.set_marks(marked)
        self.table.cursor += 1

    def _with_current(self, act: Callable[["Customer"], None], short_id: str | None) -> None:
        """Do it with the customer under the cursor, or with the one it stood on when the key was pressed."""
        at = {row.short_id: at for at, row in enumerate(self.table.rows)}
        if short_id is not None and short_id not in at:
            self.say(f"{sanitize_id(short_id)} is not here any more.")
            return
        if short_id is not None:
            self.table.cursor = at[short_id]
        if self.table.current is None:
            self.say("There is no customer here.")
        else:
            act(self.table.current)

    def _looked_at(self) -> str | None:
        """The ID under the cursor where the rows are only there to be looked at."""
        if not self.table.tentative or self._glimpsed is None:
            return None
        return self._glimpsed.rows[self.table.cursor].short_id

    def _load_glimpsed(self, request: PageRequest) -> None:
        # A key may have asked for something else already.
        if self.paging.goal is request:
            self.load(request, "same")

    def _forget_waiting(self) -> None:
        """Nothing waits for rows any more."""
        self._waiting.clear()
        self.acted.set()

    async def _fetch(self, request: PageRequest, place: Place, *, fresh: bool, seek: str | None, before: str) -> None:
        # What this machine answers itself is here before one could read that it is coming.
        self.tell_position("" if request.needs_mirror else "loading…")
        try:
            page = await self.repository.page(request, fresh=fresh)
            if not page.rows and request.page > 1:
                # The list became shorter meanwhile, or there never was such a page.
                if request != self.paging.request and page.total != 0 and self.table.rows:
                    if page.origin is not None and not request.needs_mirror:
                        self.paging.stays()
                        self.say(f"The copy on this machine has no page {request.page:,}.", "warning")
                        return
                    self.paging.is_empty_at(request.page)
                    if self.paging.page is not None and self.paging.page.total is None:
                        self.say(f"This is the last page: the server has nothing on page {request.page:,}.")
                    else:
                        told = f"The server has nothing on page {request.page:,}, whatever its totals say."
                        self.say(told, "warning")
                    return
                last = self.paging.pages(page.total or 0)
                request = request._replace(page=last if 0 < last < request.page else 1)
                page = await self.repository.page(request)
            elif place == "same" and (given := self.paging.capped(request, page)) is not None:
                request = request._replace(page=self._cursor_number() // given + 1, page_size=given)
                page = await self.repository.page(request)
        except DockbookError as error:
            from app.screens.customer_list.page_failures import tell_failure

            self._forget_waiting()
            await tell_failure(self, request, place, error, before)
        else:
            self.take(request, page, place, seek)
        finally:
            if self.paging.settled:
                self._forget_waiting()
                self.tell_position()

    def _after_narrowed(self, request: PageRequest, page: "Page") -> None:
        """Count to the end what was only begun."""
        if page.origin is not None and page.origin.total_is_minimum:
            self.read(partial(self._count, request), "count")

    async def _read_total(self) -> None:
        """Ask the server how many customers there are where the list begins with some of them."""
        try:
            page = await self.repository.page(self.paging.request._replace(find="", status="all", sort_locally=False))
        except DockbookError as error:
            self.say_error(error)
        else:
            self._tell_total(page)

    def _tell_total(self, page: "Page") -> None:
        self.show_link(self.repository.connection)
        self.header.detail = "" if page.total is None else f"{page.total:,}"

    async def _count(self, request: PageRequest) -> None:
        total = await self.repository.count(request)
        if total is not None and self.paging.request == request and self.paging.counting:
            self.paging.counted(total)
            self.tell_position()

    def _cursor_number(self) -> int:
        """The number of the row under the cursor among all, from 0."""
        return (self.paging.request.page - 1) * self.paging.request.page_size + self.table.cursor
