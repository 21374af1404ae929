"""Going to a customer by its ID, typed or scanned, or to where what is typed begins in the list."""

import asyncio
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from app.errors import DockbookError, NotFound
from app.models.fields import BY_NAME, ID_FIELD, MAX_ID_LENGTH, PageRequest
from app.screens.confusable import INCOMPLETE, MOST_NAMED, name_beside, status_of
from app.screens.dialogs import ConfirmDialog, Dialog
from app.text.confusables import reveal_confusables
from app.text.sanitize import fit, sanitize_id, shorten, strip_aim_prefix, timestamp, width
from app.widgets.form_field import FieldInput
from app.widgets.option_list import ReverseOptionList

if TYPE_CHECKING:
    from app.models.customer import Candidates, Customer
    from app.screens.base import BaseScreen

Result = TypeVar("Result")

_SCANNED: Final = "scanned:"
#: The most customers that are offered while an ID is typed.
_MOST_SUGGESTED: Final = 6
#: Seconds an arrow key waits for what is to be offered for the last letter.
_PATIENCE: Final = 0.5
#: Cells of a line in which the keys have room beside what is searched.
_ROOM_FOR_KEYS: Final = 60
#: Seconds without a letter after which the server is asked who is to be offered.
_SERVER_PAUSE: Final = 0.4


class Destination(NamedTuple):
    """An ID to open; one that was `typed` may also be the beginning of an ID, or of what the list is sorted by."""

    short_id: str
    typed: bool = False


class GoToDialog(Dialog[Destination]):
    """Asks for an ID; Enter answers with what is typed, or with the one of the offered that an arrow key chose.

    Those of the list that `request` asks for are offered first, in its order.
    """

    KEYS = "⏎ go · ↑↓ choose · Esc cancel"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("tab", "submit", "Open", id="go", priority=True)]

    def __init__(self, below: "BaseScreen[Result]", request: PageRequest) -> None:
        super().__init__("Go to a customer")
        self._below = below
        self._request = request
        self._column = request.text_order
        self._offered: tuple[Customer, ...] = ()
        # Not set while it is being asked who is to be offered for what is typed.
        self._asked = asyncio.Event()
        self._asked.set()

    def compose_body(self) -> ComposeResult:
        by = "" if self._column == ID_FIELD else f", or the beginning of its {BY_NAME[self._column].label}"
        yield FieldInput("", f"type or scan an ID{by}" if by else "type or scan an ID, or its beginning")
        options = ReverseOptionList(compact=True, markup=False, classes="candidates")
        options.can_focus = False
        yield options

    def on_mount(self) -> None:
        self.query_one(Input).focus()
        self._below.run_read(self._say_what_is_searched, "searched")

    def on_resize(self) -> None:
        self.query_one(OptionList).styles.height = min(_MOST_SUGGESTED, self.lines_for_body() - 1)
        self._show()

    def on_input_changed(self) -> None:
        """Deselect, and look for suggestions."""
        self.query_one(OptionList).highlighted = None
        self._asked.clear()
        self._below.run_read(partial(self._suggest, self._typed), "suggestions")

    def on_input_submitted(self) -> None:
        self.action_submit()

    @property
    def takes_pasted_codes(self) -> bool:
        """A paste into the empty field is a scan; any other goes to the cursor."""
        return not self.query_one(Input).value

    def scanned(self, code: str) -> None:
        self.dismiss(Destination(code))

    @on(OptionList.OptionSelected)
    def selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(Destination(self._offered[event.option_index].short_id))

    def action_submit(self) -> None:
        chosen = self.query_one(OptionList).highlighted
        if chosen is not None:
            self.dismiss(Destination(self._offered[chosen].short_id))
        else:
            self._below.context.go_to_history.add(self._typed)
            self.dismiss(Destination(self._typed, typed=True) if self._typed else None)

    async def action_move(self, step: int) -> None:
        """Choose the next one or the one before; above the first is what was typed, and what was typed before that."""
        # The key means who is offered for all that was typed.
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                await self._asked.wait()
        options, field = self.query_one(OptionList), self.query_one(Input)
        history = self._below.context.go_to_history
        if step < 0 and options.highlighted is None and (before := history.before(field.value)) is not None:
            field.value = before
            field.action_end()
            return
        at = -1 if options.highlighted is None else options.highlighted
        at = min(at + step, len(self._offered) - 1)
        options.highlighted = at if at >= 0 else None
        self.pointed = options if at >= 0 else None

    @property
    def _typed(self) -> str:
        return strip_aim_prefix(self.query_one(Input).value)

    async def _suggest(self, typed: str) -> None:
        found = await self._below.repository.suggestions(typed, _MOST_SUGGESTED, self._request)
        offered = found.customers
        if not found.complete and not offered and typed:
            # It takes several requests: only for what is not typed on.
            await asyncio.sleep(_SERVER_PAUSE)
            if self.app.screen is not self:
                return
            repository = self._below.repository
            offered = tuple(await repository.suggestions_on_server(typed, _MOST_SUGGESTED, self._request))
        if self.app.screen is not self:
            return
        if offered != self._offered:
            self._offered = offered
            self._show()
        self._asked.set()

    async def _say_what_is_searched(self) -> None:
        state = await self._below.repository.mirror_state()
        if self.app.screen is not self:
            return
        if state is None:
            where = f"searched on the server, by {BY_NAME[self._column].label}"
        elif state.complete:
            where = f"all {state.row_count:,} searched"
        else:
            of = "" if state.expected is None else f" of {state.expected:,}"
            where = f"{state.row_count:,}{of} searched in the copy, the rest on the server"
        self.remark(f"{where} · {self.KEYS if self.cells >= _ROOM_FOR_KEYS else 'Esc cancel'}")

    def _show(self) -> None:
        """Show the suggestions, none selected."""
        typed = self._typed
        ids = [sanitize_id(reveal_confusables(one.short_id, typed)) for one in self._offered]
        # Customers may differ in the ends of their IDs only.
        cells = min(max(map(width, ids), default=0), self.cells)
        rows = [
            shorten(f"{fit(short_id, cells)}  {one.name}{self._sorted_by(one)}{status_of(one)}", self.cells)
            for short_id, one in zip(ids, self._offered, strict=True)
        ]
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options(Option(Content(row)) for row in rows)

    def _sorted_by(self, customer: "Customer") -> str:
        """What the list is sorted by, where it is neither ID nor name."""
        shown = "" if self._column in (ID_FIELD, "name") else timestamp(customer.value(self._column))
        return f" · {shown}" if shown else ""


class NotFoundDialog(ConfirmDialog):
    """Says that no customer has this ID, and offers those `found` with a similar one, the most similar first.

    The list can be moved to the `nearest` to it. The next scan replaces the dialog.
    """

    #: The first letter of an ID that is offered is no better than the others.
    WITHOUT_LETTER = frozenset(f"open{index}" for index in range(MOST_NAMED))

    def __init__(
        self, short_id: str, found: "Candidates", error: DockbookError, *, new: bool, nearest: str = ""
    ) -> None:
        self._offered = {f"open{index}": one.short_id for index, one in enumerate(found.customers[:MOST_NAMED])}
        self.offered = frozenset(self._offered.values())
        names = [name_beside(one, short_id) for one in found.customers[:MOST_NAMED]]
        certain = isinstance(error, NotFound)
        lines = [f"There is no customer with the ID {sanitize_id(short_id)}." if certain else error.text]
        if len(names) == 1:
            lines.append(f"Did you mean {names[0]}?")
            names = [f"Open {sanitize_id(reveal_confusables(found.customers[0].short_id, short_id))}"]
        elif names:
            lines.append("Did you mean one of these?")
        if not found.complete:
            lines.append(INCOMPLETE)
        answers = dict(zip(self._offered, names, strict=True)) | {"stay": "Cancel", "find": "Find"}
        if nearest:
            answers["nearest"] = f"List at {sanitize_id(nearest)}, the nearest"
        if certain and new and len(short_id) <= MAX_ID_LENGTH:
            answers["new"] = "New customer with this ID"
        super().__init__("No such customer" if certain else "Not found here", lines, answers, escape="cancel")

    def scanned(self, code: str) -> None:
        self.dismiss(_SCANNED + code)

    def chosen(self, answer: str) -> str | None:
        """Return the ID to open, if that is the answer: an offered one, or a scanned one."""
        if answer.startswith(_SCANNED):
            return answer.removeprefix(_SCANNED)
        return self._offered.get(answer)
