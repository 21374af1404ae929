"""The local copy of all customers: SQLite, kept in step with the server, searched by find."""
