"""Customers that look double: groups that share a phone, an e-mail or an address, and two of them side by side."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, ClassVar, Final

from textual.binding import Binding, BindingType

from app.errors import DockbookError
from app.models.doubles import DoubleGroup, DoubleMember
from app.models.fields import FIELDS
from app.screens.base import BaseScreen
from app.screens.comparison import ComparisonScreen
from app.screens.requests import OpenId
from app.screens.select_dialog import Choice, SelectDialog
from app.text.double_keys import email_key, letters_and_digits, phone_key
from app.text.sanitize import sanitize_id, timestamp
from app.widgets.comparison_view import ComparisonRow, ComparisonView

if TYPE_CHECKING:
    from app.models.customer import Customer, Origin
    from app.models.doubles import Doubles, SharedField
    from app.screens.context import AppContext

MOST_GROUPS: Final = 500
#: Of a group, the two that are compared first are named.
_NAMED: Final = 2
_SHARED: "Final[dict[SharedField, str]]" = {"phone": "Phone", "email": "Email", "address1": "Address"}
#: What is compared of a field, if that is not its letters and digits.
_KEYS: "Final[dict[str, Callable[[str], str | None]]]" = {"phone": phone_key, "fax": phone_key, "email": email_key}
#: Fields that are equal in most customers, and say nothing.
_UNTELLING: Final = ("active", "created", "modified", "country", "state")


class DoubleCustomersScreen(ComparisonScreen[None]):
    """Lists the groups; Enter compares two of one."""

    HELP_TEXT = (
        "Customers with the same phone, the same email or the same address (street, and zip or city). Capitals, "
        "accents and signs do not matter. The local copy is searched. Enter shows two of them side by side."
    )

    HEADINGS = ("Customer", "Looks like")
    SHORT_HEADINGS = ("", "")
    LABEL_CELLS = 19
    FOOTER = ("compare", "leave", "refresh")

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "compare", "Compare", id="compare", tooltip="Show them side by side"),
        Binding("f5,ctrl+r", "refresh", "Refresh", id="refresh"),
        Binding("escape,f3,q,f12", "leave", "Back", id="leave"),
    ]

    def __init__(self, context: "AppContext") -> None:
        super().__init__(context)
        self._found: Doubles | None = None

    def on_mount(self) -> None:
        super().on_mount()
        self.header.title = "Double customers"
        self.set_footnote()
        self.action_refresh()

    def data_origin(self) -> "Origin | None":
        return self._found.origin if self._found is not None else None

    def action_refresh(self) -> None:
        self.set_intro("Looking for customers that look double…")
        self.run_read(self._find, "doubles")

    def action_compare(self) -> None:
        row = self.view.current
        if row is not None and self._found is not None:
            self.app.push_screen(DoublePairScreen(self.context, self._found.groups[int(row.name)]))

    def action_leave(self) -> None:
        self.dismiss(None)

    async def _find(self) -> None:
        found = self._found = await self.repository.doubles(MOST_GROUPS)
        self.show_connection(self.repository.connection)
        self.set_intro(*_intro(found))
        self.view.show([_group_row(number, group) for number, group in enumerate(found.groups)] if found else [])
        self.header.detail = f"{len(found.groups):,}{'+' if found.truncated else ''}" if found else ""


class DoublePairScreen(ComparisonScreen[None]):
    """Two customers of a group side by side, as the server has them now; Enter opens either."""

    HELP_TEXT = (
        "Two customers that look double, side by side. A field with = is the same in both. Enter opens one of them. If "
        "there are more than two, left and right show the next one."
    )

    LABEL_CELLS = 12
    FOOTER = ("open", "leave", "next-customer", "refresh")

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open", id="open", tooltip="Open either customer"),
        Binding("f5,ctrl+r", "refresh", "Refresh", id="refresh"),
        Binding("left", "step(-1)", "Previous", id="previous-customer", tooltip="Compare with the one before"),
        Binding("right", "step(1)", "Next", id="next-customer", tooltip="Compare with the next one"),
        Binding("escape,f3,q,f12", "leave", "Back", id="leave"),
    ]

    def __init__(self, context: "AppContext", group: DoubleGroup, other: int = 1) -> None:
        super().__init__(context)
        self._group = group
        self._other = other
        self._pair = group.members[0], group.members[other]
        self.view = ComparisonView(tuple(map(_label, self._pair)), self.LABEL_CELLS, ("1", "2"))
        self._customers: dict[str, Customer] = {}
        self._origin: Origin | None = None

    def on_mount(self) -> None:
        super().on_mount()
        self.header.title = "Double customers?"
        shared = " and ".join(_SHARED[field].lower() for field in self._group.shared)
        self.set_intro(f"The same {shared}{_of_size(self._group)}.")
        others = len(self._group.members) - 1
        if others > 1:
            self.status.position = f"{self._other} of {others} · ←→ next"
        self.set_footnote()
        self.action_refresh()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Without others there is none to go to."""
        return action != "step" or len(self._group.members) > _NAMED

    def data_origin(self) -> "Origin | None":
        return self._origin

    def apply_saved(self, message: BaseScreen.CustomerSaved) -> None:
        if message.customer.short_id in self._customers:
            self._customers[message.customer.short_id] = message.customer
            self._show()
            self.show_notice(message.text, message.level)

    def action_refresh(self) -> None:
        self._customers = {}
        self._show()
        self.run_read(self._read, "record")

    def action_step(self, direction: int) -> None:
        other = self._other + direction
        if 0 < other < len(self._group.members):
            self.app.switch_screen(DoublePairScreen(self.context, self._group, other))
        else:
            self.show_hint("This is the last of them." if direction > 0 else "This is the first of them.")

    def action_open(self) -> None:
        choices = [Choice(one.short_id, _label(one)) for one in self._pair]

        def chosen(short_id: str | None) -> None:
            if short_id is not None:
                self.post_message(OpenId(self, short_id))

        self.app.push_screen(SelectDialog("Open which?", choices, choices[0].key), chosen)

    def action_leave(self) -> None:
        self.dismiss(None)

    async def _read(self) -> None:
        for member in self._pair:
            try:
                customer, self._origin = await self.repository.read_customer(member.short_id)
            except DockbookError as error:
                self.show_error(error, f"{sanitize_id(member.short_id)}:")
            else:
                self._customers[member.short_id] = customer
        self.show_connection(self.repository.connection)
        self._show()

    def _show(self) -> None:
        self.view.show(list(self._rows()))

    def _rows(self) -> Iterator[ComparisonRow]:
        pair = [self._customers.get(one.short_id) for one in self._pair]
        for field in FIELDS:
            values = tuple(_shown(field.name, one) for one in pair)
            same = field.name not in _UNTELLING and _is_same(field.name, *values)
            yield ComparisonRow(field.name, f"{field.label} =" if same else field.label, values)


def show_double_customers(screen: "BaseScreen[None]") -> None:
    """Look for customers that look double, and show them."""
    screen.app.push_screen(DoubleCustomersScreen(screen.context))


def _intro(found: "Doubles | None") -> Iterator[str]:
    if found is None:
        yield "There is no local copy to look in."
        return
    groups, origin = len(found.groups), found.origin
    what = "share a phone, an email or an address"
    if found.truncated:
        yield f"The first {groups:,} groups of customers that {what}. There are more."
    elif groups:
        yield f"{groups:,} {'group' if groups == 1 else 'groups'} of customers that {what}."
    else:
        yield f"No two customers {what}."
    if origin.synced_at is None:
        expected = "" if origin.expected is None else f" of {origin.expected:,}"
        yield f"The local copy is not complete: {origin.held:,}{expected} customers were compared. F5 looks again."


def _group_row(number: int, group: DoubleGroup) -> ComparisonRow:
    first, second, *_ = group.members
    more = f" and {group.size - _NAMED:,} more" if group.size > _NAMED else ""
    shared = " ".join(_SHARED[field] for field in group.shared)
    return ComparisonRow(
        str(number), shared, (f"{_label(first)} {first.name}", f"{_label(second)} {second.name}{more}")
    )


def _shown(field: str, customer: "Customer | None") -> str | None:
    """The value as it is shown; `None` while it is not read."""
    if customer is None:
        return None
    value = customer.value(field)
    return timestamp(value) if field in ("created", "modified") else value


def _of_size(group: DoubleGroup) -> str:
    return f" in {group.size:,} customers" if group.size > _NAMED else ""


def _label(member: DoubleMember) -> str:
    return f"{'× ' if member.active is False else ''}{sanitize_id(member.short_id)}"


def _is_same(field: str, one: str | None, other: str | None) -> bool:
    """Whether two values are the same, however they are written."""
    if not one or not other:
        return False
    key = _KEYS.get(field, letters_and_digits)
    return bool(key(one)) and key(one) == key(other)
