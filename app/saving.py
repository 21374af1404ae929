"""The way of a write: read again, merge, send once, compare the answer, and look after an answer that was lost."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Final

from app.errors import (
    Conflict,
    CustomerExists,
    DockbookError,
    EditingOff,
    EditsOverlap,
    Forbidden,
    Interrupted,
    NotFound,
    NotSaved,
    OutcomeUnknown,
    PreconditionFailed,
    ServerFault,
    TransportError,
    WrongRecord,
)
from app.fields import KEY, WRITABLE_NAMES
from app.merge import merge
from app.verdict import Saved, answer_to_save, differences, verdict_on_creation, verdict_on_save

if TYPE_CHECKING:
    from app.api.client import CustomerApi
    from app.models import Customer

_SAVE_ROUNDS: Final = 3  # how often a save starts over because the record moved between its read and its write

#: Seconds to wait before a record whose write got no answer is looked up again, where that did not work.
LOOK_AGAIN: Final = (0.5, 1.0, 2.0, 4.0, 8.0)


class Onlooker:
    """Who has to know how a write goes on, and may stop waiting.

    `sending` is awaited before the write goes out, with the record it is made on (`None`: a new customer) and what
    is written; `unconfirmed` is called when its answer was lost. Once `enough` is set, no more is looked up.
    """

    def __init__(
        self,
        sending: Callable[["Customer | None", Mapping[str, str]], Awaitable[None]],
        unconfirmed: Callable[[], None],
        enough: asyncio.Event | None = None,
    ) -> None:
        self.sending = sending
        self.unconfirmed = unconfirmed
        self.enough = asyncio.Event() if enough is None else enough


async def _nothing(_made_on: "Customer | None", _body: Mapping[str, str]) -> None:
    """Nobody has to know."""


class Saving:
    """Writes customers; errors are those of `app.errors`.

    `ask` lends the client for one call, `read` gives a customer as the server has it now, and `after_write` runs
    after every write, whether it succeeded or not. With `read_only` nothing is ever written. `look_again` are the
    pauses, in seconds, between looking up what came of a write without an answer.
    """

    def __init__(
        self,
        ask: Callable[[], AbstractAsyncContextManager["CustomerApi"]],
        read: Callable[[str], Awaitable["Customer"]],
        after_write: Callable[[], None],
        *,
        read_only: bool,
        look_again: Sequence[float] = LOOK_AGAIN,
    ) -> None:
        self._ask = ask
        self._read = read
        self._after_write = after_write
        self._read_only = read_only
        self._look_again = tuple(look_again)
        self._refused: str | None = None
        self._writing: set[str] = set()

    @property
    def editing_off(self) -> str | None:
        """Why nothing can be written, or `None` when it can."""
        if self._read_only:
            return "dockbook was started read-only (--read-only, or read_only in the profile)."
        return self._refused

    @property
    def busy(self) -> bool:
        """Whether a write is on its way."""
        return bool(self._writing)

    def forget_refusal(self) -> None:
        """Let writing be tried again: the permission may have been given meanwhile."""
        self._refused = None

    async def save(
        self, base: "Customer", changes: Mapping[str, str], onlooker: Onlooker | None = None, *, unseen: bool = False
    ) -> Saved:
        """Write `changes` (wire name to new text) made on `base`: read again, merge, send once, compare the answer.

        Raises EditsOverlap when somebody else changed the same fields: nothing is sent then. With `unseen` the record
        is not read again, because the server cannot be asked for it (IdRefused): what others changed is overwritten.
        """
        async with self._write_of(base.short_id):
            kept: dict[str, str] = {}
            refused: Customer | None = None
            for _ in range(_SAVE_ROUNDS):
                theirs = base if unseen else await self._reread(base)
                merged = merge(base, changes, theirs)
                kept |= merged.theirs_kept
                if merged.overlaps:
                    raise EditsOverlap(theirs, tuple(merged.overlaps))
                if not merged.to_send:
                    return Saved(theirs, kept)
                # A server that refuses the tag of a record that stood still does not know its own tags.
                stood_still = refused is not None and refused.received == theirs.received
                try:
                    tag = None if stood_still else theirs.etag
                    return await self._send(theirs, merged.to_send, kept, tag, onlooker or _nobody())
                except PreconditionFailed:
                    refused = theirs
            raise NotSaved("The record kept changing while it was being saved. Nothing was overwritten; save again.")

    async def create(self, short_id: str, values: Mapping[str, str], onlooker: Onlooker | None = None) -> Saved:
        """Create a customer; raises CustomerExists when the ID is taken, discontinued or not.

        Fields left empty are not sent: a server may well refuse an empty e-mail address.
        """
        async with self._write_of(short_id):
            await self._refuse_taken(short_id)
            body = {KEY: short_id} | {name: values[name] for name in WRITABLE_NAMES if values.get(name)}
            onlooker = onlooker or _nobody()
            await onlooker.sending(None, body)
            try:
                created = await self._post_new(body)
            except (TransportError, ServerFault) as error:
                if not error.outcome_unknown:
                    raise
                return await self._created_after_all(short_id, body, error, onlooker)
            return Saved(created, stored_otherwise=differences(body, created))

    async def discontinue(self, customer: "Customer") -> "Customer":
        """Mark as discontinued and return the record as the server has it then; there is no way back in the API."""
        async with self._write_of(customer.short_id):
            theirs = await self._reread(customer)
            if theirs.active is False:
                return theirs
            try:
                async with self._ask() as api:
                    await api.discontinue(theirs.short_id)
            except (TransportError, ServerFault) as error:
                if not error.outcome_unknown:
                    raise
                now = await self._look_after(theirs.short_id, error, _nobody())
                if now.active is not False:
                    raise NotSaved(
                        f"{error.title}. The server's record of {theirs.short_id} is not discontinued. Try again."
                    ) from error
                return now
            try:
                now = await self._read(theirs.short_id)
            except DockbookError:
                # The server said it is done; that it cannot be read now does not undo it.
                return theirs.model_copy(update={"active": False})
            if now.active is True:
                raise NotSaved(f"The server accepted it, but its record of {theirs.short_id} still says active.")
            return now

    async def outcome(self, made_on: "Customer | None", body: Mapping[str, str], short_id: str) -> Saved:
        """What came of a write that an earlier run sent and got no answer to; nothing is sent.

        Raises NotSaved, EditsOverlap or OutcomeUnknown as the write itself would have, and whatever reading does.
        """
        error = Interrupted("The program ended before the answer came.")
        try:
            now = await self._read(short_id)
        except NotFound:
            if made_on is not None:
                raise
            raise NotSaved(f"{error.title}: {short_id} was not created.") from error
        if now.short_id != short_id:
            raise WrongRecord(short_id, now.short_id)
        return (
            verdict_on_creation(body, now, error) if made_on is None else verdict_on_save(made_on, body, {}, now, error)
        )

    async def _send(
        self,
        theirs: "Customer",
        to_send: Mapping[str, str],
        kept: Mapping[str, str],
        tag: str | None,
        onlooker: Onlooker,
    ) -> Saved:
        """POST once; when the answer is lost, read again and tell what came of it."""
        await onlooker.sending(theirs, to_send)
        try:
            async with self._ask() as api:
                answer = await api.upsert(theirs.upsert_body(to_send), if_match=tag)
        except (TransportError, ServerFault) as error:
            if not error.outcome_unknown:
                raise
            now = await self._look_after(theirs.short_id, error, onlooker)
            return verdict_on_save(theirs, to_send, kept, now, error)
        return answer_to_save(theirs, to_send, kept, answer)

    async def _refuse_taken(self, short_id: str) -> None:
        try:
            taken = await self._read(short_id)
        except NotFound:
            return
        raise CustomerExists(taken.short_id)

    async def _post_new(self, body: Mapping[str, str]) -> "Customer":
        """POST once, or twice where the server refuses the precondition of an ID that it does not have."""
        try:
            async with self._ask() as api:
                return await api.upsert(body, only_new=True)
        except (PreconditionFailed, Conflict) as error:
            await self._refuse_taken(body[KEY])
            if isinstance(error, Conflict):
                raise
        async with self._ask() as api:
            return await api.upsert(body)

    async def _created_after_all(
        self, short_id: str, body: Mapping[str, str], error: DockbookError, onlooker: Onlooker
    ) -> Saved:
        try:
            now = await self._look_after(short_id, error, onlooker)
        except NotFound:
            raise NotSaved(f"{error.title}. {short_id} was not created. Save again when ready.") from error
        return verdict_on_creation(body, now, error)

    async def _reread(self, base: "Customer") -> "Customer":
        now = await self._read(base.short_id)
        if now.short_id != base.short_id:
            raise WrongRecord(base.short_id, now.short_id)
        return now

    async def _look_after(self, short_id: str, error: DockbookError, onlooker: Onlooker) -> "Customer":
        """Read a record whose write got no answer, again and again if need be, until somebody has enough of it."""
        onlooker.unconfirmed()
        stopped = asyncio.create_task(_set(onlooker.enough))
        try:
            why = await self._keep_looking(short_id, stopped)
        finally:
            stopped.cancel()
        if not isinstance(why, str):
            return why
        raise OutcomeUnknown(
            f"{error.title}: whether {short_id} was saved is not known, and it cannot be read now "
            f"({why}). What you typed is still here. Save again: it looks first, "
            "and never overwrites what somebody else wrote."
        ) from error

    async def _keep_looking(self, short_id: str, stopped: asyncio.Task[None]) -> "Customer | str":
        """The record, or why it was not read."""
        why = "you stopped waiting"
        for pause in (0.0, *self._look_again):
            if pause:
                await asyncio.wait({stopped}, timeout=pause)
            if stopped.done():
                break
            reading = asyncio.create_task(_awaited(self._read(short_id)))
            try:
                await asyncio.wait((reading, stopped), return_when=asyncio.FIRST_COMPLETED)
                if not reading.done():
                    return "you stopped waiting"
                return reading.result()
            except NotFound:
                raise
            except DockbookError as failed:
                why = failed.title.lower()
            finally:
                await _cancelled(reading)
        return why

    @asynccontextmanager
    async def _write_of(self, short_id: str) -> AsyncIterator[None]:
        """One write at a time for a customer, and none where editing is off."""
        if self._read_only:
            raise EditingOff(self.editing_off or "")
        if short_id in self._writing:
            raise DockbookError(f"{short_id} is being saved already. Wait for the answer.")
        self._writing.add(short_id)
        try:
            yield
        except Forbidden as error:
            if error.permission == 131:
                self._refused = error.text
            raise
        else:
            self._refused = None
        finally:
            self._after_write()
            self._writing.discard(short_id)


def _nobody() -> Onlooker:
    return Onlooker(_nothing, lambda: None)


async def _set(event: asyncio.Event) -> None:
    await event.wait()


async def _awaited(reading: Awaitable["Customer"]) -> "Customer":
    return await reading


async def _cancelled(task: asyncio.Task["Customer"]) -> None:
    """Let a task that nobody waits for any more end; one that is done is left as it is."""
    if not task.done():
        task.cancel()
        await asyncio.wait([task])
