"""Where one is among all customers: the page shown, the page asked for, and what is known of the whole."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from app.models.fields import ID_FIELD, MAX_PAGE_SIZE, PageRequest
from app.text.folding import split_words
from app.text.sanitize import sanitize, sanitize_id
from app.timestamps import is_before

if TYPE_CHECKING:
    from app.models.customer import Customer, Origin, Page

#: Seconds for which a page that was left for a search still counts as what the server has.
_MAX_AGE: Final = 30.0
#: Said where one wants to go on.
CUT_SHORT: Final = "The local copy ends here. There are more when the server answers."

#: Words that are told of those that are close to what was typed.
_MOST_CLOSE: Final = 3


class ReturnPoint:
    """Where one was before one began to search, `at` which second; `page` is `None` when it has to be asked for."""

    def __init__(self, request: PageRequest, page: "Page | None", short_id: str | None, at: float) -> None:
        self.request = request
        self.page = page
        self.short_id = short_id
        self._at = at

    def page_at(self, now: float) -> "Page | None":
        """The page, as long as it can still pass for what it was: one of the mirror's tells its age."""
        fresh = self.page is not None and (self.page.origin is not None or now - self._at <= _MAX_AGE)
        return self.page if fresh else None


class Pagination:
    """The page shown (`request`, `page`) and the one asked for last (`goal`), on a server that may tell lies.

    `empty_from` is a page the server promised and then had nothing on; `most` is how many rows it gives at once.
    """

    def __init__(self, request: PageRequest) -> None:
        """Nothing shown, nothing asked for; the first page asked for is to be like this."""
        self.shown = self.requested = request
        self.page: Page | None = None
        self.empty_from: int | None = None
        self.page_limit = MAX_PAGE_SIZE

    @property
    def origin(self) -> "Origin | None":
        """Where what is shown came from, if not from the server."""
        return self.page.origin if self.page is not None else None

    @property
    def up_to_date(self) -> bool:
        """Whether what was asked for last is what is shown."""
        return self.requested == self.shown

    @property
    def counting(self) -> bool:
        """Whether the rows were not counted to their end."""
        return self.origin is not None and self.origin.total_is_minimum

    @property
    def truncated(self) -> bool:
        """Whether the rows end where the local copy does, and not where the customers do."""
        return self.origin is not None and self.origin.synced_at is None and not self.shown.needs_mirror

    @property
    def last(self) -> int:
        """The number of the last page, as far as it is known; at least 1."""
        if self.page is None:
            return 1
        if self.page.total is not None:
            return max(1, self.pages(self.page.total))
        return max(self.shown.page, self.page.page_count or 1)

    def pages(self, total: int) -> int:
        """How many pages so many customers take."""
        return -(-total // self.requested.page_size)

    def has(self, page: int) -> bool:
        """Whether there seems to be such a page: any of the server's hints is enough, an empty page never is."""
        if self.page is None or page < 1 or (self.empty_from is not None and page >= self.empty_from):
            return False
        if page <= max(self.last, self.shown.page):
            return True
        return page == self.shown.page + 1 and bool(self.page.rows) and (self.page.has_more is True or self._uncounted)

    @property
    def _uncounted(self) -> bool:
        """Whether the server counts nothing, and the page is full: then only the next one shows whether it is there."""
        page = self.page
        if page is None or page.total is not None:
            return False
        return len(page.rows) >= min(self.shown.page_size, page.page_size or self.shown.page_size)

    def offset(self, step: int) -> PageRequest | None:
        """The request for the page so many further than the one asked for last; `None` when there is none."""
        page = self.requested.page + step
        return self.requested._replace(page=page) if self.has(page) else None

    def server_page_limit(self, request: PageRequest, page: "Page") -> int | None:
        """How many rows the server gives at most, when it gave fewer than asked for although there are more."""
        given = page.page_size
        if given is None or not 0 < len(page.rows) == given < request.page_size:
            return None
        before = (request.page - 1) * request.page_size
        short = page.total is not None and len(page.rows) < min(request.page_size, page.total - before)
        more = page.has_more is True or short
        return given if more else None

    def set_page(self, request: PageRequest, page: "Page") -> None:
        """Take over what came; a server that gives less than the page size asked for counts its pages by its own."""
        given = self.server_page_limit(request, page)
        if given is not None:
            request = request._replace(page_size=given)
            self.page_limit = given
        if request.page == 1:
            self.empty_from = None
        self.shown = self.requested = request
        self.page = page

    def replace(self, customer: "Customer") -> None:
        """Take over how a customer on the page is now."""
        if self.page is not None:
            rows = tuple(customer if row.short_id == customer.short_id else row for row in self.page.rows)
            self.page = self.page.model_copy(update={"rows": rows})

    def revert(self) -> None:
        """What was asked for last did not come; before anything did, only how many rows fit is kept of it."""
        if self.page is None:
            self.shown = self.shown._replace(page_size=self.requested.page_size)
        self.requested = self.shown

    def is_empty_at(self, page: int) -> None:
        """Remember that the server has nothing on this page, whatever it promises."""
        self.empty_from = page if self.empty_from is None else min(page, self.empty_from)
        self.revert()

    def set_total(self, total: int) -> None:
        """Take over how many rows there are, where only `at_least` was known."""
        if self.page is not None and self.page.origin is not None:
            origin = self.page.origin._replace(total_is_minimum=False)
            self.page = self.page.model_copy(update={"total": total, "page_count": self.pages(total), "origin": origin})


def without_repeats(rows: "Sequence[Customer]") -> "tuple[Sequence[Customer], Sequence[str]]":
    """The rows with each ID once, as its newest record has it, and the IDs that came more often."""
    kept: dict[str | int, Customer] = {}
    repeated: dict[str, None] = {}
    for number, row in enumerate(rows):
        # What is no ID is nobody's: such rows have nothing in common.
        key = number if ID_FIELD in row.problems else row.short_id
        before = kept.get(key)
        if before is not None:
            repeated[row.short_id] = None
        if before is None or is_before(before.modified, row.modified):
            kept[key] = row
    return list(kept.values()), list(repeated)


def repeats_notice(short_ids: Sequence[str]) -> str:
    """What is said of IDs that came more than once."""
    first, *others = short_ids
    more = f" and {len(others):,} other IDs" if len(others) > 1 else f" and {sanitize_id(others[0])}" if others else ""
    return f"The server sent {sanitize_id(first)}{more} twice on this page: shown once, as changed last."


def suggestion_caption(find: str, page: "Page") -> tuple[Sequence[str], str]:
    """The words that are marked in the rows of a find, and what is said above near misses."""
    typed = split_words(find)
    close = page.origin.suggestions if page.origin is not None else ()
    if not close:
        return typed, ""
    instead = ", ".join([sanitize(word) for word in close if word not in typed][:_MOST_CLOSE])
    return close, f'No match for "{find}". Similar: {instead}'
