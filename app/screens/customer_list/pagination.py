"""Where one is among all customers: the page shown, the page asked for, and what is known of the whole."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from app.models.fields import ID_FIELD, MAX_PAGE_SIZE, PageRequest
from app.repository.prefetch import MAX_AGE
from app.text.folding import split_words
from app.text.sanitize import sanitize, sanitize_id, width
from app.timestamps import is_before

if TYPE_CHECKING:
    from app.models.customer import Customer, Origin, Page

#: Said where one wants to go on.
CUT_SHORT: Final = "The copy on this machine ends here; there are more, once the server answers."

#: Words that are told of those that are close to what was typed.
_MOST_CLOSE: Final = 3
_ARROWS: Final = {"ASC": " ▲", "DESC": " ▼"}


class Step(NamedTuple):
    """The customer next to another one in the list's order, where it stands (`2 of 48 by ID`), and whence it came."""

    customer: "Customer"
    position: str
    origin: "Origin | None"


class Whence:
    """Where one was before one began to search, `at` which second; `page` is `None` when it has to be asked for."""

    def __init__(self, request: PageRequest, page: "Page | None", short_id: str | None, at: float) -> None:
        self.request = request
        self.page = page
        self.short_id = short_id
        self._at = at

    def page_at(self, now: float) -> "Page | None":
        """The page, as long as it can still pass for what it was: one of the mirror's tells its age."""
        fresh = self.page is not None and (self.page.origin is not None or now - self._at <= MAX_AGE)
        return self.page if fresh else None


class Paging:
    """The page shown (`request`, `page`) and the one asked for last (`goal`), on a server that may tell lies.

    `empty_from` is a page the server promised and then had nothing on; `most` is how many rows it gives at once.
    """

    def __init__(self, request: PageRequest) -> None:
        """Nothing shown, nothing asked for; the first page asked for is to be like this."""
        self.request = self.goal = request
        self.page: Page | None = None
        self.empty_from: int | None = None
        self.most = MAX_PAGE_SIZE

    @property
    def origin(self) -> "Origin | None":
        """Where what is shown came from, if not from the server."""
        return self.page.origin if self.page is not None else None

    @property
    def settled(self) -> bool:
        """Whether what was asked for last is what is shown."""
        return self.goal == self.request

    @property
    def counting(self) -> bool:
        """Whether the rows were not counted to their end."""
        return self.origin is not None and self.origin.total_is_minimum

    @property
    def cut_short(self) -> bool:
        """Whether the rows end where the copy on this machine does, and not where the customers do."""
        return self.origin is not None and self.origin.synced_at is None and not self.request.needs_mirror

    @property
    def last(self) -> int:
        """The number of the last page, as far as it is known; at least 1."""
        if self.page is None:
            return 1
        if self.page.total is not None:
            return max(1, self.pages(self.page.total))
        return max(self.request.page, self.page.page_count or 1)

    def pages(self, total: int) -> int:
        """How many pages so many customers take."""
        return -(-total // self.goal.page_size)

    def has(self, page: int) -> bool:
        """Whether there seems to be such a page: any of the server's hints is enough, an empty page never is."""
        if self.page is None or page < 1 or (self.empty_from is not None and page >= self.empty_from):
            return False
        if page <= max(self.last, self.request.page):
            return True
        return (
            page == self.request.page + 1 and bool(self.page.rows) and (self.page.has_more is True or self._uncounted)
        )

    @property
    def _uncounted(self) -> bool:
        """Whether the server counts nothing, and the page is full: then only the next one shows whether it is there."""
        page = self.page
        if page is None or page.total is not None:
            return False
        return len(page.rows) >= min(self.request.page_size, page.page_size or self.request.page_size)

    def turned(self, step: int) -> PageRequest | None:
        """The request for the page so many further than the one asked for last; `None` when there is none."""
        page = self.goal.page + step
        return self.goal._replace(page=page) if self.has(page) else None

    def capped(self, request: PageRequest, page: "Page") -> int | None:
        """How many rows the server gives at most, when it gave fewer than asked for although there are more."""
        given = page.page_size
        if given is None or not 0 < len(page.rows) == given < request.page_size:
            return None
        before = (request.page - 1) * request.page_size
        short = page.total is not None and len(page.rows) < min(request.page_size, page.total - before)
        more = page.has_more is True or short
        return given if more else None

    def shows(self, request: PageRequest, page: "Page") -> None:
        """Take over what came; a server that gives less than the page size asked for counts its pages by its own."""
        given = self.capped(request, page)
        if given is not None:
            request = request._replace(page_size=given)
            self.most = given
        if request.page == 1:
            self.empty_from = None
        self.request = self.goal = request
        self.page = page

    def learn(self, customer: "Customer") -> None:
        """Take over how a customer on the page is now."""
        if self.page is not None:
            rows = tuple(customer if row.short_id == customer.short_id else row for row in self.page.rows)
            self.page = self.page.model_copy(update={"rows": rows})

    def stays(self) -> None:
        """What was asked for last did not come; before anything did, only how many rows fit is kept of it."""
        if self.page is None:
            self.request = self.request._replace(page_size=self.goal.page_size)
        self.goal = self.request

    def is_empty_at(self, page: int) -> None:
        """Remember that the server has nothing on this page, whatever it promises."""
        self.empty_from = page if self.empty_from is None else min(page, self.empty_from)
        self.stays()

    def counted(self, total: int) -> None:
        """Take over how many rows there are, where only `at_least` was known."""
        if self.page is not None and self.page.origin is not None:
            origin = self.page.origin._replace(total_is_minimum=False)
            self.page = self.page.model_copy(update={"total": total, "page_count": self.pages(total), "origin": origin})

    def position(self, row: int) -> str:
        """Where the row (from 0) stands among all customers, or among those that were looked for."""
        number = (self.request.page - 1) * self.request.page_size + row + 1
        find = self.request.find.strip()
        looked_for = f' for "{find}"' if find else f" {self.request.status}" if self.request.filtered else ""
        return f"{number:,} of {self._total()}{looked_for} {self.request.order}"

    def summary(self, room: int = 1_000) -> str:
        """Total, page, order and how old it is, for the status line: in fewer words where there is little room."""
        if self.page is None:
            return ""
        known = self.page.total is not None or (self.page.page_count or 0) >= self.request.page
        last = "" if not known else f" of {self.last:,}{'+' if self.counting else ''}"
        page = f"page {self.request.page:,}{last}"
        lines = [
            f"{count} · {page}{order}{age}"
            for count in self._counts(self.page)
            for order in self._orders()
            for age in self._ages()
        ]
        return next((line for line in lines if width(line) <= room), lines[-1])

    def _orders(self) -> list[str]:
        """The order; where there is little room the headings tell it, and that the best hits come first nobody need."""
        return [f" · {self.request.order}{_ARROWS[self.request.direction] if self.request.sort else ''}", ""]

    def _total(self) -> str:
        total = self.page.total if self.page is not None else None
        return "?" if total is None else f"{total:,}{'+' if self.counting else ''}"

    def _counts(self, shown: "Page") -> list[str]:
        """How many there are, in many words and in few."""
        status = "" if self.request.status == "all" else f" {self.request.status}"
        if self.request.filtered:
            origin = shown.origin
            if origin is None:
                return [f"{self._total()}{status}"]
            if origin.suggestions:
                return ["nothing, but close"]
            count = f"{self._total()}{status}"
            if origin.synced_at is None:
                searched = f"searched {origin.held:,}{_of(origin)} so far"
                return [f"{count} · {searched}", f"{count} · {searched.removesuffix(' so far')}"]
            return [f"{count} of {max(origin.held, origin.expected or 0):,}", count]
        if shown.total is None:
            return ["total not told"]
        return ["1 customer" if shown.total == 1 else f"{self._total()} customers"]

    def _ages(self) -> list[str]:
        """How old the rows are, in many words and in few; nothing for what the server said just now."""
        origin = self.origin
        if origin is None:
            return [""]
        if origin.synced_at is None:
            return [""] if self.request.filtered else [" · from the mirror, not whole", " · mirror, not whole"]
        moment = _moment(origin.synced_at)
        if self.request.filtered:
            return [f" · as of {moment}"]
        return [f" · from the mirror, as of {moment}", f" · mirror as of {moment}", f" · of {moment}"]


def _of(origin: "Origin") -> str:
    return "" if origin.expected is None else f" of {origin.expected:,}"


def _moment(when: datetime) -> str:
    """The time, with its day when that is not today."""
    today = when.date() == datetime.now(when.tzinfo).date()
    return f"{when:%H:%M}" if today else f"{when:%d %b %H:%M}"


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


def told_of_repeats(short_ids: Sequence[str]) -> str:
    """What is said of IDs that came more than once."""
    first, *others = short_ids
    more = f" and {len(others):,} other IDs" if len(others) > 1 else f" and {sanitize_id(others[0])}" if others else ""
    return f"The server sent {sanitize_id(first)}{more} twice on this page: shown once, as changed last."


def near_misses(find: str, page: "Page") -> tuple[Sequence[str], str]:
    """The words that are marked in the rows of a find, and what is said above near misses."""
    typed = split_words(find)
    close = page.origin.suggestions if page.origin is not None else ()
    if not close:
        return typed, ""
    instead = ", ".join([sanitize(word) for word in close if word not in typed][:_MOST_CLOSE])
    return close, f'Nothing for "{find}". Close to it: {instead}'
