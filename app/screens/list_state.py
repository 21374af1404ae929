"""How the list was left: filter, order, columns and rows a page, for each site, to begin the next time from there."""

import asyncio
import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, Self

from app.models.fields import BY_NAME, ID_FIELD, MAX_PAGE_SIZE, MIN_PAGE_SIZE, Direction, Status
from app.storage.files import NotARegularFile, atomic_write, make_private_dir, open_regular_file, os_error_text

_FORMAT: Final = 1
_MOST_BYTES: Final = 64 * 1024


class ListState(NamedTuple):
    """How a list looks: `sort` `None` is the server's own order, `columns` `None` as many as fit, `preview` `None` only
    where there is much room.

    `page_size` is a number of rows, `fit` for as many as can be seen, or `None` when nobody chose.
    """

    sort: str | None = ID_FIELD
    direction: Direction = "ASC"
    status: Status = "all"
    page_size: int | Literal["fit"] | None = None
    columns: tuple[str, ...] | None = None
    preview: bool | None = None

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
        # Older versions did not have it.
        preview = kept.get("preview")
        _check(preview is None or isinstance(preview, bool), "preview")
        return cls(sort, direction, status, size, None if columns is None else tuple(columns), preview)


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
        text = json.dumps({"format": _FORMAT} | view._asdict(), indent=1)
        # A power failure loses a choice of columns at most: no fsync.
        atomic_write(self._path, f"{text}\n".encode(), durable=False)

    def _read(self) -> ListState:
        try:
            with os.fdopen(open_regular_file(self._path, os.O_RDONLY), "rb") as file:
                # What is longer than that is cut, and so no JSON.
                kept: Any = json.loads(file.read(_MOST_BYTES))
            return ListState.from_json(kept)
        except FileNotFoundError:
            return ListState()
        except NotARegularFile:
            return self._set_aside()
        except OSError as error:
            self.note = f"How the list was left cannot be read: {os_error_text(error)}."
            return ListState()
        except (ValueError, KeyError, TypeError, RecursionError):
            return self._set_aside()

    def _set_aside(self) -> ListState:
        aside = self._path.with_suffix(f".damaged-{datetime.now(UTC):%Y%m%d-%H%M%S}")
        try:
            self._path.replace(aside)
        except OSError as error:
            self.note = f"How the list was left cannot be read: {os_error_text(error)}."
        else:
            self.note = f"How the list was left could not be understood; it was set aside as {aside.name}."
        return ListState()


def _check(fine: bool, name: str) -> None:
    if not fine:
        raise ValueError(f"{name} is not what it can be")


class ListStateSaver:
    """Writes list states in the background, one at a time, so that the newest is written last."""

    def __init__(self, file: ListStateFile, on_error: Callable[[str], None]) -> None:
        self._file = file
        self._on_error = on_error
        self._newest: ListState | None = None
        self._writing = asyncio.Lock()

    async def save(self, state: ListState) -> None:
        """Write the state, unless a newer one is to be written by then."""
        self._newest = state
        async with self._writing:
            newest, self._newest = self._newest, None
            if newest is not None:
                try:
                    await asyncio.to_thread(self._file.save, newest)
                except OSError as error:
                    self._on_error(f"The settings of the list could not be saved: {os_error_text(error)}.")
