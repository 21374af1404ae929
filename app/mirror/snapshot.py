"""What the list showed last, read from the mirror's file before anything slow is imported."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from app.errors import StoreError
from app.mirror.database import MirrorCorrupt, open_reader, translate_errors
from app.mirror.rows import READ_COLUMNS, CorruptRow, checksum
from app.mirror.search.ordering import order_by
from app.mirror.state import MirrorState
from app.models.fields import ID_FIELD, WIRE_FIELDS, Origin, PageRequest
from app.storage.sqlite import transaction

_ACTIVE = WIRE_FIELDS.index("active")


class SnapshotRow:
    """One row to show: the texts of a customer, and nothing that could be written back."""

    #: Problems of a record are known once it was read completely.
    has_problems = False

    def __init__(self, values: Sequence[object]) -> None:
        active = values[_ACTIVE]
        self.active = None if active is None else bool(active)
        self._texts = {name: str(value) for name, value in zip(WIRE_FIELDS, values, strict=True)}
        self._texts["active"] = {True: "active", False: "discontinued", None: "unknown"}[self.active]

    @property
    def short_id(self) -> str:
        """The ID."""
        return self._texts[ID_FIELD]

    def value(self, field: str) -> str:
        """The text of the field with this wire name."""
        return self._texts[field]


class ListSnapshot(NamedTuple):
    """The first rows as they were, and how fresh they are."""

    rows: Sequence[SnapshotRow]
    origin: Origin


def read_snapshot(path: Path, request: PageRequest) -> ListSnapshot | None:
    """The page as the mirror's file has it, `None` if the mirror is incomplete; blocks for a few milliseconds.

    Only the plain list in an order of the mirror's own is read. A corrupt file is left to the mirror, which reports it
    when it is opened.
    """
    if request.needs_mirror or request.sort not in WIRE_FIELDS:
        return None
    first = (request.page - 1) * request.page_size
    try:
        connection = open_reader(path, full_text=None)
        try:
            with translate_errors(path), transaction(connection):
                state = MirrorState.read(connection)
                if not state.complete or first > state.row_count:
                    return None
                found = connection.execute(
                    f"SELECT {READ_COLUMNS} FROM customer {order_by(request.sort, request.direction)} LIMIT ? OFFSET ?",
                    (request.page_size, first),
                )
                rows = [_read_row(row) for row in found]
        finally:
            connection.close()
    except (MirrorCorrupt, StoreError, sqlite3.Error):
        return None
    return ListSnapshot(rows, Origin(state.synced_at, state.row_count, state.expected))


def _read_row(row: tuple[object, ...]) -> SnapshotRow:
    _, *values, _disambiguator, record, check = row
    if check != checksum(values, None if record is None else str(record)):
        raise CorruptRow
    return SnapshotRow(values)
