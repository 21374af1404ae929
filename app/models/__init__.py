"""What a customer is: its fields, records, pages and requests."""
