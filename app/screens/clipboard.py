"""Copying: to the clipboard by way of the terminal, and as bare text on a screen for terminals that ignore that."""

from typing import TYPE_CHECKING, ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from app.models.fields import BY_NAME, FIELDS, ID_FIELD
from app.screens.latest_size import LatestSizeScreen
from app.screens.styles import STYLES
from app.text.address import address_lines
from app.text.sanitize import sanitize, sanitize_id, timestamp, width

if TYPE_CHECKING:
    from collections.abc import Hashable

    from app.models.customer import Customer
    from app.screens.base import BaseScreen

Result = TypeVar("Result")

_DATES = ("created", "modified")


class PlainTextScreen(LatestSizeScreen[None]):
    """Bare lines from the left edge on, so that the terminal's own selection takes nothing but the text.

    The last line of the screen says how to leave.
    """

    CSS_PATH = [STYLES / "clipboard.tcss"]

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f3,q,f12,y,enter", "leave", "Back", id="leave"),
    ]

    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self._lines = lines

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            yield Static(Content("\n".join(self._lines)))
        yield Static("Mark the text with the mouse. Esc goes back.", classes="hint", markup=False)

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()

    def remark(self, text: str) -> None:
        self.query_one(".hint", Static).update(Content(f"{text} Esc goes back."))

    def action_leave(self) -> None:
        self.dismiss()


def copy(screen: "BaseScreen[Result]", label: str, value: str, to_see: str, kind: "Hashable" = None) -> None:
    """Send a value to the terminal's clipboard; `to_see` says which keys show it as plain text."""
    if not value:
        screen.show_hint(f"{label} is empty: nothing to copy.")
        return
    name = sanitize_id(value) if label == BY_NAME[ID_FIELD].label else label
    screen.app.copy_to_clipboard(value)
    screen.show_notice(f"Copied: {name}. Cannot paste it? Press {to_see} to see it as text.", kind=kind)


def copy_or_show(screen: "BaseScreen[Result]", label: str, customer: "Customer", value: str) -> None:
    """Send a value to the terminal's clipboard; at once again, show it and the whole record as plain text."""
    kind = ("copied", customer.short_id, label, value)
    if screen.status.has_notice(kind):
        screen.status.clear_notice()
        show_plain(screen, customer, value)
    else:
        copy(screen, label, value, "y again", kind)


def copy_address(screen: "BaseScreen[Result]", customer: "Customer") -> None:
    """Send the address to the terminal's clipboard, in the lines of a label."""
    short_id, lines = sanitize_id(customer.short_id), address_lines(customer.value)
    if not lines:
        screen.show_hint(f"{short_id} has no name and no address: nothing to copy.")
        return
    screen.app.copy_to_clipboard("\n".join(lines))
    screen.show_hint(f"Copied: the address of {short_id}, {len(lines)} lines.")


def copy_row(screen: "BaseScreen[Result]", customer: "Customer") -> None:
    """Send the whole record to the terminal's clipboard, its fields with tabs between them, as spreadsheets paste."""
    values = (" ".join(customer.value(field.name).split()) for field in FIELDS)
    screen.app.copy_to_clipboard("\t".join(values))
    screen.show_hint(f"Copied: all fields of {sanitize_id(customer.short_id)}.")


def copy_record(screen: "BaseScreen[Result]", customer: "Customer") -> None:
    """Send the whole record to the terminal's clipboard, a line for each field that is not empty."""
    lines = (line for field, line in zip(FIELDS, _record(customer), strict=True) if customer.value(field.name))
    screen.app.copy_to_clipboard("\n".join(lines))
    screen.show_hint(f"Copied: all fields of {sanitize_id(customer.short_id)}, one a line.")


def show_plain(screen: "BaseScreen[Result]", customer: "Customer", value: str = "") -> None:
    """Show the value, and below it the address and every field of the record, as bare text."""
    above = [[sanitize(value)] if value else [], address_lines(customer.value), _record(customer)]
    screen.app.push_screen(PlainTextScreen([line for part in above if part for line in (*part, "")]))


def _record(customer: "Customer") -> list[str]:
    cells = max(width(field.label) for field in FIELDS)
    lines = []
    for field in FIELDS:
        value = customer.value(field.name)
        shown = timestamp(value) if field.name in _DATES else sanitize(value)
        lines.append(f"{field.label:<{cells}}  {shown}".rstrip())
    return lines
