"""The list: one page of customers, all or those that match a search, with its order and position."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, Literal, cast

from textual import on
from textual.app import ComposeResult
from textual.widgets import Input

from app.errors import DockbookError, RateLimited
from app.models.fields import BY_NAME, ID_FIELD, Direction, PageRequest, Status
from app.repository.repository import ConnectionState
from app.screens.base import BaseScreen
from app.screens.context import AppContext
from app.screens.customer_list.bindings import FOOTER, FOOTER_OF_FIND, HELP_TEXT, LIST_BINDINGS
from app.screens.customer_list.find_help import HELP_QUERY
from app.screens.customer_list.list_commands import ListCommands
from app.screens.customer_list.list_layout import LEAST_ROWS
from app.screens.customer_list.page_loader import PageLoaded, PageLoader, PageMissing
from app.screens.customer_list.pagination import (
    CUT_SHORT,
    Pagination,
    ReturnPoint,
    repeats_notice,
    suggestion_caption,
    without_repeats,
)
from app.screens.customer_list.state_texts import empty_text, failure_text, summary, total_of_all
from app.screens.list_state import ListState
from app.text.sanitize import width
from app.widgets.customer_table import CursorPlacement, CustomerTable
from app.widgets.empty_state import EmptyState
from app.widgets.key_bar import Place
from app.widgets.narrow import is_narrow
from app.widgets.search_bar import SearchBar, SearchInput

if TYPE_CHECKING:
    from textual import events

    from app.mirror.snapshot import ListSnapshot
    from app.models.customer import Customer, Origin, Page

_NEXT_STATUS: Final[dict[Status, Status]] = {"all": "active", "active": "discontinued", "discontinued": "all"}
#: Cells in which there is room for hints beside the position.
_ROOM_FOR_CHOICES: Final = 100


class CustomerListScreen(ListCommands):
    """Shows customers page by page; the newest request replaces those before it."""

    HELP_TEXT = HELP_TEXT
    TAKES_SCANS = True
    FOOTER = FOOTER
    BINDINGS = LIST_BINDINGS

    def __init__(self, context: AppContext) -> None:
        state = context.list_state.state
        size = state.page_size or context.page_size or "fit"
        page_size = size if isinstance(size, int) else LEAST_ROWS
        request = PageRequest(page_size=page_size, sort=state.sort, direction=state.direction, status=state.status)
        super().__init__(context, Pagination(request), fit=size == "fit", preview=state.preview)
        self.table.chosen = state.columns
        self.empty_state = EmptyState(markup=False)
        self.search_bar = SearchBar()
        self._loader = PageLoader(context.repository, self.pagination)
        context.list_state.on_error = partial(self.show_notice, level="warning")
        #: Actions that wait for the page that is being loaded.
        self._waiting: list[Callable[[], object]] = []
        self._snapshot: ListSnapshot | None = None
        self._early: PageLoaded | None = None
        #: The columns that the server does not sort by.
        self.sorted_locally: set[str | None] = set()
        #: Where the list was before the search.
        self._return_point: ReturnPoint | None = None
        #: The page without rows that the empty state is about.
        self._empty_page: Page | None = None
        self.add_class("-panel")
        self.empty_state.show("Loading customers…")

    def compose_body(self) -> ComposeResult:
        yield from self.compose_rows()
        yield self.empty_state
        yield self.search_bar

    def on_mount(self) -> None:
        super().on_mount()
        self.header.title = "Customers"
        # The heading of the rows says it.
        self.header.short_title = ""
        self._show_snapshot(self.page_size_for(self.app.size))
        if (file := self.context.list_state_file) is not None and file.note:
            self.show_notice(file.note, "warning")

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        self.focus_body()

    def on_resize(self, event: "events.Resize") -> None:
        self.set_class(is_narrow(event.size.width), "-narrow")
        self.place_preview(event.size)
        # The first time, this loads the list.
        size = self.page_size_for(event.size)
        if self.pagination.page is None or size != self.pagination.requested.page_size:
            self.resize_page(size)
        else:
            # The table gets its new size after this.
            self.call_after_refresh(self.update_position)

    def data_origin(self) -> "Origin | None":
        page = self.pagination.page
        if self.table.provisional and self._snapshot is not None:
            return self._snapshot.origin
        state = self.repository.connection
        # A search is always answered by the local copy, and the status line shows its age.
        live = self.pagination.shown.needs_mirror and state.live and not state.suspect
        return None if page is None or live else page.origin

    def show_connection(self, link: ConnectionState) -> None:
        super().show_connection(link)
        if self._empty_page is not None and self.pagination.shown.needs_mirror:
            # With it, the outlook on the rest of the local copy may have changed.
            self._show_empty(self._empty_page)

    def refresh_if_stale(self) -> None:
        if self.pagination.page is None and self.pagination.up_to_date:
            # The first page did not come; it may now.
            self.load(self.pagination.requested)
        elif self.pagination.up_to_date and self.pagination.origin is not None:
            self.load(self.pagination.shown, "same")
        else:
            self.run_read(self._refresh_rows, "alike")

    def page_arrived(self, request: PageRequest, page: "Page") -> bool:
        if request != self.pagination.requested or not page.rows:
            return False
        if self.pagination.server_page_limit(request, page) is not None:
            return False
        if not self.pagination.up_to_date or self.pagination.page is None:
            # The local copy's page is not shown yet; this one takes its place then.
            self._early = PageLoaded(request, page)
            return True
        self.workers.cancel_group(self, "page")
        self.show_page(request, page, "same")
        return True

    def unsaved_text(self) -> str:
        exports = (worker for worker in self.app.workers if worker.group == "exports" and worker.is_running)
        return next((worker.description for worker in exports), "")

    def apply_saved(self, message: BaseScreen.CustomerSaved) -> None:
        if not message.text:
            self.replace(message.customer)
            return
        self.show_notice(message.text, message.level)
        if self._return_point is not None:
            self._return_point.page = None
        request, short_id = self.pagination.requested, message.customer.short_id
        if message.change is not None and message.change.kind == "created" and not message.aloud:
            self._show_created(short_id, message.text)
        elif not self.replace(message.customer) or request.needs_mirror:
            # It may be in another place now, or not at all. Without a form, the cursor has been moved on since.
            seek = None if message.aloud else short_id
            self.load(request, "same", fresh=True, seek=seek, before=message.text)

    def _show_created(self, short_id: str, text: str) -> None:
        """Show the page that a new customer is on, without a filter that leaves it out."""
        if self._return_point is not None:
            self.pagination.requested = self._return_point.request
            self.end_find()
        request = self.pagination.requested._replace(period="")
        if request.status == "discontinued":
            request = request._replace(status="all")
        self.load(request, "same", fresh=True, seek=short_id, locate=True, before=text)

    def footer_places(self) -> tuple[Place, ...]:
        return FOOTER_OF_FIND if self.is_searching else self.FOOTER

    def code_typed(self, typed: str, code: str) -> bool:
        field = self.search_bar.input
        return self.focused is field and field.take_code(typed, code)

    @property
    def is_searching(self) -> bool:
        """Whether the search bar is shown, in place of the status line."""
        return self.has_class("-finding")

    def focus_body(self) -> None:
        (self.search_bar.input if self.is_searching and not self.table.has_focus else self.table).focus()

    @on(CustomerTable.Opened)
    def open_customer(self) -> None:
        self.with_current_customer(self._open)

    @on(CustomerTable.PageEdgeReached)
    def turn_at_edge(self, event: CustomerTable.PageEdgeReached) -> None:
        place: CursorPlacement = "first" if event.direction > 0 else "last"
        # The cursor continues from the row it is on: it does not skip a page that is still loading.
        if self.table.provisional:
            self.after_load(partial(self._turn, event.direction, place))
        elif self.pagination.up_to_date:
            self._turn(event.direction, place)

    @on(CustomerTable.Moved)
    def customer_reached(self) -> None:
        if self.pagination.up_to_date:
            self.update_position()

    @on(Input.Changed)
    def text_changed(self, event: Input.Changed) -> None:
        """Search for the text as it is now; the search before is not waited for."""
        self.status.clear_hint()
        self.show_typed(event.value if self.is_searching else "")
        text, request = " ".join(event.value.split()), self.pagination.requested
        if self._return_point is None or not self.is_searching or text in (request.find, HELP_QUERY):
            return
        if not text:
            self._return_to(self._return_point)
            return
        # An order chosen among results stays; the order of the list does not: the best hits come first.
        sort, direction = (request.sort, request.direction) if request.find else (None, "ASC")
        self.load(request._replace(page=1, find=text, sort=sort, direction=direction, sort_locally=False))

    @on(SearchInput.MoveRows)
    def move_rows(self, event: SearchInput.MoveRows) -> None:
        move = self.table.action_move if event.how == "move" else self.table.action_page_rows
        self.pointed = self.table
        self.after_load(partial(move, event.step))

    @on(SearchInput.Entered)
    def open_found(self) -> None:
        self.with_current_customer(self._open)

    @on(SearchInput.FocusRows)
    def focus_rows(self) -> None:
        if self.table.rows:
            self.table.focus()

    @on(SearchInput.Scanned)
    def open_scanned(self, event: SearchInput.Scanned) -> None:
        self.with_current_customer(partial(self._open_scanned, event.text))

    @on(SearchInput.Left)
    def action_leave_find(self) -> None:
        """Return to the page, customer and order from before the search."""
        point = self._return_point
        if point is not None:
            self.status.clear_notice()
            self.end_find()
            self._return_to(point)
        elif self.pagination.requested.period:
            self.show_period("")

    def end_find(self) -> None:
        self._return_point = None
        self.show_typed("")
        self.remove_class("-finding")
        self.status.hide_when_empty = False
        self.table.focus()
        self.show_keys()

    def find(self, text: str, request: PageRequest | None = None) -> None:
        self.action_find()
        if request is not None:
            self.load(request)
        self.search_bar.input.begin(text)

    def action_find(self) -> None:
        if self._return_point is None:
            page = self.pagination.page if self.pagination.up_to_date else None
            short_id = self.table.current.short_id if self.table.current else None
            self._return_point = ReturnPoint(self.pagination.requested, page, short_id, self.repository.clock())
            self.status.clear_notice()
            self.add_class("-finding")
            self.status.hide_when_empty = True
            self.search_bar.input.begin("")
            self.update_position()
        self.search_bar.input.focus()
        self.search_bar.input.select_whole()

    def action_turn(self, step: int) -> None:
        self.after_load(partial(self._turn, step, "first"))

    def action_first(self) -> None:
        self.load(self.pagination.requested._replace(page=1), "first")

    def action_last(self) -> None:
        self.after_load(self._turn_to_last)

    def _turn_to_last(self) -> None:
        last = self.pagination.last
        if self.pagination.counting:
            self.show_hint("Still counting. Press F8 for the next page.")
        elif last == self.pagination.shown.page and self.pagination.offset(1) is not None:
            self.show_hint("The server does not say how many pages there are. Press F8 for the next one.")
        else:
            self.load(self.pagination.shown._replace(page=last), "last")

    def action_refresh(self) -> None:
        self.retry_permission()
        self.note_refresh()
        if self._return_point is not None:
            self._return_point.page = None
        self.load(self.pagination.requested, "same", fresh=True)

    def action_filter(self) -> None:
        status = _NEXT_STATUS[self.pagination.requested.status]
        self.load_around_cursor(self.pagination.requested._replace(page=1, status=status))
        # In less room it would take a line of its own, and the position says what is shown.
        if self.size.width >= _ROOM_FOR_CHOICES:
            self.show_hint(f"Filter: {' · '.join(f'[{one}]' if one == status else one for one in _NEXT_STATUS)}")
        self.save_list_state()

    async def action_leave(self) -> None:
        await self.app.run_action("quit")

    def load(
        self,
        request: PageRequest,
        place: CursorPlacement = "first",
        *,
        fresh: bool = False,
        seek: str | None = None,
        locate: bool = False,
        before: str = "",
    ) -> None:
        """Load a page and show it, with the cursor at this place or on the customer `seek`.

        With `fresh` the server is asked now. With `locate` the page on which `seek` stands, or would stand if it were
        not filtered out, takes the place of the one requested. `before` is shown before an error.
        """
        self.stop_countdown()
        # Keys pressed on provisional rows apply to the page being loaded.
        if not self.table.provisional:
            self._forget_waiting()
        self.pagination.requested = request
        self.run_read(partial(self.load_now, request, place, fresh, seek if locate else None, seek, before), "page")

    def load_around_cursor(self, request: PageRequest) -> None:
        current = self.table.current
        self.load(request, "first", seek=current.short_id if current else None, locate=current is not None)

    def after_load(self, act: Callable[[], object]) -> None:
        """Run the action now, or after the pending page is shown."""
        narrowed = self.pagination.requested.needs_mirror or self.pagination.shown.needs_mirror
        if self.table.provisional or (not self.pagination.up_to_date and narrowed):
            self.after_load_settled(act)
        else:
            act()

    def after_load_settled(self, act: Callable[[], object]) -> None:
        """Run the action when the page that was requested last is shown."""
        self._waiting.append(act)
        self.action_done.clear()

    def order_by(self, sort: str | None, direction: Direction) -> None:
        local = sort in self.sorted_locally
        self.load_around_cursor(
            self.pagination.requested._replace(page=1, sort=sort, direction=direction, sort_locally=local)
        )
        self.save_list_state()

    def save_list_state(self) -> None:
        if not self.is_searching:
            request = self.pagination.requested
            size: Literal["fit"] | int = "fit" if self.fit else request.page_size
            look = ListState(
                request.sort, request.direction, request.status, size, self.table.chosen, self.preview_wanted
            )
            self.change_list_state(lambda state: state.with_look(look))

    def load_total(self) -> None:
        self.run_read(self._read_total, "total")

    def show_page(self, request: PageRequest, page: "Page", place: CursorPlacement, seek: str | None = None) -> None:
        if self.status.level == "error":
            self.status.clear_notice()
        self.stop_countdown()
        self.pagination.set_page(request, page)
        words, caption = suggestion_caption(request.find, page, short=is_narrow(self.app.size.width))
        rows, repeated = without_repeats(page.rows)
        remarks = [*page.remarks, *([repeats_notice(repeated)] if repeated else [])]
        if remarks and not self.status.notices:
            self.show_notice(" ".join(remarks), "warning")
        order = (request.sort or "", request.direction)
        self.table.set_page(rows, *order, place, seek, words=words, caption=caption, repeated=repeated)
        self.table.add_confusable_ids(page.confusable_ids)
        self.show_connection(self.repository.connection)
        if (total := total_of_all(request, page)) is not None or not request.filtered:
            self._show_total(total)
        self._empty_page = None if page.rows else page
        if page.rows:
            self.remove_class("-panel")
        else:
            self._show_empty(page)
        if self.app.screen is self:
            self.focus_body()
        self.update_position()
        if self.pagination.counting:
            self.run_read(partial(self._count, request), "count")
        while self._waiting and self.app.screen is self:
            self._waiting.pop(0)()
        self._forget_waiting()
        if self.app.screen is self and self.pagination.up_to_date:
            self.fit_page()

    def update_position(self, doing: str = "") -> None:
        """Show the position, behind what the list is `doing`; not beside the search bar, where it would flicker."""
        self.status.legend = self.table.legend
        # The rows have the same sign.
        marked = f"+{len(self.marked):,}" if is_narrow(self.size.width) else f"{len(self.marked):,} marked"
        marked = marked if self.marked else ""
        doing = " · ".join(part for part in (doing, marked) if part)
        if self.is_searching and is_narrow(self.size.width):
            # How many were found is asked for there.
            marked = ""
        if self.is_searching:
            room = self.search_bar.room_in(self.size.width) - (len(marked) + 3 if marked else 0)
            self.search_bar.position = " · ".join(part for part in (marked, summary(self.pagination, room)) if part)
            self.status.position = ""
        else:
            before = [part for part in (self.table.position_remark, doing) if part]
            room = self.size.width - 2 - sum(width(part) + 3 for part in before)
            self.status.position = " · ".join(part for part in (*before, summary(self.pagination, room)) if part)

    def _show_snapshot(self, size: int) -> None:
        """Show the rows of last time before the client is even imported."""
        request = self.pagination.requested._replace(page_size=size)
        snapshot = self.repository.snapshot(request)
        if snapshot is None or not snapshot.rows:
            return
        self._snapshot = snapshot
        rows = cast("Sequence[Customer]", snapshot.rows)
        self.table.set_page(rows, request.sort or "", request.direction, tentative=True)
        self.remove_class("-panel")
        self.show_connection(self.repository.connection)
        self.pagination.requested = request
        # Loading the page would delay these rows.
        self.call_after_refresh(self._load_after_snapshot, request)

    def _load_after_snapshot(self, request: PageRequest) -> None:
        # A key may have requested another page already.
        if self.pagination.requested is request:
            self.load(request, "same")

    async def load_now(
        self,
        request: PageRequest,
        place: CursorPlacement,
        fresh: bool = False,
        locate: str | None = None,
        seek: str | None = None,
        before: str = "",
    ) -> None:
        # The local copy answers before a person could read that the page is loading.
        self.update_position("" if request.needs_mirror else "loading…")
        if locate is not None and (located := await self._loader.locate(request, locate)) is not None:
            request, place = located
            self.pagination.requested = request
        cursor_number = self.cursor_number if place == "same" else None
        try:
            result = await self._loader.load(request, cursor_number, fresh=fresh, has_rows=bool(self.table.rows))
            current = seek or (self.table.current.short_id if self.table.current else None)
            if place == "same" and fresh and current is not None:
                result = await self._loader.follow(result, current)
        except DockbookError as error:
            self._forget_waiting()
            await self._load_failed(request, place, error, before)
        else:
            if isinstance(result, PageMissing):
                self.show_notice(result.text, result.level)
            else:
                self.show_page(result.request, result.page, place, seek)
                early, self._early = self._early, None
                if early is not None and early.request == result.request and result.page.origin is not None:
                    self.show_page(*early, "same")
        finally:
            if self.pagination.up_to_date:
                self._forget_waiting()
                self.update_position()

    async def _load_failed(
        self, request: PageRequest, place: CursorPlacement, error: DockbookError, before: str
    ) -> None:
        """Show why the page could not be loaded; an order that the server does not have comes from the local copy."""
        shown, label = self.pagination.shown, BY_NAME[request.sort or ID_FIELD].label
        refused = self._loader.is_order_refused(request, error)
        if refused and await self._loader.can_sort_locally():
            self.sorted_locally.add(request.sort)
            self.show_notice(f"The server does not sort by {label}; the local copy does.")
            self.load_around_cursor(request._replace(sort_locally=True))
            return
        self.pagination.revert()
        self.show_connection(self.repository.connection)
        if refused and (request.sort, request.direction) != (shown.sort, shown.direction):
            text = f"The server does not sort by {label} ({error.text}). The order stays as it was."
            self.show_notice(text, "warning")
        elif refused and self.pagination.page is None:
            self.load(request._replace(sort=None), place)
        elif self.table.rows:
            self.show_error(error, before)
        else:
            self._show_failure(error)
        if isinstance(error, RateLimited) and error.wait is not None:
            self.count_down(error.wait, partial(self.load, request, place), before)

    def _show_failure(self, error: DockbookError) -> None:
        """Show in place of the rows why there are none."""
        self._empty_page = None
        self.table.set_page((), "", "ASC")
        self.add_class("-panel")
        self.empty_state.show(*failure_text(error))

    def _show_empty(self, page: "Page") -> None:
        self.add_class("-panel")
        can_add = self.repository.read_only_reason is None
        outlook, local = self.repository.mirror_outlook, self.context.local
        self.empty_state.show(*empty_text(self.pagination, page, outlook, can_add=can_add, local=local))

    async def _refresh_rows(self) -> None:
        """Show rows that are newer in the local copy, and mark IDs that look like others, wherever those are."""
        live = self.pagination.origin is None
        for customer in await self.repository.updated_since(self.table.rows) if live else ():
            self.replace(customer)
        self.table.add_confusable_ids(await self.repository.confusable_ids([row.short_id for row in self.table.rows]))
        self.customer_reached()

    @property
    def provisional_id(self) -> str | None:
        if not self.table.provisional or self._snapshot is None:
            return None
        return self._snapshot.rows[self.table.cursor].short_id

    def _forget_waiting(self) -> None:
        self._waiting.clear()
        self.action_done.set()

    async def _count(self, request: PageRequest) -> None:
        if await self._loader.count(request):
            self.update_position()

    async def _read_total(self) -> None:
        """Show the number of all customers, also where the list begins with a filter."""
        try:
            page = await self._loader.total_page()
        except DockbookError as error:
            self.show_error(error)
        else:
            self.show_connection(self.repository.connection)
            self._show_total(page.total)

    def _show_total(self, total: int | None) -> None:
        """Show the number of all customers."""
        self.header.detail = "" if total is None else f"{total:,}"

    def _turn(self, step: int, place: CursorPlacement) -> None:
        request = self.pagination.offset(step)
        if request is not None:
            self.status.clear_notice()
            self.load(request, place)
        elif (page := self.pagination.page) is None:
            return
        elif step > 0 and not self.pagination.up_to_date and page.total is None:
            # Only the page being loaded shows whether there is another one behind it.
            self.after_load_settled(partial(self._turn, step, place))
        else:
            last = CUT_SHORT if self.pagination.truncated else "This is the last page."
            self.show_hint(last if step > 0 else "This is the first page.")

    def _return_to(self, point: ReturnPoint) -> None:
        """Show the list from before the search, from memory if nothing was written meanwhile."""
        if (page := point.page_at(self.repository.clock())) is None:
            self.load(point.request, "same", seek=point.short_id)
        else:
            self.workers.cancel_group(self, "page")
            self.show_page(point.request, page, "same", point.short_id)
            self.run_read(self._refresh_rows, "alike")
