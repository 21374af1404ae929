"""Drafts of forms: files that survive however the program ends."""
