"""A screen that shows customers page by page: how a page is asked for, put up, and what is told in its stead."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, Literal, cast

from textual import on
from textual.app import ComposeResult

from app.errors import DockbookError
from app.models.fields import Direction, PageRequest
from app.repository.repository import ConnectionState
from app.screens.base import BaseScreen
from app.screens.context import AppContext
from app.screens.customer_list.list_state import ListState
from app.screens.customer_list.pagination import Pagination, repeats_notice, suggestion_caption, without_repeats
from app.screens.customer_list.view_keeping import ListStateSaver
from app.text.sanitize import sanitize_id, width
from app.widgets.customer_table import CustomerTable
from app.widgets.empty_state import EmptyState
from app.widgets.search_bar import SearchBar

if TYPE_CHECKING:
    from app.mirror.snapshot import ListSnapshot
    from app.models.customer import Customer, Origin, Page

_OTHER_LINES: Final = 4  # header, headings, status or find, keys
LEAST_ROWS: Final = 5

CursorPlacement = Literal["first", "last", "same"]


class PagedScreen(BaseScreen[None]):
    """Asks for pages and shows them, one at a time; the newest request takes the place of those before."""

    def __init__(self, context: AppContext) -> None:
        super().__init__(context)
        view = context.list_state_file.state if context.list_state_file is not None else ListState()
        size = view.page_size or context.page_size or "fit"
        self.fit = size == "fit"
        self.table = CustomerTable()
        self.table.chosen = view.columns
        self.empty_state = EmptyState(markup=False)
        self.search_bar = SearchBar()
        self.pagination = Pagination(
            PageRequest(
                page_size=size if isinstance(size, int) else LEAST_ROWS,
                sort=view.sort,
                direction=view.direction,
                status=view.status,
            )
        )
        self._waiting: list[Callable[[], object]] = []
        self._snapshot: ListSnapshot | None = None
        self.progress_text = ""
        self.marked: dict[str, Customer] = {}
        self.sorted_locally: set[str | None] = set()
        self._keeping = ListStateSaver(self)
        #: The page without rows that the panel speaks of.
        self._nothing: Page | None = None

    def compose_body(self) -> ComposeResult:
        yield self.table
        yield self.empty_state
        yield self.search_bar

    def data_origin(self) -> "Origin | None":
        page = self.pagination.page
        if self.table.provisional and self._snapshot is not None:
            return self._snapshot.origin
        link = self.repository.connection
        there = link.live and not link.suspect
        # What was searched is the mirror's in any case, and the status line tells how old.
        return None if page is None or (self.pagination.shown.needs_mirror and there) else page.origin

    def show_connection(self, link: ConnectionState) -> None:
        super().show_connection(link)
        if self._nothing is not None and self.pagination.shown.needs_mirror:
            # Whether the rest of the copy is on its way may have changed with it.
            self.show_empty(self._nothing)

    def refresh_if_stale(self) -> None:
        if self.pagination.page is None and self.pagination.up_to_date:
            # The first page did not come; it may now.
            self.load(self.pagination.requested)
        elif (
            self.pagination.up_to_date and self.pagination.page is not None and self.pagination.page.origin is not None
        ):
            self.load(self.pagination.shown, "same")
        else:
            self.run_read(self._refresh_rows, "alike")

    def unsaved_text(self) -> str:
        return self.progress_text

    @property
    def is_searching(self) -> bool:
        """Whether somebody is searching: then the line to type in stands in place of the status."""
        return self.has_class("-finding")

    def focus_body(self) -> None:
        """Give the focus to what the keys are for."""
        (self.search_bar.input if self.is_searching and not self.table.has_focus else self.table).focus()

    def load(
        self,
        request: PageRequest,
        place: CursorPlacement = "first",
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
        if not self.table.provisional:
            self._forget_waiting()
        self.pagination.requested = request
        self.run_read(partial(self._fetch, request, place, fresh=fresh, seek=seek, before=before), "page")

    def with_current_customer(self, act: Callable[["Customer"], None]) -> None:
        """Do it with the customer under the cursor, which may be on its way to be shown."""
        self.after_load(partial(self._with_current, act, self._looked_at()))

    def after_load(self, act: Callable[[], object]) -> None:
        """Do it now, or when what was typed to find, or what one went back to, is shown: whoever pressed meant that."""
        narrowed = self.pagination.requested.needs_mirror or self.pagination.shown.needs_mirror
        if self.table.provisional or (not self.pagination.up_to_date and narrowed):
            self.after_load_settled(act)
        else:
            act()

    def after_load_settled(self, act: Callable[[], object]) -> None:
        """Do it when what was asked for last is shown."""
        self._waiting.append(act)
        self.action_done.clear()

    def action_mark(self) -> None:
        self.with_current_customer(self._mark)

    def action_marked(self) -> None:
        from app.screens.customer_list.marked import choose_marked_action

        choose_marked_action(self)

    def set_marks(self, marked: "dict[str, Customer]") -> None:
        """Mark these customers and no others; marks stay over pages, orders and searches."""
        self.marked = marked
        self.table.marked = frozenset(marked)
        self.update_position()

    def order_by(self, sort: str | None, direction: Direction) -> None:
        """Show the first page in this order."""
        here = sort in self.sorted_locally
        self.load(
            self.pagination.requested._replace(page=1, sort=sort, direction=direction, sort_locally=here), "first"
        )
        self.save_list_state()

    def save_list_state(self) -> None:
        """Write down how the list looks, for the next start; what is found is no part of that."""
        if self.context.list_state_file is not None and not self.is_searching:
            goal = self.pagination.requested
            size: Literal["fit"] | int = "fit" if self.fit else goal.page_size
            self._keeping.save(ListState(goal.sort, goal.direction, goal.status, size, self.table.chosen))

    def resize_page(self, size: int) -> None:
        """Change the page size; the customer under the cursor stays on the page."""
        # Of what was asked for last: a filter that is still on its way is not taken back.
        request = self.pagination.requested._replace(page=self._cursor_number() // size + 1, page_size=size)
        if self.pagination.page is None and request.filtered:
            self.run_read(self._read_total, "total")
        # Where the rows are there to be looked at, they are asked for already.
        if not self.table.provisional or request != self.pagination.requested:
            self.load(request, "same" if self.pagination.page or self.table.provisional else "first")

    def show_snapshot(self, size: int) -> None:
        """Show what this machine had of the page last, before the program has all it takes to ask for it."""
        request = self.pagination.requested._replace(page_size=size)
        glimpse = self.repository.snapshot(request)
        if glimpse is None or not glimpse.rows:
            return
        self._snapshot = glimpse
        rows = cast("Sequence[Customer]", glimpse.rows)
        self.table.set_page(rows, request.sort or "", request.direction, tentative=True)
        self.remove_class("-panel")
        self.show_connection(self.repository.connection)
        self.pagination.requested = request
        # What it takes to ask for the page would hold these rows up.
        self.call_after_refresh(self._load_after_snapshot, request)

    def rows_fitting(self, height: int) -> int:
        """How many rows a screen of this height shows, notices aside: they come and go."""
        return min(max(LEAST_ROWS, height - _OTHER_LINES), self.pagination.page_limit)

    def show_page(self, request: PageRequest, page: "Page", place: CursorPlacement, seek: str | None = None) -> None:
        """Put up a page that came."""
        if self.status.level == "error":
            self.status.clear_notice()
        self.stop_countdown()
        self.pagination.set_page(request, page)
        words, caption = suggestion_caption(request.find, page)
        rows, repeated = without_repeats(page.rows)
        remarks = [*page.remarks, *([repeats_notice(repeated)] if repeated else [])]
        if remarks and not self.status.notices:
            self.show_notice(" ".join(remarks), "warning")
        self.table.set_page(
            rows,
            request.sort or "",
            request.direction,
            place,
            seek,
            words=words,
            caption=caption,
            repeated=repeated,
        )
        self.run_read(self._refresh_rows, "alike")
        if request.filtered:
            self.show_connection(self.repository.connection)
        else:
            self._show_total(page)
        self._nothing = None if page.rows else page
        if page.rows:
            self.remove_class("-panel")
        else:
            self.show_empty(page)
        if self.app.screen is self:
            self.focus_body()
        self.update_position()
        self._count_if_needed(request, page)
        while self._waiting and self.app.screen is self:
            self._waiting.pop(0)()
        self._forget_waiting()

    def show_empty(self, page: "Page") -> None:
        """Tell what it means that there are no rows."""
        raise NotImplementedError

    def show_empty_state_only(self) -> None:
        """Put the panel in place of the rows."""
        self.add_class("-panel")

    def show_failure(self, error: DockbookError, hint: str) -> None:
        """Put on the panel why there are no rows to be shown."""
        self._nothing = None
        self.table.set_page((), "", "ASC")
        self.show_empty_state_only()
        self.empty_state.show(error.title, error.text, hint, failed=True)

    def update_position(self, doing: str = "") -> None:
        """Say where one is, after what is being done."""
        # In front of the find line nothing is said that would come and go with every letter.
        marked = f"{len(self.marked):,} marked" if self.marked else ""
        doing = " · ".join(part for part in (doing, marked) if part)
        if self.is_searching:
            room = self.search_bar.room_in(self.size.width) - (len(marked) + 3 if marked else 0)
            self.search_bar.position = " · ".join(part for part in (marked, self.pagination.summary(room)) if part)
            self.status.position = ""
        else:
            before = [part for part in (self.table.position_remark, doing) if part]
            room = self.size.width - 2 - sum(width(part) + 3 for part in before)
            self.status.position = " · ".join(part for part in (*before, self.pagination.summary(room)) if part)

    @on(CustomerTable.Moved)
    def customer_reached(self) -> None:
        """An ID that looks like another one is told while the cursor stands on it."""
        if self.pagination.up_to_date:
            self.update_position()

    def replace(self, customer: "Customer") -> bool:
        """Show the customer as it is now where it stands; false when the page does not have it."""
        self.pagination.replace(customer)
        return self.table.replace(customer)

    async def _refresh_rows(self) -> None:
        """What the server told of the rows since is shown in their place; IDs that look like theirs may be anywhere."""
        live = self.pagination.origin is None
        for customer in await self.repository.updated_since(self.table.rows) if live else ():
            self.replace(customer)
        self.table.add_confusable_ids(await self.repository.confusable_ids([row.short_id for row in self.table.rows]))
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
            self.show_notice(f"{sanitize_id(short_id)} is not here any more.")
            return
        if short_id is not None:
            self.table.cursor = at[short_id]
        if self.table.current is None:
            self.show_notice("There is no customer here.")
        else:
            act(self.table.current)

    def _looked_at(self) -> str | None:
        """The ID under the cursor where the rows are only there to be looked at."""
        if not self.table.provisional or self._snapshot is None:
            return None
        return self._snapshot.rows[self.table.cursor].short_id

    def _load_after_snapshot(self, request: PageRequest) -> None:
        # A key may have asked for something else already.
        if self.pagination.requested is request:
            self.load(request, "same")

    def _forget_waiting(self) -> None:
        """Nothing waits for rows any more."""
        self._waiting.clear()
        self.action_done.set()

    async def _fetch(
        self, request: PageRequest, place: CursorPlacement, *, fresh: bool, seek: str | None, before: str
    ) -> None:
        # What this machine answers itself is here before one could read that it is coming.
        self.update_position("" if request.needs_mirror else "loading…")
        try:
            page = await self.repository.page(request, fresh=fresh)
            if not page.rows and request.page > 1:
                # The list became shorter meanwhile, or there never was such a page.
                if request != self.pagination.shown and page.total != 0 and self.table.rows:
                    if page.origin is not None and not request.needs_mirror:
                        self.pagination.revert()
                        self.show_notice(f"The copy on this machine has no page {request.page:,}.", "warning")
                        return
                    self.pagination.is_empty_at(request.page)
                    if self.pagination.page is not None and self.pagination.page.total is None:
                        self.show_notice(f"This is the last page: the server has nothing on page {request.page:,}.")
                    else:
                        told = f"The server has nothing on page {request.page:,}, whatever its totals say."
                        self.show_notice(told, "warning")
                    return
                last = self.pagination.pages(page.total or 0)
                request = request._replace(page=last if 0 < last < request.page else 1)
                page = await self.repository.page(request)
            elif place == "same" and (given := self.pagination.server_page_limit(request, page)) is not None:
                request = request._replace(page=self._cursor_number() // given + 1, page_size=given)
                page = await self.repository.page(request)
        except DockbookError as error:
            from app.screens.customer_list.page_failures import show_failure

            self._forget_waiting()
            await show_failure(self, request, place, error, before)
        else:
            self.show_page(request, page, place, seek)
        finally:
            if self.pagination.up_to_date:
                self._forget_waiting()
                self.update_position()

    def _count_if_needed(self, request: PageRequest, page: "Page") -> None:
        """Count to the end what was only begun."""
        if page.origin is not None and page.origin.total_is_minimum:
            self.run_read(partial(self._count, request), "count")

    async def _read_total(self) -> None:
        """Ask the server how many customers there are where the list begins with some of them."""
        try:
            page = await self.repository.page(self.pagination.shown._replace(find="", status="all", sort_locally=False))
        except DockbookError as error:
            self.show_error(error)
        else:
            self._show_total(page)

    def _show_total(self, page: "Page") -> None:
        self.show_connection(self.repository.connection)
        self.header.detail = "" if page.total is None else f"{page.total:,}"

    async def _count(self, request: PageRequest) -> None:
        total = await self.repository.count(request)
        if total is not None and self.pagination.shown == request and self.pagination.counting:
            self.pagination.set_total(total)
            self.update_position()

    def _cursor_number(self) -> int:
        """The number of the row under the cursor among all, from 0."""
        return (self.pagination.shown.page - 1) * self.pagination.shown.page_size + self.table.cursor
