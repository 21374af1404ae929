"""Text from outside, made safe to show, compare and search."""
