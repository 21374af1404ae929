"""The way through the marked customers, for the detail."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from app.screens.requests import Neighbour

if TYPE_CHECKING:
    from app.models.customer import Customer


class MarkedNeighbours:
    """Goes from one of the `marked` customers to the next, in the order in which they were marked.

    It begins at the customer with the ID `at`, which need not be one of them. `reached` is called with every ID that
    it goes to.
    """

    def __init__(self, marked: "Mapping[str, Customer]", at: str, reached: Callable[[str], None]) -> None:
        self._marked = marked
        self._ids = tuple(marked)
        self._index = self._ids.index(at) if at in marked else None
        self._reached = reached

    @property
    def position(self) -> str:
        """Where it stands: `2 of 5 marked`."""
        count = f"{len(self._ids):,} marked"
        return f"not marked · {count}" if self._index is None else f"{self._index + 1:,} of {count}"

    async def neighbour(self, direction: int) -> Neighbour | None:
        """Go to the one before (-1) or after (+1); `None` at the end. From outside it enters at the nearer end."""
        outside = -1 if direction > 0 else len(self._ids)
        index = (outside if self._index is None else self._index) + direction
        if not 0 <= index < len(self._ids):
            return None
        self._index = index
        short_id = self._ids[index]
        self._reached(short_id)
        return Neighbour(self._marked[short_id], self.position, None)
