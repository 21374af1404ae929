"""The snapshot read from the mirror's file has the rows that the mirror itself shows."""

from pathlib import Path
from typing import get_args

import pytest

from app.mirror.snapshot import read_snapshot
from app.models.customer import Customer
from app.models.fields import FIELDS, WIRE_FIELDS, Direction, PageRequest
from app.service.sample.generator import sample_customers
from tests.customers import ACME
from tests.mirror.reference_search import NOW, fill, opened

CUSTOMERS = [
    *map(Customer.from_wire, sample_customers(60)),
    Customer.from_wire(ACME | {"shortID": "ODD", "name": None, "active": "yes", "more": 1}),
    Customer.from_wire(ACME | {"shortID": "ODD", "name": 7}),
]


async def test_snapshot_equals_the_mirror_in_every_order(tmp_path: Path) -> None:
    path = tmp_path / "mirror.sqlite3"
    async with opened(path) as mirror:
        await fill(mirror, CUSTOMERS)
        await mirror.wait_indexed()
        for sort in WIRE_FIELDS:
            for direction in get_args(Direction):
                request = PageRequest(2, 20, sort, direction)
                page, seen = await mirror.page(request), read_snapshot(path, request)
                assert seen is not None
                assert seen.origin == page.origin
                assert seen.origin.synced_at == NOW
                for row, customer in zip(seen.rows, page.rows, strict=True):
                    assert row.short_id == customer.short_id
                    assert row.active is customer.active
                    assert all(row.value(field.name) == customer.value(field.name) for field in FIELDS)


@pytest.mark.parametrize(
    "request_",
    [PageRequest(find="acme"), PageRequest(status="active"), PageRequest(sort=None), PageRequest(sort_locally=True)],
)
async def test_searched_and_filtered_lists_have_no_snapshot(request_: PageRequest, tmp_path: Path) -> None:
    path = tmp_path / "mirror.sqlite3"
    async with opened(path) as mirror:
        await fill(mirror, CUSTOMERS)
        assert read_snapshot(path, request_) is None


async def test_incomplete_mirror_has_no_snapshot(tmp_path: Path) -> None:
    path = tmp_path / "mirror.sqlite3"
    async with opened(path) as mirror:
        await mirror.upsert(CUSTOMERS[:10], await mirror.begin_full_sync())
        assert read_snapshot(path, PageRequest()) is None


@pytest.mark.promise("D6")
async def test_corrupt_file_gives_no_wrong_rows(tmp_path: Path) -> None:
    path = tmp_path / "mirror.sqlite3"
    assert read_snapshot(path, PageRequest()) is None
    path.write_bytes(b"SQLite format 3\0 and no more")
    assert read_snapshot(path, PageRequest()) is None
    path.unlink()
    async with opened(path) as mirror:
        await fill(mirror, CUSTOMERS)
    whole = path.read_bytes()
    assert read_snapshot(path, PageRequest()) is not None
    for at in range(0, len(whole), len(whole) // 200):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        seen = read_snapshot(path, PageRequest())
        known = {(row.short_id, row.value("name")) for row in CUSTOMERS}
        assert seen is None or all((row.short_id, row.value("name")) in known for row in seen.rows)
