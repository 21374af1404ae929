"""The palette: ordered by use, found by what others call a command, and no way round a question."""

import pytest

from tests.harness import AppHarness, run_app


def commands(it: AppHarness) -> list[str]:
    """The lines of the palette, from the first command on."""
    rule = next(index for index, line in enumerate(it.lines) if "All commands" in line)
    return [line.strip() for line in it.lines[rule + 2 :]]


async def test_palette_begins_with_what_is_used_most() -> None:
    async with run_app(size=(80, 60)) as it:
        await it.press("ctrl+p")
        first = [line.split("  ")[0] for line in commands(it)[:6]]
        assert first == ["Open", "Find while you type, in all fields", "Edit", "New", *first[4:]]
        assert first[4].startswith("Copy")
        await it.press("up")
        assert [line.split("  ")[0] for line in commands(it)[-6:-4]] == ["Next row", "Previous row"]


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ("delete", "delete → Discontinue"),
        ("remo", "remove → Discontinue"),
        ("clip", "clipboard → Copy"),
        ("print", "print → Copy"),
        ("phone", "Copy ID, phone, email, address …"),
        ("exit", "exit → Leave dockbook"),
        ("excel", "excel → Export"),
        ("fax", "fax → Open"),
        ("call", "call → Open"),
        ("logout", "logout → Quit"),
    ],
)
async def test_synonym_is_shown_beside_what_it_found(typed: str, line: str) -> None:
    async with run_app() as it:
        await it.press("colon")
        await it.type(typed)
        assert commands(it)[0].startswith(line)


async def test_palette_says_when_nothing_matches() -> None:
    async with run_app() as it:
        await it.press("colon", *"xyzzy")
        it.sees('Nothing matches "xyzzy"')
        await it.press("enter")
        it.sees('Nothing matches "xyzzy"')
        await it.press(*["backspace"] * 5)
        it.misses("Nothing matches")
        it.sees("Open", "⏎ choose")


async def test_palette_confirms_what_the_key_confirms() -> None:
    async with run_app() as it:
        await it.press("colon", *"delete", "enter")
        it.sees("Discontinue", "Keep")
        await it.press("enter")
        assert it.transport.count("DELETE") == 0
        await it.press("f2", "x", "ctrl+p", *"quit", "enter")
        it.sees("Quit and lose your unsaved changes?", "Stay")
        assert it.app.return_code is None


async def test_palette_offers_from_find_what_letters_do_on_the_list() -> None:
    async with run_app(mirror=True) as it:
        await it.press("slash", *"bright", "ctrl+p", *"clip", "enter", "i")
        it.sees("Copied: BRIGHT-MFG")


async def test_palette_shows_whole_names_and_keys_on_a_handheld() -> None:
    async with run_app(size=(24, 16)) as it:
        await it.press("colon", *"delete")
        assert commands(it)[:2] == ["delete → Discontinue", "Del"]
