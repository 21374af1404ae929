"""Sample customers: always the same, unique, addressable and presentable."""

import re
import unicodedata
from itertools import islice

from app.models.fields import FIELDS, MAX_FIELD_LENGTH, MAX_ID_LENGTH
from app.service.request_parsing import RESERVED_IDS
from app.service.sample.generator import sample_customers
from tests.customers import ACME

BRIGHT = {
    "shortID": "BRIGHT-MFG",
    "name": "Bright Manufacturing LLC",
    "address1": "88 Factory Rd",
    "address2": "Suite 200",
    "city": "Rockford",
    "state": "IL",
    "zip": "61101",
    "country": "US",
    "phone": "555-0201",
    "fax": "555-0202",
    "email": "inventory@brightmfg.example.com",
    "contact": "Tom Briggs",
    "active": True,
    "created": "2022-09-01T09:00:00",
    "modified": "2025-01-15T11:05:00",
}


def test_sample_begins_with_the_two_customers_of_the_spec() -> None:
    assert list(sample_customers(2)) == [ACME, BRIGHT]
    assert list(sample_customers(0)) == []


def test_sample_is_the_same_every_time_and_for_every_length() -> None:
    assert list(sample_customers(300)) == list(sample_customers(300)) == list(islice(sample_customers(10_000), 300))


def test_sample_records_are_complete_unique_and_plausible() -> None:
    records = list(sample_customers(20_000))
    assert len({record["shortID"] for record in records}) == 20_000
    for record in records:
        assert set(record) == {field.name for field in FIELDS}
        texts = {name: value for name, value in record.items() if isinstance(value, str)}
        assert len(texts) == 14
        assert all(len(value) <= MAX_FIELD_LENGTH and value == value.strip() for value in texts.values())
        assert re.fullmatch(r"[A-Z0-9-]+", texts["shortID"])
        assert len(texts["shortID"]) <= MAX_ID_LENGTH
        assert texts["shortID"] not in RESERVED_IDS
        assert re.fullmatch(r"([a-z]+@[a-z0-9-]+\.example\.(com|org|net))?", texts["email"])
        assert re.fullmatch(r"[A-Z]{2}", texts["country"])
        assert "{" not in "".join(texts.values())
        assert texts["created"] <= texts["modified"] < "2025-06"


def test_sample_of_48_shows_every_kind_of_record() -> None:
    records = list(sample_customers(48))
    scripts = {unicodedata.name(character).split()[0] for record in records for character in str(record["name"])}
    wanted = {"LATIN", "CJK", "HIRAGANA", "KATAKANA", "HANGUL", "CYRILLIC", "GREEK", "HEBREW", "ARABIC", "DEVANAGARI"}
    assert scripts >= wanted
    assert len({record["country"] for record in records}) >= 15
    assert 3 <= sum(not record["active"] for record in records) <= 8
    for name in ("phone", "fax", "email", "contact", "zip", "address2"):
        values = [record[name] for record in records]
        assert any(values)
        assert not all(values)
