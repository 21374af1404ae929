"""The customers that were opened last, to open one again with a digit."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from app.screens.confusable import status_of
from app.screens.dialogs import ConfirmDialog
from app.text.sanitize import sanitize_id

if TYPE_CHECKING:
    from app.models.customer import Customer
    from app.screens.base import BaseScreen

_MOST: Final = 9
_SCANNED: Final = "scanned:"


class RecentDialog(ConfirmDialog):
    """Shows the customers opened last, the last one first; the answer is the number of one, or a scanned ID.

    A digit counts like the letter of an answer: never when it is the first sign of a scan.
    """

    def __init__(self, short_ids: Sequence[str], known: "Mapping[str, Customer]") -> None:
        self._short_ids = short_ids
        answers = {}
        for number, short_id in enumerate(short_ids):
            one = known.get(short_id)
            named = "" if one is None else f"  {one.name}{status_of(one)}"
            answers[f"open{number}"] = f"{number + 1} {sanitize_id(short_id)}{named}"
        super().__init__("Opened last", [], answers, escape="cancel")
        self._shown_keys = self._keys = "1-9 open · ↑↓ move · ⏎ choose · Esc cancel"

    def on_mount(self) -> None:
        self.query_one(".lines").display = False

    def scanned(self, code: str) -> None:
        self.dismiss(_SCANNED + code)

    def chosen(self, answer: str) -> str:
        """Return the ID to open."""
        if answer.startswith(_SCANNED):
            return answer.removeprefix(_SCANNED)
        return self._short_ids[int(answer.removeprefix("open"))]


async def ask_recent(screen: "BaseScreen[Any]", current: str) -> str | None:
    """Ask which of the customers opened last to open, except the current one; returns its ID."""
    opened = [one for one in screen.context.list_state.state.opened if one != current][:_MOST]
    if not opened:
        screen.show_hint(f"No {'other ' if current else ''}customer was opened yet.")
        return None
    dialog = RecentDialog(opened, await screen.repository.copied(opened))
    answer = await screen.ask(dialog)
    return None if answer is None else dialog.chosen(answer)
