"""Opens the screens that other screens ask for: the only module that knows all of them."""

from functools import partial
from typing import TYPE_CHECKING, Any

from textual import on
from textual.app import App

from app.errors import DockbookError, NotFound
from app.screens.base import BaseScreen
from app.screens.confusable import MOST_NAMED
from app.screens.customer_list.screen import CustomerListScreen
from app.screens.requests import (
    EditCustomer,
    EditDraft,
    EditUndo,
    NewCustomer,
    OpenCustomer,
    OpenId,
)
from app.text.confusables import reveal_confusables
from app.text.sanitize import sanitize_id

# The other screens are imported when they are opened: the first paint must not wait for them.
if TYPE_CHECKING:
    from app.models.customer import Candidates, ListPosition
    from app.screens.form import FormScreen
    from app.screens.go_to import Destination


class NavigatingApp(App[int]):
    """Answers the requests of `app.screens.requests` and the actions that every screen has."""

    @property
    def base_screens(self) -> list[BaseScreen[Any]]:
        """The full screens, the top one last."""
        return [screen for screen in self.screen_stack if isinstance(screen, BaseScreen)]

    @on(OpenCustomer)
    def open_customer(self, request: OpenCustomer) -> None:
        from app.screens.detail import DetailScreen

        detail = DetailScreen(
            request.screen.context,
            request.customer,
            request.position,
            request.neighbour,
            request.confusable_ids,
            request.origin,
        )
        self.push_screen(detail)
        if request.notice:
            detail.show_notice(request.notice, "warning")

    @on(EditCustomer)
    def edit_customer(self, request: EditCustomer) -> None:
        from app.screens.form import FormScreen

        self._open_form(request.screen, FormScreen(request.screen.context, request.customer, request.field))

    @on(NewCustomer)
    def new_customer(self, request: NewCustomer) -> None:
        from app.screens.form import FormScreen

        original = request.copy_of
        form = FormScreen(
            request.screen.context, None, new_id=request.short_id, beside=request.beside, copy_of=original
        )
        self._open_form(request.screen, form)

    @on(EditDraft)
    def edit_draft(self, request: EditDraft) -> None:
        from app.screens.form import FormScreen, FormStart

        draft = request.draft
        start = FormStart(draft.edits, draft)
        self._open_form(request.screen, FormScreen(request.screen.context, draft.base_customer(), start_values=start))

    @on(EditUndo)
    def edit_undo(self, request: EditUndo) -> None:
        from app.screens.form import FormScreen, FormStart

        change = request.change
        start = FormStart(change.old, conflict=request.conflict)
        self._open_form(request.screen, FormScreen(request.screen.context, change.customer, start_values=start))

    def _open_form(self, screen: BaseScreen[Any], form: "FormScreen") -> None:
        self.push_screen(form, partial(self._open_chosen, screen))

    @on(OpenId)
    def open_id(self, request: OpenId) -> None:
        self._open_id(request.screen, request.short_id)

    @on(BaseScreen.CodeScanned)
    def open_scanned(self, message: BaseScreen.CodeScanned) -> None:
        self._open_id(message.screen, message.code)

    def action_go_to(self) -> None:
        from app.screens.go_to import GoToDialog

        screen = self.screen
        if not isinstance(screen, BaseScreen):
            return

        def answered(destination: "Destination | None") -> None:
            if destination is not None:
                screen.call_when_active(partial(self._open_id, screen, destination.short_id, typed=destination.typed))

        self.push_screen(GoToDialog(screen, self._listed.pagination.requested), answered)

    def action_recent(self) -> None:
        if isinstance(self.screen, BaseScreen):
            self.screen.run_dialog(partial(self._open_recent, self.screen))

    async def _open_recent(self, screen: BaseScreen[Any]) -> None:
        from app.screens.detail import DetailScreen
        from app.screens.recent import ask_recent

        current = screen.customer.short_id if isinstance(screen, DetailScreen) else ""
        self._open_chosen(screen, await ask_recent(screen, current))

    def action_drafts(self) -> None:
        from app.screens.drafts import show_drafts

        if isinstance(self.screen, BaseScreen):
            show_drafts(self.screen)

    def action_undo(self) -> None:
        from app.screens.history import undo_last

        if isinstance(self.screen, BaseScreen):
            undo_last(self.screen)

    def action_my_changes(self) -> None:
        from app.screens.history import show_history

        if isinstance(self.screen, BaseScreen):
            show_history(self.screen)

    def action_help(self) -> None:
        from app.screens.help import HelpScreen

        if isinstance(self.screen, HelpScreen):
            self.screen.dismiss()
        elif isinstance(self.screen, BaseScreen):
            self.push_screen(HelpScreen(self.screen))

    def _open_chosen(self, screen: BaseScreen[Any], short_id: str | None) -> None:
        """Open the customer that was chosen on another screen, if any, once `screen` is on top again."""
        if short_id is not None:
            screen.call_when_active(partial(self._open_id, screen, short_id))

    def _open_id(self, screen: BaseScreen[Any], short_id: str, *, typed: bool = False) -> None:
        """Open the customer with this ID; one that was typed may also be the beginning of what to go to in the list."""
        screen.show_notice(f"Looking for {sanitize_id(short_id)}…")
        job = partial(self._read_and_open, screen, short_id, typed=typed)
        screen.run_blocking_action(job, "go", awaited=short_id)

    async def _read_and_open(self, screen: BaseScreen[Any], short_id: str, *, typed: bool, notice: str = "") -> None:
        try:
            customer, origin = await screen.repository.read_customer(short_id)
        except DockbookError as error:
            found = await screen.repository.similar_ids(short_id, ask=isinstance(error, NotFound))
            alike = found.same_but_case(short_id) if typed and isinstance(error, NotFound) else None
            if alike is not None:
                shown, asked = alike.short_id, sanitize_id(reveal_confusables(short_id, alike.short_id))
                notice = f"No ID is {asked}. You see {sanitize_id(reveal_confusables(shown, short_id))}."
                await self._read_and_open(screen, shown, typed=False, notice=notice)
                return
            position = None
            if typed and not found.customers and (isinstance(error, NotFound) or found.complete):
                position = await self._listed.find_position(short_id)
                if position is None or not position.begins:
                    # Who was offered while it was typed, but is not in this list or not what it is sorted by.
                    listed = self._listed.pagination.requested
                    offered = await screen.repository.suggestions(short_id, MOST_NAMED, listed)
                    if offered.customers:
                        found, position = offered, None
            if self.screen is not screen:
                return
            if position is not None and position.begins:
                self._show_list()
                self._listed.go_to_row(position, short_id)
                return
            self._report_not_found(screen, short_id, found, error, position)
            return
        screen.status.clear_notice()
        if self.screen is screen:
            if customer.short_id != short_id:
                # A server may compare IDs loosely; nobody shall take one customer for another.
                asked = sanitize_id(reveal_confusables(short_id, customer.short_id))
                notice = f"Asked for {asked}, the server sent {sanitize_id(customer.short_id)}. You see that one."
            self.open_customer(OpenCustomer(screen, customer, origin=origin, notice=notice))

    def _report_not_found(
        self,
        screen: BaseScreen[Any],
        short_id: str,
        found: "Candidates",
        error: DockbookError,
        position: "ListPosition | None",
    ) -> None:
        """Ring and say why the customer cannot be shown; offer similar IDs, a row, a search, or a new customer."""
        from app.screens.go_to import NotFoundDialog

        # A person who scans looks at the pallet, not at the screen.
        self.bell()
        if isinstance(error, NotFound):
            screen.show_notice(f"There is no customer {sanitize_id(short_id)}.", "warning")
        else:
            screen.show_error(error)
            if not found.customers:
                return
        can_add = screen.repository.read_only_reason is None
        nearest = "" if position is None else position.short_id
        dialog = NotFoundDialog(short_id, found, error, new=can_add, nearest=nearest)

        def answered(answer: str | None) -> None:
            if answer == "new":
                self.new_customer(NewCustomer(screen, short_id, dialog.offered))
            elif answer == "find":
                self._find(short_id)
            elif answer == "nearest" and position is not None:
                self._show_list()
                self._listed.go_to_row(position)
            elif answer is not None:
                self._open_chosen(screen, dialog.chosen(answer))

        self.push_screen(dialog, answered)

    @property
    def _listed(self) -> CustomerListScreen:
        """The list, which lies under all other screens."""
        return next(screen for screen in self.screen_stack if isinstance(screen, CustomerListScreen))

    def _show_list(self) -> None:
        while self.screen is not self._listed:
            self.pop_screen()

    def _find(self, text: str) -> None:
        """Search for the text on the list."""
        self._show_list()
        self._listed.find(text)
