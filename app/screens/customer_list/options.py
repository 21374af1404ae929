"""How the list looks: the order, the rows a page and the columns are asked for, and kept for the next start."""

from typing import TYPE_CHECKING, Final

from app.models.fields import BY_NAME, ID_FIELD, SORTABLE_FIELDS, Direction
from app.screens.multi_select_dialog import PickDialog
from app.screens.select_dialog import Choice, ChooseDialog
from app.widgets.columns import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.screens.customer_list.pages import PagedScreen

_SIZES: Final = (25, 50, 100, 250)
_BEST: Final = "best"


def ask_order(screen: "PagedScreen") -> None:
    """Let a person choose what the rows are ordered by; the same again turns it round."""
    now = screen.paging.goal
    arrow = {"ASC": "▲", "DESC": "▼"}[now.direction]
    here = dict.fromkeys(screen.sorted_here, "by this machine")
    best = [Choice(_BEST, "Best hits first", "now" if now.sort is None else "")] if now.find else []
    choices = [
        Choice(name, BY_NAME[name].label, f"now {arrow}" if name == now.sort else here.get(name, ""))
        for name in dict.fromkeys((*SORTABLE_FIELDS, *BY_NAME))
    ]

    def chosen(sort: str | None) -> None:
        if sort == _BEST:
            screen.order_by(None, "ASC")
        elif sort is not None:
            request = screen.paging.goal
            turned: Direction = "DESC" if (request.sort, request.direction) == (sort, "ASC") else "ASC"
            screen.order_by(sort, turned)

    screen.app.push_screen(ChooseDialog("Order by", [*best, *choices], now.sort or _BEST, again="s"), chosen)


def ask_page_size(screen: "PagedScreen") -> None:
    """Let a person choose how many rows a page has."""
    sizes = [Choice("fit", "As many as fit"), *(Choice(str(size), f"{size} rows") for size in _SIZES)]
    now = "fit" if screen.fit else str(screen.paging.goal.page_size)

    def chosen(size: str | None) -> None:
        if size is not None:
            screen.fit = size == "fit"
            screen.resize_page(screen.fitting(screen.size.height) if screen.fit else int(size))
            screen.keep_view()

    screen.app.push_screen(ChooseDialog("Rows a page", sizes, now), chosen)


def ask_columns(screen: "PagedScreen") -> None:
    """Let a person choose the columns; the ID is always there."""
    table = screen.table
    choices = [Choice(column.field, BY_NAME[column.field].label) for column in COLUMNS if column.field != ID_FIELD]
    picked = table.shown_columns if table.chosen is None else table.chosen

    def chosen(fields: "Sequence[str] | None") -> None:
        if fields is None:
            return
        # Nothing ticked is no choice: then the width of the terminal decides.
        table.chosen = (ID_FIELD, *fields) if fields else None
        screen.keep_view()
        missing = [BY_NAME[field].label for field in fields if field not in table.shown_columns]
        if missing:
            screen.say(f"There is no room for {', '.join(missing)}: a wider terminal, or fewer columns, shows more.")

    screen.app.push_screen(PickDialog("Columns", choices, picked), chosen)
