"""The customer table: one page of rows drawn line by line, with a cursor that repaints two lines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, Literal

from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from app.fields import KEY, Direction
from app.text import fit, visible_id, width
from app.widgets.alike import LookAlikes
from app.widgets.columns import Cell, heading_text, lay_out, row_text

if TYPE_CHECKING:
    from rich.style import Style
    from textual import events

    from app.models import Customer

_GUTTER: Final = 2
_HEAD: Final = 1


class CustomerTable(Widget, can_focus=True):
    """One page of customers.

    The first cell of a row tells the cursor (`›`), the second an odd record (`!`) or an ID that looks
    like another's (`≈`).
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "customer-table--heading",
        "customer-table--row",
        "customer-table--discontinued",
        "customer-table--cursor",
    }

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open", id="open"),
        Binding("down,j", "move(1)", "Next row", id="row-down"),
        Binding("up,k", "move(-1)", "Previous row", id="row-up"),
        Binding("home", "jump(False)", "First row", id="row-first"),
        Binding("end", "jump(True)", "Last row", id="row-last"),
        Binding("pagedown", "leaf(1)", "A screen down, then the next page", id="screen-down"),
        Binding("pageup", "leaf(-1)", "A screen up, then the previous page", id="screen-up"),
    ]

    cursor: reactive[int] = reactive(0, repaint=False)

    @dataclass
    class Moved(Message):
        """The cursor stands on another customer."""

        customer: "Customer"

    @dataclass
    class Opened(Message):
        """A customer was chosen."""

        customer: "Customer"

    @dataclass
    class EdgePassed(Message):
        """The cursor wants to go beyond the page: +1 after its end, -1 before its beginning."""

        direction: int

    def __init__(self) -> None:
        super().__init__()
        self.alike = LookAlikes()
        self._rows: list[Customer] = []
        self._top = 0
        self._layout_cells: tuple[Cell, ...] = ()
        self._id_width = 0
        self._sort: str = KEY
        self._direction: Direction = "ASC"

    @property
    def rows(self) -> Sequence["Customer"]:
        """The customers of the page."""
        return self._rows

    @property
    def current(self) -> "Customer | None":
        """The customer under the cursor."""
        return self._rows[self.cursor] if self.cursor < len(self._rows) else None

    @property
    def told(self) -> str:
        """What is to be known of the ID under the cursor; nothing for most."""
        return self.alike.told(self.current.short_id) if self.current else ""

    @property
    def fitting(self) -> int:
        """How many rows can be seen at once."""
        return max(1, self.size.height - _HEAD)

    def show(
        self,
        rows: Sequence["Customer"],
        sort: str,
        direction: Direction,
        place: Literal["first", "last", "same"] = "first",
        seek: str | None = None,
    ) -> None:
        """Show a page with the cursor at this place; `same` is the same customer, or `seek`, if the page has it."""
        before = seek or (self.current.short_id if self.current else None)
        position = self.cursor
        self._rows = list(rows)
        self.alike.begin(rows)
        self._sort, self._direction = sort, direction
        self._id_width = max([self._id_width, *(width(visible_id(row.short_id)) for row in rows)])
        self._layout_cells = self._columns(self.size.width)
        if place == "same" and before is not None:
            ids = [row.short_id for row in rows]
            position = ids.index(before) if before in ids else position
        elif place == "last":
            position = len(rows) - 1
        else:
            position = 0
        self.set_reactive(CustomerTable.cursor, max(0, min(position, len(rows) - 1)))
        self._reveal()
        self.refresh()
        if self.current is not None:
            self.post_message(self.Moved(self.current))

    def replace(self, customer: "Customer") -> bool:
        """Show the customer as it is now where its ID stands; false when the page does not have it."""
        for index, row in enumerate(self._rows):
            if row.short_id == customer.short_id:
                self._rows[index] = customer
                self._refresh_row(index)
                return True
        return False

    def learn_alikes(self, found: Mapping[str, Sequence[str]]) -> None:
        """Take over which IDs elsewhere look like those of this page."""
        before = set(self.alike.marked)
        self.alike.learn(found)
        for index, row in enumerate(self._rows):
            if (row.short_id in before) != (row.short_id in self.alike.marked):
                self._refresh_row(index)

    def validate_cursor(self, cursor: int) -> int:
        return max(0, min(cursor, len(self._rows) - 1))

    def watch_cursor(self, before: int, now: int) -> None:
        if self._reveal():
            self.refresh()
        else:
            self._refresh_row(before)
            self._refresh_row(now)
        if self.current is not None:
            self.post_message(self.Moved(self.current))

    def on_resize(self, event: "events.Resize") -> None:
        self._layout_cells = self._columns(event.size.width)
        self._reveal()
        self.refresh()

    def on_click(self, event: "events.Click") -> None:
        row = self._top + event.y - _HEAD
        if event.y >= _HEAD and row < len(self._rows):
            self.cursor = row
            if event.chain > 1:
                self.action_open()

    def render_line(self, y: int) -> Strip:
        cells = self.size.width
        if y < _HEAD:
            text = heading_text(self._layout_cells, self._sort, descending=self._direction == "DESC")
            return self._strip(" " * _GUTTER + text, "heading", cells)
        index = self._top + y - _HEAD
        if index >= len(self._rows):
            return Strip.blank(cells, self._look("row"))
        customer = self._rows[index]
        at_cursor = index == self.cursor
        sign = "!" if customer.odd else "≈" if customer.short_id in self.alike.marked else " "
        gutter = ("›" if at_cursor else " ") + sign
        look = "cursor" if at_cursor else "discontinued" if customer.active is False else "row"
        return self._strip(gutter + row_text(customer, self._layout_cells), look, cells)

    def get_content_width(self, container: Size, viewport: Size) -> int:
        return container.width

    def action_open(self) -> None:
        if self.current is not None:
            self.post_message(self.Opened(self.current))

    def action_move(self, step: int) -> None:
        if 0 <= self.cursor + step < len(self._rows):
            self.cursor += step
        else:
            self.post_message(self.EdgePassed(step))

    def action_jump(self, to_end: bool) -> None:
        self.cursor = len(self._rows) - 1 if to_end else 0

    def action_leaf(self, step: int) -> None:
        """Scroll a screen; from the edge of the page go to the next one."""
        last_top = max(0, len(self._rows) - self.fitting)
        top = max(0, min(self._top + step * self.fitting, last_top))
        if top == self._top:
            self.post_message(self.EdgePassed(step))
            return
        self.cursor += step * self.fitting

    def _columns(self, cells: int) -> tuple[Cell, ...]:
        return lay_out(cells - _GUTTER - 1, self._id_width)

    def _look(self, part: str) -> "Style":
        return self.get_component_rich_style(f"customer-table--{part}")

    def _strip(self, text: str, part: str, cells: int) -> Strip:
        return Strip([Segment(fit(text, cells), self._look(part))], cells)

    def _refresh_row(self, index: int) -> None:
        y = index - self._top + _HEAD
        if _HEAD <= y < self.size.height:
            self.refresh(Region(0, y, self.size.width, 1))

    def _reveal(self) -> bool:
        """Scroll so that the cursor can be seen; true when the rows moved."""
        top = min(self._top, max(0, len(self._rows) - self.fitting))
        top = min(self.cursor, max(top, self.cursor - self.fitting + 1))
        moved = top != self._top
        self._top = max(0, top)
        return moved
