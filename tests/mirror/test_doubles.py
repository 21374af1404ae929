"""Groups that share a phone, an e-mail or an address are the ones that looking at every pair finds."""

import asyncio
import random
import tracemalloc
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import combinations

import pytest

from app.mirror.mirror import Mirror
from app.mirror.search.doubles import MOST_MEMBERS
from app.models.customer import Customer
from app.models.doubles import Doubles
from app.text.double_keys import address_key, email_key, phone_key
from app.timing import local_now
from tests.customers import customer

MOST = 500


@asynccontextmanager
async def filled(customers: Sequence[Customer], *, complete: bool = True) -> AsyncIterator[Mirror]:
    """A mirror that holds these customers."""
    mirror = Mirror.open(None)
    try:
        number = await mirror.begin_full_sync()
        await mirror.upsert(customers, number)
        if complete:
            await mirror.end_full_sync(number, local_now(), drop_missing=True)
        yield mirror
    finally:
        await mirror.close()


async def groups_of(mirror: Mirror, most: int = MOST) -> Doubles:
    """The groups."""
    found = await mirror.doubles(most)
    assert found is not None
    return found


async def test_groups_name_what_they_share_most_first() -> None:
    customers = [
        customer("A", name="Acme", phone="555-0100", email="a@x.example", address1="1 Dock Road", city="Oslo"),
        customer("B", name="Acme Ltd", phone="5550100", email="A@X.example", address1="1, dock road", city="OSLO"),
        customer("C", phone="444-0100", email="c@x.example"),
        customer("D", phone="444 0100", active=False),
        customer("E", email="C@x.example"),
        customer("F", phone="n/a", email="-", address1="n/a"),
        customer("G", phone="n/a", email="-", address1="n/a"),
    ]
    async with filled(customers) as mirror:
        found = await groups_of(mirror)
        shown = [(group.shared, [one.short_id for one in group.members], group.size) for group in found.groups]
        assert shown == [
            (("phone", "email", "address1"), ["A", "B"], 2),
            (("phone",), ["C", "D"], 2),
            (("email",), ["C", "E"], 2),
        ]
        assert [one.active for one in found.groups[1].members] == [True, False]
        assert found.groups[0].members[1].name == "Acme Ltd"
        assert not found.truncated
        assert found.origin.synced_at is not None


async def test_every_pair_that_shares_a_value_is_in_a_group() -> None:
    chance = random.Random(7)  # noqa: S311
    customers = [
        customer(
            f"C-{number:03}",
            phone=chance.choice(["", "-", f"555-{chance.randrange(80):04}", f"(555) {chance.randrange(80):04}"]),
            email=chance.choice(["", "n/a", f"{chance.choice('aA')}{chance.randrange(80)}@x.example"]),
            address1=chance.choice(["", f"{chance.randrange(9)} Höfe {chance.randrange(9)}", "1 hofe 1"]),
            zip=chance.choice(["", "1000"]),
        )
        for number in range(200)
    ]
    keys = {
        one.short_id: (
            phone_key(one.phone),
            email_key(one.email),
            address_key(one.address1, one.address2, one.zip, one.city),
        )
        for one in customers
    }
    expected = {
        (field, one, other)
        for one, other in combinations(sorted(keys), 2)
        for field, mine, theirs in zip(("phone", "email", "address1"), keys[one], keys[other], strict=True)
        if mine is not None and mine == theirs
    }
    async with filled(customers) as mirror:
        found = await groups_of(mirror)
        pairs = {
            (field, one.short_id, other.short_id)
            for group in found.groups
            for field in group.shared
            for one, other in combinations(group.members, 2)
        }
        assert pairs <= expected
        assert len(pairs) > 50
        large = {field for group in found.groups if group.size > MOST_MEMBERS for field in group.shared}
        assert {pair for pair in expected - pairs if pair[0] not in large} == set()


async def test_long_results_are_cut_and_say_so() -> None:
    customers = [customer(f"C-{number:03}", phone=f"555-{number // 2:04}") for number in range(20)]
    crowd = [customer(f"D-{number:03}", email="desk@x.example") for number in range(40)]
    async with filled([*customers, *crowd]) as mirror:
        cut = await groups_of(mirror, 9)
        assert [group.members[0].short_id for group in cut.groups] == [f"C-{number:03}" for number in range(0, 18, 2)]
        assert cut.truncated
        assert not (await groups_of(mirror, 11)).truncated
        last = (await groups_of(mirror)).groups[-1]
        assert (last.shared, last.size, len(last.members)) == (("email",), 40, MOST_MEMBERS)


async def test_incomplete_copy_says_so() -> None:
    async with filled([customer("A", phone="55555"), customer("B", phone="55555")], complete=False) as mirror:
        found = await groups_of(mirror)
        assert len(found.groups) == 1
        assert found.origin.synced_at is None
        assert found.origin.held == 2


@pytest.mark.promise("T3")
async def test_ids_that_look_alike_stay_apart() -> None:
    async with filled([customer("CAFÉ", phone="55555"), customer("CAFE\u0301", phone="55555")]) as mirror:
        (group,) = (await groups_of(mirror)).groups
        assert {one.short_id for one in group.members} == {"CAFÉ", "CAFE\u0301"}


async def test_search_for_doubles_ends_with_its_caller() -> None:
    customers = [customer(f"C-{number:05}", phone=f"{number % 7_000:07}") for number in range(10_000)]
    async with filled(customers) as mirror:
        finding = asyncio.create_task(mirror.doubles(MOST))
        await asyncio.sleep(0)
        finding.cancel()
        with pytest.raises(asyncio.CancelledError):
            await finding
        assert len((await groups_of(mirror)).groups) == MOST


@pytest.mark.slow
async def test_many_customers_take_no_more_memory_than_their_groups() -> None:
    customers = [
        customer(
            f"C-{number:06}", phone=f"{number // 2:09}", email=f"{number}@x.example", address1=f"{number} Königsweg"
        )
        for number in range(100_000)
    ]
    async with filled(customers) as mirror:
        del customers
        tracemalloc.start()
        try:
            found = await groups_of(mirror)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert len(found.groups) == MOST
        assert found.truncated
        assert peak < 4 * 2**20
