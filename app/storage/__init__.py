"""Files, locks and SQLite databases on disk."""
