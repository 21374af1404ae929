"""Copying from the list: one letter says what of the customer is wanted."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from app.models.fields import BY_NAME, ID_FIELD
from app.screens.clipboard import copy, show_plain
from app.screens.select_dialog import Choice, SelectDialog
from app.text.address import address_lines
from app.text.sanitize import sanitize_id, shorten, width

if TYPE_CHECKING:
    from textual import events

    from app.models.customer import Customer
    from app.screens.base import BaseScreen

_ADDRESS: Final = "a"
_TEXT: Final = "t"
#: What each letter copies, in the order of the dialog.
_LETTERS: Final = {
    "i": ID_FIELD,
    "n": "name",
    "c": "contact",
    _ADDRESS: "address1",
    "p": "phone",
    "f": "fax",
    "e": "email",
}
_LABELS: Final = {letter: BY_NAME[name].label for letter, name in _LETTERS.items()} | {_TEXT: "As text"}
_LEAST_VALUE: Final = 10  # cells


class CopyDialog(SelectDialog):
    """Asks what to copy; a letter answers, and so does Enter.

    A letter need not wait until it cannot be the first of a scan that stalls: copying changes nothing.
    """

    KEYS = "letter, or ↑↓ and ⏎ · Esc cancel"

    def __init__(self, values: dict[str, str], cells: int) -> None:
        room = cells - max(map(width, _LABELS.values())) - 10
        choices = [
            Choice(letter, f"{letter}  {label}", shorten(values[letter], room) if room >= _LEAST_VALUE else "")
            for letter, label in _LABELS.items()
        ]
        super().__init__("Copy", choices, next(iter(_LETTERS)))

    def on_key(self, event: "events.Key") -> None:
        # The key that opened the dialog stands for the first choice.
        letter = next(iter(_LETTERS)) if event.key == "y" else event.key
        if letter in _LABELS:
            event.stop()
            self.dismiss(letter)


def ask_what_to_copy(screen: "BaseScreen[Any]", customer: "Customer") -> None:
    """Ask what of the customer to copy, and send it to the terminal's clipboard."""
    address = address_lines(customer.value)
    values = {letter: customer.value(name) for letter, name in _LETTERS.items()} | {_ADDRESS: "\n".join(address)}

    def chosen(letter: str | None) -> None:
        if letter == _TEXT:
            show_plain(screen, customer)
        elif letter is not None:
            copy(screen, _LABELS[letter], values[letter], "y, then t,")

    screen.app.push_screen(CopyDialog(dict(_shown(values, address)), screen.app.size.width), chosen)


def _shown(values: dict[str, str], address: list[str]) -> Iterator[tuple[str, str]]:
    """What the dialog shows of each value."""
    yield _TEXT, "to mark it with the mouse"
    for letter, value in values.items():
        shown = ", ".join(address) if letter == _ADDRESS else sanitize_id(value) if letter == "i" else value
        yield letter, shown or "–"
