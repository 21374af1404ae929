"""What the mirror knows about itself, as it is stored in its file."""

import json
import sqlite3
import zlib
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final, Self

from app.mirror.rows import CorruptRow

_DATES: Final = ("full_sync_at", "synced_at")


@dataclass(frozen=True, slots=True)
class MirrorState:
    """What the mirror holds, and how fresh it is.

    It holds `row_count` rows of `expected`. It is `complete` once a full sync ended, at `full_sync_at`; at `synced_at`
    it was last known to be what the server has; `newest` is the largest `modified` of the server's own values then,
    `""` without any. `full_sync` is the number of a full sync that began and has not ended, and `rows_this_sync` how
    many rows came in it; `full_syncs` counts them. `next_rowid` is the number of the next new row, and the first
    `sorted_prefix` numbers are in the order of the IDs. `changes` grows with every write of rows.
    """

    row_count: int = 0
    expected: int | None = None
    complete: bool = False
    full_sync_at: datetime | None = None
    synced_at: datetime | None = None
    newest: str = ""
    full_sync: int | None = None
    rows_this_sync: int = 0
    full_syncs: int = 0
    next_rowid: int = 0
    sorted_prefix: int = 0
    changes: int = 0

    @classmethod
    def read(cls, connection: sqlite3.Connection) -> Self:
        """The state in the file; raises `CorruptRow`."""
        found = connection.execute("SELECT value FROM meta WHERE name = 'state'").fetchone()
        if found is None:
            return cls()
        try:
            checksum, text = found[0].split(" ", 1)
            if int(checksum) != zlib.crc32(text.encode()):
                raise CorruptRow
            values: dict[str, Any] = json.loads(text)
            for name in _DATES:
                if values[name] is not None:
                    values[name] = datetime.fromisoformat(values[name])
            return cls(**values)
        except (ValueError, TypeError, KeyError, AttributeError):
            raise CorruptRow from None

    def write(self, connection: sqlite3.Connection) -> None:
        """Write it to the file."""
        values = asdict(self)
        for name in _DATES:
            if values[name] is not None:
                values[name] = values[name].isoformat()
        text = json.dumps(values)
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('state', ?)", (f"{zlib.crc32(text.encode())} {text}",))
