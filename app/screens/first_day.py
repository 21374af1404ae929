"""The keys one needs on the first day, screen by screen: the card that help opens with."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from app.screens.customer_list.screen import CustomerListScreen
from app.screens.detail import DetailScreen
from app.screens.form import FormScreen

if TYPE_CHECKING:
    from typing import Any

    from app.screens.base import BaseScreen
    from app.widgets.key_names import Action


class CardLine(NamedTuple):
    """The first keys of one or two actions, and what they do."""

    keys: tuple[str, ...]
    text: str


#: The actions by their ids, those that share a line joined by a blank, and what they do for a person.
_CARDS: "Final[Mapping[type[BaseScreen[Any]], Mapping[str, str]]]" = {
    CustomerListScreen: {
        "row-up row-down": "Choose a customer",
        "open": "Open it: all its fields",
        "find": "Find: type a part of it",
        "find-rows": "From the text to the rows",
        "edit": "Change it",
        "new": "Add a customer",
        "previous-page next-page": "Turn the page",
        "copy": "Copy phone, address …",
        "undo": "Undo your last save",
        "find-leave": "Back to the list",
        "palette": "All commands, by name",
        "leave": "Leave dockbook",
    },
    DetailScreen: {
        "field-up field-down": "Choose a field",
        "previous-customer next-customer": "Customer before, after",
        "copy": "Copy the field",
        "copy-all": "Copy all fields",
        "edit": "Change it",
        "discontinue": "Discontinue (asks first)",
        "undo": "Undo your last save",
        "go-to": "Go to another customer",
        "palette": "All commands, by name",
        "leave": "Back",
    },
    FormScreen: {
        "form-up form-down": "Choose a field",
        "save": "Save",
        "restore": "Put back what it was",
        "choices": "Choose from a list",
        "leave": "Leave (asks first)",
    },
}


def first_day(screen: "BaseScreen[Any]", actions: "Sequence[Action]") -> Iterator[CardLine]:
    """Return the card of a screen, as far as its actions can be done now; nothing where all its keys are few."""
    now = {action.id: action for action in actions}
    card = next((card for kind, card in _CARDS.items() if isinstance(screen, kind)), {})
    for names, text in card.items():
        keys = tuple(now[name].key for name in names.split() if name in now)
        # On the list itself there is no search to leave.
        if keys and not (names == "find-leave" and "find" in now):
            yield CardLine(keys, text)
