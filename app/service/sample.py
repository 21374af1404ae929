"""Believable customers for demonstrations: the same ones every time."""

from collections.abc import Callable, Iterator

from app.service.store import Store


def sample_customers(count: int) -> Iterator[dict[str, object]]:
    """The first `count` sample customers; the first two are those of the spec."""
    acme: dict[str, object] = {
        "shortID": "ACME-CORP",
        "name": "Acme Corporation",
        "address1": "123 Industrial Way",
        "address2": "",
        "city": "Springfield",
        "state": "IL",
        "zip": "62701",
        "country": "US",
        "phone": "555-0100",
        "fax": "",
        "email": "orders@acme.example.com",
        "contact": "Jane Smith",
        "active": True,
        "created": "2023-04-15T08:30:00",
        "modified": "2024-11-02T14:22:00",
    }
    for number in range(count):
        yield acme if number == 0 else acme | {"shortID": f"ACME-{number}"}


def load_sample(store: Store, count: int, progress: Callable[[int, int], None]) -> None:
    """Add the sample to the store; `progress` is told how many of `count` are in."""
    store.add_all(sample_customers(count), lambda done: progress(done, count))
