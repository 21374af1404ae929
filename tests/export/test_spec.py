"""Which customers an export means is decided by the rules of find."""

import pytest

from app.export.spec import ExportSpec
from tests.customers import customer


@pytest.mark.parametrize(
    ("find", "wanted"),
    [
        ("city:gdansk", ["A", "B"]),
        ("city:gdansk -active", ["B"]),
        ("phone:0155 -discontinued", ["A"]),
        ("name:gdansk", ["C"]),
    ],
)
def test_export_finds_in_one_field(find: str, wanted: list[str]) -> None:
    customers = [
        customer("A", city="Gdańsk", phone="(58) 0155"),
        customer("B", city="Gdańsk", active=False),
        customer("C", name="Gdańsk Ltd"),
    ]
    matches = ExportSpec("csv", find=find).predicate()
    assert [one.short_id for one in customers if matches(one)] == wanted
