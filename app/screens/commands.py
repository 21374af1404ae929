"""The commands of the settings, which get a customer's address: in the palette, and what came of them."""

from functools import partial
from typing import TYPE_CHECKING, Any

from app.errors import CommandFailed
from app.export.pipe import pipe_text
from app.screens.base import BaseScreen
from app.screens.customer_actions import CustomerActions
from app.text.address import address_lines
from app.text.sanitize import sanitize_id
from app.widgets.key_names import Action

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from textual.app import App

    from app.models.customer import Customer
    from app.widgets.status_line import Level


def command_actions(screen: BaseScreen[Any]) -> list[Action]:
    """Return an action without a key for each command, on a screen with a current customer."""
    if not isinstance(screen, CustomerActions):
        return []
    return [
        Action(f"command-{name}", (), name, f"run_command({name!r})", screen, f"{name}: send the address to {argv[0]}")
        for name, argv in screen.context.commands.items()
    ]


def run_command(screen: BaseScreen[Any], name: str, customer: "Customer") -> None:
    """Hand the address of the customer to the command with this name; what comes of it is shown on the top screen."""
    short_id, lines = sanitize_id(customer.short_id), address_lines(customer.value)
    if not lines:
        screen.show_hint(f"{short_id} has no name and no address: nothing to send.")
        return
    screen.show_notice(f"Sending the address of {short_id} to {name} …")
    job: Callable[[], Awaitable[None]] = partial(
        _run, screen.app, name, screen.context.commands[name], short_id, "\n".join([*lines, ""])
    )
    screen.app.run_worker(job, group="commands", exit_on_error=False)


async def _run(app: "App[Any]", name: str, argv: "Sequence[str]", short_id: str, text: str) -> None:
    level: Level = "info"
    try:
        line = await pipe_text(argv, text)
    except CommandFailed as error:
        notice = f"Not sent to {name}: {error.text} Correct it (or [commands] in config.toml), then try again with :"
        level = "error"
    else:
        notice = f"Sent the address of {short_id} to {name}{f': {line}' if line else '.'}"
    screens = [screen for screen in app.screen_stack if isinstance(screen, BaseScreen)]
    if screens:
        screens[-1].show_notice(notice, level)
