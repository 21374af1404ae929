"""The keys of the list, and what its help page says about it."""

from typing import Final

from textual.binding import Binding, BindingType

from app.screens.base import HISTORY_BINDINGS
from app.screens.customer_actions import DUPLICATE_BINDINGS
from app.widgets.key_bar import KeyPair

HELP_TEXT: Final = (
    "All customers, a page at a time. The line above the keys shows how many there are, the page and the order. "
    "A row with × is discontinued. A row with ! has something odd: open it to see what. A row with ≈ has an ID that "
    "looks like another one, which the line names.\n\n"
    "Press / and type: every word has to be somewhere in ID, name, contact, phone, email, city, zip, address or fax. "
    "Capitals, accents and the signs in phone numbers do not matter. What matched is underlined. Find and filter, and "
    "some orders, use the local copy: all customers, kept on this machine. The line shows how old it is."
)

_PAGE: Final = KeyPair("previous-page", "next-page", "Page")
FOOTER: Final = (
    *("open", "find", "edit", "new", _PAGE, "sort", "status-filter", "palette", "discontinue", "refresh", "leave"),
)
FOOTER_OF_FIND: Final = ("open", "find-leave", "edit", "new", _PAGE, "sort", "status-filter", "palette", "discontinue")

LIST_BINDINGS: Final[list[BindingType]] = [
    Binding("slash", "find", "Find", id="find", tooltip="Find while you type, in all fields"),
    Binding("f2,e", "edit", "Edit", id="edit"),
    Binding("f6,n,insert", "new", "New", id="new"),
    Binding("f7,less_than_sign", "turn(-1)", "Prev", id="previous-page", tooltip="Previous page"),
    Binding("f8,greater_than_sign", "turn(1)", "Next", id="next-page", tooltip="Next page"),
    Binding("s", "sort", "Sort", id="sort", tooltip="Sort (s s: other direction)"),
    Binding("a", "filter", "Filter", id="status-filter", tooltip="Filter: all, active or discontinued customers"),
    Binding("f9,v", "columns", "Columns", id="columns", tooltip="Choose the columns"),
    Binding("f5,ctrl+r", "refresh", "Refresh", id="refresh"),
    Binding("R", "read_all", "Read all again", id="read-all", tooltip="Read all customers again (or F5 twice)"),
    Binding("delete,d", "discontinue", "Discont.", id="discontinue", tooltip="Discontinue"),
    Binding("ctrl+home,left_curly_bracket", "first", "First page", id="first-page"),
    Binding("ctrl+end,right_curly_bracket", "last", "Last page", id="last-page"),
    Binding("g", "app.go_to", "Go to ID", id="go-to", tooltip="Go to an ID, typed or scanned, or to its beginning"),
    Binding("0", "app.recent", "Recent", id="recent", tooltip="The customers opened last"),
    Binding("F", "save_filter", "Save filter", id="save-filter", tooltip="Save find, filter and order under a name"),
    Binding("space", "mark", "Mark", id="mark", tooltip="Mark the customer, or clear its mark"),
    Binding("M", "marked", "Marked", id="marked", tooltip="What to do with the marked customers"),
    Binding("S", "set_field", "Set field", id="set-field", tooltip="Set one field in all marked customers"),
    *DUPLICATE_BINDINGS,
    Binding("y", "copy", "Copy", id="copy", tooltip="Copy ID, phone, email, address …"),
    Binding("c", "copy_all", "Copy all", id="copy-all", tooltip="Copy all fields of the customer"),
    Binding("x", "export", "Export", id="export", tooltip="Export what the list shows to a file"),
    Binding("p", "page_size", "Rows a page", id="page-size"),
    Binding("P", "preview", "Preview", id="preview", tooltip="Show the customer beside the list, or not"),
    *HISTORY_BINDINGS,
    Binding("escape,f12", "leave_find", "Back", id="find-leave", tooltip="Leave find, back to where you were"),
    Binding("f3,q", "leave", "Quit", id="leave", tooltip="Leave dockbook"),
]
