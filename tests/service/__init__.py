"""The service with real books, real credentials and no doubles."""
