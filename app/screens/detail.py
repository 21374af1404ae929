"""The detail: every field of one customer, and the way to its neighbours."""

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from app.errors import DockbookError
from app.models.fields import ID_FIELD
from app.screens.base import HISTORY_BINDINGS, BaseScreen
from app.screens.context import AppContext
from app.screens.customer_actions import DUPLICATE_BINDINGS, CustomerActions
from app.screens.requests import EditCustomer, Neighbour
from app.screens.styles import STYLES
from app.text.sanitize import sanitize_id, shorten, width
from app.widgets.confusable_ids import ConfusableIds, looks_like
from app.widgets.key_bar import Place
from app.widgets.narrow import is_narrow
from app.widgets.record_view import RecordView

if TYPE_CHECKING:
    from app.models.customer import Customer, Origin


_NAME_CELLS: Final = 40


class DetailScreen(CustomerActions):
    """Shows one customer: the row of the list at once, then the server's record."""

    CSS_PATH = [STYLES / "detail.tcss"]
    HELP_TEXT = (
        "All fields of one customer, as the server has them. Up and down choose a field, which y copies and F2 edits. "
        "Left and right go to the customer before or after on the list. A field with ! holds something odd: beside it "
        "stands what. An ID that looks like another one has ! too."
    )

    TAKES_SCANS = True
    FOOTER = ("copy", "copy-all", "edit", "duplicate", "discontinue", "leave")
    #: Where there is little room.
    _SHORT_FOOTER: ClassVar[tuple[Place, ...]] = ("copy", "edit", "leave", "copy-all", "discontinue")

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f2,e,enter", "edit", "Edit", id="edit"),
        Binding("g", "app.go_to", "Go to ID", id="go-to", tooltip="Go to an ID, typed or scanned"),
        *DUPLICATE_BINDINGS,
        Binding("0", "app.recent", "Recent", id="recent", tooltip="The customers opened last"),
        Binding("y", "copy", "Copy", id="copy", tooltip="Copy the field; again: show it as plain text"),
        Binding("c", "copy_all", "Copy all", id="copy-all", tooltip="Copy all fields of the customer"),
        Binding("delete,d", "discontinue", "Discontinue", id="discontinue"),
        Binding("f5,ctrl+r", "refresh", "Refresh", id="refresh"),
        Binding("left", "step(-1)", "Previous customer", id="previous-customer"),
        Binding("right", "step(1)", "Next customer", id="next-customer"),
        *HISTORY_BINDINGS,
        Binding("f3,q,escape,f12", "leave", "Back", id="leave"),
    ]

    def __init__(
        self,
        context: AppContext,
        customer: "Customer",
        position: str = "",
        neighbour: Callable[[int], Awaitable["Neighbour | None"]] | None = None,
        confusable_ids: Callable[[str], Sequence[str]] = lambda _short_id: (),
        origin: "Origin | None" = None,
    ) -> None:
        super().__init__(context)
        self.customer = customer
        self.record = RecordView()
        self._position = position
        self._neighbour = neighbour
        self._known_confusable_ids = confusable_ids
        self._confusable_ids: dict[str, Sequence[str]] = {}
        self._steps: deque[int] = deque()
        self._origin = origin
        self._doing = ""
        # The last ID that was put among those opened last.
        self._noted = ""

    def compose_body(self) -> ComposeResult:
        yield self.record

    def on_mount(self) -> None:
        super().on_mount()
        self._show(self.customer)
        self.watch(self.record, "more_below", self._show_position, init=False)
        self.record.focus()
        self._start_read()
        if self.context.drafts is not None:
            self.run_read(self._offer_draft, "drafts")

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        self.record.focus()

    def on_resize(self) -> None:
        self._show_status()
        self._show_position()
        self.show_keys()

    def footer_places(self) -> tuple[Place, ...]:
        return self._SHORT_FOOTER if self._is_narrow else self.FOOTER

    @property
    def _is_narrow(self) -> bool:
        return is_narrow(self.app.size.width)

    def apply_saved(self, message: BaseScreen.CustomerSaved) -> None:
        if self._is_shown_new(message):
            self._position, self._origin = "", None
        elif message.customer.short_id != self.customer.short_id:
            return
        self._show(message.customer)
        self.show_notice(message.text, message.level)

    def _is_shown_new(self, message: BaseScreen.CustomerSaved) -> bool:
        """Whether a form that was opened here created the customer, which is shown in place of this one."""
        details = [screen for screen in self.app.screen_stack if isinstance(screen, DetailScreen)]
        created = message.change is not None and message.change.kind == "created" and not message.aloud
        return created and details[-1] is self

    def data_origin(self) -> "Origin | None":
        return self._origin

    def refresh_if_stale(self) -> None:
        if self._origin is not None:
            self._start_read()
        else:
            self.run_read(self._refresh_if_newer, "newer")

    async def _refresh_if_newer(self) -> None:
        """Read the customer again if the local copy has a newer record."""
        if await self.repository.updated_since([self.customer]):
            self._start_read()

    @on(RecordView.Moved)
    def field_reached(self) -> None:
        """Notices are about what was done before: the next step takes them away."""
        if self.status.level == "info":
            self.status.clear_notice()
        self._show_position()

    def action_edit(self) -> None:
        if self.can_write():
            self.status.clear_notice()
            entry = self.record.current
            self.post_message(EditCustomer(self, self.customer, entry.name if entry else ID_FIELD))

    def action_discontinue(self) -> None:
        from app.screens.discontinue import discontinue

        if self.can_write():
            discontinue(self, self.customer)

    def action_copy(self) -> None:
        from app.screens.clipboard import copy_or_show

        entry = self.record.current
        if entry is not None:
            label = entry.label or shorten(entry.name, _NAME_CELLS) or "This"
            copy_or_show(self, label, self.customer, entry.value)

    def action_copy_all(self) -> None:
        from app.screens.clipboard import copy_record

        copy_record(self, self.customer)

    def with_current_customer(self, act: Callable[["Customer"], None]) -> None:
        act(self.customer)

    def action_refresh(self) -> None:
        self.retry_permission()
        self._start_read(by_hand=True)

    def action_step(self, direction: int) -> None:
        if self._neighbour is None:
            self.show_hint("Opened by its ID, not from the list: there is no customer before or after.")
            return
        # Keys pressed while a page is on its way are not lost: they are walked one after another.
        self._steps.append(direction)
        if len(self._steps) == 1:
            self.run_read(self._run_steps, "walk")

    def action_leave(self) -> None:
        self.dismiss()

    def _start_read(self, *, by_hand: bool = False) -> None:
        self.run_read(partial(self._read, by_hand=by_hand), "record")

    async def _read(self, *, by_hand: bool) -> None:
        self._doing = "reading…"
        self._show_position()
        try:
            sighting = await self.repository.read_customer(self.customer.short_id, fresh=by_hand)
        except DockbookError as error:
            self.show_error(error)
            return
        finally:
            self._doing = ""
            self._show_position()
        customer = sighting.customer
        if customer.short_id != self.customer.short_id:
            self.show_notice(
                f"Asked for {sanitize_id(self.customer.short_id)}, the server sent {sanitize_id(customer.short_id)}. "
                "This is what the list knows.",
                "warning",
            )
            return
        self._origin = sighting.origin
        if by_hand and self._origin is None:
            self.show_hint("Read again from the server.")
        self._show(customer)
        self.show_connection(self.repository.connection)

    async def _offer_draft(self) -> None:
        from app.screens.drafts import find_offer, show_offer

        offer = await find_offer(self, self.customer.short_id)
        if offer is not None and self.app.screen is self:
            show_offer(self, offer)

    async def _run_steps(self) -> None:
        while self._steps and self._neighbour is not None:
            try:
                step = await self._neighbour(self._steps[0])
            except DockbookError as error:
                self._steps.clear()
                self.show_error(error)
                return
            if step is None:
                self.show_hint("This is the last customer." if self._steps[0] > 0 else "This is the first customer.")
                self._steps.clear()
                return
            self._steps.popleft()
            self.status.clear_notice()
            self._position, self._origin = step.position, step.origin
            self._show(step.customer)
            self.show_connection(self.repository.connection)
        self._start_read()

    def _show(self, customer: "Customer") -> None:
        self.customer = customer
        short_id = customer.short_id
        if short_id and short_id != self._noted:
            self._noted = short_id
            self.change_list_state(lambda state: state.with_opened(short_id))
        self._show_record()
        if customer.short_id not in self._confusable_ids:
            self.run_read(partial(self._find_confusable_ids, customer.short_id), "alike")
        self.header.title = (
            f"{sanitize_id(customer.short_id)} · {customer.name}" if customer.name else customer.short_id
        )
        self._show_status()
        self._show_position()

    def _show_record(self) -> None:
        short_id = self.customer.short_id
        others = self._confusable_ids.get(short_id, self._known_confusable_ids(short_id))
        remark = looks_like(short_id, others)
        self.record.show(self.customer, {ID_FIELD: remark} if remark else {})

    async def _find_confusable_ids(self, short_id: str) -> None:
        """Find IDs that look like this one, anywhere in the local copy."""
        known = ConfusableIds()
        known.add({short_id: self._known_confusable_ids(short_id)})
        known.add(await self.repository.confusable_ids([short_id]))
        self._confusable_ids[short_id] = known.others(short_id)
        if self._confusable_ids[short_id] and self.customer.short_id == short_id:
            self._show_record()

    def _show_status(self) -> None:
        # In a narrow header the ID comes first, and that a customer is active goes without saying.
        self.header.detail = "" if self._is_narrow and self.customer.active else self.customer.status

    def _show_position(self) -> None:
        position = self._position
        if self._neighbour and not self._is_narrow:
            position = f"←→ {position or 'customer'}"
        rest = ("↓ more" if self._is_narrow else "↓ more below") if self.record.more_below else ""
        places = [place for place in (rest, self.record.label_aside, self._doing, position) if place]
        # In little room, which customer of how many it is gives way to that.
        while rest and len(places) > 2 and width(" · ".join(places)) > self.app.size.width - 2:
            places.pop()
        self.status.position = " · ".join(places)
