"""The customer table: one page of rows drawn line by line, with a cursor that repaints two lines."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Final, Literal

from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.messages import Update
from textual.reactive import reactive
from textual.strip import Strip

from app.models.fields import ID_FIELD, Direction
from app.models.find_query import FindWord
from app.text.sanitize import fit
from app.textual_private import mark_dirty
from app.widgets.columns import (
    SIGN_LEGEND,
    Column,
    Line,
    heading_text,
    lay_out_lines,
    lines_of_row,
    measure,
    order_text,
    row_text,
)
from app.widgets.confusable_ids import ConfusableIds
from app.widgets.direct_keys import DirectKeys
from app.widgets.match_highlight import StyledText, highlight_row
from app.widgets.row_cache import RowCache, join_pieces

if TYPE_CHECKING:
    from rich.style import Style
    from textual import events

    from app.models.customer import Customer

#: Where the cursor goes on a new page: a row, from 0, or on the customer it is on now.
CursorPlacement = Literal["first", "last", "same"] | int

_GUTTER: Final = 2
_HEAD: Final = 1
_PIECES: Final = ("found", "label")


def rows_in(cells: int, lines: int) -> int:
    """Return how many rows a table of this size shows at a time."""
    return max(1, (lines - _HEAD) // lines_of_row(cells - _GUTTER - 1))


class CustomerTable(DirectKeys, can_focus=True):
    """One page of customers; where the terminal is narrow, a row takes two lines.

    The first cell of a row tells the cursor (`›`), the second an odd record (`!`) or an ID that looks like another's
    (`≈`). A row whose ID is among the `marked` has `+` in the first cell, and `»` under the cursor.

    `chosen` are the columns that a person wants, `None` for as many as fit.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "customer-table--heading",
        "customer-table--row",
        "customer-table--discontinued",
        "customer-table--cursor",
        "customer-table--found",
        "customer-table--label",
        "customer-table--caption",
    }

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open", id="open"),
        Binding("down,j", "move(1)", "Next row", id="row-down"),
        Binding("up,k", "move(-1)", "Previous row", id="row-up"),
        Binding("home", "jump(False)", "First row", id="row-first"),
        Binding("end", "jump(True)", "Last row", id="row-last"),
        Binding("pagedown", "page_rows(1)", "A screen down, then the next page", id="screen-down"),
        Binding("pageup", "page_rows(-1)", "A screen up, then the previous page", id="screen-up"),
    ]

    cursor: reactive[int] = reactive(0, repaint=False)

    class Moved(Message):
        """The rows are laid out anew, or the remark on the customer under the cursor has changed.

        With `announces_rows` also: the cursor is on another customer, or its row has changed.
        """

    class Opened(Message):
        """A customer was chosen."""

    class PageEdgeReached(Message):
        """The cursor wants to go beyond the page: +1 after its end, -1 before its beginning."""

        def __init__(self, direction: int) -> None:
            super().__init__()
            self.direction = direction

    def __init__(self) -> None:
        super().__init__()
        self.confusable = ConfusableIds()
        self._rows: list[Customer] = []
        self.provisional = False
        self.announces_rows = False
        self._top = 0
        self._room = Size(0, 0)
        #: The columns in each line of a row.
        self._layout_cells: tuple[Line, ...] = ((),)
        #: How wide the content of each column was so far: columns that change with every page are hard to read.
        self._needs: Mapping[Column, int] = {}
        self._sort: str = ID_FIELD
        self._direction: Direction = "ASC"
        self._words: tuple[FindWord, ...] = ()
        self._caption = ""
        self._drawn: dict[int, Strip] = {}
        self._row_cache = RowCache()
        self._chosen: tuple[str, ...] | None = None
        self._marked: frozenset[str] = frozenset()

    @property
    def rows(self) -> Sequence["Customer"]:
        """The customers of the page."""
        return () if self.provisional else self._rows

    @property
    def current(self) -> "Customer | None":
        """The customer under the cursor."""
        return self.rows[self.cursor] if self.cursor < len(self.rows) else None

    @property
    def position_remark(self) -> str:
        """The remark about the ID under the cursor; empty for most."""
        return self._remark_on(self.cursor)

    @property
    def caret_line(self) -> int:
        """The first line of the current row."""
        return _HEAD + (self.cursor - self._top) * len(self._layout_cells)

    @property
    def rows_fitting(self) -> int:
        """How many rows are visible at a time."""
        return rows_in(*self._room)

    @property
    def has_caption(self) -> bool:
        """Whether something else than headings stands above the rows: they are near misses."""
        return bool(self._caption)

    @property
    def chosen(self) -> tuple[str, ...] | None:
        """The fields a person wants to see, `None` for as many as fit."""
        return self._chosen

    @chosen.setter
    def chosen(self, fields: tuple[str, ...] | None) -> None:
        self._chosen = fields
        self._layout_columns(self._room.width)
        self._redraw()

    @property
    def marked(self) -> frozenset[str]:
        """The IDs of the marked customers, on any page."""
        return self._marked

    @marked.setter
    def marked(self, short_ids: frozenset[str]) -> None:
        self._marked = short_ids
        self._redraw()

    @property
    def shown_columns(self) -> tuple[str, ...]:
        """The fields that can be seen now."""
        return self.columns_in(self._room.width)

    @property
    def legend(self) -> str:
        """What the signs in the rows mean; empty if there are none."""
        shown = any(cell.column.is_sign for cell in self._layout_cells[0])
        return SIGN_LEGEND if shown and any(row.active is False for row in self._rows) else ""

    def columns_in(self, cells: int) -> tuple[str, ...]:
        """Return the fields that can be seen in a table this wide."""
        layout = lay_out_lines(cells - _GUTTER - 1, self._needs, self._chosen)
        return tuple(field for line in layout for cell in line for field in cell.column.fields)

    def set_page(
        self,
        rows: Sequence["Customer"],
        sort: str,
        direction: Direction,
        place: CursorPlacement = "first",
        seek: str | None = None,
        *,
        words: Sequence[FindWord] = (),
        caption: str = "",
        repeated: Collection[str] = (),
        tentative: bool = False,
    ) -> None:
        """Show a page with the cursor at this place; `same` is the same customer, if the page has it.

        On a page that has the customer `seek`, the cursor goes there.

        The `words` are marked; a `caption` takes the place of the headings; `repeated` are IDs of which the
        server sent more rows than are shown. `tentative` rows are only looked at.
        """
        before = self._rows[self.cursor].short_id if self.cursor < len(self._rows) else None
        position = self.cursor if place == "same" else place if isinstance(place, int) else 0
        wanted = seek or (before if place == "same" else None)
        self._rows, self.provisional = list(rows), tentative
        self.confusable.set_page(rows, repeated)
        self._sort, self._direction = sort, direction
        self._words, self._caption = tuple(words), caption
        # Between the list and what is found in it, nothing jumps.
        self._needs = measure(rows, self._needs, may_shrink=bool(rows) and not words)
        self._layout_columns(self._room.width)
        if place == "last":
            position = len(rows) - 1
        position = next((at for at, row in enumerate(rows) if row.short_id == wanted), position)
        self.set_reactive(CustomerTable.cursor, self.validate_cursor(position))
        self._scroll_to_cursor()
        self._redraw()
        if rows:
            self.post_message(self.Moved())

    def replace(self, customer: "Customer") -> bool:
        """Update the customer's row; false if the page does not have it."""
        for index, row in enumerate(self._rows):
            if row.short_id == customer.short_id:
                self._rows[index] = customer
                self._row_cache = RowCache()
                self._refresh_rows(index)
                if self.announces_rows and index == self.cursor:
                    self.post_message(self.Moved())
                return True
        return False

    def add_confusable_ids(self, found: Mapping[str, Sequence[str]]) -> None:
        """Take over which IDs elsewhere look like those of this page."""
        before = set(self.confusable.marked)
        self.confusable.add(found)
        for index, row in enumerate(self._rows):
            if (row.short_id in before) != (row.short_id in self.confusable.marked):
                self._refresh_rows(index)

    def validate_cursor(self, cursor: int) -> int:
        return max(0, min(cursor, len(self._rows) - 1))

    def watch_cursor(self, before: int, now: int) -> None:
        if self._scroll_to_cursor():
            self._redraw()
        else:
            self._refresh_rows(before, now)
        if self.announces_rows or self.position_remark or self._remark_on(before):
            self.post_message(self.Moved())

    def on_resize(self, event: "events.Resize") -> None:
        if event.size != self._room:
            self._set_size(event.size)
        self.refresh()

    def notify_style_update(self) -> None:
        self._drawn.clear()
        self._row_cache = RowCache()
        super().notify_style_update()

    def on_click(self, event: "events.Click") -> None:
        row = self._top + (event.y - _HEAD) // len(self._layout_cells)
        if event.y >= _HEAD and row < len(self._rows):
            self.cursor = row
            if event.chain > 1:
                self.action_open()

    def render_lines(self, crop: Region) -> list[Strip]:
        # It is painted for the first time before it gets its size.
        if self._room != self.size:
            self._set_size(self.size)
        # Nothing of a style sheet's is drawn around the lines, nor may be.
        filters = self.get_line_filters()
        strips = [self._drawn.get(y) or self.render_line(y) for y in crop.line_range]
        for look in filters:
            strips = [strip.apply_filter(look, self.background_colors[1]) for strip in strips]
        whole = crop.column_span == (0, self._room.width)
        return strips if whole else [strip.crop(*crop.column_span) for strip in strips]

    def render_line(self, y: int) -> Strip:
        if y not in self._drawn:
            self._drawn[y] = self._line(y)
        return self._drawn[y]

    def action_open(self) -> None:
        if self._rows:
            self.post_message(self.Opened())

    def action_move(self, step: int) -> None:
        if 0 <= self.cursor + step < len(self._rows):
            self.cursor += step
        else:
            self.post_message(self.PageEdgeReached(step))

    def action_jump(self, to_end: bool) -> None:
        self.cursor = len(self._rows) - 1 if to_end else 0

    def action_page_rows(self, step: int) -> None:
        """Scroll a screen; from the edge of the page go to the next one."""
        last_top = max(0, len(self._rows) - self.rows_fitting)
        top = max(0, min(self._top + step * self.rows_fitting, last_top))
        if top == self._top:
            self.post_message(self.PageEdgeReached(step))
            return
        self.cursor += step * self.rows_fitting

    def _remark_on(self, index: int) -> str:
        return self.confusable.remark(self._rows[index].short_id) if index < len(self._rows) else ""

    def _set_size(self, room: Size) -> None:
        if room.width != self._room.width:
            self.post_message(self.Moved())
        self._room = room
        self._layout_columns(room.width)
        self._scroll_to_cursor()
        self._drawn.clear()

    def _layout_columns(self, cells: int) -> None:
        self._layout_cells = lay_out_lines(cells - _GUTTER - 1, self._needs, self._chosen)
        self._row_cache = RowCache()

    def _line(self, y: int) -> Strip:
        """A line as it has to look now."""
        cells = self._room.width
        if y < _HEAD:
            return self._heading_line(cells)
        rows, line = divmod(y - _HEAD, len(self._layout_cells))
        index = self._top + rows
        if index >= len(self._rows):
            return Strip.blank(cells, self._component_style("row"))
        customer = self._rows[index]
        at_cursor = index == self.cursor
        sign = "!" if customer.has_problems else "≈" if customer.short_id in self.confusable.marked else " "
        gutter = " ›+»"[at_cursor + 2 * (customer.short_id in self._marked)] + sign
        if line:
            gutter = " " * (_GUTTER + 1)
        look = "cursor" if at_cursor else "discontinued" if customer.active is False else "row"
        key = (index, line, gutter, look)
        if key not in self._row_cache.strips:
            self._row_cache.strips[key] = self._joined([StyledText(gutter), *self._pieces(index)[line]], look, cells)
        return self._row_cache.strips[key]

    def _pieces(self, index: int) -> Sequence[Sequence[StyledText]]:
        """What stands in the lines of a row behind their first cells."""
        if index not in self._row_cache.pieces:
            customer = self._rows[index]
            found = highlight_row(customer, self._layout_cells, self._words) if self._words else None
            self._row_cache.pieces[index] = found or [
                [StyledText(row_text(customer, line))] for line in self._layout_cells
            ]
        return self._row_cache.pieces[index]

    def _heading_line(self, cells: int) -> Strip:
        if self._caption:
            return self._strip(" " * _GUTTER + self._caption, "caption", cells)
        first, *more = self._layout_cells
        descending = self._direction == "DESC"
        if more:
            text = order_text(self._sort, descending=descending)
        else:
            text = heading_text(first, self._sort, descending=descending)
        left_out = len({ID_FIELD, *(self._chosen or ())} - set(self.shown_columns))
        if left_out > 0:
            text = fit(text, cells - _GUTTER - 4) + f" +{left_out}"
        return self._strip(" " * _GUTTER + text, "heading", cells)

    def _component_style(self, part: str) -> "Style":
        return self.get_component_rich_style(f"customer-table--{part}")

    def _strip(self, text: str, part: str, cells: int) -> Strip:
        return Strip([Segment(fit(text, cells), self._component_style(part))], cells)

    def _joined(self, pieces: Sequence[StyledText], look: str, cells: int) -> Strip:
        found = {part: self.get_component_rich_style(f"customer-table--{part}", partial=True) for part in _PIECES}
        return join_pieces(pieces, self._component_style(look), found, cells)

    def _redraw(self) -> None:
        """Repaint the lines that look different now, and no other."""
        self._drawn = {y: strip for y, strip in self._drawn.items() if strip == self._line(y)}
        self._refresh_lines([y for y in range(self._room.height) if y not in self._drawn])

    def _refresh_rows(self, *indexes: int) -> None:
        each = len(self._layout_cells)
        tops = [(index - self._top) * each + _HEAD for index in indexes]
        lines = [y for top in tops for y in range(top, top + each) if _HEAD <= y < self._room.height]
        for y in lines:
            self._drawn.pop(y, None)
        self._refresh_lines(lines)

    def _refresh_lines(self, lines: Sequence[int]) -> None:
        # Once it can be seen again, it is painted whole.
        if lines and self.display:
            # Like `refresh`, without the two messages it takes to the screen.
            mark_dirty(self, *(Region(0, y, self._room.width, 1) for y in lines))
            self.screen.post_message(Update(self))

    def _scroll_to_cursor(self) -> bool:
        """Scroll so that the cursor can be seen; true when the rows moved."""
        fitting, cursor = self.rows_fitting, self.cursor
        top = min(self._top, max(0, len(self._rows) - fitting))
        top = min(cursor, max(top, cursor - fitting + 1))
        moved = top != self._top
        self._top = max(0, top)
        return moved
