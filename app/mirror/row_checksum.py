"""The columns of a stored customer, as every reader of the file knows them; nothing here takes long to import."""

import zlib
from collections.abc import Iterable
from typing import Final

from app.models.fields import WIRE_FIELDS

#: The columns of a stored customer; the last three are what is looked up: ID and name as they are found, and the look.
COLUMNS: Final = (*WIRE_FIELDS, "odd", "record", "checksum", "fid", "fname", "look")
#: The columns that a customer is read from.
READ: Final = ", ".join(("place", *COLUMNS[:-3]))


class DamagedRow(Exception):
    """A row is not what was once written."""


def blob(value: object) -> bytes:
    """What a column of bytes gave; raises `DamagedRow` when it is something else."""
    if not isinstance(value, bytes):
        raise DamagedRow
    return value


def check_of(values: Iterable[object], record: str | None) -> int:
    """A sum that shows a changed bit."""
    return zlib.crc32("\x1f".join(map(str, (*values, record))).encode())
