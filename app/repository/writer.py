"""Writes customers: read again, merge, send once, check the response, and confirm a write whose response is unclear."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

from app.errors import (
    Conflict,
    ConflictReason,
    CustomerExists,
    DockbookError,
    EditConflict,
    Forbidden,
    NotFound,
    NotSaved,
    OutcomeUnknown,
    PreconditionFailed,
    ReadOnly,
    UnclearResponse,
    UnexpectedRecord,
)
from app.models.fields import ID_FIELD, STATUS, WRITABLE_FIELDS, Permission
from app.repository.merge import merge
from app.repository.save_result import SaveResult, check_create_response, check_response
from app.repository.unconfirmed import UnconfirmedWrite

if TYPE_CHECKING:
    from app.models.customer import Customer
    from app.repository.connection import ServerConnection
    from app.repository.reader import CustomerReader
    from app.repository.write_log import WriteLog

_SAVE_ROUNDS: Final = 3  # how often a save starts over if the record changes between its read and its write

STARTED_READ_ONLY: Final = "dockbook was started read-only (--read-only, or read_only in the profile)."

#: Seconds between the reads that look for a write without a clear response: about a minute in all.
CONFIRM_DELAYS: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0, 8.0, 10.0, 10.0)

#: This many of these pauses, some 15 seconds, are given to a server whose reads lag behind its writes.
_LAG_PAUSES: Final = 5

#: Seconds that the reads themselves may take, beyond the pauses.
_LONGEST_READING: Final = 20.0


class SaveObserver:
    """Follows a write.

    `on_send` is awaited before the write goes out, with the record it is based on (`None`: a new customer) and what is
    written. `on_unconfirmed` is called if the response leaves open whether it was carried out; the record is then read
    for a minute. `on_stale_read` is called if the server still shows an older record than is known. `key` identifies
    the write, so that a second attempt is recognised.
    """

    def __init__(
        self,
        on_send: Callable[["Customer | None", Mapping[str, str]], Awaitable[None]] | None = None,
        on_unconfirmed: Callable[[UnconfirmedWrite], None] = lambda _write: None,
        on_stale_read: Callable[[], None] = lambda: None,
        key: str = "",
    ) -> None:
        self.on_send = on_send or _nothing
        self.on_unconfirmed = on_unconfirmed
        self.on_stale_read = on_stale_read
        self.key = key


class CustomerWriter:
    """Writes customers; errors are those of `app.errors`.

    With a `read_only_reason` nothing is ever written. `confirm_delays` are the pauses, in seconds, between the reads
    that look for a write without a clear response.
    """

    def __init__(
        self,
        server: "ServerConnection",
        reader: "CustomerReader",
        writes: "WriteLog",
        *,
        read_only_reason: str | None,
        confirm_delays: Sequence[float] = CONFIRM_DELAYS,
    ) -> None:
        self._server = server
        self._reader = reader
        self._writes = writes
        self._unconfirmed = writes.unconfirmed
        self._read_only_reason = read_only_reason
        self._confirm_delays = tuple(confirm_delays)
        self._permission_denied: str | None = None
        self._writing: set[str] = set()
        self._reports_new = False

    @property
    def read_only_reason(self) -> str | None:
        """Why nothing can be written, or `None` when it can."""
        return self._read_only_reason or self._permission_denied

    @property
    def busy(self) -> bool:
        """Whether a write is waiting for its response."""
        return any(not self._unconfirmed.is_watched(short_id) for short_id in self._writing)

    def retry_permission(self) -> None:
        """Let writing be tried again: the permission may have been granted meanwhile."""
        self._permission_denied = None

    async def save(
        self,
        base: "Customer",
        changes: Mapping[str, str],
        observer: SaveObserver | None = None,
        *,
        unseen: bool = False,
    ) -> SaveResult:
        """Write `changes` (wire name to new text) made on `base`: read again, merge, send once, check the response.

        Raises EditConflict if others changed the same fields: nothing is sent then. With `unseen` the record is not
        read again, because the server refuses its ID in an address: changes of others are overwritten.
        """
        observer = observer or SaveObserver()
        async with self._exclusive(base.short_id), self._previous_attempt(base.short_id, observer) as earlier:
            kept: dict[str, str] = {}
            refused: Customer | None = None
            for _ in range(_SAVE_ROUNDS):
                theirs = base if unseen else await self._reread(base, observer)
                done = earlier.result_in(theirs)
                merged = merge(base, changes, theirs)
                kept |= self._writes.without_own(dict(merged.theirs_kept), theirs.short_id)
                if merged.conflicts:
                    why: ConflictReason = "changed" if earlier.write is None else "answer lost"
                    raise EditConflict(theirs, tuple(merged.conflicts), why)
                if not merged.to_send:
                    earlier.settle()
                    return SaveResult(theirs, kept) if done is None else done._replace(merged_from_others=kept)
                # If the record has not changed, the server's ETag handling is broken: retry without it.
                stood_still = refused is not None and refused.received == theirs.received
                try:
                    tag = None if stood_still else theirs.etag
                    saved = await self._send(theirs, merged.to_send, kept, tag, observer)
                except PreconditionFailed:
                    refused = theirs
                    continue
                earlier.settle()
                self._writes.remember(saved, theirs)
                return (
                    saved
                    if done is None
                    else saved._replace(previous_values={**saved.previous_values, **done.previous_values})
                )
            raise NotSaved("The customer kept changing while it was being saved. Nothing was overwritten. Save again.")

    async def create(
        self, short_id: str, values: Mapping[str, str], observer: SaveObserver | None = None
    ) -> SaveResult:
        """Create a customer. Raises CustomerExists if the ID is taken, discontinued or not.

        Fields left empty are not sent: a server may well refuse an empty e-mail address.
        """
        observer = observer or SaveObserver()
        async with self._exclusive(short_id), self._previous_attempt(short_id, observer) as earlier:
            if (done := await self._refuse_taken(short_id, earlier)) is not None:
                earlier.settle()
                self._writes.remember(done, None)
                return done
            body = {ID_FIELD: short_id} | {name: values[name] for name in WRITABLE_FIELDS if values.get(name)}
            await observer.on_send(None, body)
            try:
                saved = await self._post_new(body)
            except DockbookError as error:
                if not error.outcome_unknown:
                    raise
                saved = await self._confirm(UnconfirmedWrite(None, body, error, key=observer.key), observer)
            earlier.settle()
            self._writes.remember(saved, None)
            return saved

    async def discontinue(self, customer: "Customer", observer: SaveObserver | None = None) -> "Customer":
        """Mark as discontinued and return the record after it; the API cannot make it active again."""
        observer = observer or SaveObserver()
        async with self._exclusive(customer.short_id):
            theirs = await self._read_exactly(customer.short_id)
            if theirs.active is False:
                return theirs
            await observer.on_send(theirs, {STATUS: "discontinued"})
            try:
                async with self._server.client() as api:
                    await api.discontinue(theirs.short_id)
                now = await self._read_after_discontinuing(theirs)
            except DockbookError as error:
                if not error.outcome_unknown:
                    raise
                write = UnconfirmedWrite(theirs, {STATUS: "discontinued"}, error, key=observer.key)
                now = (await self._confirm(write, observer)).customer
            self._writes.remember(SaveResult(now), theirs)
            return now

    async def resolve_pending(self, write: UnconfirmedWrite, *, patient: bool) -> SaveResult:
        """Return what came of a write whose response an earlier run did not get; nothing is sent.

        Raises EditConflict or OutcomeUnknown, as the write itself would have. Unless `patient`, it reads once.
        """
        saved = await self._watch(write, self._confirm_delays if patient else ())
        self._writes.remember(saved, write.base)
        return saved

    async def _read_after_discontinuing(self, theirs: "Customer") -> "Customer":
        try:
            now = await self._read(theirs.short_id)
        except DockbookError:
            # The server said it is done; a failed read does not undo that.
            return theirs.model_copy(update={"active": False})
        if now.active is True:
            raise UnclearResponse(f"The server accepted it, but still says that {theirs.short_id} is active.")
        return now

    async def _send(
        self,
        theirs: "Customer",
        to_send: Mapping[str, str],
        kept: Mapping[str, str],
        tag: str | None,
        observer: SaveObserver,
    ) -> SaveResult:
        """POST once; if the response leaves it open, read until it is known what came of it."""
        await observer.on_send(theirs, to_send)
        try:
            async with self._server.client() as api:
                answer = await api.upsert(theirs.upsert_body(to_send), if_match=tag)
            return check_response(theirs, to_send, kept, answer, guarded=tag is not None)
        except DockbookError as error:
            if not error.outcome_unknown:
                raise
            return await self._confirm(UnconfirmedWrite(theirs, to_send, error, kept, observer.key), observer)

    async def _refuse_taken(self, short_id: str, earlier: "_PreviousAttempt | None" = None) -> SaveResult | None:
        """Raise CustomerExists if the ID is taken, unless the previous attempt created it: then return its result."""
        try:
            taken = await self._read(short_id)
        except NotFound:
            return None
        if earlier is not None and (done := earlier.result_in(taken)) is not None:
            return done
        raise CustomerExists(taken.short_id)

    async def _post_new(self, body: Mapping[str, str]) -> SaveResult:
        """POST once, or again without precondition if the server refuses that for an ID it does not have."""
        try:
            async with self._server.client() as api:
                answer = await api.create(body)
        except (PreconditionFailed, Conflict) as error:
            await self._refuse_taken(body[ID_FIELD])
            if isinstance(error, Conflict):
                raise
            async with self._server.client() as api:
                answer = await api.create(body, guarded=False)
        saved = check_create_response(body, answer.customer, says_new=answer.is_new, reports_new=self._reports_new)
        self._reports_new |= answer.is_new
        return saved

    async def _read(self, short_id: str) -> "Customer":
        # The local copy is written once a save, after the answer.
        return await self._reader.customer(short_id, cache=False)

    async def _read_exactly(self, short_id: str) -> "Customer":
        now = await self._read(short_id)
        if now.short_id != short_id:
            raise UnexpectedRecord(short_id, now.short_id)
        return now

    async def _reread(self, base: "Customer", observer: SaveObserver) -> "Customer":
        """Return the record as the server has it now. Raises EditConflict if it stays older than what is known."""
        own = self._writes[base.short_id]
        known = own.record if own is not None and self._writes.is_stale(base, own.record) else base
        now = await self._read_exactly(base.short_id)
        for pause in self._confirm_delays[:_LAG_PAUSES]:
            if not self._writes.is_stale(now, known):
                return now
            observer.on_stale_read()
            await asyncio.sleep(pause)
            now = await self._read_exactly(base.short_id)
        fields = tuple(name for name in WRITABLE_FIELDS if now.value(name) != known.value(name))
        if fields and self._writes.is_stale(now, known):
            # Once the person has decided, the next save goes by the older record.
            self._writes.forget(base.short_id)
            raise EditConflict(now, fields, "older")
        return now

    async def _confirm(self, write: UnconfirmedWrite, observer: SaveObserver) -> SaveResult:
        """Find out what came of a write that was just sent."""
        observer.on_unconfirmed(write)
        # Reads from now on may be from after the write.
        self._reader.invalidate()
        return await self._watch(write, self._confirm_delays)

    async def _watch(self, write: UnconfirmedWrite, pauses: Sequence[float]) -> SaveResult:
        self._unconfirmed.watch(write)
        try:
            return await self._poll_until_read(write, pauses)
        finally:
            self._unconfirmed.stop_watching(write)

    async def _poll_until_read(self, write: UnconfirmedWrite, pauses: Sequence[float]) -> SaveResult:
        """Read the record until it shows the write, for about a minute."""
        now: Customer | None = None
        why = ""
        until = _now() + sum(pauses) + _LONGEST_READING
        for pause in (0.0, *pauses):
            if pause and _now() < until:
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await write.confirmed.wait()
            elif _now() >= until:
                break
            try:
                read = await self._read(write.short_id)
            except NotFound:
                now, why = None, ""
            except DockbookError as failed:
                why = failed.title.lower()
            else:
                if write.result is None and write.is_of(read.short_id):
                    now, why = read, ""
                    write.result = write.resolve(read)
            if write.result is not None:
                self._unconfirmed.remove(write)
                return write.result
        reason = f"The customer cannot be read now ({why})" if why else write.describe_missing(now)
        cause = write.error.title
        raise OutcomeUnknown(f"{reason} ({cause[:1].lower()}{cause[1:]}).") from write.error

    @asynccontextmanager
    async def _previous_attempt(self, short_id: str, observer: SaveObserver) -> "AsyncIterator[_PreviousAttempt]":
        """Take over the unconfirmed write with the same key, if any, for the attempt that follows it."""
        key = observer.key
        write = next((one for one in self._unconfirmed.of(short_id) if key and one.key == key), None)
        earlier = _PreviousAttempt(write)
        if write is not None:
            self._unconfirmed.remove(write)
        try:
            yield earlier
        finally:
            if earlier.write is not None and not any(one.key == key for one in self._unconfirmed):
                self._unconfirmed.add(earlier.write)

    @asynccontextmanager
    async def _exclusive(self, short_id: str) -> AsyncIterator[None]:
        """Allow one write at a time for a customer, and none where writing is off."""
        if self._read_only_reason is not None:
            raise ReadOnly(self._read_only_reason)
        if self._unconfirmed.is_watched(short_id):
            raise DockbookError(f"The save of {short_id} before this one is not confirmed yet. Try again in a minute.")
        if short_id in self._writing:
            raise DockbookError(f"{short_id} is being saved already. Wait for the answer.")
        self._writing.add(short_id)
        try:
            yield
        except Forbidden as error:
            if error.permission is Permission.MODIFY:
                self._permission_denied = error.text
            raise
        else:
            self._permission_denied = None
        finally:
            self._reader.invalidate()
            self._writing.discard(short_id)


class _PreviousAttempt:
    """The unconfirmed write, if any, of the same form's previous attempt."""

    def __init__(self, write: UnconfirmedWrite | None) -> None:
        self.write = write

    def result_in(self, now: "Customer") -> SaveResult | None:
        """Return its result if the record shows it."""
        if self.write is None or not self.write.is_of(now.short_id):
            return None
        with suppress(EditConflict):
            return self.write.resolve(now)
        return None

    def settle(self) -> None:
        """Note that what the server holds is certain: nothing is left to be resolved."""
        self.write = None


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _nothing(_made_on: "Customer | None", _body: Mapping[str, str]) -> None:
    """Do nothing."""
