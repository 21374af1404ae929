"""The lines of a parcel label."""

import pytest

from app.text.address import address_lines


def lines(**fields: str) -> list[str]:
    return address_lines(lambda name: fields.get(name, ""))


@pytest.mark.parametrize(
    ("country", "city_line", "last"),
    [
        ("US", "Springfield IL 62701", "UNITED STATES"),
        ("us", "Springfield IL 62701", "UNITED STATES"),
        ("GB", "Springfield IL 62701", "UNITED KINGDOM"),
        ("DE", "62701 Springfield IL", "GERMANY"),
        ("Utopia", "62701 Springfield IL", "UTOPIA"),
        ("", "Springfield IL 62701", None),
    ],
)
def test_zip_stands_where_country_has_it(country: str, city_line: str, last: str | None) -> None:
    address = lines(name="Acme", address1="1 Way", city="Springfield", state="IL", zip="62701", country=country)
    assert address == ["Acme", "1 Way", city_line, *([last] if last else [])]


def test_empty_fields_leave_no_gaps() -> None:
    assert lines(name="Acme", address2=" ", city="Genova", country="IT") == ["Acme", "Genova", "ITALY"]
    assert lines() == []


def test_each_line_is_one_line_of_safe_text() -> None:
    address = lines(name="A\r\n\tB", address1="x\x1b[2J\x07", city="\u202eC", zip="\ud800")
    assert address == ["A B", "x␛[2J␇", "‹202E›C ‹D800›"]
