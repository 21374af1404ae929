"""Going to a customer by its ID, typed or scanned, mirror or not."""

from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input

from app.errors import DockbookError, NotFound
from app.lookalike import spelled
from app.screens.detail import DetailScreen
from app.screens.dialog import Dialog, Question
from app.screens.form import FormScreen
from app.text import code_of, visible_id
from app.widgets.field import FieldInput, SignInput

if TYPE_CHECKING:
    from app.screens.frame import DockScreen

Result = TypeVar("Result")

_SCANNED: Final = "scanned:"


class GoToDialog(Dialog[str]):
    """Asks for an ID; Enter answers with it."""

    KEYS = "⏎ open · Esc leave"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("tab", "submit", "Open", id="go", priority=True)]

    def __init__(self) -> None:
        super().__init__("Go to a customer")

    def body(self) -> ComposeResult:
        yield FieldInput("", "type or scan an ID")

    def on_mount(self) -> None:
        self.query_one(Input).focus()

    def on_input_submitted(self) -> None:
        self.action_submit()

    @property
    def takes_pasted_codes(self) -> bool:
        """A paste into the empty field is a scan; another one goes to the cursor."""
        return not self.query_one(Input).value

    def scanned(self, code: str) -> None:
        self.dismiss(code)

    def on_sign_input_paste_changed(self, event: SignInput.PasteChanged) -> None:
        self.remark(event.remark)

    def on_sign_input_paste_refused(self, event: SignInput.PasteRefused) -> None:
        """Nothing of it was taken."""
        self.remark(f"{event.characters:,} characters are no ID: nothing was pasted")

    def action_submit(self) -> None:
        self.dismiss(code_of(self.query_one(Input).value) or None)


class NoSuchCustomer(Question):
    """Tells that there is none with this ID; the next code scanned takes the place of it."""

    def scanned(self, code: str) -> None:
        self.dismiss(_SCANNED + code)


def ask_where_to_go(screen: "DockScreen[Result]") -> None:
    """Ask for an ID and open its customer."""

    def answered(short_id: str | None) -> None:
        if short_id is not None:
            go_to(screen, short_id)

    screen.app.push_screen(GoToDialog(), answered)


def go_to(screen: "DockScreen[Result]", short_id: str) -> None:
    """Open the customer with this ID, or say that there is none and offer to make one."""
    screen.say(f"Looking for {visible_id(short_id)}…")
    screen.act(partial(_open, screen, short_id), "go", awaited=short_id)


async def _open(screen: "DockScreen[Result]", short_id: str) -> None:
    try:
        customer, origin = await screen.repository.sight(short_id)
    except NotFound:
        if screen.app.screen is not screen:
            # The person went on to something else.
            return
        screen.say(f"There is no customer {visible_id(short_id)}.", "warning")
        _offer_others(screen, short_id)
    except DockbookError as error:
        screen.say_error(error)
    else:
        screen.status.hush()
        if screen.app.screen is screen:
            detail = DetailScreen(screen.desk, customer, origin=origin)
            screen.app.push_screen(detail)
            if customer.short_id != short_id:
                # A server may compare IDs loosely; nobody shall take one customer for another.
                asked, got = visible_id(spelled(short_id, customer.short_id)), visible_id(customer.short_id)
                detail.say(f"Asked for {asked}, the server sent {got}: that one is shown.", "warning")


def _offer_others(screen: "DockScreen[Result]", short_id: str) -> None:
    """There is no such customer: one like it can be looked for, or this one made."""
    new = {"new": "New customer with this ID"} if screen.repository.editing_off is None else {}
    answers = {"stay": "Back"} | new | {"find": "Find"}

    def answered(answer: str | None) -> None:
        if answer == "new":
            screen.app.push_screen(FormScreen(screen.desk, None, new_id=short_id))
        elif answer == "find":
            _find(screen, short_id)
        elif answer is not None and answer.startswith(_SCANNED):
            screen.once_on_top(partial(go_to, screen, answer.removeprefix(_SCANNED)))

    screen.app.push_screen(
        NoSuchCustomer("No such customer", [f"There is no customer with the ID {visible_id(short_id)}."], answers),
        answered,
    )


def _find(screen: "DockScreen[Result]", text: str) -> None:
    """Search for the text on the list, which lies under all other screens."""
    from app.screens.customer_list import CustomerListScreen

    listed = next((below for below in screen.app.screen_stack if isinstance(below, CustomerListScreen)), None)
    if listed is None:
        return
    while screen.app.screen is not listed:
        screen.app.pop_screen()
    listed.find(text)
