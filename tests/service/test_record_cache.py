"""The cache of records: finds what it was given, and forgets what was not asked for lately."""

import pytest

from app.service import record_cache
from app.service.record_cache import RecordCache


def test_records_are_found_in_their_order_or_not_at_all() -> None:
    cache = RecordCache()
    cache.add([("a", b"{1}"), ("b", b"{2}")])
    assert cache.find(["b", "a"]) == [b"{2}", b"{1}"]
    assert cache.find(["a", "c"]) is None


def test_old_records_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_cache, "_SIZE", 1000)
    cache = RecordCache()
    kept = []
    for number in range(100):
        cache.add([(str(number), b"x" * 100)])
        kept.append(sum(cache.find([str(before)]) is not None for before in range(number + 1)))
    assert max(kept) <= 22
    assert min(kept[22:]) >= 10
