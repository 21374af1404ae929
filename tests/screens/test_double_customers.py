"""Customers that look double are listed, compared side by side, and opened."""

import pytest

from tests.harness import AppHarness, run_app

BOOK = [
    {"shortID": "ACME", "name": "Acme Corporation", "phone": "555-0100", "email": "a@x.example", "city": "Oslo"},
    {"shortID": "ACME-2", "name": "ACME corp", "phone": "5550100", "email": "A@x.example", "city": "Bergen"},
    {"shortID": "BJORK", "name": "Björk", "phone": "n/a", "address1": "Långgatan 1", "zip": "211 20"},
    {"shortID": "BJORK-OLD", "name": "Bjork", "phone": "n/a", "address1": "langgatan 1", "zip": "21120"},
    *({"shortID": f"DESK-{number}", "name": f"Desk {number}", "phone": "444-0000"} for number in range(3)),
]


async def find_doubles(it: AppHarness) -> None:
    """Run the command from the palette."""
    await it.press("colon", *"double", "enter")


async def test_groups_are_listed_with_what_they_share() -> None:
    async with run_app(records=BOOK, mirror=True) as it:
        await it.store.discontinue("ACME-2")
        await it.press("R")
        await it.filled()
        await find_doubles(it)
        it.sees("Double customers", "3 groups of customers that share a phone, an email or an address.")
        it.sees("Phone Email", "ACME Acme Corporation", "× ACME-2 ACME corp")
        it.sees("DESK-1 Desk 1 and 1 more")
        await it.press("escape")
        it.sees("7 customers")


async def test_two_are_compared_and_either_is_opened() -> None:
    async with run_app(records=BOOK, mirror=True) as it:
        await it.store.upsert("ACME-2", {"fax": "999"}, if_match=None, only_new=False)
        await find_doubles(it)
        await it.press("enter")
        it.sees("Double customers?", "The same phone and email.", "Phone =", "Email =", "Name  ", "Bergen")
        it.sees("999")
        it.misses("City =", "Name =", "→ Next")
        await it.press("enter")
        it.sees("Open which?")
        await it.press("down", "enter")
        it.sees("ACME-2 · ACME corp")
        await it.press("e", *["end"], "x", "f10")
        await it.press("escape")
        it.sees("Double customers?", "ACME corpx")
        await it.press("escape", "escape")
        it.sees("7 customers")


async def test_arrows_go_through_a_larger_group() -> None:
    async with run_app(records=BOOK, mirror=True) as it:
        await find_doubles(it)
        await it.press("end", "enter")
        it.sees("The same phone in 3 customers.", "DESK-0", "DESK-1", "1 of 2 · ←→ next", "→ Next")
        await it.press("left")
        it.sees("This is the first of them.")
        await it.press("right")
        it.sees("DESK-2", "2 of 2")
        it.misses("DESK-1")
        await it.press("right")
        it.sees("This is the last of them.")
        await it.press("escape")
        it.sees("Double customers ", "3 groups")


async def test_addresses_are_compared_folded() -> None:
    async with run_app(records=BOOK, mirror=True) as it:
        await find_doubles(it)
        it.sees("Address", "BJORK Björk", "BJORK-OLD Bjork")
        await it.press("down", "enter")
        it.sees("The same address.", "Address =", "Zip =", "Phone  ")


async def test_without_copy_or_doubles_it_says_so() -> None:
    async with run_app(records=BOOK) as it:
        await find_doubles(it)
        it.sees("There is no local copy to look in.")
        await it.press("enter")
        it.sees("Double customers ")
    async with run_app(mirror=True) as it:
        await find_doubles(it)
        it.sees("No two customers share a phone, an email or an address.")
        await it.press("enter")
        it.sees("Double customers ")


@pytest.mark.promise("T1", "T2")
async def test_names_are_shown_literally() -> None:
    book = [
        {"shortID": "A[/]", "name": "[@click=app.quit]x[/]", "phone": "55555"},
        {"shortID": "B", "name": "\x1b]52;c;AAAA\x07", "phone": "55555"},
    ]
    async with run_app(records=book, mirror=True, size=(120, 24)) as it:
        await find_doubles(it)
        it.sees("A[/] [@click=app.quit]x[/]")
        await it.press("enter")
        it.sees("A[/]", "[@click=app.quit]x[/]")
        assert "\x1b" not in it.screen_text
