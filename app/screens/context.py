"""What all screens share: the repository, the drafts, and what belongs to this run of the program."""

from types import MappingProxyType
from typing import TYPE_CHECKING

from app.repository.history import SessionHistory
from app.repository.repository import CustomerRepository
from app.screens.list_state import ListStateKeeper
from app.widgets.typed_history import TypedHistory

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from app.drafts.store import DraftStore
    from app.screens.list_state import ListStateFile


class AppContext:
    """What all screens share.

    `flags` must always be visible (`TLS NOT VERIFIED`); `local` means that no server is configured. `open_drafts`
    opens the drafts, if any are kept. Without `host_access`, whoever uses the program has no business with the files
    of the machine it runs on, nor with `commands`: programs of it, by name, that may be given a customer's address.
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
        host_access: bool = True,
        commands: "Mapping[str, Sequence[str]]" = MappingProxyType({}),
    ) -> None:
        self.repository = repository
        self.site = site
        self.flags = flags
        self.page_size = page_size
        self.local = local
        self.host_access = host_access
        self.list_state_file = views
        self.commands = commands if host_access else {}
        self.list_state = ListStateKeeper(views)
        self.draft_offer_postponed: set[str] = set()
        self.history = SessionHistory()
        self.go_to_history = TypedHistory()
        self._open_drafts = open_drafts
        self._drafts: DraftStore | None = None

    @property
    def drafts(self) -> "DraftStore | None":
        """The drafts, if any are kept; opened on first use, after the first paint."""
        if self._drafts is None and self._open_drafts is not None:
            self._drafts = self._open_drafts()
        return self._drafts

    @property
    def draft_flags(self) -> tuple[str, ...]:
        """What the header says about the drafts; does not open them."""
        problem = ("DRAFT NOT SAVED",) if self._drafts is not None and self._drafts.problem else ()
        waiting = (f"{count} NOT SENT",) if (count := self.unconfirmed_texts) else ()
        return (*problem, *waiting)

    @property
    def unconfirmed_texts(self) -> int:
        """How many drafts could not be sent because the server was away."""
        return sum(draft.state == "not sent" for draft in self._drafts.unclaimed) if self._drafts is not None else 0
