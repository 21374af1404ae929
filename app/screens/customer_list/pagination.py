"""The position in the list: the page shown, the page requested, and what is known about the whole."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from app.models.fields import ID_FIELD, MAX_PAGE_SIZE, PageRequest
from app.models.find_query import FindWord, parse_find
from app.text.folding import fold
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
    """The list before a search, left at second `at`; `page` is `None` if it has to be loaded again."""

    def __init__(self, request: PageRequest, page: "Page | None", short_id: str | None, at: float) -> None:
        self.request = request
        self.page = page
        self.short_id = short_id
        self._at = at

    def page_at(self, now: float) -> "Page | None":
        """Return the page while it is recent enough; a page of the local copy shows its own age."""
        fresh = self.page is not None and (self.page.origin is not None or now - self._at <= _MAX_AGE)
        return self.page if fresh else None


class Pagination:
    """The page shown (`shown`, `page`) and the request made last (`requested`); the server's totals may be wrong.

    `empty_from` is a page that the server promised and that was empty; `page_limit` is how many rows it sends at once.
    """

    def __init__(self, request: PageRequest) -> None:
        """Start with nothing shown; `request` is what the first request is derived from."""
        self.shown = self.requested = request
        self.page: Page | None = None
        self.empty_from: int | None = None
        self.page_limit = MAX_PAGE_SIZE

    @property
    def origin(self) -> "Origin | None":
        """Where the page came from, if not from the server."""
        return self.page.origin if self.page is not None else None

    @property
    def up_to_date(self) -> bool:
        """Whether the page requested last is the one shown."""
        return self.requested == self.shown

    @property
    def counting(self) -> bool:
        """Whether the total is only a minimum so far."""
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
        """Return how many pages this many customers take."""
        return -(-total // self.requested.page_size)

    def has(self, page: int) -> bool:
        """Whether there seems to be such a page: any hint of the server is enough, but not an empty page."""
        if self.page is None or page < 1 or (self.empty_from is not None and page >= self.empty_from):
            return False
        if page <= max(self.last, self.shown.page):
            return True
        return page == self.shown.page + 1 and bool(self.page.rows) and (self.page.has_more is True or self._uncounted)

    @property
    def _uncounted(self) -> bool:
        """Whether the page is full and the server gives no total: only the next request shows whether there is more."""
        page = self.page
        if page is None or page.total is not None:
            return False
        return len(page.rows) >= min(self.shown.page_size, page.page_size or self.shown.page_size)

    def offset(self, step: int) -> PageRequest | None:
        """Return the request for the page this many further; `None` if there is no such page."""
        page = self.requested.page + step
        return self.requested._replace(page=page) if self.has(page) else None

    def server_page_limit(self, request: PageRequest, page: "Page") -> int | None:
        """Return how many rows the server sends at most, if it sent fewer than requested although there are more."""
        given = page.page_size
        if given is None or not 0 < len(page.rows) == given < request.page_size:
            return None
        before = (request.page - 1) * request.page_size
        short = page.total is not None and len(page.rows) < min(request.page_size, page.total - before)
        more = page.has_more is True or short
        return given if more else None

    def set_page(self, request: PageRequest, page: "Page") -> None:
        """Take over a page; a server that sends fewer rows than requested counts pages by its own size."""
        given = self.server_page_limit(request, page)
        if given is not None:
            request = request._replace(page_size=given)
            self.page_limit = given
        if request.page == 1:
            self.empty_from = None
        self.shown = self.requested = request
        self.page = page

    def replace(self, customer: "Customer") -> None:
        """Replace the record of a customer on the page."""
        if self.page is not None:
            rows = tuple(customer if row.short_id == customer.short_id else row for row in self.page.rows)
            self.page = self.page.model_copy(update={"rows": rows})

    def revert(self) -> None:
        """Give up the request made last; before the first page, keep its page size."""
        if self.page is None:
            self.shown = self.shown._replace(page_size=self.requested.page_size)
        self.requested = self.shown

    def is_empty_at(self, page: int) -> None:
        """Remember that this page is empty, and give up the request for it."""
        self.empty_from = page if self.empty_from is None else min(page, self.empty_from)
        self.revert()

    def set_total(self, total: int) -> None:
        """Take over the exact total, where only a minimum was known."""
        if self.page is not None and self.page.origin is not None:
            origin = self.page.origin._replace(total_is_minimum=False)
            self.page = self.page.model_copy(update={"total": total, "page_count": self.pages(total), "origin": origin})


def without_repeats(rows: "Sequence[Customer]") -> "tuple[Sequence[Customer], Sequence[str]]":
    """Return the rows with each ID once, in its newest record, and the IDs that came more than once."""
    kept: dict[str | int, Customer] = {}
    repeated: dict[str, None] = {}
    for number, row in enumerate(rows):
        # Rows without a usable ID are different customers.
        key = number if ID_FIELD in row.problems else row.short_id
        before = kept.get(key)
        if before is not None:
            repeated[row.short_id] = None
        if before is None or is_before(before.modified, row.modified):
            kept[key] = row
    return list(kept.values()), list(repeated)


def repeats_notice(short_ids: Sequence[str]) -> str:
    """Return the notice about IDs that came more than once."""
    first, *others = short_ids
    more = f" and {len(others):,} other IDs" if len(others) > 1 else f" and {sanitize_id(others[0])}" if others else ""
    return f"The server sent {sanitize_id(first)}{more} twice on this page: shown once, as changed last."


def exact_match(rows: "Sequence[Customer]", short_id: str) -> "Customer | None":
    """Return the only row with this ID, in another case or with other accents if need be."""
    exact = [row for row in rows if row.short_id == short_id]
    exact = exact or [row for row in rows if fold(row.short_id) == fold(short_id)]
    return exact[0] if len(exact) == 1 else None


def suggestion_caption(find: str, page: "Page", *, short: bool = False) -> tuple[Sequence[FindWord], str]:
    """Return the words to highlight in the rows of a search, and the caption above similar matches."""
    typed = parse_find(find).words
    close = page.origin.suggestions if page.origin is not None else ()
    if not close:
        return typed, ""
    similar = parse_find(" ".join(close)).words
    instead = ", ".join([sanitize(word) for word in close if parse_find(word).words[0] not in typed][:_MOST_CLOSE])
    return similar, f"Similar: {instead}" if short else f'No match for "{find}". Similar: {instead}'
