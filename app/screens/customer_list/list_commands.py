"""What changes the whole list: its order, its columns, filters, the row it stands at; and its export."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from app.models.fields import Direction, PageRequest, Period
from app.models.find_query import complete_field
from app.screens.base import Command
from app.screens.customer_list.find_help import find_help
from app.screens.customer_list.list_layout import ListLayout
from app.text.sanitize import sanitize
from app.widgets.customer_table import CursorPlacement
from app.widgets.key_bar import Hint
from app.widgets.key_names import actions_of, key_name

if TYPE_CHECKING:
    from app.models.customer import ListPosition
    from app.screens.list_state import SavedFilter


class ListCommands(ListLayout):
    """The part of the list that asks which rows to show, and how; they are loaded by the list."""

    #: The field name that Tab completes, if there is one.
    _completed: Sequence[str] = ()
    #: The columns that the server does not sort by.
    sorted_locally: set[str | None]

    async def load_now(
        self,
        request: PageRequest,
        place: CursorPlacement,
        fresh: bool = False,
        locate: str | None = None,
        seek: str | None = None,
        before: str = "",
    ) -> None:
        """Load a page and show it, as `load` does in a worker."""
        raise NotImplementedError

    def load_around_cursor(self, request: PageRequest) -> None:
        """Load the page of another filter or order on which the customer under the cursor stands, or would stand."""
        raise NotImplementedError

    def find(self, text: str, request: PageRequest | None = None) -> None:
        """Search for this text, or for the one of a request with its filter and order."""
        raise NotImplementedError

    def end_find(self) -> None:
        """Leave the search."""
        raise NotImplementedError

    def order_by(self, sort: str | None, direction: Direction) -> None:
        """Sort the list by a column, or the best hits first."""
        raise NotImplementedError

    async def find_position(self, typed: str) -> "ListPosition | None":
        """Return the row at or after what was typed; `None` if it cannot be found out."""
        return await self.repository.position(self.pagination.requested, typed)

    def go_to_row(self, position: "ListPosition", typed: str = "") -> None:
        """Move to a row of the list, which begins with what was typed; the keys after it wait for that."""
        self.run_blocking_action(partial(self._go_to_row, position, typed), "position")

    async def _go_to_row(self, position: "ListPosition", typed: str) -> None:
        shown, requested = self.pagination.shown, self.pagination.requested
        number, row = divmod(position.row, requested.page_size)
        request = requested._replace(page=number + 1)
        self.status.clear_notice()
        here = [one.short_id for one in self.table.rows]
        if request == shown == requested and position.short_id in here:
            self.table.cursor = here.index(position.short_id)
        else:
            self.workers.cancel_group(self, "page")
            self.pagination.requested = request
            await self.load_now(request, row, seek=position.short_id)
        if typed and not self.status.notices:
            self.show_hint(f"No ID is {sanitize(typed)}. This begins with it.")

    def show_typed(self, typed: str) -> None:
        """Explain what is typed into the search: what its fields are, and which one Tab completes."""
        self.status.help = find_help(typed)
        completed = complete_field(typed).split()[-1:]
        if completed != [*self._completed]:
            self._completed = completed
            self.show_keys()

    def show_keys(self) -> None:
        super().show_keys()
        for name in self._completed:
            tab = next((key_name(one.key) for one in actions_of(self) if one.id == "find-rows"), "")
            self.keys.hints = (Hint("find-rows", tab, name), *self.keys.hints)

    def commands(self) -> Sequence[Command]:
        from app.screens.customer_list.filters import ask_which_to_remove, filter_commands, period_commands

        filters = self.context.list_state.state.filters
        return [
            *super().commands(),
            *filter_commands(filters, self.show_filter, partial(ask_which_to_remove, self)),
            *period_commands(self.pagination.requested.period, self.show_period),
        ]

    def show_period(self, period: Period) -> None:
        """Show only customers that were added or changed then; all with an empty period."""
        self.status.clear_notice()
        self._check_period(period)
        self.load_around_cursor(self.pagination.requested._replace(page=1, period=period))
        if period:
            self.show_hint("Esc shows all dates.")

    def show_filter(self, one: "SavedFilter") -> None:
        """Show what was saved under a name; Esc leaves its search, / edits the text."""
        self.status.clear_notice()
        request = self.pagination.requested._replace(
            page=1,
            find=one.find,
            status=one.status,
            period=one.period,
            sort=one.sort,
            direction=one.direction,
            sort_locally=one.sort in self.sorted_locally,
        )
        self._check_period(one.period)
        if one.find:
            self.find(one.find, request)
            self.after_load(self.table.focus)
        else:
            self.end_find()
            self.load_around_cursor(request)
            self.save_list_state()

    def _check_period(self, period: Period) -> None:
        """Have the server asked what others changed just now, if that counts."""
        if period:
            self.repository.check_for_changes()

    def action_save_filter(self) -> None:
        from app.screens.customer_list.filters import ask_name

        ask_name(self, self.pagination.requested)

    def action_sort(self) -> None:
        from app.screens.customer_list.options import ask_order

        ask_order(self, self.pagination.requested, self.sorted_locally, self.order_by)

    def action_export(self) -> None:
        from app.screens.export import ask_export

        if self.table.has_caption:
            # They match nothing, and an export has what matches.
            self.show_hint("These are only similar to what you typed. Nothing matches it, so nothing can be exported.")
            return
        # Export what is shown now, even if the list changes during the export.
        ask_export(self, self.pagination.requested._replace(page=1))
