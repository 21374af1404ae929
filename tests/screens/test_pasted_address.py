"""A pasted address: spread over the fields if one says so, one line in one field otherwise."""

import pytest

from tests.harness import run_app

ADDRESS = "Müller GmbH\r\nAm Hafen 12\r\nD-20457 Hamburg\r\nTel. +49 40 555 0199\r\nwww.example.com\r\n"


async def test_address_is_spread_over_new_customer() -> None:
    async with run_app() as it:
        await it.press("f6")
        await it.type("MUELLER")
        await it.press("enter")
        await it.paste(ADDRESS)
        it.sees("Spread 5 lines over the fields?", "Esc one field")
        it.sees("Name       Müller GmbH", "Address    Am Hafen 12", "City       Hamburg", "Zip        20457")
        it.sees("Country    DE", "Phone      +49 40 555 0199", "Left out   www.example.com")
        await it.press("right", "enter")
        it.sees("• Name      [Müller GmbH ", "• Zip       [20457 ", "7 filled")
        it.sees("Filled in 6 fields. Left out: www.example.com. Esc takes it back.")
        await it.press("f10")
        record = await it.record("MUELLER")
        assert [record[name] for name in ("name", "address1", "zip", "city", "country", "phone")] == [
            "Müller GmbH",
            "Am Hafen 12",
            "20457",
            "Hamburg",
            "DE",
            "+49 40 555 0199",
        ]


async def test_notice_goes_when_escape_means_something_else() -> None:
    async with run_app() as it:
        await it.press("f2")
        await it.paste(ADDRESS)
        await it.press("right", "enter")
        it.sees(" Filled in 6 fields. ", "Esc takes it back.")
        it.misses("! Filled in")
        await it.press("down", "down")
        it.sees("Esc takes it back.")
        await it.press("Q")
        it.misses("Filled in", "takes it back")
        await it.press("escape")
        it.sees("Leave without saving?")


async def test_notice_goes_when_the_address_is_kept() -> None:
    async with run_app() as it:
        await it.press("f2")
        await it.paste(ADDRESS)
        await it.press("right", "enter", "escape")
        it.sees("Take the pasted lines back?")
        await it.press("enter")
        it.sees("• Name      [Müller GmbH ")
        it.misses("takes it back")


async def test_letter_spreads() -> None:
    async with run_app() as it:
        await it.press("f6", "down")
        await it.paste(ADDRESS)
        await it.press_only("s")
        await it.until("6 filled")
        it.sees("• Name      [Müller GmbH ", "• City      [Hamburg ")


async def test_what_is_replaced_and_what_stays_is_named() -> None:
    async with run_app() as it:
        await it.press("f2", "down", "down")
        await it.paste("Am Hafen 12\n20457 Hamburg")
        it.sees("Address    Am Hafen 12  (replaces 123 Industrial Way)", "City       Hamburg  (replaces Springfield)")
        it.sees("State      IL  (stays)", "Country    US  (stays)")
        it.misses("Name       ")
        await it.press("right", "enter")
        it.sees("[Am Hafen 12 ", "was 123 Industrial Way", "3 changed")
        await it.press("escape")
        it.sees("Take the pasted lines back?")
        await it.press("right", "enter")
        it.sees("[123 Industrial Way ")
        it.misses("changed")


@pytest.mark.promise("T8", "I2")
@pytest.mark.parametrize("key", ["enter", "escape", "o"])
async def test_one_field_is_the_harmless_answer(key: str) -> None:
    async with run_app() as it:
        await it.press("f2", "end")
        await it.paste("\nNorth Dock\r\nGate 4\n")
        it.sees("Spread 2 lines over the fields?", "Name       North Dock  (replaces Acme Corporation)")
        await it.press_only(key)
        await it.until("Acme CorporationNorth Dock Gate 4")
        it.sees("You pasted 2 lines; they are now one line in this field.", "1 changed")


@pytest.mark.promise("T1", "T2")
async def test_control_characters_of_a_pasted_address_enter_no_field() -> None:
    async with run_app() as it:
        await it.press("f6", "down")
        await it.paste("Acme\x1b[2J [/] [b]\n5 Road\x07\n20457 \u202eHamburg")
        assert not set(it.screen_text) & {"\x1b", "\x07", "\u202e"}
        await it.press("right", "enter")
        it.sees("[Acme[2J [/] [b] ", "[5 Road ", "[20457 ", "[Hamburg ")


async def test_single_line_and_long_list_are_not_asked_about() -> None:
    async with run_app() as it:
        await it.press("f6", "down")
        await it.paste("Acme, 5 Road, 20457 Hamburg\n")
        it.sees("[Acme, 5 Road, 20457 Hamburg ", "New customer")
        await it.press("f9")
        await it.paste("x\n" * 17)
        it.sees("You pasted 17 lines; they are now one line", "New customer")


async def test_preview_fits_small_screen() -> None:
    async with run_app(size=(24, 16)) as it:
        await it.press("f2")
        await it.paste(
            "Müller GmbH\nJane\nAm Hafen 12\nHalle 3\nD-20457 Hamburg\nTel. +49 40 555 0199\nwww.example.com"
        )
        it.sees(
            "Spread 7 lines over",
            "!Name      Müller GmbH",
            "Left out  www",
            "! replaces a value",
            "One field ",
            "Esc one field",
        )
        await it.press("down", "enter")
        it.sees("•City   [Hamburg ")
