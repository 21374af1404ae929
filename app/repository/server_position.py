"""Finds the row of a list at which something begins on a server that only has pages: by halving, as in a dictionary."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from app.models.fields import STATUS, PageRequest
from app.text.folding import fold

if TYPE_CHECKING:
    from app.models.customer import Customer, Page

#: The most pages that are asked for: enough for any list whose total is true.
_MOST_PAGES: Final = 24


class ServerRows(NamedTuple):
    """The rows of a page from the one on that was looked for, which is number `first` (from 0) of the list."""

    rows: "Sequence[Customer]"
    first: int


async def find_on_server(
    fetch: Callable[[PageRequest], Awaitable["Page"]], request: PageRequest, typed: str
) -> ServerRows | None:
    """Return the rows at or after what is typed, by what the list is sorted by; the last row where none is.

    `None` without a total, without rows, and in an order that is no text's. A server that sorts otherwise than by
    letter gives rows near it at best.
    """
    head, column = " ".join(fold(typed).split()), request.sort
    if not head or column is None or column == STATUS:
        return None
    descending = request.direction == "DESC"

    def reached(customer: "Customer") -> bool:
        value = fold(customer.value(column))
        return value.startswith(head) or (value < head) == descending

    first = page = await fetch(request._replace(page=1))
    if first.total is None or not first.rows:
        return None
    low, high, number = 1, -(-first.total // request.page_size), 1
    for _ in range(_MOST_PAGES):
        if low >= high:
            break
        number = (low + high) // 2
        page = first if number == 1 else await fetch(request._replace(page=number))
        if not page.rows or reached(page.rows[-1]):
            high = number
        else:
            low = number + 1
    if number != low:
        page = await fetch(request._replace(page=low))
    if not page.rows:
        return None
    at = next((at for at, row in enumerate(page.rows) if reached(row)), len(page.rows) - 1)
    return ServerRows(page.rows[at:], (low - 1) * request.page_size + at)
