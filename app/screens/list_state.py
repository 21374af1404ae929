"""What is kept of the list for each site: how it was left, the filters that have a name, who was opened last."""

import asyncio
import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, Self, get_args

from app.models.fields import BY_NAME, ID_FIELD, MAX_PAGE_SIZE, MIN_PAGE_SIZE, Direction, Period, Status
from app.storage.files import (
    FileLock,
    NotARegularFile,
    atomic_write,
    make_private_dir,
    open_regular_file,
    os_error_text,
)

_FORMAT: Final = 1
_MOST_BYTES: Final = 256 * 1024
#: How many filters and IDs are kept, and how long a filter's texts and an ID may be.
MOST_FILTERS: Final = 50
MOST_OPENED: Final = 10
MOST_CHARACTERS: Final = 200
_LOCK_SECONDS: Final = 1.0


class SavedFilter(NamedTuple):
    """What a list shows, under a name; fields as in a page request."""

    name: str
    find: str = ""
    status: Status = "all"
    period: Period = ""
    sort: str | None = ID_FIELD
    direction: Direction = "ASC"

    @classmethod
    def from_json(cls, kept: object) -> Self:
        """Read what was kept; raises ValueError or TypeError when it is no filter."""
        if not isinstance(kept, Mapping):
            raise TypeError("not a filter")
        name, find, status, period, sort, direction = (kept[field] for field in cls._fields)
        for text in (name, find):
            _check(isinstance(text, str) and len(text) <= MOST_CHARACTERS, "name")
        _check(status in get_args(Status) and period in get_args(Period), "status")
        _check(sort is None or sort in BY_NAME, "sort")
        _check(direction in get_args(Direction), "direction")
        return cls(name, find, status, period, sort, direction)


class ListState(NamedTuple):
    """How a list looks: `sort` `None` is the server's own order, `columns` `None` as many as fit, `preview` `None` only
    where there is much room.

    `page_size` is a number of rows, `fit` for as many as can be seen, or `None` when nobody chose. `opened` are the IDs
    of the customers opened last, the last one first.
    """

    sort: str | None = ID_FIELD
    direction: Direction = "ASC"
    status: Status = "all"
    page_size: int | Literal["fit"] | None = None
    columns: tuple[str, ...] | None = None
    preview: bool | None = None
    filters: tuple[SavedFilter, ...] = ()
    opened: tuple[str, ...] = ()

    def with_look(self, look: "ListState") -> Self:
        """Return it with the look of another one."""
        return self._replace(
            sort=look.sort,
            direction=look.direction,
            status=look.status,
            page_size=look.page_size,
            columns=look.columns,
            preview=look.preview,
        )

    def with_filter(self, new: SavedFilter) -> Self:
        """Return it with this filter, in place of one of the same name; the oldest of too many goes."""
        others = (one for one in self.filters if one.name != new.name)
        return self._replace(filters=(*others, new)[-MOST_FILTERS:])

    def without_filter(self, name: str) -> Self:
        """Return it without the filter of this name."""
        return self._replace(filters=tuple(one for one in self.filters if one.name != name))

    def with_opened(self, short_id: str) -> Self:
        """Return it with this customer opened last."""
        if len(short_id) > MOST_CHARACTERS:
            return self
        return self._replace(opened=(short_id, *(one for one in self.opened if one != short_id))[:MOST_OPENED])

    @classmethod
    def from_json(cls, kept: object) -> Self:
        """Read what was kept; raises ValueError when it is not a view of ours."""
        if not isinstance(kept, Mapping) or kept.get("format") != _FORMAT:
            raise ValueError("not a view")
        columns = kept["columns"]
        sort, direction, status, size = (kept[name] for name in ("sort", "direction", "status", "page_size"))
        _check(sort is None or sort in BY_NAME, "sort")
        _check(direction in ("ASC", "DESC"), "direction")
        _check(status in ("all", "active", "discontinued"), "status")
        fits = type(size) is int and MIN_PAGE_SIZE <= size <= MAX_PAGE_SIZE
        _check(size in (None, "fit") or fits, "page_size")
        _check(columns is None or (isinstance(columns, list) and all(name in BY_NAME for name in columns)), "columns")
        # Older versions did not have them.
        preview, filters, opened = kept.get("preview"), kept.get("filters", []), kept.get("opened", [])
        _check(preview is None or isinstance(preview, bool), "preview")
        _check(isinstance(filters, list) and len(filters) <= MOST_FILTERS, "filters")
        _check(isinstance(opened, list) and all(isinstance(one, str) for one in opened), "opened")
        return cls(
            *(sort, direction, status, size, None if columns is None else tuple(columns), preview),
            tuple(SavedFilter.from_json(one) for one in filters),
            tuple(opened[:MOST_OPENED]),
        )

    def to_json(self) -> dict[str, object]:
        """Return what `from_json` reads."""
        return {"format": _FORMAT} | self._asdict() | {"filters": [one._asdict() for one in self.filters]}


#: Makes another state of a state.
Change = Callable[[ListState], ListState]
#: What reading a file raises that is not ours.
_UNREADABLE: Final = (ValueError, KeyError, TypeError, RecursionError)


class ListStateFile:
    """The view of one site, in a file of its own for its owner alone.

    `note` says what a person should know of reading it; a file that cannot be understood is set aside.
    """

    def __init__(self, folder: Path, site: str) -> None:
        word = re.sub(r"[^a-z0-9]+", "-", site.lower()).strip("-")[:40] or "site"
        self._path = folder / f"{word}-{hashlib.sha256(site.encode()).hexdigest()[:8]}.json"
        self.note = ""
        self.state = self._read()

    def save(self, view: ListState) -> None:
        """Write it down; raises OSError when that cannot be. Blocks: run it in a thread."""
        self.state = view
        make_private_dir(self._path.parent)
        text = json.dumps(view.to_json(), indent=1)
        # A power failure loses a choice of columns at most: no fsync.
        atomic_write(self._path, f"{text}\n".encode(), durable=False)

    def update(self, changes: Sequence[Change]) -> ListState:
        """Change what is in the file now, which another dockbook may have changed; returns it. Raises, blocks: `save`.

        A file that cannot be understood any more is replaced by what this dockbook knows.
        """
        make_private_dir(self._path.parent)
        lock = FileLock(self._path.with_suffix(".lock"))
        try:
            # Without the lock a change that another one makes at this very moment could be lost.
            lock.acquire(timeout=_LOCK_SECONDS)
            try:
                state = self._load()
            except (OSError, *_UNREADABLE):
                state = self.state
            for change in changes:
                state = change(state)
            self.save(state)
        finally:
            lock.release()
        return state

    def _load(self) -> ListState:
        with os.fdopen(open_regular_file(self._path, os.O_RDONLY), "rb") as file:
            # What is longer than that is cut, and so no JSON.
            kept: Any = json.loads(file.read(_MOST_BYTES))
        return ListState.from_json(kept)

    def _read(self) -> ListState:
        try:
            return self._load()
        except FileNotFoundError:
            return ListState()
        except NotARegularFile:
            return self._set_aside()
        except OSError as error:
            self.note = f"The saved settings of the list cannot be read: {os_error_text(error)}."
            return ListState()
        except _UNREADABLE:
            return self._set_aside()

    def _set_aside(self) -> ListState:
        aside = self._path.with_suffix(f".damaged-{datetime.now(UTC):%Y%m%d-%H%M%S}")
        try:
            self._path.replace(aside)
        except OSError as error:
            self.note = f"The saved settings of the list cannot be read: {os_error_text(error)}."
        else:
            self.note = f"The saved settings of the list are damaged. They were set aside as {aside.name}."
        return ListState()


def _check(fine: bool, name: str) -> None:
    if not fine:
        raise ValueError(f"{name} is not what it can be")


class ListStateKeeper:
    """The state of the list while the program runs, and in its file, if there is one: written in the background."""

    def __init__(self, file: ListStateFile | None) -> None:
        self._file = file
        self._changes: list[Change] = []
        self._writing = asyncio.Lock()
        self.state = file.state if file is not None else ListState()
        #: Called with a sentence when the file cannot be written.
        self.on_error: Callable[[str], None] = lambda _text: None

    async def update(self, change: Change) -> None:
        """Change the state at once, and then in its file."""
        self.state = change(self.state)
        if self._file is None:
            return
        self._changes.append(change)
        async with self._writing:
            changes, self._changes = self._changes, []
            if not changes:
                return
            try:
                state = await asyncio.to_thread(self._file.update, changes)
            except OSError as error:
                self.on_error(f"The settings of the list cannot be saved: {os_error_text(error)}.")
                return
            # Others come after what was written.
            for later in self._changes:
                state = later(state)
            self.state = state
