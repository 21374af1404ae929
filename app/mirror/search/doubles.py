"""Groups of customers that share a phone, an e-mail or an address."""

import sqlite3
from typing import Final

from app.mirror.state import MirrorState
from app.models.doubles import DoubleGroup, DoubleMember, Doubles, SharedField
from app.models.fields import ID_FIELD, Origin
from app.text.double_keys import address_key, email_key, phone_key

#: The members of a group that are returned; a switchboard's number may be that of thousands.
MOST_MEMBERS: Final = 10

#: How the key of each shared field is worked out, in SQL and in Python.
_KEYS: Final[dict[SharedField, str]] = {
    "phone": "phone_key(phone)",
    "email": "email_key(email)",
    "address1": "address_key(address1, address2, zip, city)",
}


def find_doubles(connection: sqlite3.Connection, state: MirrorState, most: int) -> Doubles:
    """Return at most this many groups. SQLite sorts the keys; no more than the groups returned is held here."""
    for function, arguments in ((phone_key, 1), (email_key, 1), (address_key, 4)):
        connection.create_function(function.__name__, arguments, function, deterministic=True)
    shared: dict[tuple[int, ...], list[SharedField]] = {}
    sizes: dict[tuple[int, ...], int] = {}
    truncated = False
    for field, key in _KEYS.items():
        # Rows without an ID of their own cannot be opened.
        found = connection.execute(
            f"""
            WITH keyed AS MATERIALIZED (
                SELECT rowid, {ID_FIELD}, {key} AS key FROM customer WHERE disambiguator = ''
            ), ranked AS (
                SELECT rowid, key, count(*) OVER alike AS size, min({ID_FIELD}) OVER alike AS first,
                    row_number() OVER (PARTITION BY key ORDER BY {ID_FIELD}) AS number
                FROM keyed WHERE key IS NOT NULL WINDOW alike AS (PARTITION BY key)
            )
            SELECT group_concat(rowid), max(size) FROM ranked WHERE size > 1 AND number <= {MOST_MEMBERS}
            GROUP BY key ORDER BY min(first) LIMIT ?
            """,
            (most + 1,),
        ).fetchall()
        truncated |= len(found) > most
        for rowids, size in found:
            members = tuple(sorted(map(int, rowids.split(","))))
            sizes[members] = max(size, sizes.get(members, 0))
            shared.setdefault(members, []).append(field)
    groups = [
        DoubleGroup(tuple(fields), _members(connection, rowids), sizes[rowids]) for rowids, fields in shared.items()
    ]
    groups.sort(key=lambda group: (-len(group.shared), group.members[0].short_id))
    origin = Origin(state.synced_at, state.row_count, state.expected)
    return Doubles(tuple(groups[:most]), truncated or len(groups) > most, origin)


def _members(connection: sqlite3.Connection, rowids: tuple[int, ...]) -> tuple[DoubleMember, ...]:
    """The customers of these rows, by ID."""
    rows = connection.execute(
        f"SELECT {ID_FIELD}, name, active FROM customer WHERE rowid IN ({', '.join('?' * len(rowids))})"
        f" ORDER BY {ID_FIELD}",
        rowids,
    )
    return tuple(
        DoubleMember(short_id, name, None if active is None else active == 1) for short_id, name, active in rows
    )
