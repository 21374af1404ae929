"""Where one is among all customers: the page shown, the page asked for, and what the server says of the whole."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from app.fields import BY_NAME, PageRequest

if TYPE_CHECKING:
    from app.models import Page


@dataclass(slots=True)
class Paging:
    """The page shown (`request`, `page`) and the one asked for last (`goal`), on a server that may tell lies.

    `empty_from` is a page the server promised and then had nothing on.
    """

    request: PageRequest
    goal: PageRequest
    page: "Page | None" = None
    empty_from: int | None = None

    @classmethod
    def starting(cls, page_size: int) -> "Paging":
        """Nothing shown, nothing asked for."""
        request = PageRequest(page_size=page_size)
        return cls(request, request)

    @property
    def last(self) -> int:
        """The number of the last page, as far as it is known; at least 1."""
        if self.page is None:
            return 1
        if self.page.total is not None:
            return max(1, self.pages(self.page.total))
        return max(1, self.page.page_count or self.request.page)

    def pages(self, total: int) -> int:
        """How many pages so many customers take."""
        return -(-total // self.goal.page_size)

    def has(self, page: int) -> bool:
        """Whether there seems to be such a page: any of the server's hints is enough, an empty page never is."""
        if self.page is None or page < 1 or (self.empty_from is not None and page >= self.empty_from):
            return False
        if page <= self.last:
            return True
        return page == self.request.page + 1 and self.page.has_more is True and bool(self.page.rows)

    def turned(self, step: int) -> PageRequest | None:
        """The request for the page so many further than the one asked for last; `None` when there is none."""
        page = self.goal.page + step
        return replace(self.goal, page=page) if self.has(page) else None

    def shows(self, request: PageRequest, page: "Page") -> None:
        """Take over what came."""
        if request != self.request:
            self.empty_from = None if request.page == 1 else self.empty_from
        self.request = self.goal = request
        self.page = page

    def stays(self) -> None:
        """What was asked for last did not come."""
        self.goal = self.request

    def is_empty_at(self, page: int) -> None:
        """Remember that the server has nothing on this page, whatever it promises."""
        self.empty_from = page if self.empty_from is None else min(page, self.empty_from)
        self.stays()

    def position(self, row: int) -> str:
        """Where the row (from 0) stands among all customers."""
        number = (self.request.page - 1) * self.request.page_size + row + 1
        total = self.page.total if self.page is not None else None
        return f"{number} of {total if total is not None else '?'} by {BY_NAME[self.request.sort].label}"

    def summary(self) -> str:
        """Total, page and order, for the status line."""
        if self.page is None:
            return ""
        total = self.page.total
        count = "total not told" if total is None else "1 customer" if total == 1 else f"{total} customers"
        arrow = "▲" if self.request.direction == "ASC" else "▼"
        return f"{count} · page {self.request.page} of {self.last} · by {BY_NAME[self.request.sort].label} {arrow}"
