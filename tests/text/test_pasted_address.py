"""A pasted address is taken apart: what is written there goes into its field, the rest stays visible."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.text.address import address_lines
from app.text.pasted_address import parse_address

ADDRESSES = [
    (
        "Müller GmbH|Am Hafen 12|Halle 3|D-20457 Hamburg|Deutschland",
        {
            "name": "Müller GmbH",
            "address1": "Am Hafen 12",
            "address2": "Halle 3",
            "zip": "20457",
            "city": "Hamburg",
            "country": "DE",
        },
    ),
    ("Müller GmbH|20457 Hamburg", {"name": "Müller GmbH", "zip": "20457", "city": "Hamburg"}),
    ("Müller GmbH|D-20457 Hamburg", {"name": "Müller GmbH", "zip": "20457", "city": "Hamburg", "country": "DE"}),
    ("Meier|CH-8001 Zürich", {"name": "Meier", "zip": "8001", "city": "Zürich", "country": "CH"}),
    (
        "Acme Corp|123 Industrial Way|Springfield IL 62701",
        {
            "name": "Acme Corp",
            "address1": "123 Industrial Way",
            "city": "Springfield",
            "state": "IL",
            "zip": "62701",
        },
    ),
    (
        "Acme Corp|1200 Main Street|Springfield, IL 62701-1234|USA",
        {
            "name": "Acme Corp",
            "address1": "1200 Main Street",
            "city": "Springfield",
            "state": "IL",
            "zip": "62701-1234",
            "country": "US",
        },
    ),
    (
        "Acme Corp|12 Main St|Salt Lake City, UT, 84101",
        {"name": "Acme Corp", "address1": "12 Main St", "city": "Salt Lake City", "state": "UT", "zip": "84101"},
    ),
    (
        "Tea Ltd|10 Downing Street|London SW1A 1AA|United Kingdom",
        {
            "name": "Tea Ltd",
            "address1": "10 Downing Street",
            "city": "London",
            "zip": "SW1A 1AA",
            "country": "GB",
        },
    ),
    (
        "Tea Ltd|10 Downing Street|London|SW1A 1AA|UK",
        {
            "name": "Tea Ltd",
            "address1": "10 Downing Street",
            "city": "London",
            "zip": "SW1A 1AA",
            "country": "GB",
        },
    ),
    (
        "Maple|1 Water St|Halifax NS B3H 1A1|Canada",
        {
            "name": "Maple",
            "address1": "1 Water St",
            "city": "Halifax",
            "state": "NS",
            "zip": "B3H 1A1",
            "country": "CA",
        },
    ),
    (
        "Surf Pty|3 High Street|Fremantle WA 6160|AU",
        {
            "name": "Surf Pty",
            "address1": "3 High Street",
            "city": "Fremantle",
            "state": "WA",
            "zip": "6160",
            "country": "AU",
        },
    ),
    (
        "Tulp BV|Damrak 1|1012 LG Amsterdam|Nederland",
        {"name": "Tulp BV", "address1": "Damrak 1", "zip": "1012 LG", "city": "Amsterdam", "country": "NL"},
    ),
    (
        "Bałtyk|ul. Długa 3|80-827 Gdańsk|Polska",
        {"name": "Bałtyk", "address1": "ul. Długa 3", "zip": "80-827", "city": "Gdańsk", "country": "PL"},
    ),
    (
        "Glas AB|Storgatan 5|114 55 Stockholm",
        {"name": "Glas AB", "address1": "Storgatan 5", "zip": "114 55", "city": "Stockholm"},
    ),
    (
        "Acme|12345 Industrial Way|Springfield",
        {"name": "Acme", "address1": "12345 Industrial Way", "address2": "Springfield"},
    ),
    (
        "Acme|5 Road|Springfield, IL",
        {"name": "Acme", "address1": "5 Road", "city": "Springfield", "state": "IL"},
    ),
    (
        "Müller GmbH|Jane Smith|Am Hafen 12|Halle 3|20457 Hamburg",
        {
            "name": "Müller GmbH",
            "contact": "Jane Smith",
            "address1": "Am Hafen 12",
            "address2": "Halle 3",
            "zip": "20457",
            "city": "Hamburg",
        },
    ),
    (
        "Acme|Attn: Jane Smith|5 Road|Tel. +1 (555) 010-0199|Fax: 555-010-0198|E-mail: jane@acme.example.com",
        {
            "name": "Acme",
            "contact": "Jane Smith",
            "address1": "5 Road",
            "phone": "+1 (555) 010-0199",
            "fax": "555-010-0198",
            "email": "jane@acme.example.com",
        },
    ),
    (
        "Acme|Dock 3|North gate|Bay 7|East",
        {"name": "Acme", "address1": "Dock 3", "address2": "North gate, Bay 7, East"},
    ),
    (
        "Acme|IL 62701 Springfield|5 Road",
        {"name": "Acme", "address1": "IL 62701 Springfield", "address2": "5 Road"},
    ),
    (
        "Acme|D-20457 Hamburg|France",
        {"name": "Acme", "country": "FR", "address1": "D-20457 Hamburg"},
    ),
    ("3M Company|5 Road", {"name": "3M Company", "address1": "5 Road"}),
    (
        "東京商会|千代田区1-1|東京 100-0001",
        {"name": "東京商会", "address1": "千代田区1-1", "city": "東京", "zip": "100-0001"},
    ),
    ("jane@acme.example.com|5 Road", {"name": "jane@acme.example.com", "address1": "5 Road"}),
]


@pytest.mark.parametrize(("text", "fields"), ADDRESSES, ids=[text for text, _ in ADDRESSES])
def test_address_is_taken_apart(text: str, fields: dict[str, str]) -> None:
    parsed = parse_address(text.split("|"), with_name=True)
    assert parsed.fields == fields
    assert parsed.unplaced == []


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("12 Main|Unit 4", {"address1": "12 Main", "address2": "Unit 4"}),
        ("Acme|12 Main", {"name": "Acme", "address1": "12 Main"}),
        ("555-010-0199|jane@acme.example.com", {"phone": "555-010-0199", "email": "jane@acme.example.com"}),
        ("20457 Hamburg|Germany", {"zip": "20457", "city": "Hamburg", "country": "DE"}),
        ("20457|", {"zip": "20457"}),
    ],
)
def test_first_line_with_number_is_no_name_behind_the_name(text: str, fields: dict[str, str]) -> None:
    parsed = parse_address([line for line in text.split("|") if line], with_name=False)
    assert (parsed.fields, parsed.unplaced) == (fields, [])


def test_what_has_no_field_left_is_reported() -> None:
    parsed = parse_address(
        ["Acme", "a@example.com", "b@example.com", "www.example.com", "555 010 0199", "555 010 0198"], with_name=True
    )
    assert parsed.fields == {"name": "Acme", "email": "a@example.com", "phone": "555 010 0199"}
    assert parsed.unplaced == ["b@example.com", "www.example.com", "555 010 0198"]


@pytest.mark.parametrize("country", ["US", "GB", "DE", "SE"])
def test_label_that_was_copied_is_read_back(country: str) -> None:
    fields = {
        "name": "Acme Corporation",
        "address1": "12 Industrial Way",
        "address2": "Hall 3",
        "city": "Springfield",
        "zip": "62701",
        "country": country,
    }
    label = address_lines(lambda name: fields.get(name, ""))
    assert parse_address(label, with_name=True).fields == fields


WORDS = [
    "Acme",
    "Müller",
    "GmbH",
    "12",
    "Main",
    "Street",
    "20457",
    "D-",
    "D-20457",
    "Hamburg",
    "Springfield",
    "IL",
    "62701",
    ",",
    "+49",
    "40",
    "5550199",
    "a@b.de",
    "USA",
    "SW1A",
    "1AA",
    "London",
    "Halle",
    "3",
    "DE",
    "東京",
    "100-0001",
    "555",
    "010",
    "0199",
]


@settings(deadline=None)
@given(st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=5).map(" ".join), max_size=8), st.booleans())
def test_no_word_is_lost(lines: list[str], with_name: bool) -> None:
    parsed = parse_address(lines, with_name=with_name)
    kept = " ".join([*parsed.fields.values(), *parsed.unplaced])
    if "country" in parsed.fields:
        # A country may stand there by its name, or by its sign before the zip.
        kept += " USA D- D-20457"
    assert all(word in kept for line in lines for word in line.replace(",", " ").split())


@pytest.mark.parametrize("lines", [[], ["x"], ["DE"], ["-", "-", "-"], ["1", "2", "3"], [" ", "\u202e", "a" * 5_000]])
@pytest.mark.parametrize("with_name", [True, False])
def test_no_line_is_lost(lines: list[str], with_name: bool) -> None:
    parsed = parse_address(lines, with_name=with_name)
    kept = " ".join([*parsed.fields.values(), *parsed.unplaced])
    assert all(line.strip() in kept for line in lines)
