"""Dialogs that change the list: order, rows a page, columns, and what to do with marked customers."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from app.models.fields import BY_NAME, ID_FIELD, PAGE_SIZES, SORTABLE_FIELDS, Direction, PageRequest
from app.screens.export import ask_export_marked
from app.screens.multi_select_dialog import MultiSelectDialog
from app.screens.select_dialog import Choice, SelectDialog
from app.widgets.columns import COLUMNS

if TYPE_CHECKING:
    from app.screens.base import BaseScreen
    from app.widgets.customer_table import CustomerTable

_BEST_FIRST: Final = "best"
_NO_COLUMNS: Final = "None on: dockbook shows what fits · ⏎ use that · Esc cancel"


def ask_order(
    screen: "BaseScreen[Any]",
    current: PageRequest,
    sorted_locally: Collection[str | None],
    apply: Callable[[str | None, Direction], None],
) -> None:
    """Ask for the order; the same column again reverses it. The server does not sort by those in `sorted_locally`."""
    arrow = {"ASC": "▲", "DESC": "▼"}[current.direction]
    best = [Choice(_BEST_FIRST, "Best hits first", "now" if current.sort is None else "")] if current.find else []
    local = dict.fromkeys(sorted_locally, "from the local copy")
    choices = [
        Choice(name, BY_NAME[name].label, f"now {arrow}" if name == current.sort else local.get(name, ""))
        for name in dict.fromkeys((*SORTABLE_FIELDS, *BY_NAME))
    ]

    def chosen(sort: str | None) -> None:
        if sort == _BEST_FIRST:
            apply(None, "ASC")
        elif sort is not None:
            apply(sort, "DESC" if (current.sort, current.direction) == (sort, "ASC") else "ASC")

    dialog = SelectDialog("Order by", [*best, *choices], current.sort or _BEST_FIRST, confirm_key="s")
    screen.app.push_screen(dialog, chosen)


def ask_page_size(screen: "BaseScreen[Any]", current: int | None, apply: Callable[[int | None], None]) -> None:
    """Ask for the rows a page; `None` is as many as fit."""
    sizes = [
        Choice(key, label, "now" if key == str(current or "fit") else "")
        for key, label in (("fit", "As many as fit"), *((str(size), f"{size} rows") for size in PAGE_SIZES))
    ]

    def chosen(size: str | None) -> None:
        if size is not None:
            apply(None if size == "fit" else int(size))

    screen.app.push_screen(SelectDialog("Rows a page", sizes, str(current or "fit")), chosen)


def ask_columns(
    screen: "BaseScreen[Any]", table: "CustomerTable", apply: Callable[[tuple[str, ...] | None], Collection[str]]
) -> None:
    """Ask for the columns; the ID is always shown. `apply` takes them and returns the fields that have room."""
    choices = [Choice(column.field, BY_NAME[column.field].label) for column in COLUMNS if column.field != ID_FIELD]

    def chosen(fields: "Sequence[str] | None") -> None:
        if fields is None:
            return
        # If nothing is ticked, the width of the terminal decides.
        shown = apply((ID_FIELD, *fields) if fields else None)
        missing = [BY_NAME[field].label for field in fields if field not in shown]
        if not fields:
            screen.show_hint("Columns: as many as fit.")
        elif missing:
            screen.show_hint(f"No room for {', '.join(missing)}. Make the window wider, or choose fewer columns.")

    ticked = table.shown_columns if table.chosen is None else table.chosen
    screen.app.push_screen(MultiSelectDialog("Columns", choices, ticked, _NO_COLUMNS), chosen)


def ask_about_marked(
    screen: "BaseScreen[Any]", marked: Collection[str], others: Mapping[str, Callable[[], None]]
) -> None:
    """Ask what to do with the customers whose IDs are `marked`; `others` is what the list itself does, by its name."""

    def chosen(action: str | None) -> None:
        if action == "copy":
            screen.app.copy_to_clipboard("\n".join(marked))
            screen.show_hint(f"Copied: {len(marked):,} IDs.")
        elif action == "export":
            ask_export_marked(screen, tuple(marked))
        elif action is not None:
            others[action]()

    choices = [
        Choice("copy", "Copy their IDs"),
        Choice("export", "Export them to a file"),
        *(Choice(name, name) for name in others),
    ]
    screen.app.push_screen(SelectDialog(f"{len(marked):,} marked", choices, "copy"), chosen)
