"""The draft of one form: begun with the first change, kept while there is one, gone when it is saved or discarded."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Final

from app.drafts.draft import Draft, PendingWrite, new_id
from app.errors import DockbookError, DraftNotSaved, EditConflict, OutcomeUnknown, ServerFault, TransportError

if TYPE_CHECKING:
    from app.drafts.store import DraftStore
    from app.models.customer import Customer

#: Seconds a disk may take for the note that something is being sent.
_NOTED_WITHIN: Final = 5.0


class FormDraft:
    """The draft of one form, in the store `drafts`, if there is one; `draft` is one that is continued.

    `key` is the ID of the draft, also before there is one.
    """

    def __init__(self, drafts: "DraftStore | None", draft: Draft | None = None) -> None:
        self._drafts = drafts
        self._draft = draft
        self.key = draft.id if draft is not None else new_id()
        # A write of an earlier try that may have arrived; a later try that sent nothing is no answer to it.
        self._in_doubt = draft.pending_write if draft is not None else None

    @property
    def possible(self) -> bool:
        """Whether drafts are kept here at all."""
        return self._drafts is not None

    @property
    def exists(self) -> bool:
        """Whether there is anything to keep."""
        return self._draft is not None

    @property
    def is_saved(self) -> bool:
        """Whether what is typed is on the disk."""
        return self._drafts is not None and self._draft is not None and self._drafts.is_saved(self._draft)

    @property
    def unconfirmed(self) -> bool:
        """Whether something was sent, and it is not known what came of it."""
        return self._draft is not None and self._draft.pending_write is not None

    @property
    def other_editors(self) -> tuple[Draft, ...]:
        """What other sessions have open of the same customer."""
        if self._drafts is None or self._draft is None:
            return ()
        return self._drafts.other_editors.get(self._draft.id, ())

    def update(self, customer: "Customer | None", typed: Mapping[str, str]) -> None:
        """Keep what is typed on this record; with nothing typed there is nothing to keep."""
        if self._drafts is None or (self._draft is None and not typed):
            return
        if not typed and not self.unconfirmed:
            self.delete()
            return
        short_id, base = (customer.short_id, customer.received) if customer else ("", None)
        draft = self._draft or self._drafts.begin(short_id, base, self.key)
        now = datetime.now().astimezone()
        self._put(draft._replace(short_id=short_id, base=base, edits=dict(typed), changed=now))

    async def mark_sending(self, made_on: "Customer | None", body: Mapping[str, str]) -> None:
        """Note on the disk that it is sent now, and what: if the program dies, the next one can find out.

        Raises DraftNotSaved if the disk takes nothing at all.
        """
        if self._drafts is not None:
            record = made_on.received if made_on else None
            # What is sent may have been put back by now, and the draft with it.
            draft = self._draft or self._drafts.begin(made_on.short_id if made_on else "", record, self.key)
            draft = draft._replace(
                state="sending", pending_write=PendingWrite(record, dict(body), datetime.now().astimezone())
            )
            self._put(draft)
            # A disk that takes no draft must not prevent saving, as long as it takes the note.
            if not await self._drafts.flush_async(_NOTED_WITHIN) and not self._drafts.is_noted(draft):
                why = self._drafts.problem or "the disk does not answer"
                raise DraftNotSaved(
                    f"This machine cannot note that it is being sent ({why}). After a crash nobody would know whether "
                    "it was saved. Press F10 to try again."
                )

    def mark_failed(self, error: DockbookError) -> None:
        """Note that it was not saved, unless that is just what is not known."""
        if self._draft is None:
            return
        nothing_new = self._in_doubt is not None and self._draft.pending_write is self._in_doubt
        if isinstance(error, OutcomeUnknown) or (nothing_new and not isinstance(error, EditConflict)):
            self._in_doubt = self._draft.pending_write
            return
        if self._in_doubt is not None and not isinstance(error, EditConflict):
            # This try was refused; the one before may still be carried out.
            self._put(self._draft._replace(state="sending", pending_write=self._in_doubt))
            return
        if not self._draft.edits:
            self.delete()
            return
        self._in_doubt = None
        not_sent = isinstance(error, TransportError | ServerFault)
        self._put(self._draft._replace(state="not sent" if not_sent else "editing", pending_write=None))

    def delete(self) -> None:
        """It is saved, or discarded by the person."""
        if self._drafts is not None and self._draft is not None:
            self._drafts.delete(self._draft)
            self._draft = None
        self.key = new_id()
        self._in_doubt = None

    def mark_saved(self, customer: "Customer") -> None:
        """Note that it is saved; later edits are a draft based on the new record."""
        self._in_doubt = None
        if self._draft is not None:
            self._draft = self._draft._replace(state="editing", pending_write=None, base=customer.received)

    def leave(self) -> None:
        """Leave it for later."""
        if self._drafts is not None and self._draft is not None:
            self._drafts.release(self._draft)
            self._draft = None

    def _put(self, draft: Draft) -> None:
        self._draft = draft
        if self._drafts is not None:
            self._drafts.save(draft)
