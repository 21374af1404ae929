"""Asks the wire: the Customer API over HTTP, with tokens, deadlines and retries."""
