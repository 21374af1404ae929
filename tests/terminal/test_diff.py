"""The output of the lean driver leads to the same screen as Textual's own."""

import re

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.terminal.diff import CLEAR, ScreenDiff
from app.terminal.screen_buffer import cells_of, has_fixed_width
from app.terminal.sgr import PLAIN, SgrStyle, apply_sgr, transition
from tests.bench.terminal import Emulator

COLUMNS, LINES, PIECE = 40, 6, 10

#: The only sequences that an update may contain.
ALLOWED_OUTPUT = re.compile(r"(?:\x1b\[[0-9;]*[HmKABCD]|\x1bE|[^\x00-\x1f\x7f-\x9f]|[\r\x08])*")

letters = st.sampled_from([*"abcXYZ  .-", "é", "Ж", "›", "│", "日", "本", "e\u0301", "한", "م", "न"])
#: How a terminal shows them that gives every character one cell.
NARROW = str.maketrans(dict.fromkeys("日本한", "x"))
styles = st.lists(
    st.sampled_from(["1", "2", "4", "7", "9", "22", "27", "36", "91", "44", "38;5;200", "48;2;1;2;3", "39", "49", "0"]),
    max_size=3,
).map(";".join)


@st.composite
def pieces(draw: st.DrawFn) -> str:
    """Positioned output of ten cells."""
    x, y = PIECE * draw(st.integers(0, COLUMNS // PIECE - 1)), draw(st.integers(0, LINES - 1))
    out, cells = f"\x1b[{y + 1};{x + 1}H", 0
    while cells < PIECE:
        text = draw(letters)
        if cells + len(cells_of(text, PLAIN)) > PIECE:
            text = " "
        if draw(st.integers(0, 3)) == 0:
            out += f"\x1b[0m\x1b[{draw(styles)}m"
        out += text
        cells += len(cells_of(text, PLAIN))
    return out + "\x1b[0m" + "\n" * (y < LINES - 1)


updates = st.lists(pieces(), min_size=1, max_size=8).map("".join)

garbage = st.lists(st.sampled_from(["what others write", "日", "\r\n", "\x1b[3;7H", "\x1b[7m", "\x1b[1;41m"])).map(
    "".join
)


class Screen:
    """A terminal emulator that text is written to."""

    def __init__(self) -> None:
        self.emulator = Emulator(COLUMNS, LINES)
        self._stream = pyte.Stream(self.emulator)
        self.write("\x1b[?7l" + CLEAR)

    def write(self, output: str) -> None:
        # The kernel adds a carriage return to each line feed.
        self._stream.feed(output.replace("\n", "\r\n"))


def cleared_diff() -> ScreenDiff:
    diff = ScreenDiff(COLUMNS, LINES)
    diff.cleared()
    assert diff.output() == ""
    return diff


@given(st.lists(updates, min_size=1, max_size=6))
@settings(max_examples=150, deadline=None)
def test_diff_leads_to_same_screen_as_plain_output(frames: list[str]) -> None:
    plain, lean, diff = Screen(), Screen(), cleared_diff()
    for frame in frames:
        plain.write(frame)
        diff.buffer.feed(frame)
        output = diff.output()
        assert ALLOWED_OUTPUT.fullmatch(output)
        lean.write(output)
        assert lean.emulator.seen == plain.emulator.seen
        assert diff.output() == ""


@given(st.lists(updates, min_size=1, max_size=3), garbage)
@settings(max_examples=50, deadline=None)
def test_forgotten_screen_is_repainted(frames: list[str], others: str) -> None:
    plain, lean, diff = Screen(), Screen(), cleared_diff()
    for frame in frames:
        plain.write(frame)
        diff.buffer.feed(frame)
        lean.write(diff.output())
        lean.write(others)
        diff.forget(COLUMNS, LINES)
        lean.write(diff.output())
        assert lean.emulator.seen == plain.emulator.seen


@given(st.lists(styles, min_size=1, max_size=5))
def test_sgr_transition_reaches_every_style(parameters: list[str]) -> None:
    before, after = PLAIN, PLAIN
    for parameter in parameters:
        before, after = after, apply_sgr(after, parameter)
    sent = transition(before, after)
    assert apply_sgr(before, sent.removeprefix("\x1b[").removesuffix("m")) == after or sent == ""


@pytest.mark.promise("T1")
def test_output_contains_only_text_styles_and_moves() -> None:
    diff = cleared_diff()
    diff.buffer.feed("\x1b[1;1Hab\x1b]52;c;aGk=\x07c\x1b[2Jd\x1b[?1049le\x9b5nf\r\x07g\x1bc")
    output = diff.output()
    assert ALLOWED_OUTPUT.fullmatch(output)
    assert output.startswith("ab]52;c;aGk=")


def test_cells_beyond_edges_are_clipped_and_restored() -> None:
    diff = cleared_diff()
    diff.buffer.feed("\x1b[1;36Habcdefgh\x1b[99;1Hnever\x1b[6;39H日本")
    assert diff.output() == "\x1b[35Cabcde\x1b[6;39H\x1b[K日\r\x1b[39C"
    diff.forget(20, 3)
    assert diff.output().count("\x1b[K") == 3
    diff.forget(COLUMNS, LINES)
    assert "abcde" in diff.output()


@pytest.mark.promise("T4")
def test_line_of_uncertain_width_is_rewritten_from_the_column_set_before_the_change() -> None:
    diff = cleared_diff()
    diff.buffer.feed("\x1b[2;1H日本  name    x")
    diff.output()
    diff.buffer.feed("\x1b[2;13Hy")
    # After the wide characters the column is set explicitly, so the terminal's width for them does not matter.
    assert diff.output() == "\x1b[3D\x1b[Ky x\r\x1b[13C"
    diff.buffer.feed("\x1b[2;3H月")
    assert diff.output() == "\r\x1b[K日月\r\x1b[6Cname  y x\r\x1b[4C"


@pytest.mark.promise("T4")
@given(st.lists(updates, min_size=2, max_size=6))
@settings(max_examples=100, deadline=None)
def test_change_leads_to_same_screen_as_repainting_where_wide_characters_take_one_cell(frames: list[str]) -> None:
    changed, diff = Screen(), cleared_diff()
    for number, frame in enumerate(frames, 1):
        diff.buffer.feed(frame)
        changed.write(diff.output().translate(NARROW))
        repainted, whole = Screen(), cleared_diff()
        for earlier in frames[:number]:
            whole.buffer.feed(earlier)
        repainted.write(whole.output().translate(NARROW))
        assert changed.emulator.seen == repainted.emulator.seen


def test_invisible_styles_on_blanks_are_omitted() -> None:
    diff = cleared_diff()
    diff.buffer.feed("\x1b[1;1H\x1b[1;36m   a   b   \x1b[0m\x1b[2;1H\x1b[2m      ")
    assert diff.output() == "   \x1b[1;36ma   b\x1b[2;7H"
    assert cells_of("  ", SgrStyle(frozenset({7}))) != cells_of("  ", PLAIN)


@pytest.mark.promise("T4")
def test_fixed_width_characters_are_known() -> None:
    assert has_fixed_width("Ärzte · Ω Ж › ▲ ⏎ │ … ␛ ☐"[:-2])
    assert not any(map(has_fixed_width, ["日", "e\u0301", "⌚", "😀", "\u00ad", "\u200b", "\u202e", "ﷺ", "न"]))
