"""What becomes of a page that was asked for and did not come."""

from functools import partial
from typing import TYPE_CHECKING

from app.errors import BadRequest, DockbookError, Forbidden, NotAvailable, RateLimited, ValidationFailed
from app.models.fields import BY_NAME, ID_FIELD, PageRequest

if TYPE_CHECKING:
    from app.screens.customer_list.pages import CursorPlacement, PagedScreen


async def show_failure(
    screen: "PagedScreen", request: PageRequest, place: "CursorPlacement", error: DockbookError, before: str
) -> None:
    """Say why it did not come, after what is said `before`; an order the server does not have is made here instead."""
    shown = screen.pagination.shown
    refused = isinstance(error, BadRequest | ValidationFailed | NotAvailable) and request.sort is not None
    if refused and await _mirror_is_complete(screen):
        _sort_here(screen, request, place)
        return
    screen.pagination.revert()
    screen.show_connection(screen.repository.connection)
    if refused and (request.sort, request.direction) != (shown.sort, shown.direction):
        label = BY_NAME[request.sort or ID_FIELD].label
        screen.show_notice(f"The server does not sort by {label} ({error.text}). The order stays as it was.", "warning")
    elif refused and screen.pagination.page is None:
        # Which columns can be sorted by is not in the contract, not even the ID.
        screen.load(request._replace(sort=None), place)
    elif screen.table.rows:
        screen.show_error(error, before)
    else:
        hint = "" if "F5" in error.text else "F5 tries again."
        if isinstance(error, Forbidden):
            hint = "Without it no customer can be listed. F5 asks again once it is given."
        screen.show_failure(error, hint)
    if isinstance(error, RateLimited) and error.wait is not None:
        screen.count_down(error.wait, partial(screen.load, request, place), before)


async def _mirror_is_complete(screen: "PagedScreen") -> bool:
    state = await screen.repository.mirror_state()
    return state is not None and state.complete


def _sort_here(screen: "PagedScreen", request: PageRequest, place: "CursorPlacement") -> None:
    """The server does not sort so: the mirror does, here and from now on."""
    screen.sorted_locally.add(request.sort)
    label = BY_NAME[request.sort or ID_FIELD].label
    screen.show_notice(f"The server does not sort by {label}; the copy on this machine does.")
    screen.load(request._replace(sort_locally=True), place)
