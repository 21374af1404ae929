"""What is typed to find is read as words, words of one field and statuses to leave out; the rest stays text."""

import pytest

from app.models.find_query import FindQuery, FindWord, complete_field, parse_find


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", []),
        ("Müller 555-01", [("muller", ""), ("555-01", "")]),
        ("city:Gdańsk PHONE:0155", [("gdansk", "city"), ("0155", "phone")]),
        ("city: gdansk x", [("gdansk", "city"), ("x", "")]),
        ("city：東京", [("東京", "city")]),
        ("city:", []),
        ("city: state:wa", [("wa", "state")]),
        ("city:a:b", [("a:b", "city")]),
        ("cty:gdansk 12:30 :x", [("cty:gdansk", ""), ("12:30", ""), (":x", "")]),
        ("-x - -activ", [("-x", ""), ("-", ""), ("-activ", "")]),
        ("name: -active", [("-active", "name")]),
    ],
)
def test_words_and_their_fields(typed: str, words: list[tuple[str, str]]) -> None:
    assert parse_find(typed).words == tuple(FindWord(*word) for word in words)


def test_statuses_and_unknown_names() -> None:
    assert parse_find("-Active b -discontinued -active") == FindQuery((FindWord("b"),), ("active", "discontinued"))
    assert parse_find("cty:x 12:30 http://a tel:1 address2:a").unknown == ("cty", "http", "tel", "address2")
    assert parse_find("Acme city:x Corp").plain_text == "acme corp"


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("ci", "city:"),
        ("bri  CI", "bri  city:"),
        ("em", "email:"),
        ("id", "id:"),
        ("c", ""),
        ("co", ""),
        ("con", "contact:"),
        ("city:", ""),
        ("city:ci", ""),
        ("ci ", ""),
        ("gdansk", ""),
        ("", ""),
    ],
)
def test_field_names_are_completed(typed: str, completed: str) -> None:
    assert complete_field(typed) == completed
