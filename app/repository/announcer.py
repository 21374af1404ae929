"""What the repository reports to the screens, each thing once."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from app.errors import DockbookError, StoreError
    from app.models.customer import Page
    from app.models.fields import PageRequest
    from app.repository.connection import ConnectionState
    from app.repository.save_result import SaveResult
    from app.repository.unconfirmed import UnconfirmedWrite

#: `fallback`: the server does not answer, and the local copy is shown instead; true only until it answers again.
NoticeKind = Literal["fallback"] | None


class RepositoryListener:
    """Hears of what the repository finds out by itself; every method does nothing unless it is overridden."""

    def connection_changed(self, state: "ConnectionState") -> None:
        """The state of the connection is another one."""

    def data_changed(self) -> None:
        """Rows that are shown from the local copy may be out of date."""

    def page_arrived(self, request: "PageRequest", page: "Page") -> bool:
        """The server's page came after the local copy's was shown; returns whether it is shown now."""
        return False

    def notice(self, text: str, kind: NoticeKind) -> None:
        """There is something that a person should know at once."""

    def write_confirmed(self, write: "UnconfirmedWrite", saved: "SaveResult") -> None:
        """A write without a clear answer, for which nobody waits any more, was carried out after all."""


class Announcer:
    """Reports to `listener`, which the screens set."""

    def __init__(self) -> None:
        self.listener = RepositoryListener()
        self._fallback_shown = False
        self._mirror_error_shown = False
        self._notes_shown = 0

    def fallback(self, error: "DockbookError") -> None:
        """Say why the local copy is shown, once until `reset`."""
        if not self._fallback_shown:
            self._fallback_shown = True
            self.listener.notice(f"{error.title}: {error.text} The local copy is shown.", "fallback")

    def reset(self) -> None:
        """Let the reason be shown again: the person asks again, or the server is back."""
        self._fallback_shown = False

    def mirror_error(self, error: "StoreError") -> None:
        """Say once why there is no local copy to rely on."""
        if not self._mirror_error_shown:
            self._mirror_error_shown = True
            self.listener.notice(f"The local copy cannot be used: {error.text}", None)

    def mirror_notes(self, notes: Sequence[str]) -> None:
        """Show those of the mirror's notes that were not shown yet."""
        for note in notes[self._notes_shown :]:
            self.listener.notice(note, None)
        self._notes_shown = len(notes)
