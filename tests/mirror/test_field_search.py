"""Finding in one field, leaving out a status, and by date gives what looking at every customer gives."""

import random
from datetime import UTC, datetime, timedelta
from typing import Final, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.models.customer import Customer
from app.models.fields import ID_FIELD, Direction, PageRequest, Period, Status
from app.models.find_query import FIND_FIELDS
from app.service.sample.generator import sample_customers
from app.timestamps import days_of
from tests.customers import customer
from tests.mirror.reference_search import ReferenceSearch, check_found, fill, opened
from tests.mirror.test_search import FULL_TEXT, NAMES

SIZES: Final = ((1, 20), (2, 25), (1, 250), (9, 5))


@FULL_TEXT
@pytest.mark.parametrize("indexed", [True, False])
async def test_random_fields_find_what_the_reference_finds(full_text: bool, indexed: bool) -> None:
    rng = random.Random(11)  # noqa: S311  # the same each time
    customers = [Customer.from_wire(record) for record in sample_customers(3_000)]
    reference = ReferenceSearch(customers)
    async with opened(None, full_text=full_text) as mirror:
        await fill(mirror, customers)
        if indexed:
            await mirror.wait_indexed()
        for number in range(120):
            one = rng.choice(customers)
            words = []
            for field in rng.sample(list(FIND_FIELDS), rng.choice((1, 1, 2, 3))):
                text = one.value(rng.choice(FIND_FIELDS[field])).split()
                word = rng.choice(text) if text else "x"
                start = rng.randrange(len(word))
                words.append(f"{field}:{word[start : start + rng.choice((1, 2, 3, 5, 9))].swapcase()}")
            words += rng.choice(([], [], ["-active"], ["-discontinued"], [one.name[:4]], ["co"], ["-active", "a"]))
            sort = None if number % 2 else rng.choice((ID_FIELD, "name", "city", "active", "modified"))
            status: Status = rng.choice(get_args(Status))
            direction: Direction = rng.choice(get_args(Direction))
            page, size = rng.choice(SIZES)
            find = " ".join(rng.sample(words, len(words)))
            await check_found(mirror, reference, PageRequest(page, size, sort, direction, find=find, status=status))


@FULL_TEXT
async def test_fields_are_found_in_themselves_only(full_text: bool) -> None:
    customers = [
        customer("GDANSK-1", name="City Works", city="Łódź", phone="+48 (58) 555-0155", zip="80-001", country="PL"),
        customer("B-2", name="Gdansk Ltd", city="Gdańsk", phone="58 1", fax="0155", zip="20-80", state="WA"),
        customer("C-3", name="Wa City", city="Gdańsk", phone="555", state="IA", country="DE", active=False),
    ]
    finds = {
        "city:gdansk": ["B-2", "C-3"],
        "id:gdansk": ["GDANSK-1"],
        "name:gdansk": ["B-2"],
        "phone:0155": ["GDANSK-1"],
        "phone:585550155": ["GDANSK-1"],
        "phone:(58)555": ["GDANSK-1"],
        "fax:0155": ["B-2"],
        "zip:20": ["B-2"],
        "state:wa": ["B-2"],
        "country:de": ["C-3"],
        "city:gdansk -active": ["C-3"],
        "city:gdansk -discontinued": ["B-2"],
        "-active": ["C-3"],
        "city:": ["B-2", "C-3", "GDANSK-1"],
        "city:lodz name:works": ["GDANSK-1"],
        "cty:gdansk": [],
    }
    async with opened(None, full_text=full_text) as mirror:
        await fill(mirror, customers)
        for indexed in (False, True):
            if indexed:
                await mirror.wait_indexed()
            for find, found in finds.items():
                page = await mirror.page(PageRequest(find=find, sort=ID_FIELD))
                assert ([row.short_id for row in page.rows], page.total) == (found, len(found)), find


async def test_rows_without_a_status_are_neither_active_nor_discontinued() -> None:
    odd = Customer.from_wire({"shortID": "ODD", "name": "No status"})
    async with opened(None) as mirror:
        await fill(mirror, [customer("A"), customer("D", active=False), odd])
        for find, found in (("-active", ["D", "ODD"]), ("-discontinued", ["A", "ODD"]), ("-active no", ["ODD"])):
            page = await mirror.page(PageRequest(find=find, sort=ID_FIELD))
            assert [row.short_id for row in page.rows] == found, find


async def test_slip_in_a_field_is_corrected_in_that_field() -> None:
    customers = [customer("A", city="Gdansk"), customer("B", name="Gdansk Ltd"), customer("C", city="Gdynia")]
    async with opened(None) as mirror:
        await fill(mirror, customers)
        await mirror.wait_indexed()
        page = await mirror.page(PageRequest(find="city:gdnask", sort=None))
        assert [row.short_id for row in page.rows] == ["A"]
        assert page.origin is not None
        assert page.origin.suggestions == ("city:gdansk",)


@FULL_TEXT
@given(st.lists(st.tuples(NAMES, NAMES, NAMES, st.booleans()), max_size=8), st.lists(NAMES, min_size=1, max_size=6))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
async def test_any_text_is_found_in_any_field(
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
            for field in ("name", "city", "phone", "id"):
                await check_found(mirror, reference, PageRequest(1, 5, None, find=f"{field}:{find}"))


def stamped(short_id: str, modified: datetime, created: datetime | None = None, zone: str = "") -> Customer:
    texts = [f"{one:%Y-%m-%dT%H:%M:%S}{zone}" for one in (modified, created or modified)]
    return Customer.from_wire(customer(short_id, name="Steel").received | {"modified": texts[0], "created": texts[1]})


@FULL_TEXT
async def test_periods_find_what_the_reference_finds(full_text: bool) -> None:
    now = datetime.now(UTC)
    customers = [
        stamped(f"C-{hours:04}-{at}", now - timedelta(hours=hours), now - timedelta(hours=2 * hours), zone)
        for hours in (-30, *range(0, 60, 7), *range(60, 400, 19))
        for at, zone in enumerate(("", "Z", "+09:00", "-05:00"))
    ]
    customers += [Customer.from_wire(customer("ODD").received | {"modified": text}) for text in ("soon",)]
    reference = ReferenceSearch(customers)
    async with opened(None, full_text=full_text) as mirror:
        await fill(mirror, customers)
        for period in get_args(Period):
            for find in ("", "steel", "name:steel", "c-00"):
                for sort, direction in ((None, "ASC"), ("modified", "DESC"), ("name", "ASC")):
                    request = PageRequest(1, 25, sort, direction, find=find, period=period)  # type: ignore[arg-type]
                    await check_found(mirror, reference, request)
                    await check_found(mirror, reference, request._replace(page=2, status="active"))


def test_days_are_those_of_the_local_calendar(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    try:
        monkeypatch.setenv("TZ", "Europe/Berlin")
        time.tzset()
        # Half past midnight on a Monday, on which the clocks were put back the day before.
        now = datetime(2026, 10, 25, 23, 30, tzinfo=UTC)
        begin, end = days_of(now, week=False)
        assert (begin.astimezone(UTC), end - begin) == (datetime(2026, 10, 25, 23, tzinfo=UTC), timedelta(days=1))
        begin, end = days_of(now - timedelta(hours=1), week=False)
        assert begin.astimezone(UTC) == datetime(2026, 10, 24, 22, tzinfo=UTC)
        assert end.astimezone(UTC) == datetime(2026, 10, 25, 23, tzinfo=UTC)
        begin, _ = days_of(now - timedelta(hours=1), week=True)
        assert begin.astimezone(UTC) == datetime(2026, 10, 18, 22, tzinfo=UTC)
    finally:
        monkeypatch.undo()
        time.tzset()
