"""The row of a list at which what is typed begins is the one that looking at every row gives."""

import random
from typing import get_args

import pytest

from app.mirror.mirror import Mirror
from app.models.customer import Customer, ListPosition
from app.models.fields import ID_FIELD, Direction, PageRequest, Status
from app.service.sample.generator import sample_customers
from app.text.folding import fold
from tests.customers import customer
from tests.mirror.reference_search import ReferenceSearch, fill, opened


def expected_row(rows: list[Customer], request: PageRequest, typed: str) -> int:
    """The row at or after what is typed: in the order of the alphabet, whatever case the rows are in."""
    head, column = fold(typed), request.sort or ID_FIELD
    keys = [fold(row.value(column)) for row in rows]
    for values in (keys, [fold(row.short_id) for row in rows]):
        begins = [at for at, value in enumerate(values) if value.startswith(head)]
        if begins:
            return begins[0]
    descending = request.sort is not None and request.direction == "DESC"
    after = [at for at, key in enumerate(keys) if (key < head) == descending]
    if not after:
        return len(rows) - 1
    best = (max if descending else min)(keys[at] for at in after)
    return keys.index(best)


@pytest.mark.parametrize("find", ["", "co"])
@pytest.mark.parametrize("sort", [None, ID_FIELD, "name", "city", "modified", "email"])
async def test_position_is_that_of_the_reference(sort: str | None, find: str) -> None:
    rng = random.Random(5)  # noqa: S311  # the same each time
    customers = [Customer.from_wire(record) for record in sample_customers(400)]
    customers += [customer(f"lower-{at}", name=f"müller {at}", city="Ålesund") for at in range(9)]
    reference = ReferenceSearch(customers)
    async with opened(None) as mirror:
        await fill(mirror, customers)
        await mirror.wait_indexed()
        for direction in get_args(Direction):
            for status in get_args(Status):
                request = PageRequest(1, 20, sort, direction, find=find, status=status)
                rows = reference.find(request)
                one = rng.choice(customers)
                for typed in (one.short_id[:2], one.name[:3].swapcase(), one.value(sort or "city")[:4], "q", "ale"):
                    if not fold(typed).strip():
                        continue
                    found = await mirror.position(request, typed)
                    assert found is not None
                    at = expected_row(rows, request, typed.strip())
                    assert (found.row, found.short_id) == (at, rows[at].short_id), (request, typed)
                    if found.begins and (fold(typed) != fold(rows[at].short_id)):
                        # What is offered is in the order of the list, and Enter goes to the first.
                        offered = await mirror.suggestions(typed, 6, request)
                        assert offered.customers[0].short_id == found.short_id, (request, typed)


async def test_position_among_thousands_of_matches_is_found() -> None:
    async with opened(None) as mirror:
        await fill(mirror, [customer(f"C-{number:05}", name="Steel") for number in range(3_000)])
        await mirror.wait_indexed()
        for find in ("steel", "name:steel", "-discontinued"):
            request = PageRequest(1, 20, ID_FIELD, find=find)
            assert await mirror.position(request, "c-025") == ListPosition("C-02500", begins=True, row=2_500)
            backwards = request._replace(direction="DESC")
            assert await mirror.position(backwards, "c-025") == ListPosition("C-02599", begins=True, row=400)


async def test_position_in_an_empty_or_incomplete_list_is_unknown() -> None:
    async with opened(None) as mirror:
        await mirror.upsert([customer("A"), customer("B")])
        assert await mirror.position(PageRequest(), "A") is None
        await fill(mirror, [customer("A"), customer("B")])
        assert await mirror.position(PageRequest(status="discontinued"), "A") is None
        assert await mirror.position(PageRequest(), " ") is None
        assert await _row(mirror, "z") == 1


async def _row(mirror: Mirror, typed: str) -> int | None:
    found = await mirror.position(PageRequest(), typed)
    return None if found is None else found.row
