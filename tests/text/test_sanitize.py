"""Text from outside becomes one harmless line of known width."""

import unicodedata

import pyte
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from wcwidth import wcwidth

from app.text.sanitize import fit, sanitize, sanitize_id, shorten, shorten_middle, timestamp, width

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=60)
NASTY = st.text(
    st.sampled_from(
        "\0\x1b\x7f\x9b\u202e\u200b\u200d\ufe0f\u0301\u20dd\ud800\U000e0041\u115f\u1161 \u00a0\u2800A界🏽🇩❤1\u20e3"
    ),
    max_size=40,
)
SAMPLES = (
    "Acme Corporation",
    "東京倉庫株式会社",
    "서울 물류",
    "서울 각",
    "Łódź Ünïçødé",
    "e\u0301e\u0301 cafe\u0301",
    "กรุงเทพฯ ที่นี่",
    "👍🏽 thumbs",
    "🇩🇪 Berlin",
    "👨‍👩‍👧 family",
    "❤️ love ❤︎",
    "1️⃣ first",
    "Ω≈ç√ ½ ﬁ",
    "ｆｕｌｌ ﾊﾝｶｸ",
    "שלום مرحبا",
    "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A",
)


def assert_harmless(shown: str) -> None:
    shown.encode("utf-8")
    assert not {unicodedata.category(c) for c in shown} & {"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"}
    assert len(shown.splitlines()) <= 1


def cursor_column(text: str) -> int:
    """The cursor column of a terminal emulator after the text."""
    screen = pyte.Screen(400, 2)
    stream = pyte.Stream(screen)
    # pyte drops the rest of a chunk at an enclosing mark, so each character is a chunk.
    for character in text:
        stream.feed(character)
    assert screen.cursor.y == 0
    return screen.cursor.x


@pytest.mark.promise("T1")
@settings(deadline=None)
@given(ANY_TEXT | NASTY)
@example("\r\n\x85\u2028")
def test_sanitized_text_is_harmless(text: str) -> None:
    shown = sanitize(text)
    assert_harmless(shown)
    assert sanitize(shown) == shown
    assert_harmless(sanitize_id(text))
    assert_harmless(timestamp(text))


def cells_of(character: str) -> int:
    """The cells of a character on tmux, xterm and PuTTY; they give a spacing mark one cell, wcwidth none."""
    return 1 if unicodedata.category(character) == "Mc" else wcwidth(character)


@pytest.mark.promise("T4")
@settings(deadline=None)
@given(ANY_TEXT | NASTY, st.integers(0, 50), st.sampled_from(["left", "right"]))
def test_fit_fills_exact_width(text: str, cells: int, align: str) -> None:
    shown = fit(text, cells, "right" if align == "right" else "left")
    assert_harmless(shown)
    assert width(shown) == cells
    assert sum(cells_of(c) for c in shown) == cells
    assert width(shorten(text, cells)) <= cells


@pytest.mark.promise("T4")
def test_spacing_vowel_signs_are_counted() -> None:
    assert width("भारत") == 4
    assert fit("भारत", 6) == "भारत  "


@pytest.mark.promise("T4")
@pytest.mark.parametrize("text", SAMPLES)
def test_terminal_agrees_on_width(text: str) -> None:
    assert cursor_column(sanitize(text)) == width(text)
    for cells in range(1, 24):
        assert cursor_column(fit(text, cells)) == cells


@pytest.mark.promise("T1", "T2", "T3")
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ACME [UK] [/] Ltd", "ACME [UK] [/] Ltd"),
        ("a\0\t\n\x1b]52;c\x07\x7f", "a␀␉␊␛]52;c␇␡"),
        ("\x9b31m\u202eabc", "‹009B›31m‹202E›abc"),
        ("a\u200bb\u200cc\u200dd\u2060e\ufefff\u00adg", "a‹200B›b‹200C›c‹200D›d‹2060›e‹FEFF›f‹00AD›g"),
        ("a\u2028\u2029\u3164\uffa0\u115f", "a‹2028›‹2029›‹3164›‹FFA0›‹115F›"),
        ("x\U000e0041\ufff9\uffff\ud83d", "x‹E0041›‹FFF9›‹FFFF›‹D83D›"),
        ("❤\ufe0f☎\ufe0e‼\ufe0f", "❤☎‼"),
        ("1\ufe0f\u20e3", "1\u20e3"),
        ("a\ufe0f", "a‹FE0F›"),
        ("\ufe0f", "‹FE0F›"),
        ("\u0301a", "◌\u0301a"),
        ("\u202e\u0338b", "‹202E›◌\u0338b"),
        ("a" + "\u0301" * 7 + "b", "a" + "\u0301" * 4 + "‹+3›b"),
        ("a" + "\u0301" * 5, "a" + "\u0301" * 4 + "‹+1›"),
        ("🇩🇪", "🄳🄴"),
        ("👍🏽", "👍‹1F3FD›"),
        ("", ""),
    ],
)
def test_control_and_bidi_characters_become_symbols(text: str, shown: str) -> None:
    assert sanitize(text) == shown


@pytest.mark.promise("T3")
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ACME CORP", "ACME CORP"),
        (" ACME", "␠ACME"),
        ("ACME  ", "ACME␠␠"),
        ("AC  ME", "AC␠␠ME"),
        ("AC\u00a0ME", "AC‹00A0›ME"),
        ("\u3000ACME\u200b ", "‹3000›ACME‹200B›␠"),
        ("   ", "␠␠␠"),
    ],
)
def test_ids_show_unusual_spaces(text: str, shown: str) -> None:
    assert sanitize_id(text) == shown


@pytest.mark.promise("T4")
@pytest.mark.parametrize(
    ("text", "cells", "shown"),
    [
        ("Acme", 4, "Acme"),
        ("Acme Corp", 6, "Acme…"),
        ("東京倉庫", 6, "東京…"),
        ("東京倉庫", 4, "東…"),
        ("東京", 1, "…"),
        ("Acme", 0, ""),
        ("e\u0301e\u0301e\u0301", 2, "e\u0301…"),
    ],
)
def test_shorten_cuts_between_characters(text: str, cells: int, shown: str) -> None:
    assert shorten(text, cells) == shown


@pytest.mark.parametrize(
    ("text", "cells", "shown"),
    [
        ("/home/dock", 10, "/home/dock"),
        ("/home/dock/lists", 10, "/hom…lists"),
        ("/長城/長城/長城", 9, "/長…/長城"),
        ("/長城/長城/長城", 1, "…"),
        ("/a\x1b/" + "b" * 20, 8, "/a␛…bbbb"),
    ],
)
def test_shorten_middle_keeps_both_ends(text: str, cells: int, shown: str) -> None:
    assert shorten_middle(text, cells) == shown


def test_fit_aligns_left_and_right() -> None:
    assert fit("ab", 5) == "ab   "
    assert fit("ab", 5, align="right") == "   ab"


@pytest.mark.promise("T5")
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2023-04-15T08:30:00", "2023-04-15 08:30"),
        ("2023-04-15T08:30:00.123456", "2023-04-15 08:30"),
        ("2023-04-15T08:30:00Z", "2023-04-15 08:30 Z"),
        ("2023-04-15T23:30:00+02:00", "2023-04-15 23:30 +02:00"),
        ("2023-13-45T08:30:00", "2023-13-45T08:30:00"),
        ("2023-04-15T08:30:00\x1b[2J", "2023-04-15T08:30:00␛[2J"),
        ("2023-04-15T08:30:00\n", "2023-04-15T08:30:00␊"),
        ("٢٠٢٣-04-15T08:30:00", "٢٠٢٣-04-15T08:30:00"),
        ("yesterday", "yesterday"),
        ("", ""),
    ],
)
def test_timestamps_keep_their_zone(text: str, shown: str) -> None:
    assert timestamp(text) == shown
