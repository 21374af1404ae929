"""Searching the mirror gives what looking at every customer gives, with FTS5 and without."""

import random
import unicodedata
from typing import Final, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.mirror.rows import TEXT_FIELDS
from app.models.customer import Customer
from app.models.fields import FIELDS, ID_FIELD, Direction, PageRequest, Status
from app.service.sample.generator import sample_customers
from tests.bench.mirror import every_request
from tests.customers import TEXTS, customer
from tests.mirror.reference_search import ReferenceSearch, check_found, fill, opened

FULL_TEXT: Final = pytest.mark.parametrize("full_text", [True, False], ids=["fts5", "scan"])
#: Pieces of names in many scripts, composed and not, and what phone numbers are written with.
PIECES: Final = st.sampled_from(
    "a ab AB Zoë Zoe\u0308 Ł ß ﬁn Ⅷ İ ı 東 東京 京 きょう ｶﾞ ガ 서울 서 울산 กรุงเทพ ไทย मुंबई मु "  # noqa: SIM905
    "الرياض مُحَمَّد Москва ёлка קפה 555 555-01 0100 +49 (30) 5.5 - -- @ . 𝒜 👩\u200d👧 "
    "\x00 \u0301 \ufffd \x1c \x1f \u3000 \n".split(" ")
)
NAMES: Final = st.lists(PIECES, max_size=4).map("".join) | st.lists(PIECES, max_size=3).map(" ".join) | TEXTS


@FULL_TEXT
async def test_random_queries_find_what_the_reference_finds(full_text: bool) -> None:
    rng = random.Random(7)  # noqa: S311  # the same each time
    customers = [Customer.from_wire(record) for record in sample_customers(6_000)]
    reference = ReferenceSearch(customers)
    async with opened(None, full_text=full_text) as mirror:
        assert await fill(mirror, sorted(customers, key=lambda one: one.short_id)) == 6_000
        await mirror.wait_indexed()
        for number in range(80):
            one = rng.choice(customers)
            texts = [one.value(name) for name in TEXT_FIELDS if one.value(name)]
            words = []
            for text in rng.sample(texts, min(len(texts), rng.choice((1, 1, 1, 2, 3)))):
                start = rng.randrange(len(text))
                words.append(text[start : start + rng.choice((1, 2, 3, 5, 9, 30))])
            find = " ".join(words)
            find = unicodedata.normalize(rng.choice(("NFC", "NFD", "NFKD")), rng.choice((find, find.swapcase())))
            sort = None if number % 2 else rng.choice(FIELDS).name
            status: Status = rng.choice(get_args(Status))
            direction: Direction = rng.choice(get_args(Direction))
            page, size = rng.choice(((1, 20), (1, 25), (2, 25), (3, 250), (40, 5)))
            await check_found(mirror, reference, PageRequest(page, size, sort, direction, find=find, status=status))


@FULL_TEXT
async def test_queries_of_the_benchmark_find_what_the_reference_finds(full_text: bool) -> None:
    customers = [Customer.from_wire(record) for record in sample_customers(1_000)]
    reference = ReferenceSearch(customers)
    async with opened(None, full_text=full_text) as mirror:
        await fill(mirror, sorted(customers, key=lambda one: one.short_id))
        await mirror.wait_indexed()
        for request in every_request(1_000):
            await check_found(mirror, reference, request)


@FULL_TEXT
async def test_rows_are_found_while_only_some_are_indexed(full_text: bool) -> None:
    rng = random.Random(3)  # noqa: S311  # the same each time
    customers = {one.short_id: one for one in map(Customer.from_wire, sample_customers(2_600))}
    stored: dict[str, Customer] = {}
    async with opened(None, full_text=full_text) as mirror:
        for turn in range(12):
            some = rng.sample(sorted(customers), 300)
            for short_id in some[:250]:
                stored[short_id] = Customer.from_wire(customers[short_id].received | {"contact": f"Turn {turn} Ōsaka"})
            await mirror.upsert([stored[short_id] for short_id in some[:250]])
            for short_id in some[250:260]:
                await mirror.forget(short_id)
                stored.pop(short_id, None)
            if turn % 3 == 2:
                await mirror.wait_indexed()
            reference = ReferenceSearch(stored.values())
            for find in (f"turn {turn}", "osaka", "steel", "o", "co 1", "555-01"):
                for sort in (None, ID_FIELD, "city"):
                    await check_found(mirror, reference, PageRequest(rng.choice((1, 2)), 25, sort, find=find))


@FULL_TEXT
async def test_deleted_rows_leave_nothing_in_the_index(full_text: bool) -> None:
    customers = [Customer.from_wire(record) for record in sample_customers(700)]
    changed = [Customer.from_wire(one.received | {"contact": "Müller 東京"}) for one in customers[::2]]
    async with opened(None, full_text=full_text) as mirror:
        await fill(mirror, customers)
        await mirror.wait_indexed()
        await mirror.upsert(changed)
        await mirror.wait_indexed()
        await mirror.forget(customers[0].short_id)
        await fill(mirror, [])
        writer = mirror._write.opened
        assert writer is not None
        if full_text:
            writer.connection.execute("INSERT INTO search_index(search_index) VALUES ('integrity-check')")
            left = "SELECT count(*) FROM temp.trigram"
        else:
            left = "SELECT count(*) FROM search_index"
        for query in (left, "SELECT count(*) FROM word", "SELECT count(*) FROM unindexed"):
            assert writer.connection.execute(query).fetchone() == (0,), query


@FULL_TEXT
async def test_deep_pages_are_those_of_the_whole_list(full_text: bool) -> None:
    customers = sorted(map(Customer.from_wire, sample_customers(5000)), key=lambda one: one.short_id)
    reference = ReferenceSearch(customers)
    async with opened(None, full_text=full_text) as mirror:
        await fill(mirror, customers)
        for ready in (False, True):
            if ready:
                await mirror.wait_indexed()
            for find in ("", "co", "a in", "example.com"):
                for sort, direction in ((None, "ASC"), (ID_FIELD, "DESC"), ("email", "ASC"), ("active", "DESC")):
                    for status in get_args(Status):
                        request = PageRequest(1, 50, sort, direction, find=find, status=status)  # type: ignore[arg-type]
                        for page in (41, -(-len(reference.find(request)) // 50), 200):
                            await check_found(mirror, reference, request._replace(page=max(page, 1)))


@pytest.mark.parametrize("typo", ["kowaslka", "kowalsak", "okwalska", "kowlska", "kovalska", "kowaalska"])
async def test_one_slip_in_a_name_of_eight_letters_is_corrected(typo: str) -> None:
    customers = [customer("A", contact="Zofia Kowalska"), customer("B", contact="Jan Nowak")]
    async with opened(None) as mirror:
        await fill(mirror, customers)
        page = await mirror.page(PageRequest(1, 50, None, find=typo))
        assert [row.short_id for row in page.rows] == ["A"]


async def test_near_misses_have_no_page_after_the_last() -> None:
    customers = sorted(map(Customer.from_wire, sample_customers(3000)), key=lambda one: one.short_id)
    async with opened(None) as mirror:
        await fill(mirror, customers)
        await mirror.wait_indexed()
        for status in get_args(Status):
            near = await mirror.page(PageRequest(1, 50, None, find="sprngfield", status=status))
            assert near.rows
            assert (await mirror.page(PageRequest(50, 50, None, find="sprngfield", status=status))).rows == ()


async def test_remembered_matches_end_with_a_change() -> None:
    async with opened(None) as mirror:
        await fill(mirror, [customer(f"C{number:04}", name="Steel") for number in range(300)])
        request = PageRequest(1, 250, "name", "DESC", find="steel")
        assert (await mirror.page(request)).total == await mirror.count(request) == 300
        await mirror.put(customer("C0007", name="Wood"))
        assert (await mirror.page(request)).total == await mirror.count(request) == 299
        await mirror.forget("C0008")
        assert (await mirror.page(request)).total == await mirror.count(request) == 298


@pytest.mark.parametrize("sort", [None, *(field.name for field in FIELDS)])
async def test_pages_without_a_query_are_sorted_and_filtered(sort: str | None) -> None:
    customers = [Customer.from_wire(record) for record in sample_customers(300)]
    reference = ReferenceSearch(customers)
    async with opened(None) as mirror:
        await fill(mirror, customers)
        await mirror.wait_indexed()
        for status in get_args(Status):
            for direction in get_args(Direction):
                await check_found(mirror, reference, PageRequest(2, 20, sort, direction, status=status))


@pytest.mark.parametrize("sort", [None, *(field.name for field in FIELDS)])
async def test_rank_is_number_of_rows_before_customer(sort: str | None) -> None:
    customers = [Customer.from_wire(record) for record in sample_customers(120)]
    customers.append(Customer.from_wire({"shortID": "MISSING-STATUS", "name": "Acme"}))
    reference = ReferenceSearch(customers)
    async with opened(None) as mirror:
        await fill(mirror, customers)
        for status in get_args(Status):
            for direction in get_args(Direction):
                request = PageRequest(3, 20, sort, direction, status=status)
                everyone = [one.short_id for one in reference.find(request._replace(status="all"))]
                listed = {one.short_id: one for one in reference.find(request)}
                for at, short_id in enumerate(everyone):
                    expected = sum(before in listed for before in everyone[:at])
                    assert await mirror.rank(request, short_id) == expected, (request, short_id)
        assert await mirror.rank(PageRequest(), "NOBODY") is None


async def test_rank_among_matches_is_known_for_those_only() -> None:
    customers = [Customer.from_wire(record) for record in sample_customers(120)]
    reference = ReferenceSearch(customers)
    async with opened(None) as mirror:
        await fill(mirror, customers)
        request = PageRequest(1, 20, find="an")
        found = [one.short_id for one in reference.find(request)]
        assert [await mirror.rank(request, short_id) for short_id in found] == [*range(len(found))]
        left_out = next(one.short_id for one in customers if one.short_id not in found)
        assert await mirror.rank(request, left_out) is None


async def test_rank_is_unknown_before_mirror_is_complete() -> None:
    async with opened(None) as mirror:
        await mirror.upsert([customer("A"), customer("B")])
        assert await mirror.rank(PageRequest(), "B") is None


@FULL_TEXT
@given(st.lists(st.tuples(NAMES, NAMES, NAMES, st.booleans()), max_size=8), st.lists(NAMES, min_size=1, max_size=8))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
async def test_any_text_is_found_by_any_text(
    full_text: bool, records: list[tuple[str, str, str, bool]], finds: list[str]
) -> None:
    customers = [
        customer(f"{chr(65 + at)}-{name.strip()}"[:9], name=name, city=city, phone=phone, active=active)
        for at, (name, city, phone, active) in enumerate(records)
    ]
    reference = ReferenceSearch(customers)
    async with opened(None, full_text=full_text) as mirror:
        await fill(mirror, customers)
        await mirror.wait_indexed()
        for find in finds:
            await check_found(mirror, reference, PageRequest(1, 5, None, find=find))
            await check_found(mirror, reference, PageRequest(1, 5, "name", "DESC", find=find))
