"""Customers whose IDs a person may mean, or may confuse with a new one."""

import asyncio
from collections.abc import Collection
from contextlib import suppress
from typing import TYPE_CHECKING

from app.errors import ConfusableId, DockbookError, InvalidId, NotFound
from app.text.confusables import is_similar, similarity, spellings

if TYPE_CHECKING:
    from app.models.customer import Candidates, Customer
    from app.repository.connection import ServerConnection
    from app.repository.local_copy import LocalCopy


class SimilarIds:
    """Looks in the local copy, and until that is complete asks the server for a few other spellings."""

    def __init__(self, server: "ServerConnection", local_copy: "LocalCopy", patience: float) -> None:
        self._server = server
        self._local_copy = local_copy
        self._patience = patience

    async def find(self, short_id: str, *, ask: bool) -> "Candidates":
        """Return the customers with IDs similar to this one, the most similar first; the server only with `ask`."""
        from app.models.customer import Candidates

        copied = await self._in_copy(short_id)
        if copied.complete or not ask:
            return copied
        known = {one.short_id: one for one in (*copied.customers, *await self._read_spellings(short_id))}
        best = sorted(known.values(), key=lambda one: similarity(short_id, one.short_id))
        return Candidates(tuple(best), complete=False)

    async def reject(self, short_id: str, accepted: Collection[str]) -> None:
        """Raise ConfusableId if customers have IDs similar to a new one, except those in `accepted`."""
        copied = await self._in_copy(short_id)
        if copied.complete and not copied.customers:
            return
        try:
            # Straight from the server: an earlier attempt to create it is resolved by the creation itself.
            async with self._server.client() as api:
                await api.get(short_id)
        except NotFound:
            found = copied if copied.complete else await self.find(short_id, ask=True)
        else:
            # The creation reports that the ID itself is taken.
            return
        others = [one for one in found.customers if one.short_id not in accepted]
        if others:
            raise ConfusableId(short_id, others)

    async def _in_copy(self, short_id: str) -> "Candidates":
        from app.models.customer import Candidates

        return await self._local_copy.use(lambda mirror: mirror.resembling(short_id), Candidates((), complete=False))

    async def _read_spellings(self, short_id: str) -> "list[Customer]":
        """Return the customers that the server has under other spellings, as far as it answers in time."""
        found: list[Customer] = []
        if self._server.health.given_up:
            return found
        # After a failure the server is not asked for the other spellings: the person has an answer without it.
        with suppress(TimeoutError, DockbookError):
            async with asyncio.timeout(self._patience):
                for spelling in spellings(short_id):
                    with suppress(NotFound, InvalidId):
                        async with self._server.client() as api:
                            found.append(await api.get(spelling))
        return [customer for customer in found if is_similar(short_id, customer.short_id)]
