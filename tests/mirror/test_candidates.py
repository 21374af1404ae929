"""The mirror suggests customers for an ID that resembles theirs, and for the beginning of an ID or a name."""

import pytest

from app.mirror.mirror import Mirror
from app.models.fields import PageRequest
from tests.customers import customer
from tests.mirror.reference_search import fill, opened

KNOWN = (
    customer("ACME-CORP", name="Acme Corporation"),
    customer("acme-corp", name="Acme, small"),
    customer("ACME_C0RP", name="Acme, zero"),
    customer("ACMECORP", name="Acme, joined", active=False),
    customer("BRIGHT-MFG", name="Bright Manufacturing LLC"),
    customer("ÉCLAIR", name="Lightning"),
    customer("", name="Nobody"),
    customer("ZZ-1", name="Brightest Ltd"),
    customer("ZZ-2", name="Overbright Ltd"),
)


def ids(found: object) -> list[str]:
    assert isinstance(found, tuple)
    return [one.short_id for one in found]


@pytest.mark.promise("W10")
@pytest.mark.parametrize("indexed", [True, False])
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("ACME-CORP", ["acme-corp", "ACME_C0RP", "ACMECORP"]),
        ("Acme-Corp", ["ACME-CORP", "acme-corp", "ACME_C0RP", "ACMECORP"]),
        ("brightmfg", ["BRIGHT-MFG"]),
        ("eclair", ["ÉCLAIR"]),
        ("BRIGHT", []),
        ("--", []),
        ("", []),
    ],
)
async def test_resembling_ids_come_likeliest_first(query: str, found: list[str], indexed: bool) -> None:
    async with opened(None) as mirror:
        await fill(mirror, KNOWN)
        if indexed:
            await mirror.wait_indexed()
        candidates = await mirror.resembling(query)
        assert ids(candidates.customers) == found
        assert candidates.complete


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("bri", ["BRIGHT-MFG", "ZZ-1"]),
        ("brightm", ["BRIGHT-MFG"]),
        ("acme-corp", ["acme-corp", "ACME-CORP", "ACME_C0RP", "ACMECORP"]),
        ("lightn", ["ÉCLAIR"]),
        ("ecl", ["ÉCLAIR"]),
        ("zz", ["ZZ-1", "ZZ-2"]),
        ("BR1", ["BRIGHT-MFG"]),
        ("BRL", []),
        ("nobody", []),
        ("%", []),
        ("", []),
    ],
)
async def test_suggestions_are_ids_then_names(typed: str, found: list[str]) -> None:
    async with opened(None) as mirror:
        await fill(mirror, KNOWN)
        await mirror.wait_indexed()
        assert ids((await mirror.suggestions(typed, 6, PageRequest())).customers) == found


async def test_suggestions_are_limited() -> None:
    async with opened(None) as mirror:
        await fill(mirror, [customer(f"A-{number:02}") for number in range(30)])
        await mirror.wait_indexed()
        assert ids((await mirror.suggestions("a", 6, PageRequest())).customers) == [
            f"A-{number:02}" for number in range(6)
        ]


@pytest.mark.promise("W10")
async def test_incomplete_mirror_says_so_in_its_candidates() -> None:
    async with opened(None) as mirror:
        full_sync = await mirror.begin_full_sync()
        await mirror.upsert(KNOWN[:5], full_sync)
        found = await mirror.resembling("bright_mfg")
        assert (ids(found.customers), found.complete) == (["BRIGHT-MFG"], False)
        assert not (await mirror.suggestions("b", 6, PageRequest())).complete


async def test_large_mirror_without_its_index_ignores_skeletons() -> None:
    others = [customer(f"C-{number:05}") for number in range(5_001)]
    async with opened(None) as mirror:
        full_sync = await mirror.begin_full_sync()
        await mirror.upsert([*KNOWN, *others], full_sync)
        assert await _skeleton_indexes(mirror) == 0
        found = await mirror.resembling("bright-mfg")
        assert (ids(found.customers), found.complete) == (["BRIGHT-MFG"], False)
        assert ids((await mirror.resembling("brightmfg")).customers) == []


async def _skeleton_indexes(mirror: Mirror) -> int:
    reader = mirror._find.opened
    assert reader is not None
    (count,) = reader.connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'by_skeleton'").fetchone()
    return int(count)
