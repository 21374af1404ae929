"""What can be done with the customers that were marked on the list: copied, exported, or forgotten."""

from typing import TYPE_CHECKING

from app.screens.export import ask_export_of
from app.screens.select_dialog import Choice, SelectDialog

if TYPE_CHECKING:
    from app.screens.customer_list.pages import PagedScreen


def choose_marked_action(screen: "PagedScreen") -> None:
    """Ask what to do with the marked customers."""
    if not screen.marked:
        screen.show_notice("No customer is marked. Space marks one.")
        return

    def chosen(what: str | None) -> None:
        if what == "copy":
            screen.app.copy_to_clipboard("\n".join(screen.marked))
            screen.show_notice(f"The marked IDs ({len(screen.marked):,}) were sent to the terminal's clipboard.")
        elif what == "export":
            ask_export_of(screen, tuple(screen.marked))
        elif what == "forget":
            screen.set_marks({})

    choices = [
        Choice("copy", "Copy their IDs"),
        Choice("export", "Export them to a file"),
        Choice("forget", "Take the marks away"),
    ]
    screen.app.push_screen(SelectDialog(f"{len(screen.marked):,} marked", choices, "copy"), chosen)
