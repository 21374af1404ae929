"""Find in the local copy."""
