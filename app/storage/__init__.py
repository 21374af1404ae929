"""Files and SQLite databases, the same way for everybody who keeps something on disk."""
