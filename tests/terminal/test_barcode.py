"""Scans are distinguished from typing, by recorded and random timings."""

import math
import random
from collections.abc import Sequence
from itertools import pairwise

import pytest
from textual import events

from app.terminal.barcode import KeyBurst, Scanner, detect_frame, detect_scan, pasted_code
from app.terminal.input_parser import InputParser

#: Recorded seconds between keys: two scanners (USB, and serial over SSH, which arrives in lumps) and a typist.
USB = (0.008, 0.009, 0.008, 0.010, 0.008, 0.009, 0.009, 0.008)
LUMPS = (0.0, 0.0, 0.021, 0.0, 0.0, 0.0, 0.026, 0.0)
TYPIST = (0.141, 0.092, 0.210, 0.118, 0.087, 0.156, 0.133, 0.102)
#: Twelve characters a second.
FAST_TYPIST = (0.081, 0.094, 0.072, 0.086, 0.078, 0.093, 0.070, 0.095)

LATER = 1_000.0
SCANNER = Scanner()


def typed(text: str, gaps: Sequence[float], end: str = "\r") -> list[events.Event]:
    """The keys of a text and its end, with these pauses (repeated) before them."""
    parser = InputParser()
    found: list[events.Event] = []
    now = 100.0
    for index, character in enumerate(text + end):
        now += gaps[index % len(gaps)]
        found += parser.feed(character.encode(), now)
    return found


def read(keys: Sequence[events.Event], scanner: Scanner = SCANNER, now: float = LATER) -> KeyBurst:
    return detect_scan(keys, scanner, now)


@pytest.mark.promise("I3")
@pytest.mark.parametrize("gaps", [USB, LUMPS, (0.06,)])
@pytest.mark.parametrize("end", ["\r", "\t", "\n", "\x03"])
def test_scanner_is_detected(gaps: tuple[float, ...], end: str) -> None:
    burst = read(typed("dq/ACME-7e", gaps, end))
    assert (burst.keys, burst.verdict, burst.text, burst.ended) == (11, "scan", "dq/ACME-7e", True)


def drawn_scan(draw: random.Random, kind: str, keys: int) -> list[float]:
    """Random pauses of a scanner by kind: even, jittered, or aligned to OpenSSH's clock of 20 ms."""
    pauses = [draw.uniform(0.002, 0.06) if "jitter" in kind else draw.choice([0.002, 0.02, 0.04, 0.06])] * keys
    if "jitter" in kind:
        pauses = [draw.uniform(0.002, 0.06) for _ in range(keys)]
    if "clock" in kind:
        times = [0.0]
        for pause in pauses:
            times.append(times[-1] + pause)
        ticks = [math.ceil(time / 0.02) * 0.02 for time in times]
        pauses = [after - before for before, after in pairwise(ticks)]
    return pauses


@pytest.mark.promise("I3")
@pytest.mark.parametrize("kind", ["even", "jitter", "even clock", "jitter clock"])
@pytest.mark.parametrize("stalled", [False, True])
def test_scan_at_any_pace_is_one_code(kind: str, stalled: bool) -> None:
    """2 to 60 ms a key, with a stall of up to a second at every position after the second key."""
    draw = random.Random(f"{kind} {stalled}")  # noqa: S311 - a fixed seed
    for code in ("ACME-CORP", "quay-7", "00012345", "A-17", "BLUE-LOG-001234"):
        for place in range(3, len(code) + 1) if stalled else [0]:
            for _ in range(8):
                pauses = drawn_scan(draw, kind, len(code) + 1)
                if stalled:
                    pauses[place] = draw.uniform(0.1, 1.0)
                burst = read(typed(code, pauses))
                assert (burst.verdict, burst.text, burst.ended) == ("scan", code, True), pauses


@pytest.mark.promise("I5")
@pytest.mark.parametrize("gaps", [TYPIST, FAST_TYPIST, (1 / 12,)])
def test_typing_is_never_a_scan(gaps: tuple[float, ...]) -> None:
    """Also if it ends with Enter, and wherever the recording starts."""
    for start in range(len(gaps)):
        shifted = gaps[start:] + gaps[:start]
        for text in ("jjkd", "gacme", "gACME-CORP", "snvx"):
            burst = read(typed(text, shifted))
            assert burst.verdict == "keys", (text, shifted)
            assert not burst.ended


@pytest.mark.promise("I5")
def test_held_key_is_not_a_scan() -> None:
    assert read(typed("jjjjjjjj", LUMPS, "")).verdict == "keys"
    assert read(typed("jjjj", (0.033,), "")).verdict != "open"


@pytest.mark.promise("I5")
@pytest.mark.parametrize("text", ["d", "jj", "jjjjj", "dqe", "vn"])
def test_few_fast_letters_are_keys(text: str) -> None:
    burst = read(typed(text, USB))
    assert (burst.verdict, burst.keys) == ("keys", len(text))


@pytest.mark.promise("I3")
@pytest.mark.parametrize("code", ["12", "11", "777777", "A/7", "7 B"])
def test_short_code_with_a_digit_needs_its_end(code: str) -> None:
    burst = read(typed(code, USB))
    assert (burst.verdict, burst.text, burst.keys) == ("scan", code, len(code) + 1)
    if len(code) < 4:
        assert read(typed(code, USB, "")).verdict == "keys"


@pytest.mark.promise("I3")
def test_three_fast_keys_keep_burst_open() -> None:
    keys = typed("ACM", USB, "")
    last = keys[-1].time
    assert read(keys, now=last + 1.0).verdict == "open"
    assert read(typed("AC", USB, ""), now=last + 0.5).verdict == "keys"
    assert read(typed("ACME", USB, ""), now=last + 1.0).verdict == "open"
    burst = read(typed("ACME", USB, ""))
    assert (burst.verdict, burst.text, burst.ended) == ("scan", "ACME", False)


@pytest.mark.promise("I5")
def test_single_letter_waits_one_gap() -> None:
    key = typed("d", USB, "")
    burst = read(key, now=key[0].time)
    assert (burst.verdict, burst.expires) == ("open", key[0].time + SCANNER.gap)


@pytest.mark.promise("I5")
def test_slash_is_not_delayed() -> None:
    assert read(typed("/bri", USB)).verdict == "keys"


@pytest.mark.promise("I3")
@pytest.mark.parametrize(
    ("sent", "code"),
    [("]C1ACME-7", "ACME-7"), ("]E0 4006381333931", "4006381333931"), ("]ACME", "]ACME"), (" ACME-7 ", "ACME-7")],
)
def test_aim_prefix_is_removed(sent: str, code: str) -> None:
    assert read(typed(sent, USB)).text == code


@pytest.mark.promise("I3")
@pytest.mark.parametrize("end", ["\r", "\x03"])
def test_separators_belong_to_the_code(end: str) -> None:
    assert read(typed("]C1010034\x1d21ACME", USB, end)).text == "010034\x1d21ACME"


@pytest.mark.promise("I3")
def test_keys_after_end_start_another_burst() -> None:
    burst = read([*typed("ACME-7", USB), *typed("BRIGHT", USB)])
    assert (burst.keys, burst.text) == (7, "ACME-7")


@pytest.mark.promise("I3")
def test_function_keys_are_not_part_of_burst() -> None:
    assert read([events.Key("f8", None), *typed("ACME-7", USB)]).keys == 0


def test_gap_of_zero_detects_nothing() -> None:
    assert read(typed("ACME-7", USB), Scanner(gap=0)).verdict == "keys"


@pytest.mark.promise("I4")
@pytest.mark.parametrize(
    ("prefix", "suffix", "sent"),
    [
        ("", "", "\x02ACME-7\x03"),
        ("", "", "\x02ACME-7\r"),
        ("^", "^", "^ACME-7^"),
        ("^", "", "^ACME-7\r"),
        ("\x01", "~", "\x01ACME-7~"),
        ("^", "\x04", "^ACME-7\x04"),
    ],
)
def test_framed_code_needs_no_timing(prefix: str, suffix: str, sent: str) -> None:
    scanner = Scanner(DEFAULT, prefix, suffix)
    keys = typed(sent, (2.0,), "")
    assert scanner.begins_frame(keys[0])
    burst = detect_frame(keys, scanner, LATER)
    assert (burst.verdict, burst.text, burst.keys) == ("scan", "ACME-7", len(sent))
    for part in range(1, len(keys)):
        assert detect_frame(keys[:part], scanner, keys[part - 1].time).verdict == "open"
        assert detect_frame(keys[:part], scanner, LATER).verdict == "cut"


DEFAULT = SCANNER.gap


@pytest.mark.promise("I4")
def test_suffix_alone_ends_a_fast_code() -> None:
    burst = read(typed("ACME-7", USB, "~"), Scanner(suffix="~"))
    assert (burst.verdict, burst.text, burst.ended) == ("scan", "ACME-7", True)


@pytest.mark.promise("I4")
def test_function_key_ends_frame() -> None:
    keys = [*typed("\x02AC", USB, ""), events.Key("f8", None), *typed("ME\x03", USB, "")]
    burst = detect_frame(keys, SCANNER, LATER)
    assert (burst.verdict, burst.keys, burst.text) == ("cut", 3, "AC")


@pytest.mark.promise("I4")
@pytest.mark.parametrize(
    ("pasted", "code"),
    [
        ("ACME-7", "ACME-7"),
        ("ACME-7\r\n", "ACME-7"),
        (" ]C1ACME-7\n\n", "ACME-7"),
        ("01\x1d21", "01\x1d21"),
        ("ACME\r\nCORP", ""),
        ("A\x1b[2J", ""),
        ("A\tB", ""),
        ("", ""),
        ("x" * 201, ""),
    ],
)
def test_pasted_line_is_a_code(pasted: str, code: str) -> None:
    assert pasted_code(pasted) == code
