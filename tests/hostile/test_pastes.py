"""T8: odd pastes lose nothing in silence: what is not taken as it came is told, and nothing of them is run as keys."""

import pytest
from textual.widgets import Input

from app.screens.form import FormScreen
from tests.harness import AppHarness, run_app

ODD = [
    ("12 Main\r\nUnit 4\r\n", "12 Main Unit 4", "2 pasted lines were joined into one."),
    ("a\rb\rc", "a b c", "3 pasted lines were joined into one."),
    ("a\x0bb\x85c\u2028d", "a b c d", "4 pasted lines were joined into one."),
    ("one line\n", "one line", ""),
    ("a\tb", "a b", "1 tab became a space."),
    ("\x00a\x1b[2J\x07\x9b", "a[2J", "4 control characters were left out."),
    ("a\x1bb", "ab", "1 control character was left out."),
    ("\u202ex\u200b", "x", "2 control characters were left out."),
    ("a\tb\r\nc\x07", "a b c", "2 pasted lines were joined into one, 1 tab became a space, 1 control"),
    ("می\u200cخواهم 👩\u200d🔧", "می\u200cخواهم 👩\u200d🔧", ""),
    ("x" * 1_000_000, "", "Nothing was pasted: 1,000,000 characters"),
]


async def paste_into_form(dock: AppHarness, text: str) -> str:
    """Paste into the address of a customer, which is empty; what then stands there."""
    await dock.press("e", "down", "down", "down")
    await dock.paste(text)
    assert isinstance(dock.app.screen, FormScreen)
    focused = dock.app.focused
    assert isinstance(focused, Input)
    return focused.value


@pytest.mark.promise("T8", "I2")
@pytest.mark.parametrize(("text", "taken", "told"), ODD, ids=range(len(ODD)))
async def test_paste_into_form_is_cleaned_and_reported(text: str, taken: str, told: str) -> None:
    async with run_app() as dock:
        assert await paste_into_form(dock, text) == taken
        dock.sees(told)
        assert not set(dock.screen_text) & set("\x00\x1b\x07\x9b\u202e\u200b")


@pytest.mark.promise("T8", "I2")
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ACME-CORP\r\n", "ACME-CORP · Acme Corporation"),
        ("ACME-\r\nCORP", "ACME- CORP"),
        ("A\x1b[2J\x07", "A[2J"),
        ("x" * 1_000_000, "1,000,000 characters are too many"),
    ],
    ids=range(4),
)
async def test_paste_into_go_to_is_cleaned(text: str, shown: str) -> None:
    async with run_app() as dock:
        await dock.press("g")
        await dock.paste(text)
        dock.sees(shown)
        assert not set(dock.screen_text) & {"\x1b", "\x07"}


@pytest.mark.promise("T8", "I2")
async def test_paste_into_find_is_cleaned_and_reported() -> None:
    async with run_app() as dock:
        await dock.press("slash")
        await dock.paste("bright\r\n\x1bmfg")
        dock.sees("bright mfg", "2 pasted lines were joined into one, 1 control character was left out.")
        await dock.paste("x" * 1_000_000)
        dock.sees("Nothing was pasted: 1,000,000 characters")


@pytest.mark.promise("T8", "I2")
async def test_paste_on_list_runs_no_keys() -> None:
    """Also when something in it ended the terminal's brackets early, and the rest came as keys."""
    async with run_app() as dock:
        await dock.paste("dq\r\nFOUR\r\n")
        dock.sees("48 customers", "What you pasted is not a barcode. It was not used.")
        await dock.burst("\x1b[200~text\x1b[201~d\r")
        assert (await dock.record("ACME-CORP"))["active"] is True
        assert dock.transport.count("DELETE") == 0
