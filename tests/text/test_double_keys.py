"""What counts as the same phone, e-mail or address, and what is too little to count."""

import pytest

from app.text.double_keys import address_key, email_key, phone_key


@pytest.mark.parametrize(
    ("one", "other"),
    [("+1 (312) 555-0100", "1.312.555.0100"), ("٣١٢٥٥", "31255"), ("555-01", "55501")],
)
def test_phones_are_compared_by_their_digits(one: str, other: str) -> None:
    assert phone_key(one) == phone_key(other) is not None


@pytest.mark.parametrize("phone", ["", "-", "n/a", "1234", "ext. 12", "call Jane"])
def test_too_few_digits_are_no_phone(phone: str) -> None:
    assert phone_key(phone) is None


def test_emails_are_compared_without_case() -> None:
    assert email_key(" Orders@ACME.example ") == email_key("orders@acme.example") is not None
    assert email_key("STRASSE@x.example") == email_key("straße@x.example")
    assert [email_key(text) for text in ("", "-", "n/a", "@", "a@", "@b", "none")] == [None] * 7


def test_addresses_are_compared_folded() -> None:
    one = address_key("12, Königstraße", "Halle 3", "80-331", "Gdańsk")
    assert one == address_key("12 KONIGSTRASSE", "halle 3", "80331", "Danzig") is not None
    assert one == address_key("12 Königstraße, Halle 3", "", "80-331", "") is not None
    assert one != address_key("12 Königstraße", "Halle 4", "80-331", "Gdańsk")
    assert address_key("1 Long Road", "", "", "Łódź") == address_key("1 long road", "", "-", "LODZ") is not None
    assert address_key("1 Long Road", "", "", "Łódź") != address_key("1 long road", "", "", "Oslo")


@pytest.mark.parametrize("street", ["", "-", "n/a", "N. A.", "none", "?"])
def test_no_street_is_no_address(street: str) -> None:
    assert address_key(street, "", "62701", "Springfield") is None
