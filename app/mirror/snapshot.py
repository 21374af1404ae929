"""What the list showed last, read from the mirror's file before anything slow is imported."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from app.errors import StoreError
from app.mirror.database import Damaged, open_reader, told, transaction
from app.mirror.row_checksum import READ, DamagedRow, check_of
from app.mirror.state import MirrorState
from app.models.fields import ID_FIELD, WIRE_FIELDS, Origin, PageRequest

_ACTIVE = WIRE_FIELDS.index("active")


class GlimpsedRow:
    """One row to look at: the texts of a customer, and nothing that could be written back."""

    #: What is out of the ordinary about a record is told when it was read whole.
    odd = False

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


class Glimpse(NamedTuple):
    """The first rows as they were, and how far to trust them."""

    rows: Sequence[GlimpsedRow]
    origin: Origin


def glimpse(path: Path, request: PageRequest) -> Glimpse | None:
    """The page as the mirror's file has it, or nothing if it has not all customers; blocks for a few milliseconds.

    Only the plain list in an order of the mirror's own is read so. Damage is no matter here: the mirror, when it is
    opened, sees to that.
    """
    if request.needs_mirror or request.sort not in WIRE_FIELDS:
        return None
    order = ", ".join(f"{name} {request.direction}" for name in dict.fromkeys((request.sort, ID_FIELD, "odd")))
    first = (request.page - 1) * request.page_size
    try:
        connection = open_reader(path, at_once=True)
        try:
            with told(path), transaction(connection):
                state = MirrorState.read(connection)
                if not state.whole or first > state.seen:
                    return None
                found = connection.execute(
                    f"SELECT {READ} FROM customer ORDER BY {order} LIMIT ? OFFSET ?", (request.page_size, first)
                )
                rows = [_row(row) for row in found]
        finally:
            connection.close()
    except (Damaged, StoreError, sqlite3.Error):
        return None
    return Glimpse(rows, Origin(state.synced_at, state.seen, state.expected))


def _row(row: tuple[object, ...]) -> GlimpsedRow:
    _, *values, _odd, record, checksum = row
    if checksum != check_of(values, None if record is None else str(record)):
        raise DamagedRow
    return GlimpsedRow(values)
