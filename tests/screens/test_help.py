"""Help: the keys one needs first, then all keys, from the bindings as they are now."""

import pytest
from textual.binding import Binding

from app.screens.customer_list.screen import CustomerListScreen
from app.screens.detail import DetailScreen
from app.screens.form import FormScreen
from tests.harness import AppHarness, run_app

SCREENS: tuple[tuple[list[str], type], ...] = (
    ([], CustomerListScreen),
    (["enter"], DetailScreen),
    (["f2"], FormScreen),
)


def below(it: AppHarness, title: str) -> list[str]:
    """The lines below a title, up to the next blank one."""
    lines = [line.rstrip() for line in it.lines]
    start = lines.index(f" {title}") + 1
    return lines[start : lines.index("", start)]


@pytest.mark.parametrize(("keys", "screen"), SCREENS)
async def test_help_lists_every_action_of_screen(keys: list[str], screen: type) -> None:
    async with run_app(size=(59, 110)) as it:
        await it.press(*keys, "f1")
        it.sees("Help", "F1", *(["Field up"] if screen is FormScreen else []))
        text = " ".join(it.screen_text.split())
        for binding in screen.BINDINGS:  # type: ignore[attr-defined]
            assert isinstance(binding, Binding)
            assert (binding.tooltip or binding.description) in text
        await it.press("f3")
        it.misses("Help ·")


@pytest.mark.parametrize(("keys", "screen"), SCREENS)
async def test_help_opens_with_few_keys(keys: list[str], screen: type) -> None:
    async with run_app() as it:
        await it.press(*keys, "f1")
        assert it.lines[1].strip() == "Keys you need first"
        assert len(below(it, "Keys you need first")) <= 5
        it.sees("All keys")


async def test_keys_stand_in_two_columns_where_there_is_room() -> None:
    for cells, keys in (
        (80, " ↑ ↓         Choose a customer           F7 F8       Turn the page"),
        (59, " ↑ ↓   Choose a customer"),
    ):
        async with run_app(size=(cells, 24)) as it:
            await it.press("f1")
            assert below(it, "Keys you need first")[0] == keys


async def test_help_can_be_read_on_a_handheld() -> None:
    async with run_app(size=(24, 16)) as it:
        await it.press("f1")
        it.sees("↓ more below", " F2    Change it")
        seen = it.screen_text
        while "↓ more below" in it.screen_text:
            await it.press("pagedown")
            assert it.screen_text != seen
            seen = it.screen_text
        it.sees("your save could be.")


async def test_help_shows_remapped_keys() -> None:
    async with run_app(keymap={"edit": "f11", "palette": "f2,ctrl+p"}) as it:
        await it.press("f1")
        it.sees("F11         Change it", "F2          All commands, by name", "F2 Ctrl+P")


async def test_help_from_find_shows_the_keys_of_find() -> None:
    async with run_app(mirror=True) as it:
        await it.press("slash", "b", "f1")
        it.sees("Tab         From the text to the rows", "Esc         Back to the list")
        it.misses("Copy phone, address …")


async def test_help_scrolls_to_its_end() -> None:
    async with run_app() as it:
        await it.press("question_mark")
        await it.press("end")
        await it.until("of your save could be.")
        await it.press("escape")
        it.sees("48 customers")
