"""The mirror counts the values that customers have in a field, and the places of a zip."""

import pytest

from tests.customers import customer
from tests.mirror.reference_search import fill, opened

KNOWN = (
    customer("A", city="Hamburg", state="HH", zip="20457", country="DE"),
    customer("B", city="Hamburg", state="HH", zip="20457", country="DE"),
    customer("C", city="Lyon", state="", zip="69001", country="FR"),
    customer("D", city="", state="IL", zip="20457", country="US"),
    customer("E", city="Milton", state="NY", zip="20457", country="US", active=False),
    customer("F", city="\ud800", state="\x00", zip="20457", country="US"),
)


@pytest.mark.parametrize("indexed", [True, False])
async def test_values_come_most_used_first(indexed: bool) -> None:
    async with opened(None) as mirror:
        await fill(mirror, KNOWN)
        if indexed:
            await mirror.wait_indexed()
        assert await mirror.values_in_use("city") == [("Hamburg", 2), ("Lyon", 1), ("Milton", 1)]
        assert await mirror.values_in_use("state") == [("HH", 2), ("IL", 1), ("NY", 1)]
        assert await mirror.values_in_use("country") == [("US", 3), ("DE", 2), ("FR", 1)]


@pytest.mark.parametrize(
    ("code", "country", "places"),
    [
        ("20457", "", [("Hamburg", "HH", 2), ("Milton", "NY", 1)]),
        ("20457", "US", [("Milton", "NY", 1)]),
        ("69001", "FR", [("Lyon", "", 1)]),
        ("2045", "", []),
        ("\ud800", "", []),
    ],
)
async def test_places_of_zip(code: str, country: str, places: list[tuple[str, str, int]]) -> None:
    async with opened(None) as mirror:
        await fill(mirror, KNOWN)
        assert await mirror.places_of_zip(code, country) == places


async def test_empty_mirror_has_no_values() -> None:
    async with opened(None) as mirror:
        assert await mirror.values_in_use("city") == []
        assert await mirror.places_of_zip("20457", "") == []
