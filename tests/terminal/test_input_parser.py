"""Terminal bytes become keys and pastes, and are never misread."""

import random

import pytest
from textual import events

from app.terminal.input_parser import MAX_PASTE, InputParser, escape_delay

#: Unrequested terminal replies: DA1, DA2, DECRPM, XTVERSION, OSC 11, sizes, cursor position.
ANSWERS = [
    "\x1b[?61;4;6;7;14;21;22;23;24;28;32;42;52c",
    "\x1b[>41;370;0c",
    "\x1b[?2026;2$y",
    "\x1bP>|XTerm(370)\x1b\\",
    "\x1b]11;rgb:0000/0000/0000\x1b\\",
    "\x1b]11;rgb:0000/0000/0000\x07",
    "\x1b[8;24;80t",
    "\x1b[48;24;80;480;1280t",
    "\x1b[113;5R",
    "\x1b[0n",
    "\x1b[?1u",
    "\x1b[I",
    "\x1b[O",
    "\x1b_Gi=31;OK\x1b\\",
    "\x1b[99999999999999999999u",
    "\x1b[1114112u",
    "\x1b[55296;1;55296u",
    "\x1b[Mabc",
]

#: A piece of input, or a pause in seconds.
Piece = bytes | float


def parse(*pieces: Piece, parser: InputParser | None = None) -> list[str]:
    """The keys and pastes parsed from the input, with a long pause at the end."""
    parser = parser or InputParser()
    now = 100.0
    found: list[events.Event] = []
    for piece in (*pieces, 10.0):
        if isinstance(piece, bytes):
            found += parser.feed(piece, now)
        else:
            ends = now + piece
            while parser.deadline is not None and parser.deadline <= ends:
                now = parser.deadline
                found += parser.expire(now)
            now = ends
    return [_name(event) for event in found]


def _name(event: events.Event) -> str:
    if isinstance(event, events.Paste):
        return f"paste:{event.text}"
    return event.key if isinstance(event, events.Key) else type(event).__name__


@pytest.mark.parametrize(
    ("sent", "keys"),
    [
        (b"aZ7 ", ["a", "Z", "7", "space"]),
        (b"\r\t\x7f\x08\n", ["enter", "tab", "backspace", "backspace", "ctrl+j"]),
        (b"\x1b[A\x1bOB\x1b[H\x1b[3~\x1b[Z", ["up", "down", "home", "delete", "shift+tab"]),
        (b"\x1bOP\x1b[11~\x1b[[A\x1b[21~\x1b[24~", ["f1", "f1", "f1", "f10", "f12"]),
        (b"\x1b[1;5C\x1b[7$", ["ctrl+right", "shift+home"]),
        (b"\x1b[97u\x1b[113;5u\x1b[27u\x1b[13u", ["a", "ctrl+q", "escape", "enter"]),
        ("é€😀".encode(), ["é", "euro_sign", "grinning_face"]),
        (b"\x1d\x02\x03", ["ctrl+right_square_bracket", "ctrl+b", "ctrl+c"]),
        (b"\x00", ["ctrl+@"]),
    ],
)
def test_keys_are_named(sent: bytes, keys: list[str]) -> None:
    assert parse(sent) == keys
    assert parse(*[sent[at : at + 1] for at in range(len(sent))]) == keys


@pytest.mark.promise("I1")
@pytest.mark.parametrize("sent", ANSWERS)
def test_terminal_reply_is_dropped_however_cut(sent: str) -> None:
    data = sent.encode()
    assert parse(data) == []
    assert parse(b"a" + data + b"b") == ["a", "b"]
    for at in range(1, len(data)):
        assert parse(b"a", 1.0, data[:at], 0.15, data[at:], b"b") == ["a", "b"], at
    assert parse(*[piece for at in range(len(data)) for piece in (data[at : at + 1], 0.15)]) == []


@pytest.mark.promise("I1")
def test_invalid_utf8_becomes_replacement_character() -> None:
    for byte in range(0x80, 0x100):
        assert parse(bytes([byte]), b"x") == ["replacement_character", "x"], hex(byte)
        assert parse(bytes([byte])) == ["replacement_character"], hex(byte)
    assert parse(b"\xc0\x80\xed\xa0\x80")[0] == "replacement_character"


@pytest.mark.promise("I1")
def test_no_pair_of_bytes_raises() -> None:
    for first in range(0x80, 0x100):
        parser = InputParser()
        for second in range(0x100):
            parse(bytes([first, second]), parser=parser)


@pytest.mark.promise("I1")
@pytest.mark.parametrize("seed", range(40))
def test_random_bytes_neither_raise_nor_block_keys(seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311 - a fixed seed
    parser = InputParser(mouse=seed % 2 == 0)
    pool = [b"\x1b", b"[", b"O", b"]", b"P", b";", b"?", b"u", b"~", b"M", b"<", b"\x1b[200~", b"\x1b[201~", b"\x9b"]
    noise: list[Piece] = []
    for _ in range(300):
        noise.append(draw.choice(pool) if draw.random() < 0.6 else draw.randbytes(draw.randrange(1, 8)))
        if draw.random() < 0.2:
            noise.append(draw.uniform(0.0, 1.5))
    parse(*noise, parser=parser)
    assert parse(b"q", parser=parser) == ["q"]


@pytest.mark.promise("I1")
@pytest.mark.parametrize("size", range(1, 4))
def test_character_cut_into_packets_is_one(size: int) -> None:
    data = "😀".encode()
    assert parse(data[:size], 0.3, data[size:]) == ["grinning_face"]


@pytest.mark.promise("I1")
def test_other_encodings_are_decoded() -> None:
    assert parse(b"\xe9x", parser=InputParser("iso-8859-1")) == ["é", "x"]


def test_alt_key_differs_from_plain_key() -> None:
    assert parse(b"\x1bd\x1bx") == ["alt+d", "alt+x"]
    assert parse(b"\x1b\x1b[A") == []
    assert parse(b"\x1b]a\x1bPq") == ["alt+]", "a", "alt+P", "q"]


def test_escape_and_later_key_are_two_keys() -> None:
    assert parse(b"\x1b", 0.05, b"d") == ["escape", "d"]
    assert parse(b"\x1b", 0.05, b"\x1b", 0.05, b"\x1b[A") == ["escape", "escape", "up"]
    assert parse(b"\x1b\x1b") == ["escape", "escape"]


@pytest.mark.promise("I1")
def test_late_rest_of_sequence_types_nothing() -> None:
    assert parse(b"\x1b", 0.5, b"[", 0.1, b"A", b"x") == ["escape", "up", "x"]
    assert parse(b"\x1b", 0.5, b"]11;rgb:0/0/0\x07") == ["escape"]
    assert parse(b"\x1b", 5.0, b"[") == ["escape", "left_square_bracket"]


@pytest.mark.promise("I1")
def test_truncated_sequence_ends() -> None:
    assert parse(b"\x1b[12", 1.0, b"x") == ["x"]
    assert parse(b"\x1b[12\r") == ["enter"]
    assert parse(b"\x1b[12\x1b[A") == ["up"]
    assert parse(b"\x1b]11;rgb", 1.0, b"x") == ["x"]


def test_keys_carry_their_read_time() -> None:
    parser = InputParser()
    assert [event.time for event in (*parser.feed(b"a", 5.0), *parser.feed(b"b\x1b", 6.0))] == [5.0, 6.0]
    assert [event.time for event in parser.expire(9.0)] == [6.0]


def test_mouse_is_reported_only_if_enabled() -> None:
    sent = b"\x1b[<0;5;5M\x1b[M !!"
    assert parse(sent) == []
    assert parse(sent, parser=InputParser(mouse=True))[0] == "MouseDown"


PASTE = b"\x1b[200~ Dock 7 \x1b[201~"


@pytest.mark.promise("I2")
@pytest.mark.parametrize("pause", [0.05, 0.25, 0.4])
def test_paste_end_marker_may_be_cut_anywhere(pause: float) -> None:
    for at in range(1, len(PASTE)):
        if at == 1 and pause > 0.15:
            continue  # there it is an Escape that was pressed
        assert parse(b"x", PASTE[:at], pause, PASTE[at:], b"y") == ["x", "paste: Dock 7 ", "y"], at


@pytest.mark.promise("I2")
def test_unfinished_paste_ends_after_silence() -> None:
    assert parse(b"\x1b[200~ Dock 7 ", 1.2, b"jd") == ["paste: Dock 7 ", "j", "d"]
    assert parse(b"\x1b[200~ Dock 7 \x1b[20", 1.2, b"1~", b"jd") == ["paste: Dock 7 ", "j", "d"]
    assert parse(b"\x1b[200~ Dock 7 \x1b[20", 1.2, b"x") == ["paste: Dock 7 ", "x"]


@pytest.mark.promise("I2")
def test_rest_of_paste_after_silence_is_not_keys() -> None:
    assert parse(b"\x1b[200~ Dock 7 ", 1.2, b"and 8\x1b[201~", b"j") == ["paste: Dock 7 ", "paste:and 8", "j"]


@pytest.mark.promise("I2")
@pytest.mark.parametrize(("sent", "key"), [(b"\x1b[21~", "f10"), (b"\x11", "ctrl+q"), (b"\x1b", "escape")])
def test_unfinished_paste_ends_at_key(sent: bytes, key: str) -> None:
    assert parse(b"\x1b[200~ Dock 7 ", 0.5, sent, 0.6, b"x") == ["paste: Dock 7 ", key, "x"]


@pytest.mark.promise("I2")
def test_paste_is_passed_on_unchanged() -> None:
    text = "a\x00b\tc\x1bd\x07\u202e\x1b[A\r\n\x11e"
    assert parse(b"\x1b[200~" + text.encode() + b"\x1b[201~") == [f"paste:{text}"]
    assert parse(b"\x1b[200~\x1b[201~") == []


@pytest.mark.promise("I2")
def test_large_paste_is_one_event() -> None:
    text = "x" * 2**20
    data = b"\x1b[200~" + text.encode() + b"\x1b[201~y"
    pieces = [data[at : at + 4096] for at in range(0, len(data), 4096)]
    assert parse(*pieces) == [f"paste:{text}", "y"]
    endless = [b"\x1b[200~", *[b"x" * 2**20] * 6, b"\x1b[201~y"]
    assert [len(name) for name in parse(*endless)] == [MAX_PASTE + len("paste:"), 1]


@pytest.mark.parametrize(
    ("value", "seconds"), [(None, 0.2), ("80", 0.08), ("0", 0.2), ("x", 0.2), ("-5", 0.2), ("99999", 0.2), ("²", 0.2)]
)
def test_escape_delay_is_read_from_environment(value: str | None, seconds: float) -> None:
    assert escape_delay(value) == seconds
