"""Near misses: the words of the mirror that are a slip or two away from a word that no customer holds."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.mirror.search.suggestions import osa_distance
from app.models.customer import Customer
from app.models.fields import PageRequest
from app.service.sample.generator import sample_customers
from tests.bench.mirror import FEWEST_OFFERED, MISTYPED, count_suggested, mistyped_words
from tests.customers import customer
from tests.mirror.reference_search import ReferenceSearch, fill, opened

WORDS = st.text("abc", max_size=9)


def _full_distance(one: str, other: str) -> int:
    """The optimal string alignment distance, from the whole table."""
    rows = [list(range(len(other) + 1))]
    for i, letter in enumerate(one, 1):
        row = [i]
        for j, another in enumerate(other, 1):
            cost = min(rows[i - 1][j] + 1, row[j - 1] + 1, rows[i - 1][j - 1] + (letter != another))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == another:
                cost = min(cost, rows[i - 2][j - 2] + 1)
            row.append(cost)
        rows.append(row)
    return rows[-1][-1]


@given(WORDS, WORDS, st.integers(0, 3))
def test_distance_is_that_of_the_whole_table(one: str, other: str, most: int) -> None:
    distance = _full_distance(one, other)
    assert osa_distance(one, other, most) == (distance if distance <= most else None)


@pytest.mark.parametrize("full_text", [True, False], ids=["fts5", "scan"])
async def test_most_words_mistyped_by_one_letter_are_offered(full_text: bool) -> None:
    customers = [Customer.from_wire(record) for record in sample_customers(2_000)]
    words = mistyped_words(ReferenceSearch(customers))
    assert len(words) == MISTYPED
    async with opened(None, full_text=full_text) as mirror:
        await fill(mirror, customers)
        await mirror.wait_indexed()
        assert await count_suggested(mirror, words) >= FEWEST_OFFERED


@pytest.mark.parametrize(
    ("typed", "meant"), [("brigt", "bright"), ("carog", "cargo"), ("olsn", "olsen"), ("toll", "tool"), ("nifo", "nino")]
)
async def test_common_slips_are_corrected_among_many_customers(typed: str, meant: str) -> None:
    dice = random.Random(5)  # noqa: S311  # the same each time
    letters = "abcdefghijklmnopqrstuvwxyz"
    others = [customer(f"C{at:05}", name="".join(dice.choices(letters, k=6))) for at in range(4_000)]
    async with opened(None) as mirror:
        await fill(mirror, [*others, customer("MEANT", name=f"{meant.title()} Ltd")])
        await mirror.wait_indexed()
        page = await mirror.page(PageRequest(find=typed, sort=None))
        assert page.origin is not None
        assert page.origin.suggestions == (meant,)
        assert [row.short_id for row in page.rows] == ["MEANT"]


async def test_words_of_deleted_customers_are_not_offered() -> None:
    async with opened(None) as mirror:
        await fill(mirror, [customer("A", name="Kowalska"), customer("B", name="Nowak")])
        await mirror.wait_indexed()
        assert (await mirror.page(PageRequest(find="kowalsak"))).total == 1
        await mirror.forget("A")
        page = await mirror.page(PageRequest(find="kowalsak"))
        assert (page.total, page.origin and page.origin.suggestions) == (0, ())


@pytest.mark.parametrize(
    ("typed", "close"), [("+49 555-01", ()), ("+49", ()), ("555-01", ()), ("acme-crop", ("acme", "corp"))]
)
async def test_parts_of_a_number_are_no_near_miss(typed: str, close: tuple[str, ...]) -> None:
    async with opened(None) as mirror:
        await fill(mirror, [customer("ACME-CORP", phone="901-555-0149"), customer("OTHER", phone="555 49 0100")])
        await mirror.wait_indexed()
        page = await mirror.page(PageRequest(find=typed, sort=None))
        assert page.origin is not None
        assert page.origin.suggestions == close
