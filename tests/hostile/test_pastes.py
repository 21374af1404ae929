"""Odd pastes lose nothing silently, and nothing in them is run as keys."""

import pytest
from textual.widgets import Input

from app.screens.dialogs import ConfirmDialog
from app.screens.form import FormScreen
from tests.harness import AppHarness, run_app

PASTES = [
    ("12 Main\r\nUnit 4\r\n", "12 Main Unit 4", "You pasted 2 lines; they are now one line in this field."),
    ("a\rb\rc", "a b c", "You pasted 3 lines; they are now one line in this field."),
    ("a\x0bb\x85c\u2028d", "a b c d", "You pasted 4 lines; they are now one line in this field."),
    ("one line\n", "one line", ""),
    ("a\tb", "a b", "1 tab became a space."),
    ("\x00a\x1b[2J\x07\x9b", "a[2J", "4 control characters were left out."),
    ("a\x1bb", "ab", "1 control character was left out."),
    ("\u202ex\u200b", "x", "2 control characters were left out."),
    (
        "a\tb\r\nc\x07",
        "a b c",
        "You pasted 2 lines; they are now one line in this field. 1 tab became a space. 1",
    ),
    ("می\u200cخواهم 👩\u200d🔧", "می\u200cخواهم 👩\u200d🔧", ""),
    ("x" * 1_000_000, "", "Nothing was pasted: 1,000,000 characters"),
]


async def paste_into_form(it: AppHarness, text: str) -> str:
    """Paste into the empty address of a customer; returns the field's value."""
    await it.press("e", "down", "down", "down")
    await it.paste(text)
    if isinstance(it.app.screen, ConfirmDialog):
        it.sees("lines over the fields?")
        await it.press("enter")
    assert isinstance(it.app.screen, FormScreen)
    focused = it.app.focused
    assert isinstance(focused, Input)
    return focused.value


@pytest.mark.promise("T8", "I2")
@pytest.mark.parametrize(("text", "expected_value", "expected_notice"), PASTES, ids=range(len(PASTES)))
async def test_paste_into_form_is_cleaned_and_reported(text: str, expected_value: str, expected_notice: str) -> None:
    async with run_app() as it:
        assert await paste_into_form(it, text) == expected_value
        assert expected_notice in " ".join(it.screen_text.split())
        assert not set(it.screen_text) & set("\x00\x1b\x07\x9b\u202e\u200b")


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
    async with run_app() as it:
        await it.press("g")
        await it.paste(text)
        it.sees(shown)
        assert not set(it.screen_text) & {"\x1b", "\x07"}


@pytest.mark.promise("T8", "I2")
async def test_paste_into_find_is_cleaned_and_reported() -> None:
    async with run_app() as it:
        await it.press("slash")
        await it.paste("bright\r\n\x1bmfg")
        it.sees("bright mfg", "You pasted 2 lines; they are now one line in this field. 1 control character")
        await it.paste("x" * 1_000_000)
        it.sees("Nothing was pasted: 1,000,000 characters")


@pytest.mark.promise("T8", "I2")
async def test_paste_on_list_runs_no_keys() -> None:
    """Also if the paste contains its own end marker, and the rest arrives as keys."""
    async with run_app() as it:
        await it.paste("dq\r\nFOUR\r\n")
        it.sees("48 customers", "What you pasted is not a barcode. It was not used.")
        await it.burst("\x1b[200~text\x1b[201~d\r")
        assert (await it.record("ACME-CORP"))["active"] is True
        assert it.transport.count("DELETE") == 0
