"""Writes down how the list looks, for the next start."""

import asyncio
from typing import TYPE_CHECKING

from app.screens.customer_list.list_state import ListState, ListStateFile
from app.storage.files import os_error_text

if TYPE_CHECKING:
    from app.screens.customer_list.pages import PagedScreen


class ListStateSaver:
    """Writes views down in the background, one after another, so that the newest is the last one written."""

    def __init__(self, screen: "PagedScreen") -> None:
        self._screen = screen
        self._newest: ListState | None = None
        self._one_at_a_time = asyncio.Lock()

    def save(self, view: ListState) -> None:
        """Have this one written down, in place of those that are not yet."""
        views = self._screen.context.list_state_file
        if views is not None:
            self._newest = view
            self._screen.app.run_worker(self._write(views), group="view", exit_on_error=False)

    async def _write(self, views: ListStateFile) -> None:
        async with self._one_at_a_time:
            view, self._newest = self._newest, None
            if view is None:
                return
            try:
                await asyncio.to_thread(views.save, view)
            except OSError as error:
                why = os_error_text(error)
                self._screen.show_notice(f"How the list looks could not be kept: {why}.", "warning")
