"""What F4 offers in a form: values that other customers have, from the local copy; the server is not asked."""

import pytest

from tests.harness import AppHarness, run_app

RECORDS = [
    {"shortID": "A", "name": "Anna", "city": "Hamburg", "state": "HH", "zip": "20457", "country": "DE"},
    {"shortID": "B", "name": "Bert", "city": "Hamburg", "state": "HH", "zip": "20457", "country": "DE"},
    {"shortID": "C", "name": "Carl", "city": "Köln", "state": "NW", "zip": "50667", "country": "DE"},
    {"shortID": "D", "name": "Dora", "city": "Springfield", "state": "IL", "zip": "62701", "country": "US"},
    {"shortID": "E", "name": "Emil", "city": "Bad\x1b[31m [b]Ems", "state": "", "zip": "56130", "country": "de"},
    {"shortID": "F", "name": "Fritz", "city": "Hamburg-Altona", "state": "HH", "zip": "22765", "country": ""},
    {"shortID": "G", "name": "Gero", "city": "Altona", "state": "HH", "zip": "22765", "country": ""},
]


async def open_form_at(it: AppHarness, downs: int) -> None:
    """Open the form of a new customer with the cursor in one of its fields."""
    await it.press("f6", *["down"] * downs)


async def test_cities_in_use_come_most_used_first() -> None:
    async with run_app(records=RECORDS, mirror=True) as it:
        await open_form_at(it, 5)
        requested = len(it.transport.requests)
        it.sees("F4 Choices")
        await it.press("f4")
        at = {city: it.screen_text.index(city) for city in ("Hamburg ", "Altona ", "Köln", "Springfield")}
        assert sorted(at, key=lambda city: at[city]) == ["Hamburg ", "Altona ", "Köln", "Springfield"]
        it.sees("2 customers", "Bad␛[31m [b]Ems")
        await it.type("koln")
        it.sees("Köln")
        it.misses("Altona")
        await it.press("enter")
        it.sees("• City      [Köln ")
        assert len(it.transport.requests) == requested


async def test_what_is_typed_is_searched_for() -> None:
    async with run_app(records=RECORDS, mirror=True) as it:
        await open_form_at(it, 5)
        await it.type("kol")
        await it.press("f4")
        it.sees(" kol ", "Köln")
        it.misses("Altona")
        await it.press("enter")
        it.sees("• City      [Köln ")
        await it.press("f9")
        await it.type("zzz")
        await it.press("f4")
        it.sees("type to search", "Altona")


async def test_states_and_countries_in_use() -> None:
    async with run_app(records=RECORDS, mirror=True) as it:
        await open_form_at(it, 6)
        await it.press("f4", "enter")
        it.sees("• State     [HH ")
        await it.press("down", "down", "f4")
        it.sees("DE  Germany", "4 customers", "US  United States", "1 customer", "AF  Afghanistan")
        await it.press("enter")
        it.sees("• Country   [DE ")


@pytest.mark.parametrize(
    ("typed", "code"),
    [("ger", "DE"), ("ge", "GE"), ("united s", "US"), ("us", "US"), ("arab", "SA"), ("turk", "TR"), ("ivoire", "CI")],
)
async def test_country_choice_prefers_code_then_beginning_of_name(typed: str, code: str) -> None:
    async with run_app(size=(80, 30)) as it:
        await open_form_at(it, 8)
        await it.press("f4")
        await it.type(typed)
        await it.press("enter")
        it.sees(f"• Country   [{code} ")


async def test_without_local_copy_only_country_has_choices() -> None:
    async with run_app() as it:
        await open_form_at(it, 5)
        it.misses("F4")
        await it.press("f4")
        it.sees("No list for City.")


async def test_empty_copy_says_that_nothing_is_known() -> None:
    async with run_app(records=[], customers=0, mirror=True) as it:
        await open_form_at(it, 5)
        await it.press("f4")
        it.sees("No City is known here yet.", "New customer")


async def test_known_zip_offers_its_city_and_fills_in_nothing_by_itself() -> None:
    async with run_app(records=RECORDS, mirror=True) as it:
        await open_form_at(it, 7)
        requested = len(it.transport.requests)
        await it.type("20457")
        it.sees("F4 here: Hamburg HH", "F4 Choices", "1 filled")
        await it.press("enter", "up", "f4")
        it.sees("• City      [Hamburg ", "• State     [HH ", "Filled in: Hamburg HH.", "3 filled")
        it.misses("F4")
        assert len(it.transport.requests) == requested


async def test_zip_of_several_places_lets_choose_and_names_what_it_replaces() -> None:
    async with run_app(records=RECORDS, mirror=True) as it:
        await open_form_at(it, 5)
        await it.type("Hamburk")
        await it.press("down", "down")
        await it.type("22765")
        it.sees("F4 here: Altona HH or 1 more")
        await it.press("f4")
        it.sees("City and State of this Zip", "Altona HH", "Hamburg-Altona HH")
        await it.press("down", "enter")
        it.sees("• City      [Hamburg-Altona ", "City was Hamburk.")


async def test_zip_of_another_country_is_not_offered() -> None:
    async with run_app(records=RECORDS, mirror=True) as it:
        await open_form_at(it, 8)
        await it.type("FR")
        await it.press("up")
        await it.type("20457")
        it.misses("F4 here")


async def test_choices_fit_small_screen() -> None:
    async with run_app(records=RECORDS, mirror=True, size=(24, 16)) as it:
        await open_form_at(it, 5)
        await it.press("f4")
        it.sees("Hamburg          2", "Köln             1", "Esc cancel")
