"""Where one is among all customers, on servers that tell the truth and on others."""

from datetime import datetime

import pytest

from app.models.customer import Customer, Origin, Page
from app.models.fields import PageRequest
from app.screens.customer_list.pagination import Pagination, repeats_notice, without_repeats
from app.screens.customer_list.state_texts import position_text, summary
from tests.customers import customer


def shown(
    page: int, rows: int, *, total: int | None = None, count: int | None = None, more: bool | None = None
) -> Pagination:
    paging = Pagination(PageRequest(page_size=10))
    answer = Page(
        rows=tuple(customer(f"C{n}") for n in range(rows)),
        total=total,
        page=page,
        page_size=10,
        page_count=count,
        has_more=more,
    )
    paging.set_page(PageRequest(page=page, page_size=10), answer)
    return paging


@pytest.mark.parametrize(
    ("paging", "following"),
    [
        (shown(1, 10, total=11, count=2, more=True), True),
        (shown(2, 1, total=11, count=2, more=False), False),
        (shown(1, 10, more=True), True),
        (shown(1, 10, count=2), True),
        (shown(1, 10), True),
        (shown(1, 10, more=False), True),
        (shown(1, 10, count=0, more=False), True),
        (shown(3, 10, count=1), True),
        (shown(1, 9), False),
        (shown(1, 9, more=True), True),
        (shown(1, 0, total=0, count=0, more=False), False),
        (shown(3, 0, more=True), False),
    ],
)
def test_any_hint_of_the_server_is_enough_for_a_following_page(paging: Pagination, following: bool) -> None:
    assert (paging.offset(1) is not None) == following


@pytest.mark.parametrize("count", [None, 0, 1])
def test_where_nothing_is_counted_no_last_page_is_told(count: int | None) -> None:
    assert "of" not in summary(shown(2, 10, count=count))
    assert shown(2, 10, count=count).offset(-1) is not None, "the page before is there all the same"


def test_an_id_that_came_twice_is_one_row_as_changed_last() -> None:
    rows = [
        Customer.from_wire({"shortID": short_id, "name": name, "active": True, "modified": modified})
        for short_id, name, modified in (
            ("A", "old", "2024-01-01T00:00:00"),
            ("B", "first", ""),
            ("", "no ID", ""),
            ("A", "new", "2024-01-02T00:00:00"),
            ("B", "second", ""),
            ("", "no ID either", ""),
            ("a", "other", ""),
        )
    ]
    once, repeated = without_repeats(rows)
    assert [row.name for row in once] == ["new", "first", "no ID", "no ID either", "other"]
    assert repeated == ["A", "B"]
    assert without_repeats(once) == (once, [])


def test_ids_that_came_twice_are_told_in_one_sentence() -> None:
    for short_ids, told in (
        (["A"], "sent A twice"),
        (["A", "B"], "sent A and B twice"),
        ([*"ABC"], "A and 2 other IDs"),
    ):
        assert told in repeats_notice(short_ids)


def test_hurried_keys_turn_from_the_page_asked_for_last() -> None:
    paging = shown(1, 10, total=100)
    first = paging.offset(1)
    assert first is not None
    paging.requested = first
    second = paging.offset(1)
    assert second == first._replace(page=3)


def test_a_page_found_empty_is_not_asked_for_again_until_one_starts_over() -> None:
    paging = shown(1, 10, total=10**9, more=True)
    paging.is_empty_at(2)
    assert paging.offset(1) is None
    assert paging.page is not None
    paging.set_page(paging.shown._replace(sort="name"), paging.page)
    assert paging.offset(1) is not None


def test_what_is_told_of_a_server_that_does_not_tell_its_total() -> None:
    paging = shown(2, 10, more=True)
    assert summary(paging) == "total unknown · page 2 · by ID ▲"
    assert position_text(paging, 0) == "11 of ? by ID"


NOON = datetime.now().astimezone().replace(hour=12, minute=0)


def narrowed(request: PageRequest, origin: Origin, total: int) -> Pagination:
    paging = Pagination(request)
    answer = Page(rows=(), total=total, page=1, page_size=10, page_count=-(-total // 10), has_more=False, origin=origin)
    paging.set_page(request, answer)
    return paging


@pytest.mark.parametrize(
    ("request_", "origin", "told"),
    [
        (PageRequest(find="bri", sort=None), Origin(NOON, 48), "3 of 48 · page 1 of 1 · best first · as of 12:00"),
        (
            PageRequest(find="b", status="active"),
            Origin(NOON, 48),
            "3 active of 48 · page 1 of 1 · by ID ▲ · as of 12:00",
        ),
        (
            PageRequest(find="b"),
            Origin(None, 12_000, 48_000),
            "3 · searched 12,000 of 48,000 so far · page 1 of 1 · by ID ▲",
        ),
        (
            PageRequest(find="b"),
            Origin(NOON, 48, suggestions=("c",)),
            "similar only · page 1 of 1 · by ID ▲ · as of 12:00",
        ),
        (
            PageRequest(find="b"),
            Origin(NOON, 48, total_is_minimum=True),
            "3+ of 48 · page 1 of 1+ · by ID ▲ · as of 12:00",
        ),
        (PageRequest(), Origin(NOON, 3), "3 customers · page 1 of 1 · by ID ▲ · from the copy of 12:00"),
        (PageRequest(), Origin(None, 3), "3 customers · page 1 of 1 · by ID ▲ · from the local copy, incomplete"),
    ],
)
def test_what_comes_from_the_mirror_is_never_told_as_live(request_: PageRequest, origin: Origin, told: str) -> None:
    assert summary(narrowed(request_, origin, 3)) == told


def test_with_less_room_the_same_is_said_in_fewer_words_and_not_cut() -> None:
    paging = narrowed(PageRequest(sort="contact"), Origin(NOON, 10**6), 10**6)
    for cells in range(50, 120):
        assert len(summary(paging, cells)) <= max(cells, len(summary(paging, 0)))
        assert summary(paging, cells).endswith("12:00")
    yesterday = narrowed(PageRequest(), Origin(NOON.replace(year=2024, month=2, day=3), 3), 3)
    assert summary(yesterday).endswith("from the copy of 03 Feb 12:00")


def test_a_count_that_comes_later_is_taken_over() -> None:
    paging = narrowed(PageRequest(find="b", page_size=10), Origin(NOON, 48, total_is_minimum=True), 20)
    paging.set_total(41)
    assert not paging.counting
    assert summary(paging).startswith("41 of 48 · page 1 of 5 ")
