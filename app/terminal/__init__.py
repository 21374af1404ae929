"""What the terminal itself needs."""
