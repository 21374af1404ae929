"""Finding in the mirror gives what a plain look at every customer gives."""

import random
import unicodedata
from typing import Final, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.mirror.mirror import Mirror
from app.mirror.search.terms import SEARCHED
from app.models.customer import Customer
from app.models.fields import FIELDS, ID_FIELD, Direction, PageRequest, Status
from app.service.sample.generator import sample_customers
from tests.customers import TEXTS, customer
from tests.mirror.reference_search import Plainly, fill, opened

#: More than a segment of the index holds, so that indexed and newer rows are both there.
MANY: Final = 17_000
#: Pieces of names in many scripts, composed and not, and what phone numbers are written with.
PIECES: Final = st.sampled_from(
    "a ab AB Zoë Zoe\u0308 Ł ß ﬁn Ⅷ İ ı 東 東京 京 きょう ｶﾞ ガ 서울 서 울산 กรุงเทพ ไทย मुंबई मु "  # noqa: SIM905
    "الرياض مُحَمَّد Москва ёлка קפה 555 555-01 0100 +49 (30) 5.5 - -- @ . 𝒜 👩\u200d👧 "
    "\x00 \u0301 \ufffd \x1c \x1f \u3000 \n".split(" ")
)
NAMES: Final = st.lists(PIECES, max_size=4).map("".join) | st.lists(PIECES, max_size=3).map(" ".join) | TEXTS


async def _check(mirror: Mirror, plainly: Plainly, request: PageRequest) -> None:
    expected = plainly.find(request)
    page = await mirror.page(request)
    assert page.origin is not None
    if page.origin.suggestions:
        assert not expected
        return
    first = (request.page - 1) * request.page_size
    found = [row.short_id for row in page.rows]
    assert found == [row.short_id for row in expected[first : first + request.page_size]], request
    assert page.has_more == (len(expected) > first + request.page_size)
    assert page.total is not None
    if page.origin.total_is_minimum:
        assert page.total <= len(expected)
        assert await mirror.count(request) == len(expected)
    else:
        assert page.total == len(expected)


async def test_many_customers_are_found_as_by_skeletoning_at_each() -> None:
    dice = random.Random(7)  # noqa: S311  # the same for ever is what is wanted
    customers = [Customer.from_wire(record) for record in sample_customers(MANY)]
    by_id = sorted(customers, key=lambda one: one.short_id)
    plainly = Plainly(customers)
    async with opened(None) as mirror:
        assert await fill(mirror, by_id) == MANY
        await mirror.wait_indexed()
        for number in range(80):
            one = dice.choice(customers)
            texts = [one.value(name) for name in SEARCHED if one.value(name)]
            words = []
            for text in dice.sample(texts, min(len(texts), dice.choice((1, 1, 1, 2, 3)))):
                start = dice.randrange(len(text))
                words.append(text[start : start + dice.choice((1, 2, 3, 5, 9, 30))])
            find = " ".join(words)
            find = unicodedata.normalize(dice.choice(("NFC", "NFD", "NFKD")), dice.choice((find, find.swapcase())))
            sort = None if number % 2 else dice.choice(FIELDS).name
            status: Status = dice.choice(get_args(Status))
            direction: Direction = dice.choice(get_args(Direction))
            page, size = dice.choice(((1, 20), (1, 25), (2, 25), (3, 250), (40, 5)))
            await _check(mirror, plainly, PageRequest(page, size, sort, direction, find=find, status=status))


async def test_pages_far_down_are_those_of_the_whole_list() -> None:
    customers = sorted(map(Customer.from_wire, sample_customers(5000)), key=lambda one: one.short_id)
    plainly = Plainly(customers)
    async with opened(None) as mirror:
        await fill(mirror, customers)
        for ready in (False, True):
            if ready:
                await mirror.wait_indexed()
            for find in ("", "co", "a in", "example.com"):
                for sort, direction in ((None, "ASC"), (ID_FIELD, "DESC"), ("email", "ASC"), ("active", "DESC")):
                    for status in get_args(Status):
                        request = PageRequest(1, 50, sort, direction, find=find, status=status)  # type: ignore[arg-type]
                        for page in (41, -(-len(plainly.find(request)) // 50), 200):
                            await _check(mirror, plainly, request._replace(page=max(page, 1)))


@pytest.mark.parametrize("typo", ["kowaslka", "kowalsak", "okwalska", "kowlska", "kovalska", "kowaalska"])
async def test_a_slip_in_a_name_of_eight_letters(typo: str) -> None:
    customers = [customer("A", contact="Zofia Kowalska"), customer("B", contact="Jan Nowak")]
    async with opened(None) as mirror:
        await fill(mirror, customers)
        page = await mirror.page(PageRequest(1, 50, None, find=typo))
        assert [row.short_id for row in page.rows] == ["A"]


async def test_near_misses_end_where_they_end() -> None:
    customers = sorted(map(Customer.from_wire, sample_customers(3000)), key=lambda one: one.short_id)
    async with opened(None) as mirror:
        await fill(mirror, customers)
        await mirror.wait_indexed()
        for status in get_args(Status):
            near = await mirror.page(PageRequest(1, 50, None, find="sprngfield", status=status))
            assert near.rows
            assert (await mirror.page(PageRequest(50, 50, None, find="sprngfield", status=status))).rows == ()


async def test_what_is_known_of_a_find_ends_with_a_change() -> None:
    async with opened(None) as mirror:
        await fill(mirror, [customer(f"C{number:04}", name="Steel") for number in range(300)])
        request = PageRequest(1, 250, "name", "DESC", find="steel")
        assert (await mirror.page(request)).total == await mirror.count(request) == 300
        await mirror.put(customer("C0007", name="Wood"))
        assert (await mirror.page(request)).total == await mirror.count(request) == 299
        await mirror.forget("C0008")
        assert (await mirror.page(request)).total == await mirror.count(request) == 298


@pytest.mark.parametrize("sort", [None, *(field.name for field in FIELDS)])
async def test_pages_without_words_are_sorted_and_filtered(sort: str | None) -> None:
    customers = [Customer.from_wire(record) for record in sample_customers(300)]
    plainly = Plainly(customers)
    async with opened(None) as mirror:
        await fill(mirror, customers)
        await mirror.wait_indexed()
        for status in get_args(Status):
            for direction in get_args(Direction):
                await _check(mirror, plainly, PageRequest(2, 20, sort, direction, status=status))


@given(st.lists(st.tuples(NAMES, NAMES, NAMES, st.booleans()), max_size=8), st.lists(NAMES, min_size=1, max_size=8))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
async def test_any_text_is_found_by_any_text(records: list[tuple[str, str, str, bool]], finds: list[str]) -> None:
    customers = [
        customer(f"{chr(65 + at)}-{name.strip()}"[:9], name=name, city=city, phone=phone, active=active)
        for at, (name, city, phone, active) in enumerate(records)
    ]
    plainly = Plainly(customers)
    async with opened(None) as mirror:
        await fill(mirror, customers)
        await mirror.wait_indexed()
        for find in finds:
            await _check(mirror, plainly, PageRequest(1, 5, None, find=find))
            await _check(mirror, plainly, PageRequest(1, 5, "name", "DESC", find=find))
