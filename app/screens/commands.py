"""Runs a command of the settings on a customer's address, and shows what came of it."""

from functools import partial
from typing import TYPE_CHECKING, Any

from app.errors import CommandFailed
from app.export.pipe import pipe_text
from app.screens.base import BaseScreen
from app.text.address import address_lines
from app.text.sanitize import sanitize_id

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from textual.app import App

    from app.models.customer import Customer
    from app.widgets.status_line import Level


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
        notice = f"Not sent to {name}: {error.text} Correct the program, or [commands] in config.toml, and try again."
        level = "error"
    else:
        notice = f"Sent the address of {short_id} to {name}{f': {line}' if line else '.'}"
    screens = [screen for screen in app.screen_stack if isinstance(screen, BaseScreen)]
    if screens:
        screens[-1].show_notice(notice, level)
