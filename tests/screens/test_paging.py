"""Where one is among all customers, on servers that tell the truth and on others."""

from dataclasses import replace

import pytest

from app.fields import PageRequest
from app.models import Page
from app.screens.paging import Paging
from tests.customers import customer


def shown(
    page: int, rows: int, *, total: int | None = None, count: int | None = None, more: bool | None = None
) -> Paging:
    paging = Paging.starting(PageRequest(page_size=10))
    answer = Page(
        rows=tuple(customer(f"C{n}") for n in range(rows)),
        total=total,
        page=page,
        page_size=10,
        page_count=count,
        has_more=more,
    )
    paging.shows(PageRequest(page=page, page_size=10), answer)
    return paging


@pytest.mark.parametrize(
    ("paging", "following"),
    [
        (shown(1, 10, total=11, count=2, more=True), True),
        (shown(2, 1, total=11, count=2, more=False), False),
        (shown(1, 10, more=True), True),
        (shown(1, 10, count=2), True),
        (shown(1, 10), False),
        (shown(1, 0, total=0, count=0, more=False), False),
        (shown(3, 0, more=True), False),
    ],
)
def test_any_hint_of_the_server_is_enough_for_a_following_page(paging: Paging, following: bool) -> None:
    assert (paging.turned(1) is not None) == following


def test_hurried_keys_turn_from_the_page_asked_for_last() -> None:
    paging = shown(1, 10, total=100)
    first = paging.turned(1)
    assert first is not None
    paging.goal = first
    second = paging.turned(1)
    assert second == replace(first, page=3)


def test_a_page_found_empty_is_not_asked_for_again_until_one_starts_over() -> None:
    paging = shown(1, 10, total=10**9, more=True)
    paging.is_empty_at(2)
    assert paging.turned(1) is None
    assert paging.page is not None
    paging.shows(replace(paging.request, sort="name"), paging.page)
    assert paging.turned(1) is not None


def test_what_is_told_of_a_server_that_does_not_tell_its_total() -> None:
    paging = shown(2, 10, more=True)
    assert paging.summary() == "total not told · page 2 · by ID ▲"
    assert paging.position(0) == "11 of ? by ID"
