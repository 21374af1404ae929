"""What an empty list means, told apart: nothing there, nothing that matches, or a server that is not clear about it."""

from typing import TYPE_CHECKING, Final

from app.text.sanitize import sanitize_id

if TYPE_CHECKING:
    from app.models.customer import Page
    from app.repository.repository import MirrorOutlook
    from app.screens.customer_list.pages import PagedScreen

_OUTLOOKS: "Final[dict[MirrorOutlook, str]]" = {
    "coming": "the rest is on its way",
    "waiting": "the rest comes when the server answers",
    "elsewhere": "another dockbook on this machine reads the rest",
    "stopped": "the rest did not come yet, F5 asks for it",
    "never": "there is no copy of them on this machine",
}


def tell_nothing(screen: "PagedScreen", page: "Page") -> None:
    """Put on the panel why there are no rows, and what can be done."""
    if screen.paging.request.needs_mirror:
        _nothing_matches(screen, page)
    elif page.total or page.has_more:
        told = "more" if page.total is None else f"{page.total:,}"
        screen.panel.tell(
            "No customers came", f"The server says it has {told}, and sent none.", "F5 tries again.", failed=True
        )
    else:
        _empty_book(screen)


def _nothing_matches(screen: "PagedScreen", page: "Page") -> None:
    request = screen.paging.request
    find = request.find
    origin = page.origin
    whole = origin is None or origin.synced_at is not None
    kind = "customers" if request.status == "all" else f"{request.status} customers"
    title = f'Nothing for "{find}"' if find else f"No {kind}"
    searched = ""
    if origin is not None and not whole:
        of = "" if origin.expected is None else f" of {origin.expected:,}"
        searched = f"Searched {origin.held:,}{of} customers so far; {_OUTLOOKS[screen.repository.mirror_outlook]}."
    hints = []
    if find:
        hints.append("Esc goes back to where you were.")
        if request.status != "all":
            hints.append(f"Only {kind} were searched: Esc, then a, shows others.")
        # Who is not in a part of the copy may well be a customer.
        if whole and screen.repository.read_only_reason is None:
            hints.append(f"F6 makes a new customer with the ID {sanitize_id(find)}.")
    else:
        hints.append("a shows others, too.")
    screen.panel.tell(title, searched, "\n".join(hints))


def _empty_book(screen: "PagedScreen") -> None:
    hints = [] if screen.repository.read_only_reason else ["F6 adds the first one."]
    if screen.desk.local:
        hints += [
            "",
            "To look around with samples, leave and type  dockbook --demo",
            "To connect to a server:  dockbook --url https://HOST/api/v1",
            "or write a profile into config.toml (README).",
        ]
    screen.panel.tell("No customers yet", "Nobody is in this book.", "\n".join(hints).strip("\n"))
