"""What narrows the list beside the status: when customers were changed or added, and filters that have a name."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final, get_args

from textual.app import ComposeResult
from textual.widgets import Input

from app.models.fields import BY_NAME, PageRequest, Period
from app.screens.base import Command
from app.screens.dialogs import ConfirmDialog, Dialog
from app.screens.list_state import MOST_CHARACTERS, MOST_FILTERS, SavedFilter
from app.screens.select_dialog import Choice, SelectDialog
from app.text.sanitize import sanitize
from app.timestamps import days_of
from app.widgets.form_field import SafeInput

if TYPE_CHECKING:
    from app.screens.base import BaseScreen

_MOST_NAME: Final = 40  # characters
_ARROWS: Final = {"ASC": "▲", "DESC": "▼"}


def period_commands(current: Period, show: Callable[[Period], None]) -> Iterator[Command]:
    """Yield what the palette offers about days."""
    for period in get_args(Period):
        if period:
            begin, _ = days_of(datetime.now().astimezone(), week=period.endswith("week"))
            since = "now" if period == current else f"since {begin:%a %d %b}"
            yield Command(f"period-{period}", f"Show {period}", since, partial(show, period))
    if current:
        yield Command("period-", "Show all dates", "", partial(show, ""))


def filter_commands(
    filters: tuple[SavedFilter, ...], show: Callable[[SavedFilter], None], remove: Callable[[], None]
) -> Iterator[Command]:
    """Yield what the palette offers about the filters that have a name."""
    for one in reversed(filters):
        yield Command(f"filter-{one.name}", f"Open filter: {sanitize(one.name)}", describe(one), partial(show, one))
    if filters:
        yield Command("remove-filter", "Remove a saved filter", "", remove)


def describe(one: SavedFilter) -> str:
    """Return what a filter shows, in a few words."""
    order = "" if one.sort is None else f"by {BY_NAME[one.sort].label} {_ARROWS[one.direction]}"
    status = "" if one.status == "all" else one.status
    return " · ".join(part for part in (one.find, status, one.period, order) if part)


class NameDialog(Dialog[str]):
    """Asks for the name of a filter; whether one of the `filters` is to be replaced is asked before."""

    KEYS = "⏎ save · Esc cancel"
    SCANS_IN_FIELDS = False

    def __init__(self, suggested: str, filters: Mapping[str, SavedFilter]) -> None:
        super().__init__("Save this filter as")
        self._suggested = suggested
        self._filters = filters

    def compose_body(self) -> ComposeResult:
        yield SafeInput(self._suggested)

    def on_mount(self) -> None:
        field = self.query_one(SafeInput)
        field.focus()
        field.select_all()

    def on_input_changed(self, event: Input.Changed) -> None:
        taken = self._name_of(event.value) in self._filters
        self.remark("⏎ replaces the one of this name · Esc cancel" if taken else self.KEYS)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        name = self._name_of(event.value)
        if not name:
            self.remark("Type a name · Esc cancel")
        elif name in self._filters:
            self._ask_to_replace(self._filters[name])
        else:
            self.dismiss(name)

    def _ask_to_replace(self, old: SavedFilter) -> None:
        def answered(answer: str | None) -> None:
            if answer == "replace":
                self.dismiss(old.name)

        lines = [f"{old.name} shows {describe(old) or 'all customers'} so far."]
        question = ConfirmDialog("Replace this filter?", lines, {"keep": "Keep", "replace": "Replace"})
        self.app.push_screen(question, answered)

    @staticmethod
    def _name_of(typed: str) -> str:
        return " ".join(typed.split())[:_MOST_NAME]


def ask_name(screen: "BaseScreen[Any]", request: PageRequest) -> None:
    """Ask for a name, and keep what this request shows under it."""
    new = SavedFilter("", request.find, request.status, request.period, request.sort, request.direction)
    if len(new.find) > MOST_CHARACTERS:
        screen.show_hint(f"What you typed is too long to keep: at most {MOST_CHARACTERS} characters.")
        return
    status = "" if new.status == "all" else new.status
    suggested = new.find or " ".join(part for part in (status, new.period) if part) or request.order

    def named(name: str | None) -> None:
        if name is not None:
            screen.change_list_state(lambda state: state.with_filter(new._replace(name=name)))
            what = "Replaced" if name in filters else "Saved"
            dropped = ""
            if name not in filters and len(filters) >= MOST_FILTERS:
                dropped = f" Removed the oldest, {next(iter(filters))}: {MOST_FILTERS} are kept."
            screen.show_notice(f"{what} filter {name}. Open it from the palette (: or Ctrl+P).{dropped}")

    filters = {one.name: one for one in screen.context.list_state.state.filters}
    screen.app.push_screen(NameDialog(suggested[:_MOST_NAME], filters), named)


def ask_which_to_remove(screen: "BaseScreen[Any]") -> None:
    """Ask which of the filters that have a name to remove."""
    filters = screen.context.list_state.state.filters
    choices = [Choice(one.name, sanitize(one.name), describe(one)) for one in reversed(filters)]

    def chosen(name: str | None) -> None:
        if name is not None:
            screen.change_list_state(lambda state: state.without_filter(name))
            screen.show_notice(f"Removed filter {name}.")

    screen.app.push_screen(SelectDialog("Remove which filter?", choices, choices[0].key), chosen)
