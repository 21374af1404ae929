"""Sample customers for demonstrations and tests."""
