"""The database of the service: one schema in portable SQL, on a SQLite file or on PostgreSQL."""
