"""The folder of drafts: one file a draft, written beside, synced, renamed; what cannot be read is set aside.

Everything here blocks, and raises OSError where the disk does not do what it should.
"""

import errno
import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from app.drafts.draft import LARGEST, CorruptDraft, Draft, DraftChanged, DraftListing, NewerDraft, customer_key
from app.drafts.session_lock import is_running, remove_stale
from app.storage.files import (
    NotARegularFile,
    delete_on_error,
    make_private_dir,
    open_regular_file,
    sync_dir,
    write_new_file,
)

#: Stands for the session in the file name of an unclaimed draft.
_NOBODY: Final = "kept"
_NAME: Final = re.compile(r"(?P<server>[0-9a-f]{16})\.(?P<customer>[0-9a-f]{16})\.(?P<id>[0-9a-f]{32})\."
                          r"(?P<session>kept|[0-9a-f]{12})\.json")  # fmt: skip

Write = Callable[[Path, bytes], None]


class DraftFiles:
    """The drafts of one server, under any of its names (`server_keys`).

    `write` puts bytes into a new file for good, and is there to be bent by tests.
    """

    def __init__(self, path: Path, *servers: str, write: Write | None = None) -> None:
        self.path = path
        self._servers = servers
        self._write = write or write_new_file

    def write(self, draft: Draft) -> None:
        """Write the draft; the previous file stays until the new one is complete."""
        make_private_dir(self.path)
        path = self._path(draft)
        temp = path.with_suffix(".new")
        content = draft.to_bytes()
        if len(content) > LARGEST:
            # It would be taken for damaged when it is read.
            raise OSError(errno.EFBIG, "The customer is too large")
        # A disk that failed may have kept an earlier one.
        temp.unlink(missing_ok=True)
        with delete_on_error(temp):
            self._write(temp, content)
            for older in self._files_of(draft):
                # The draft changed hands: there must never be two files of it.
                older.rename(path)
            temp.rename(path)
        self._note(draft.id).unlink(missing_ok=True)
        sync_dir(self.path)

    def note_sent(self, draft: Draft) -> None:
        """Note that the draft is being sent, where the draft itself cannot be written: an empty file takes no room."""
        make_private_dir(self.path)
        self._note(draft.id).touch(0o600)
        sync_dir(self.path)

    def delete(self, draft: Draft) -> None:
        """Remove the draft; it may be gone already."""
        if self.path.is_dir():
            # A new customer's draft may still stand there under the name from before it had an ID.
            for path in self.path.glob(f"{draft.server}.*.{draft.id}.{draft.session or _NOBODY}.json"):
                path.unlink(missing_ok=True)
            self._note(draft.id).unlink(missing_ok=True)
            sync_dir(self.path)

    def claim(self, draft: Draft, session: str) -> Draft | None:
        """Claim an unclaimed draft; `None` if another session was faster.

        Raises `DraftChanged`, and leaves it free, when it is not any more what it was.
        """
        if draft.session and is_running(self.path, draft.session):
            return None
        taken = draft._replace(session=session)
        free, own = self._path(draft), self._path(taken)
        try:
            # Only one of two who do this finds the file.
            free.rename(own)
        except FileNotFoundError:
            return self._take_elsewhere(draft, session)
        try:
            now = self._load(own, draft.session)
        except (CorruptDraft, NewerDraft):
            # The next listing reports it.
            own.rename(free)
            return None
        if not now.same_content(draft):
            own.rename(free)
            raise DraftChanged(now)
        sync_dir(self.path)
        return taken

    def _take_elsewhere(self, draft: Draft, session: str) -> Draft | None:
        """The same for a draft that another session has renamed meanwhile."""
        now = next((other for other in self.list_drafts(session).unclaimed if other.id == draft.id), None)
        if now is None:
            return None
        if not now.same_content(draft):
            raise DraftChanged(now)
        return None if self._path(now) == self._path(draft) else self.claim(now, session)

    def list_drafts(self, own: str, short_id: str | None = None) -> DraftListing:
        """All drafts, or those of one customer, but for those the session `own` has open."""
        if not self.path.is_dir():
            return DraftListing()
        self._sweep_unfinished()
        remove_stale(self.path)
        free: dict[str, Draft] = {}
        elsewhere: list[Draft] = []
        notes: list[str] = []
        for path, session in self._files("*" if short_id is None else customer_key(short_id)):
            if session == own:
                continue
            draft = self._read(path, session, notes)
            if draft is None:
                continue
            if session and is_running(self.path, session):
                elsewhere.append(draft)
            elif draft.id not in free or draft.changed > free[draft.id].changed:
                free[draft.id] = draft
        newest_first = sorted(free.values(), key=lambda draft: draft.changed, reverse=True)
        return DraftListing(tuple(newest_first), tuple(elsewhere), tuple(notes))

    def _read(self, path: Path, session: str, notes: list[str]) -> Draft | None:
        """The draft in this file; `None`, and a note, when there is none that can be read."""
        try:
            return self._load(path, session)
        except FileNotFoundError:
            return None
        except NewerDraft:
            notes.append(f"A newer dockbook wrote the draft {path.name}; it is left for that one.")
        except CorruptDraft:
            if not (session and is_running(self.path, session)):
                notes.append(f"A damaged draft was set aside as {self._set_aside(path)}.")
        return None

    def other_editors(self, draft: Draft) -> tuple[Draft, ...]:
        """What other sessions that still run have open of the same customer."""
        open_elsewhere = []
        for path, session in self._files(customer_key(draft.short_id)) if draft.short_id else ():
            if session not in ("", draft.session) and is_running(self.path, session):
                with suppress(FileNotFoundError, CorruptDraft, NewerDraft):
                    open_elsewhere.append(self._load(path, session))
        return tuple(open_elsewhere)

    def _load(self, path: Path, session: str) -> Draft:
        draft = _read(path, session)
        return draft.as_sent if self._note(draft.id).exists() else draft

    def _note(self, draft_id: str) -> Path:
        """The file that says of a draft that it was being sent when the disk took nothing more."""
        return self.path / f"{draft_id}.sent"

    def _path(self, draft: Draft) -> Path:
        customer = customer_key(draft.short_id or draft.id)
        return self.path / f"{draft.server}.{customer}.{draft.id}.{draft.session or _NOBODY}.json"

    def _files(self, customer: str) -> Iterator[tuple[Path, str]]:
        for path in sorted(path for one in self._servers for path in self.path.glob(f"{one}.{customer}.*.json")):
            if (parts := _NAME.fullmatch(path.name)) is not None:
                yield path, "" if parts["session"] == _NOBODY else parts["session"]

    def _files_of(self, draft: Draft) -> list[Path]:
        """The file of this draft under the name of another session, or of another customer ID."""
        path = self._path(draft)
        return [other for other in self.path.glob(f"{draft.server}.*.{draft.id}.*.json") if other != path]

    def _sweep_unfinished(self) -> None:
        """Remove what was written beside a draft by a session that was killed before it could rename it."""
        for path in self.path.glob("*.new"):
            of = _NAME.fullmatch(path.with_suffix(".json").name)
            if of is not None and of["session"] != _NOBODY and not is_running(self.path, of["session"]):
                path.unlink(missing_ok=True)
        for note in self.path.glob("*.sent"):
            if next(self.path.glob(f"*.{note.stem}.*.json"), None) is None:
                note.unlink(missing_ok=True)

    def _set_aside(self, path: Path) -> str:
        aside = make_private_dir(self.path / "set-aside") / path.name
        path.rename(aside)
        return f"{aside.parent.name}/{aside.name}"


def _read(path: Path, session: str) -> Draft:
    try:
        with os.fdopen(open_regular_file(path, os.O_RDONLY), "rb") as file:
            content = file.read(LARGEST + 1)
    except NotARegularFile:
        raise CorruptDraft from None
    if len(content) > LARGEST:
        raise CorruptDraft
    return Draft.from_bytes(content, session)
