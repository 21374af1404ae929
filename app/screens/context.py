"""What a screen works with: the customers, the drafts, and what belongs to this run of the program."""

from typing import TYPE_CHECKING

from app.repository.history import SessionHistory
from app.repository.repository import CustomerRepository

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.drafts.store import DraftStore
    from app.screens.list_state import ListStateFile


class AppContext:
    """What a screen works with: the customers, and words about where they come from.

    `flags` are things the person must always see (`TLS NOT VERIFIED`); `local` says that no server was asked for.
    `views` keeps how the list was left.
    `open_drafts` opens the drafts where any are kept. `postponed` are those the person wants to see later, and
    `changes` what was written in this session.
    """

    def __init__(
        self,
        repository: CustomerRepository,
        site: str,
        flags: tuple[str, ...] = (),
        page_size: int | None = None,
        *,
        local: bool = False,
        views: "ListStateFile | None" = None,
        open_drafts: "Callable[[], DraftStore] | None" = None,
    ) -> None:
        self.repository = repository
        self.site = site
        self.flags = flags
        self.page_size = page_size
        self.local = local
        self.list_state_file = views
        self.draft_offer_postponed: set[str] = set()
        self.history = SessionHistory()
        self._open_drafts = open_drafts
        self._drafts: DraftStore | None = None

    @property
    def drafts(self) -> "DraftStore | None":
        """The drafts, where any are kept: opened by whoever first asks, not before the first paint."""
        if self._drafts is None and self._open_drafts is not None:
            self._drafts = self._open_drafts()
        return self._drafts

    @property
    def draft_flags(self) -> tuple[str, ...]:
        """What a person must know of the drafts; nothing is opened to know it."""
        problem = ("DRAFT NOT SAVED",) if self._drafts is not None and self._drafts.problem else ()
        waiting = (f"{count} NOT SENT",) if (count := self.unconfirmed_texts) else ()
        return (*problem, *waiting)

    @property
    def unconfirmed_texts(self) -> int:
        """How many drafts wait for the server to be back."""
        return sum(draft.state == "not sent" for draft in self._drafts.unclaimed) if self._drafts is not None else 0
