"""What the list and the detail do with the customer they show, beyond opening, editing and discontinuing it."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from textual.binding import Binding, BindingType

from app.screens.base import BaseScreen, Command
from app.screens.requests import NewCustomer

if TYPE_CHECKING:
    from app.models.customer import Customer

#: `N`, as `n` is New: the letter of discontinue must not be near.
DUPLICATE_BINDINGS: Final[tuple[BindingType, ...]] = (
    Binding("N", "duplicate", "Duplicate", id="duplicate", tooltip="Duplicate customer"),
)


class CustomerActions(BaseScreen[None]):
    """A screen on which one customer is the current one."""

    def with_current_customer(self, act: Callable[["Customer"], None]) -> None:
        """Run the action with the current customer, now or when it is there."""
        raise NotImplementedError

    def action_duplicate(self) -> None:
        if self.can_write():
            self.with_current_customer(self._duplicate)

    def action_run_command(self, name: str) -> None:
        """Hand the address of the current customer to a command of the settings."""
        from app.screens.commands import run_command

        self.with_current_customer(partial(run_command, self, name))

    def action_copy_address(self) -> None:
        from app.screens.clipboard import copy_address

        self.with_current_customer(partial(copy_address, self))

    def commands(self) -> Sequence[Command]:
        """Return what can be done with the address: to the clipboard, or to a command of the settings."""
        of_settings = [
            Command(f"command-{name}", f"{name}: send address", argv[0], partial(self.action_run_command, name))
            for name, argv in self.context.commands.items()
        ]
        return [Command("copy-address", "Copy the address, as on a label", "", self.action_copy_address), *of_settings]

    def _duplicate(self, customer: "Customer") -> None:
        self.status.clear_notice()
        self.post_message(NewCustomer(self, copy_of=customer))
