"""Drafts of forms: files that survive whatever ends the program."""
