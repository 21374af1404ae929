"""The embedded HTTP service: the Customer API on a SQLite file."""
