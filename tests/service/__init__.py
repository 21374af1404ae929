"""The service, driven as it runs: real books, real credentials, no doubles."""
