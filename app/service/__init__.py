"""Answers the wire: the same Customer API on a SQLite file."""
