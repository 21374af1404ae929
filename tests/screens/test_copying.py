"""Copying from the list: one letter says what; a scan never does."""

import pytest

from tests.harness import run_app

ADDRESS = ["Acme Corporation", "123 Industrial Way", "Springfield IL 62701", "UNITED STATES"]


@pytest.mark.parametrize(
    ("letter", "copied", "said"),
    [
        ("p", "555-0100", "Copied: Phone."),
        ("e", "orders@acme.example.com", "Copied: Email."),
        ("i", "ACME-CORP", "Copied: ACME-CORP."),
        ("y", "ACME-CORP", "Copied: ACME-CORP."),
        ("enter", "ACME-CORP", "Copied: ACME-CORP."),
        ("n", "Acme Corporation", "Copied: Name."),
        ("c", "Jane Smith", "Copied: Contact."),
        ("a", "\n".join(ADDRESS), "Copied: Address."),
        ("f", "", "Fax is empty: nothing to copy."),
        ("escape", "", "48 customers"),
    ],
)
async def test_two_keys_copy_what_letter_stands_for(letter: str, copied: str, said: str) -> None:
    async with run_app() as it:
        await it.press("y")
        it.sees("p  Phone    555-0100", "a  Address  Acme Corporation, 123 Industrial Way")
        await it.press(letter)
        assert it.app.clipboard == copied
        it.sees(said, "ID ▲")


async def test_value_can_be_shown_as_text() -> None:
    async with run_app() as it:
        await it.press("y", "p")
        it.sees("Press y, then t, to see it as text.")
        await it.press("y", "t")
        assert [line.rstrip() for line in it.lines[:5]] == [*ADDRESS, ""]
        assert "Email      orders@acme.example.com" in [line.rstrip() for line in it.lines]
        it.misses("48 customers")


@pytest.mark.promise("I3")
@pytest.mark.parametrize("burst", ["p-100\r", "yips\r", "DOCK-17", "e1\t"])
async def test_scan_copies_nothing(burst: str) -> None:
    async with run_app() as it:
        await it.press("y")
        await it.burst(burst)
        assert it.app.clipboard == ""
        it.sees("── Copy ──")


@pytest.mark.promise("T1")
async def test_copied_address_has_no_control_characters() -> None:
    record = {
        "shortID": "X",
        "name": "Evil\x1b]52;c;aGk=\x07",
        "address1": "1\u202eway",
        "country": "DE",
        "zip": "20457",
    }
    async with run_app(records=[record]) as it:
        await it.press("y", "a")
        assert it.app.clipboard == "Evil␛]52;c;aGk=␇\n1‹202E›way\n20457\nGERMANY"
