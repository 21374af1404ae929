"""The terminal program: the Textual app, and what starts it."""
