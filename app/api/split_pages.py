"""Requests pages that are too large for one response in parts, and joins them."""

import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple

from app.errors import ResponseTooLarge
from app.models.customer import parse_count, parse_has_more
from app.models.fields import PageRequest

#: After this many single customers in a row that are too large, the page is given up.
_GIVEN_UP: Final = 2


class ListedPage(NamedTuple):
    """The body of a page, and what a person should know of how it came."""

    body: dict[str, Any]
    remarks: tuple[str, ...] = ()


class PageSplitter:
    """Remembers how many customers fit into one response of this server."""

    def __init__(self) -> None:
        self._most = sys.maxsize

    async def page(self, request: PageRequest, ask: Callable[[PageRequest], Awaitable[dict[str, Any]]]) -> ListedPage:
        """Return the page, by one call of `ask`, or by several if it is too large.

        A customer whose record alone is too large is left out and reported. Raises ResponseTooLarge if the size
        is not that of customers.
        """
        size = size_before = part_size(request.page_size, self._most)
        before = (request.page - 1) * request.page_size
        body: dict[str, Any] | None = None
        rows: list[Any] = []
        given = size
        done = left_out = 0
        while done < request.page_size:
            try:
                # Each size divides the one before, so that what is done is whole pages of it.
                body = await ask(request._replace(page=(before + done) // size + 1, page_size=size))
            except ResponseTooLarge:
                if size > 1:
                    size = given = self._most = part_size(size, size - 1)
                    continue
                left_out += 1
                if left_out == _GIVEN_UP and not rows:
                    raise
                done += 1
                continue
            if size == request.page_size:
                return ListedPage(body)
            rows += body["value"]
            done += size
            given = min(given, parse_count(body.get("pageSize")) or size)
            if _is_last(body, before + done):
                break
        if body is None:
            raise ResponseTooLarge("This customer is larger than dockbook can read.")
        remarks = []
        if size < size_before:
            remark = f"The server's answers are too large: dockbook now asks for {size:,} customers at a time."
            remarks.append(remark)
        if left_out:
            remarks.append(f"{left_out} missing on this page: too large to be shown.")
        return ListedPage(_joined(body, rows, request, request.page_size // size, given), tuple(remarks))


def _joined(last: dict[str, Any], rows: list[Any], request: PageRequest, parts: int, given: int) -> dict[str, Any]:
    """Return the body that the page would have had in one piece."""
    whole = {"value": rows, "page": request.page, "pageSize": given * parts}
    if (pages := parse_count(last.get("pageCount"))) is not None:
        whole["pageCount"] = -(-pages // parts)
    return last | whole


def _is_last(body: Mapping[str, Any], asked_for: int) -> bool:
    """Whether the list ends after these customers."""
    total = parse_count(body.get("totalCount"))
    return not body["value"] or (parse_has_more(body) is False and (total is None or asked_for >= total))


def part_size(size: int, most: int) -> int:
    """Return the largest divisor of the page size that is at most `most`."""
    return next(part for part in range(min(most, size), 0, -1) if size % part == 0)
