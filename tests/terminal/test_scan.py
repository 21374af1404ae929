"""A scanner told from a hand, by recorded timings."""

import pytest
from textual import events

from app.terminal.scan import read_burst

#: Seconds between keys, as recorded: two scanners (USB and serial over SSH, which comes in lumps), typists, a held key.
USB = (0.008, 0.009, 0.008, 0.010, 0.008, 0.009, 0.009, 0.008)
LUMPS = (0.0, 0.0, 0.021, 0.0, 0.0, 0.0, 0.026, 0.0)
TYPIST = (0.141, 0.092, 0.210, 0.118, 0.087, 0.156, 0.133, 0.102)
FAST_TYPIST = (0.061, 0.054, 0.072, 0.066, 0.058, 0.063, 0.070, 0.055)


def typed(text: str, gaps: tuple[float, ...], end: str | None = "enter") -> list[events.Event]:
    keys: list[events.Event] = []
    now = 100.0
    for index, character in enumerate(text):
        now += gaps[index % len(gaps)]
        key = events.Key(character, character)
        key.time = now
        keys.append(key)
    if end is not None:
        last = events.Key(end, None)
        last.time = now + gaps[0]
        keys.append(last)
    return keys


@pytest.mark.parametrize("gaps", [USB, LUMPS])
@pytest.mark.parametrize("end", ["enter", "tab"])
def test_a_scanner_is_taken_for_one(gaps: tuple[float, ...], end: str) -> None:
    burst = read_burst(typed("dq/ACME-7e", gaps, end))
    assert (burst.keys, burst.ended, burst.scan) == (11, True, "dq/ACME-7e")


@pytest.mark.parametrize("gaps", [TYPIST, FAST_TYPIST])
def test_a_hand_is_not(gaps: tuple[float, ...]) -> None:
    burst = read_burst(typed("jjkd", gaps))
    assert burst.scan is None
    assert burst.keys == 1


def test_a_key_held_down_is_not() -> None:
    assert read_burst(typed("jjjjjjjj", LUMPS, None)).scan is None


@pytest.mark.parametrize("text", ["d", "jj", "jjjjj", "dqe", "vn"])
def test_what_may_be_keys_is_none(text: str) -> None:
    burst = read_burst(typed(text, USB))
    assert (burst.scan, burst.keys) == (None, len(text))


@pytest.mark.parametrize("code", ["12", "11", "777777", "A/7", "7 B"])
def test_a_short_code_with_a_digit_is_one_by_its_end(code: str) -> None:
    burst = read_burst(typed(code, USB))
    assert (burst.scan, burst.keys) == (code, len(code) + 1)
    if len(code) < 4:
        burst = read_burst(typed(code, USB, None))
        assert (burst.scan, burst.keys) == (None, len(code))


def test_a_burst_without_an_end_may_go_on_and_is_no_command() -> None:
    burst = read_burst(typed("ACME-7", USB, None))
    assert (burst.ended, burst.scan) == (False, "ACME-7")


@pytest.mark.parametrize(
    ("sent", "read"),
    [("]C1ACME-7", "ACME-7"), ("]E0 4006381333931", "4006381333931"), ("]ACME", "]ACME"), (" ACME-7 ", "ACME-7")],
)
def test_what_a_scanner_adds_is_taken_off(sent: str, read: str) -> None:
    assert read_burst(typed(sent, USB)).scan == read


def test_what_comes_after_the_end_is_another_burst() -> None:
    burst = read_burst([*typed("ACME-7", USB), *typed("BRIGHT", USB)])
    assert (burst.keys, burst.scan) == (7, "ACME-7")


def test_a_key_that_is_no_character_is_none_of_a_burst() -> None:
    assert read_burst([events.Key("f8", None), *typed("ACME-7", USB)]).keys == 0


def test_a_gap_of_nothing_takes_no_scans() -> None:
    assert read_burst(typed("ACME-7", USB), gap=0).scan is None
