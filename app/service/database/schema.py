"""The tables of the service, as data: one list of statements for every engine, and the steps from older schemas."""

from typing import Final

from app.models.fields import ID_FIELD, SORTABLE_FIELDS, WRITABLE_FIELDS
from app.service.database.base import Dialect

SCHEMA_VERSION: Final = 2

#: `COLLATE "C"` orders by code point, as SQLite and Python do.
POSTGRES: Final = Dialect(
    name="PostgreSQL",
    text='text COLLATE "C" NOT NULL',
    flag="boolean NOT NULL",
    true="true",
    false="false",
    row_column="",
    id_constraint="PRIMARY KEY",
    table_options="",
    json_object="CAST(json_build_object({pairs}) AS text)",
    active_json="active",
)
SQLITE: Final = Dialect(
    name="SQLite",
    text="TEXT NOT NULL",
    flag="INTEGER NOT NULL",
    true="1",
    false="0",
    row_column="row INTEGER PRIMARY KEY,",
    id_constraint="UNIQUE",
    table_options="STRICT",
    json_object="json_object({pairs})",
    active_json="json(iif(active, 'true', 'false'))",
)

_CUSTOMER: Final = f"""\
CREATE TABLE IF NOT EXISTS customer ({{row_column}}
    {ID_FIELD} {{text}} {{id_constraint}},
    {", ".join(f"{name} {{text}} DEFAULT ''" for name in WRITABLE_FIELDS)},
    active {{flag}} DEFAULT {{true}},
    created {{text}},
    modified {{text}},
    version INTEGER NOT NULL DEFAULT 1,
    etag {{text}} DEFAULT ''
) {{table_options}}"""
#: Every index ends in the key, so that it gives the whole order of a page, and no row is read only to be skipped.
INDEXES: Final = {
    f"customer_by_{column}": f"CREATE INDEX IF NOT EXISTS customer_by_{column} ON customer ({column}, {ID_FIELD})"
    for column in SORTABLE_FIELDS
    if column != ID_FIELD
}
_TABLES: Final = (
    # Each change: `after` is the whole record as JSON, `client_id` the credential that made it. Append-only.
    f"""\
CREATE TABLE IF NOT EXISTS history (
    {ID_FIELD} {{text}}, version INTEGER NOT NULL, at {{text}}, client_id {{text}}, after {{text}},
    PRIMARY KEY ({ID_FIELD}, version)
) {{table_options}}""",
    # How many customers have an ID from `first_id` on and before that of the next range.
    "CREATE TABLE IF NOT EXISTS id_range (first_id {text} PRIMARY KEY, customers INTEGER NOT NULL) {table_options}",
    # Hashes in hexadecimal, `permissions` as "130 131", `disabled` empty or the time.
    """\
CREATE TABLE IF NOT EXISTS credential (
    client_id {text} PRIMARY KEY, name {text}, secret_hash {text}, permissions {text}, created {text},
    disabled {text} DEFAULT '', UNIQUE (name)
) {table_options}""",
    """\
CREATE TABLE IF NOT EXISTS token (
    hash {text} PRIMARY KEY, client_id {text}, expires {text}
) {table_options}""",
    "CREATE INDEX IF NOT EXISTS token_by_expires ON token (expires)",
)
_FIRST_RANGE: Final = "INSERT INTO id_range (first_id, customers) VALUES ('', 0) ON CONFLICT (first_id) DO NOTHING"
#: The schema version of a PostgreSQL database; SQLite keeps it in the head of its file.
VERSION_TABLE: Final = "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY)"


def create_statements(dialect: Dialect) -> list[str]:
    """The statements that make all tables in an empty database. Each can be run again, and alone."""
    tables = [table.format(**dialect._asdict()) for table in (_CUSTOMER, *_TABLES)]
    return [*tables, *INDEXES.values(), _FIRST_RANGE]


#: SQLite only: from the schema of a version to the next one. Records keep their content and get entity tags.
SQLITE_UPGRADES: Final = {
    1: [
        "ALTER TABLE customer ADD COLUMN version INTEGER NOT NULL DEFAULT 1",
        "ALTER TABLE customer ADD COLUMN etag TEXT NOT NULL DEFAULT ''",
        "UPDATE customer SET etag = lower(hex(randomblob(16)))",
        *(table.format(**SQLITE._asdict()) for table in _TABLES),
    ]
}
