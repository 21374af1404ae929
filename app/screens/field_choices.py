"""What F4 offers in a form: countries, and the values that other customers have, from the local copy."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from textual.widgets import Input

from app.screens.select_dialog import Choice, SelectDialog
from app.text.countries import countries
from app.text.sanitize import shorten
from app.widgets.narrow import is_narrow

if TYPE_CHECKING:
    from app.models.values import CityOfZip, ValueInUse
    from app.screens.base import BaseScreen
    from app.screens.form_fields import FormFields
    from app.widgets.form_field import FormField

_MOST_SHOWN: Final = 250
_MOST_CELLS: Final = 40
_LEAST_ZIP: Final = 3  # characters


class ValueDialog(SelectDialog):
    """Values to choose from, most used first; of very many only the first are shown until one types.

    What stands in the field is searched for, if it is no value itself.
    """

    def __init__(self, title: str, choices: Sequence[Choice], current: str) -> None:
        super().__init__(title, choices, current, search=True)

    def on_mount(self) -> None:
        typed = self._current
        if typed and all(choice.key != typed for choice in self._choices) and self.matches(typed):
            self.query_one(Input).value = typed

    def matches(self, typed: str) -> Sequence[Choice]:
        return super().matches(typed)[:_MOST_SHOWN]


class FieldChoices:
    """The choices of the form's `fields` on `screen`; the server is never asked for them."""

    def __init__(self, screen: "BaseScreen[Any]", fields: "FormFields") -> None:
        self._screen = screen
        self._fields = fields
        self._places: Sequence[CityOfZip] = ()

    def are_there(self, row: "FormField") -> bool:
        """Whether there is something to choose from for this field."""
        match row.field:
            case "country":
                return True
            case "city" | "state":
                return self._screen.repository.mirror_outlook != "never"
            case "zip":
                return bool(self._places)
        return False

    def offer(self, row: "FormField") -> None:
        """Let the person choose a value for the field."""
        if not self.are_there(row):
            zip_text = "No place is known for this Zip."
            self._screen.show_hint(zip_text if row.field == "zip" else f"No list for {row.label}.")
        elif row.field == "zip":
            self._offer_places()
        else:
            self._screen.run_blocking_action(partial(self._offer_values, row), "choices")

    async def _offer_values(self, row: "FormField") -> None:
        repository = self._screen.repository
        if row.field == "country":
            choices, current = (
                _countries(await repository.values_in_use("country"), self._count),
                row.value.strip().upper(),
            )
        else:
            used = await repository.values_in_use("city" if row.field == "city" else "state")
            choices, current = [Choice(one.value, one.value, self._count(one.customers)) for one in used], row.value
        if not choices:
            self._screen.show_hint(f"No {row.label} is known here yet.")
            return

        def chosen(value: str | None) -> None:
            if value is not None:
                row.value = value

        self._screen.app.push_screen(ValueDialog(row.label, choices, current), chosen)

    async def look_up_zip(self, row: "FormField") -> None:
        """Show at the zip where other customers with it are, unless that is in the fields already."""
        code = row.value.strip()
        country = self._fields.rows["country"].value.strip()
        found = await self._screen.repository.places_of_zip(code, country) if len(code) >= _LEAST_ZIP else []
        if row.value.strip() == code:
            filled = (self._fields.rows["city"].value.strip(), self._fields.rows["state"].value.strip())
            self._places = () if any(filled == place[:2] for place in found) else found
            more = f" or {len(found) - 1} more" if len(found) > 1 else ""
            row.set_advice(f"F4 here: {_name(found[0])}{more}" if self._places else "")
            self._screen.show_keys()

    def _offer_places(self) -> None:
        """Fill in the city and state of the zip; let the person choose if there are several."""
        places = self._places
        if len(places) == 1:
            self._fill_in(places[0])
            return
        choices = [Choice(str(at), _name(place), self._count(place.customers)) for at, place in enumerate(places)]

        def chosen(at: str | None) -> None:
            if at is not None:
                self._fill_in(places[int(at)])

        self._screen.app.push_screen(SelectDialog("City and State of this Zip", choices, ""), chosen)

    def _count(self, customers: int) -> str:
        if is_narrow(self._screen.app.size.width):
            return f"{customers:,}"
        return "1 customer" if customers == 1 else f"{customers:,} customers"

    def _fill_in(self, place: "CityOfZip") -> None:
        before = []
        for name, text in (("city", place.city), ("state", place.state)):
            row = self._fields.rows[name]
            if row.value.strip() not in ("", text):
                before.append(f"{row.label} was {shorten(row.value, _MOST_CELLS)}.")
            row.value = text
        self._places = ()
        self._fields.rows["zip"].set_advice("")
        self._screen.show_keys()
        self._screen.show_notice(" ".join([f"Filled in: {_name(place)}.", *before]))


def _countries(used: "Sequence[ValueInUse]", describe: Callable[[int], str]) -> list[Choice]:
    """Return the countries of customers, the most frequent first, then all others by name."""
    counts: dict[str, int] = {}
    for one in used:
        code = one.value.strip().upper()
        counts[code] = counts.get(code, 0) + one.customers
    shown = sorted(countries(), key=lambda country: -counts.get(country[0], 0))
    return [Choice(code, f"{code}  {name}", describe(counts[code]) if code in counts else "") for code, name in shown]


def _name(place: "CityOfZip") -> str:
    return shorten(f"{place.city} {place.state}".rstrip(), _MOST_CELLS)
