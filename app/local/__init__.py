"""What this machine keeps: the mirror, drafts, and how the list was left."""
