"""What a mirror knows of itself, as it stands in its file."""

import json
import sqlite3
import zlib
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final, Self

from app.mirror.database import BLOCK_BITS
from app.mirror.row_checksum import DamagedRow

_DATES: Final = ("swept_at", "synced_at")


@dataclass(frozen=True, slots=True)
class MirrorState:
    """What the mirror holds, and how fresh it is.

    `seen` rows of `expected`; `whole` once a sweep came to its end (at `swept_at`); `synced_at` when it was last known
    to be what the server has; `newest` the largest `modified` of the server's own values then, `""` without any.
    `sweep` is the number of a sweep that was begun and not ended, and `swept` how many rows came in it. `next_place` is
    where the next new row comes, and `ordered` how many of the first places are in the order of the IDs.
    `changes` grows with every write of rows.
    """

    seen: int = 0
    expected: int | None = None
    whole: bool = False
    swept_at: datetime | None = None
    synced_at: datetime | None = None
    newest: str = ""
    sweep: int | None = None
    swept: int = 0
    sweeps: int = 0
    next_place: int = 0
    ordered: int = 0
    changes: int = 0

    @property
    def blocks(self) -> int:
        """How many blocks the rows stand in."""
        return -(-self.next_place // (1 << BLOCK_BITS))

    @classmethod
    def read(cls, connection: sqlite3.Connection) -> Self:
        """The state of the file; raises `DamagedRow`."""
        found = connection.execute("SELECT value FROM meta WHERE name = 'state'").fetchone()
        if found is None:
            return cls()
        try:
            checksum, text = found[0].split(" ", 1)
            if int(checksum) != zlib.crc32(text.encode()):
                raise DamagedRow
            values: dict[str, Any] = json.loads(text)
            for name in _DATES:
                if values[name] is not None:
                    values[name] = datetime.fromisoformat(values[name])
            return cls(**values)
        except (ValueError, TypeError, KeyError, AttributeError):
            raise DamagedRow from None

    def write(self, connection: sqlite3.Connection) -> None:
        """Note it in the file."""
        values = asdict(self)
        for name in _DATES:
            if values[name] is not None:
                values[name] = values[name].isoformat()
        text = json.dumps(values)
        whole = f"{zlib.crc32(text.encode())} {text}"
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('state', ?)", (whole,))
