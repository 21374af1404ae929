"""What the list says about itself: its position line, and why it is empty."""

from itertools import product
from typing import TYPE_CHECKING, Final, NamedTuple

from app.errors import DockbookError, Forbidden
from app.models.find_query import may_be_new_id
from app.screens.messages import short_time
from app.text.sanitize import sanitize_id, width

if TYPE_CHECKING:
    from app.models.customer import Origin, Page
    from app.models.fields import PageRequest
    from app.repository.repository import MirrorOutlook
    from app.screens.customer_list.pagination import Pagination

_ARROWS: Final = {"ASC": " ▲", "DESC": " ▼"}
_OUTLOOKS: "Final[dict[MirrorOutlook, str]]" = {
    "coming": "the rest is on its way",
    "waiting": "the rest comes when the server answers",
    "elsewhere": "another dockbook on this machine reads the rest",
    "stopped": "the rest is missing: press F5 to get it",
    "never": "there is no local copy of them",
}


class EmptyText(NamedTuple):
    """The lines of the empty list."""

    title: str
    text: str
    hint: str
    failed: bool = False


def position_text(pagination: "Pagination", row: int) -> str:
    """Return where a row (from 0) stands: `2 of 48 by ID`."""
    shown = pagination.shown
    number = (shown.page - 1) * shown.page_size + row + 1
    find = shown.find.strip()
    matches = f' for "{find}"' if find else _narrowed(shown)
    return f"{number:,} of {_total(pagination)}{matches} {shown.order}"


def summary(pagination: "Pagination", room: int = 1_000) -> str:
    """Return total, page, order and age for the status line, in fewer words if they take more cells than `room`."""
    shown, page = pagination.shown, pagination.page
    if page is None:
        return ""
    known = page.total is not None or (page.page_count or 0) >= shown.page
    last = "" if not known else f" of {pagination.last:,}{'+' if pagination.counting else ''}"
    # Where there is little room, the headings show the order.
    orders = [f" · {shown.order}{_ARROWS[shown.direction] if shown.sort else ''}", ""]
    *counts, fewest = _counts(pagination, page)
    lines = [
        f"{count} · page {shown.page:,}{last}{order}{age}"
        for order, count in (*product(orders, counts or [fewest]), ("", fewest))
        for age in _ages(pagination)
    ]
    lines += _short_summaries(pagination, page)
    return next((line for line in lines if width(line) <= room), lines[-1])


def _short_summaries(pagination: "Pagination", page: "Page") -> list[str]:
    """Return what a narrow terminal has room for, the longest first."""
    shown = pagination.shown
    count = _counts(pagination, page)[-1]
    if not shown.filtered and page.rows and page.total is not None:
        first = (shown.page - 1) * shown.page_size + 1
        count = f"{first:,}-{first + len(page.rows) - 1:,} of {page.total:,}"
    last = "" if page.total is None else f"/{pagination.last:,}{'+' if pagination.counting else ''}"
    where = f"p {shown.page:,}{last}"
    # What is found always comes from the local copy.
    age = "" if shown.filtered else _ages(pagination)[-1]
    counts = [count, _total(pagination)]
    if shown.status != "all" or shown.period:
        # That the list is narrowed is said as long as possible.
        counts[1:1] = [count.replace("discontinued", "disc."), f"{_total(pagination)} filtered"]
    return [*(f"{text} · {where}{age}" for text in counts), f"{where}{age}"]


def total_of_all(request: "PageRequest", page: "Page") -> int | None:
    """Return how many customers there are in all, as far as a page, which may be filtered, shows it."""
    if not request.filtered:
        return page.total
    complete = page.origin is not None and page.origin.synced_at is not None
    return max(page.origin.held, page.origin.expected or 0) if complete and page.origin is not None else None


def _total(pagination: "Pagination") -> str:
    total = pagination.page.total if pagination.page is not None else None
    return "?" if total is None else f"{total:,}{'+' if pagination.counting else ''}"


def _narrowed(request: "PageRequest") -> str:
    """Return ` active changed today`, or as much of it as the list is narrowed to."""
    status = "" if request.status == "all" else f" {request.status}"
    return f"{status} {request.period}" if request.period else status


def _counts(pagination: "Pagination", page: "Page") -> list[str]:
    """Return how many customers there are, in many words and in few."""
    request, total = pagination.shown, _total(pagination)
    status = _narrowed(request)
    if request.filtered:
        origin = page.origin
        if origin is None:
            return [f"{total}{status}"]
        if origin.suggestions:
            return ["similar only"]
        count = f"{total}{status}"
        if origin.synced_at is None:
            searched = f"searched {origin.held:,}{of_expected(origin)} so far"
            return [f"{count} · {searched}", f"{count} · {searched.removesuffix(' so far')}"]
        few = [f"{count} found"] if request.find else []
        return [f"{count} of {total_of_all(request, page):,}", *few, count]
    if page.total is None:
        return ["total unknown"]
    return ["1 customer" if page.total == 1 else f"{total} customers"]


def _ages(pagination: "Pagination") -> list[str]:
    """Return how old the rows are, in many words and in few; nothing for what the server has now."""
    origin = pagination.origin
    if origin is None:
        return [""]
    if origin.synced_at is None:
        return [""] if pagination.shown.filtered else [" · from the local copy, incomplete", " · incomplete copy"]
    time = short_time(origin.synced_at)
    if pagination.shown.filtered:
        return [f" · as of {time}"]
    return [f" · from the copy of {time}", f" · copy of {time}", f" · of {time}"]


def of_expected(origin: "Origin") -> str:
    """Return ` of 1,234`, if the number of all customers is known."""
    return "" if origin.expected is None else f" of {origin.expected:,}"


def empty_text(
    pagination: "Pagination", page: "Page", outlook: "MirrorOutlook", *, can_add: bool, local: bool
) -> EmptyText:
    """Return why there are no rows and what can be done; `local` if no server is configured."""
    if pagination.shown.needs_mirror:
        return _no_match(pagination, page, outlook, can_add=can_add)
    if page.total or page.has_more:
        promised = "more" if page.total is None else f"{page.total:,}"
        text = f"The server says it has {promised}, and sent none."
        return EmptyText("No customers came", text, "Press F5 to try again.", failed=True)
    hints = ["Press F6 to add the first customer."] if can_add else []
    if local:
        hints += [
            "",
            "To look around with samples, leave and type  dockbook --demo",
            "To connect to a server:  dockbook --url https://HOST/api/v1",
            "or write a profile into config.toml (see the README).",
        ]
    return EmptyText("No customers yet", "This book is empty.", "\n".join(hints).strip("\n"))


def failure_text(error: DockbookError) -> EmptyText:
    """Return why no page could be loaded."""
    hint = "" if "F5" in error.text else "Press F5 to try again."
    if isinstance(error, Forbidden):
        hint = "Press F5 when you have the permission."
    return EmptyText(error.title, error.text, hint, failed=True)


def _no_match(pagination: "Pagination", page: "Page", outlook: "MirrorOutlook", *, can_add: bool) -> EmptyText:
    request, origin = pagination.shown, page.origin
    complete = origin is None or origin.synced_at is not None
    status = "" if request.status == "all" else f"{request.status} "
    kind = f"{status}customers {request.period}".strip()
    searched = ""
    if origin is not None and not complete:
        searched = f"Searched {origin.held:,}{of_expected(origin)} customers so far; {_OUTLOOKS[outlook]}."
    others = ["Press a to see the others too."] if request.status != "all" else []
    if not request.find:
        dates = ["Press Esc to show all dates."] if request.period else []
        return EmptyText(f"No {kind}", searched, "\n".join([*others, *dates]))
    hints = ["Press Esc to go back to where you were, or scan: a scan opens the customer."]
    if request.period:
        hints.append(f"Searched {kind} only. Press Esc twice to search all.")
    elif request.status != "all":
        hints.append(f"Searched {kind} only. Press Esc, then a, to search all.")
    # A customer that is not in an incomplete copy may exist.
    if complete and can_add and may_be_new_id(request.find):
        hints.append(f"Press F6 to add a customer with the ID {sanitize_id(request.find)}.")
    return EmptyText(f'No match for "{request.find}"', searched, "\n".join(hints))
