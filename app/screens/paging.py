"""Where one is among all customers: the page shown, the page asked for, and what the server says of the whole."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from app.fields import MAX_PAGE_SIZE, PageRequest

if TYPE_CHECKING:
    from app.models import Page


@dataclass(slots=True)
class Paging:
    """The page shown (`request`, `page`) and the one asked for last (`goal`), on a server that may tell lies.

    `empty_from` is a page the server promised and then had nothing on; `most` is how many rows it gives at once.
    """

    request: PageRequest
    goal: PageRequest
    page: "Page | None" = None
    empty_from: int | None = None
    most: int = MAX_PAGE_SIZE

    @classmethod
    def starting(cls, page_size: int) -> "Paging":
        """Nothing shown, nothing asked for."""
        request = PageRequest(page_size=page_size)
        return cls(request, request)

    @property
    def settled(self) -> bool:
        """Whether what was asked for last is what is shown."""
        return self.goal == self.request

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
        """Take over what came; a server that gives less than the page size asked for counts its pages by its own."""
        given = page.page_size
        if given is not None and len(page.rows) <= given < request.page_size:
            request = replace(request, page_size=given)
            self.most = given
        if request.page == 1:
            self.empty_from = None
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
        return f"{number} of {total if total is not None else '?'} {self.request.order}"

    def summary(self) -> str:
        """Total, page and order, for the status line."""
        if self.page is None:
            return ""
        total = self.page.total
        count = "total not told" if total is None else "1 customer" if total == 1 else f"{total} customers"
        known = total is not None or self.page.page_count is not None
        page = f"page {self.request.page} of {self.last}" if known else f"page {self.request.page}"
        arrow = {"ASC": " ▲", "DESC": " ▼"}[self.request.direction] if self.request.sort else ""
        return f"{count} · {page} · {self.request.order}{arrow}"
