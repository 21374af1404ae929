"""Messages by which a screen asks the app to open another one; `app.tui.navigation` handles them."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from textual.message import Message

from app.models.fields import ID_FIELD
from app.screens.base import BaseScreen

if TYPE_CHECKING:
    from app.drafts.draft import Draft
    from app.errors import EditConflict
    from app.models.customer import Customer, Origin
    from app.repository.history import SavedChange


class Neighbour(NamedTuple):
    """The customer next to another one in the list's order, its position (`2 of 48 by ID`), and where it came from."""

    customer: "Customer"
    position: str
    origin: "Origin | None"


class ScreenRequest(Message):
    """A request of `screen`."""

    def __init__(self, screen: BaseScreen[Any]) -> None:
        super().__init__()
        self.screen = screen


class OpenCustomer(ScreenRequest):
    """Show a customer; `neighbour` moves to the one before (-1) or after (+1), `notice` is shown as a warning."""

    def __init__(
        self,
        screen: BaseScreen[Any],
        customer: "Customer",
        *,
        position: str = "",
        neighbour: Callable[[int], Awaitable[Neighbour | None]] | None = None,
        confusable_ids: Callable[[str], Sequence[str]] = lambda _short_id: (),
        origin: "Origin | None" = None,
        notice: str = "",
    ) -> None:
        super().__init__(screen)
        self.customer = customer
        self.position = position
        self.neighbour = neighbour
        self.confusable_ids = confusable_ids
        self.origin = origin
        self.notice = notice


class OpenId(ScreenRequest):
    """Read the customer with this ID and show it."""

    def __init__(self, screen: BaseScreen[Any], short_id: str) -> None:
        super().__init__(screen)
        self.short_id = short_id


class EditCustomer(ScreenRequest):
    """Edit a customer, with the cursor in `field`."""

    def __init__(self, screen: BaseScreen[Any], customer: "Customer", field: str = ID_FIELD) -> None:
        super().__init__(screen)
        self.customer = customer
        self.field = field


class NewCustomer(ScreenRequest):
    """Add a customer; the person knows that its ID is easily confused with those in `beside`.

    Its fields begin as those of `copy_of`, if that is given.
    """

    def __init__(
        self,
        screen: BaseScreen[Any],
        short_id: str = "",
        beside: Collection[str] = (),
        *,
        copy_of: "Customer | None" = None,
    ) -> None:
        super().__init__(screen)
        self.short_id = short_id
        self.beside = beside
        self.copy_of = copy_of


class EditDraft(ScreenRequest):
    """Continue a draft that this session has claimed."""

    def __init__(self, screen: BaseScreen[Any], draft: "Draft") -> None:
        super().__init__(screen)
        self.draft = draft


class EditUndo(ScreenRequest):
    """Edit the values from before `change`, after others changed the same fields."""

    def __init__(self, screen: BaseScreen[Any], change: "SavedChange", conflict: "EditConflict") -> None:
        super().__init__(screen)
        self.change = change
        self.conflict = conflict
