"""Pagination and its summary, on servers with and without correct totals."""

from datetime import datetime

import pytest

from app.models.customer import Customer, Origin, Page
from app.models.fields import PageRequest
from app.screens.customer_list.pagination import Pagination, repeats_notice, without_repeats
from app.screens.customer_list.state_texts import position_text, summary
from tests.customers import customer


def pagination_at(
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


@pytest.mark.promise("T6")
@pytest.mark.parametrize(
    ("paging", "following"),
    [
        (pagination_at(1, 10, total=11, count=2, more=True), True),
        (pagination_at(2, 1, total=11, count=2, more=False), False),
        (pagination_at(1, 10, more=True), True),
        (pagination_at(1, 10, count=2), True),
        (pagination_at(1, 10), True),
        (pagination_at(1, 10, more=False), True),
        (pagination_at(1, 10, count=0, more=False), True),
        (pagination_at(3, 10, count=1), True),
        (pagination_at(1, 9), False),
        (pagination_at(1, 9, more=True), True),
        (pagination_at(1, 0, total=0, count=0, more=False), False),
        (pagination_at(3, 0, more=True), False),
    ],
)
def test_any_hint_allows_next_page(paging: Pagination, following: bool) -> None:
    assert (paging.offset(1) is not None) == following


@pytest.mark.promise("T6")
@pytest.mark.parametrize("count", [None, 0, 1])
def test_unknown_page_count_shows_no_last_page(count: int | None) -> None:
    assert "of" not in summary(pagination_at(2, 10, count=count))
    assert pagination_at(2, 10, count=count).offset(-1) is not None, "the previous page exists"


@pytest.mark.promise("T6")
def test_repeated_id_keeps_latest_row() -> None:
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


@pytest.mark.promise("T6")
def test_repeated_ids_are_reported_in_one_sentence() -> None:
    for short_ids, expected_text in (
        (["A"], "sent A twice"),
        (["A", "B"], "sent A and B twice"),
        ([*"ABC"], "A and 2 other IDs"),
    ):
        assert expected_text in repeats_notice(short_ids)


def test_next_page_counts_from_requested_page() -> None:
    paging = pagination_at(1, 10, total=100)
    first = paging.offset(1)
    assert first is not None
    paging.requested = first
    second = paging.offset(1)
    assert second == first._replace(page=3)


@pytest.mark.promise("T6")
def test_empty_page_is_not_requested_again() -> None:
    paging = pagination_at(1, 10, total=10**9, more=True)
    paging.is_empty_at(2)
    assert paging.offset(1) is None
    assert paging.page is not None
    paging.set_page(paging.shown._replace(sort="name"), paging.page)
    assert paging.offset(1) is not None


@pytest.mark.promise("T6")
def test_unknown_total_is_shown_as_unknown() -> None:
    paging = pagination_at(2, 10, more=True)
    assert summary(paging) == "total unknown · page 2 · by ID ▲"
    assert position_text(paging, 0) == "11 of ? by ID"


NOON = datetime.now().astimezone().replace(hour=12, minute=0)


def local_pagination(request: PageRequest, origin: Origin, total: int) -> Pagination:
    paging = Pagination(request)
    answer = Page(rows=(), total=total, page=1, page_size=10, page_count=-(-total // 10), has_more=False, origin=origin)
    paging.set_page(request, answer)
    return paging


@pytest.mark.promise("N7")
@pytest.mark.parametrize(
    ("request_", "origin", "expected_text"),
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
def test_summary_of_local_rows_shows_age(request_: PageRequest, origin: Origin, expected_text: str) -> None:
    assert summary(local_pagination(request_, origin, 3)) == expected_text


def test_summary_shortens_to_fit_width() -> None:
    paging = local_pagination(PageRequest(sort="contact"), Origin(NOON, 10**6), 10**6)
    for cells in range(50, 120):
        assert len(summary(paging, cells)) <= max(cells, len(summary(paging, 0)))
        assert summary(paging, cells).endswith("12:00")
    yesterday = local_pagination(PageRequest(), Origin(NOON.replace(year=2024, month=2, day=3), 3), 3)
    assert summary(yesterday).endswith("from the copy of 03 Feb 12:00")


def test_late_total_replaces_minimum() -> None:
    paging = local_pagination(PageRequest(find="b", page_size=10), Origin(NOON, 48, total_is_minimum=True), 20)
    paging.set_total(41)
    assert not paging.counting
    assert summary(paging).startswith("41 of 48 · page 1 of 5 ")
