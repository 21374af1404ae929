"""Dialogs take the last lines, answer to Tab and letters, and never to a scanner."""

import pytest

from tests.harness import run_app


async def test_dialog_keeps_rows_above_its_rule() -> None:
    async with run_app() as it:
        before = it.lines
        await it.press("d")
        rule = next(at for at, line in enumerate(it.lines) if line.startswith("── Discontinue this customer? ──"))
        assert rule == 20
        assert it.lines[:rule] == before[:rule]
        it.sees("←→ move · ⏎ choose · Esc keep")


async def test_form_is_discarded_with_two_keys() -> None:
    async with run_app() as it:
        await it.press("e", "x", "escape")
        it.sees("Leave without saving?", "Esc stay")
        await it.press("d")
        it.sees("48 customers")
        assert it.transport.count("POST") == 0
        await it.press("e", "x", "escape", "s")
        it.sees("Saved ACME-CORP: Name.")


@pytest.mark.parametrize("key", ["f10", "ctrl+s"])
async def test_save_key_saves_where_save_is_an_answer(key: str) -> None:
    async with run_app() as it:
        await it.press("e", "x", "escape", key)
        it.sees("Saved ACME-CORP: Name.")
        assert it.transport.count("POST") == 1


@pytest.mark.parametrize("size", [(80, 24), (40, 12), (24, 16)])
@pytest.mark.parametrize("key", ["f10", "f1"])
async def test_other_dialogs_say_how_to_go_on(key: str, size: tuple[int, int]) -> None:
    async with run_app(size=size) as it:
        closing = "Close this first · ⏎ choose · Esc " if size[0] == 80 else "Esc "
        await it.press("f2")
        await it.paste("North Dock\n5 Road\n20457 Hamburg")
        await it.press(key, key)
        it.sees(f"{closing}one field", "Spread 3 lines")
        await it.press("escape", *["down"] * 7, "f4", key)
        it.sees(f"{closing}cancel")
        await it.press("escape")
        it.sees("Edit ")
        it.misses("Close this first", "Esc cancel")
        assert it.transport.count("POST") == 0


async def test_tab_moves_both_ways() -> None:
    async with run_app() as it:
        await it.press("e", "x", "escape", "tab", "enter")
        it.sees("Saved ACME-CORP: Name.")
        await it.press("e", "x", "escape", "shift+tab", "enter")
        it.sees("48 customers")
        assert it.transport.count("POST") == 1


@pytest.mark.promise("I3")
@pytest.mark.parametrize("burst", ["d", "d\r", "sock-7\r", "d\t\r", "\t\r", "\x1b[C\r", "k\r\n", "DOCK-17"])
async def test_scan_answers_no_question(burst: str) -> None:
    async with run_app() as it:
        await it.press("e", "x", "escape")
        await it.burst(burst)
        it.sees("Leave without saving?" if burst != "k\r\n" else "Edit ACME-CORP", "• Name")
        assert it.transport.count("POST") == 0


async def test_letter_that_opened_dialog_answers_nothing() -> None:
    async with run_app() as it:
        await it.press("d", "d", "y", "d")
        it.sees("Discontinue this customer?")
        await it.press("k")
        it.misses("Discontinue this customer?")
        await it.press("d", "tab", "enter")
        it.sees("ACME-CORP is now discontinued.")


@pytest.mark.parametrize("size", [(24, 16), (40, 12)])
async def test_answers_and_title_are_whole_where_there_is_little_room(size: tuple[int, int]) -> None:
    async with run_app(size=size) as it:
        await it.press("d")
        text = " ".join(it.screen_text.split())
        assert all(words in text for words in ("Discontinue this customer?", "Keep", "Discontinue", "Esc keep"))
        await it.press("escape", "e", "x", "escape")
        it.sees("Stay", "Save", "Discard", "Esc stay")
