"""Distinguishes a barcode scanner from a hand: a scanner types fast, and ends with Enter, Tab or a frame.

A code is only taken whole. Characters are compared by the times at which they were read from the terminal.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final, Literal, NamedTuple

from textual import events

from app.text.sanitize import split_lines, strip_aim_prefix

#: Seconds between the first keys of a scanner, at most. `docs/scanners.md` holds the measurements behind the numbers.
DEFAULT_GAP: Final = 0.090
#: The pace of a scanner: seconds a key on average. A person who types 12 characters a second takes 0.083.
_PACE: Final = 0.068
#: This many keys are enough to recognise the pace of a hand.
_PACE_SAMPLE: Final = 5
#: Seconds a scan's next key may be late once two, or more, came fast. Radio links stall.
PAIR_TIMEOUT: Final = 0.3
SCAN_TIMEOUT: Final = 1.2
#: Seconds between two keys of a framed code, at most.
FRAME_TIMEOUT: Final = 3.0
#: Seconds after a scan in which Enter, Tab and line feed are its end, however late.
LATE_END: Final = 1.0
#: Seconds after a key in which the same key is the key held down, or pressed again.
REPEAT: Final = 1.1

#: Characters of a scan; with a digit among them, which is no key of ours, and an end behind them fewer will do.
MIN_LENGTH: Final = 4
_LEAST_ENDED: Final = 2
#: No code begins with these; they open a line to type in, which is not to be waited for.
NEVER_FIRST: Final = "/"
#: Characters; a longer text is no code.
MAX_LENGTH: Final = 200

STX: Final = "\x02"
ETX: Final = "\x03"
#: Separators inside a code: FNC1 of GS1 codes, and those of 2D codes.
_SEPARATORS: Final = "\x1c\x1d\x1e\x1f"

_ENDS: Final = ("enter", "tab", "ctrl+j")
#: Control characters whose keys have names of their own.
_NAMED_CONTROLS: Final = {
    "enter": "\r",
    "tab": "\t",
    "ctrl+backslash": "\x1c",
    "ctrl+right_square_bracket": "\x1d",
    "ctrl+circumflex_accent": "\x1e",
    "ctrl+underscore": "\x1f",
}

Verdict = Literal["open", "keys", "scan", "cut"]


class Scanner(NamedTuple):
    """How the scanner is set up: the longest pause between two keys in seconds (0: do not detect scans by speed), and
    the characters around a code, if it sends any.
    """

    gap: float = DEFAULT_GAP
    prefix: str = ""
    suffix: str = ""

    @property
    def pace(self) -> float:
        """Seconds a key, on average, at most."""
        return min(self.gap, max(_PACE, self.gap - (DEFAULT_GAP - _PACE)))

    def begins_frame(self, event: events.Event) -> bool:
        """Whether the key is the prefix of a framed code."""
        character = sent_character(event)
        return character is not None and (character == STX or (character == self.prefix != ""))

    def ends_frame(self, event: events.Event) -> bool:
        """Whether the key ends a framed code."""
        character = sent_character(event)
        return character == ETX or (is_end(event) if not self.suffix else character == self.suffix)

    def ends_scan(self, event: events.Event) -> bool:
        """Whether the key ends a code that was detected by its speed."""
        return is_end(event) or self.ends_frame(event)


class KeyBurst(NamedTuple):
    """The keys at the front of the queue, and what they are.

    `keys` is how many belong together, `first` and `last` the times of the first and the last of them. The verdict is
    `open` (more may come, until `expires`), `keys` (somebody pressed them), `scan` (a whole code), or `cut` (a framed
    code without its end). `text` is the code, or what there is of it. `ended` says that an end came behind it as fast;
    it is the last of the `keys` of a scan, and is not among those that somebody pressed. `fast` says that they came at
    the pace of a scanner.
    """

    keys: int
    verdict: Verdict
    text: str = ""
    ended: bool = False
    fast: bool = False
    first: float = 0.0
    last: float = 0.0
    expires: float = 0.0


def is_end(event: events.Event) -> bool:
    """Whether a scanner sends this key after a code."""
    return isinstance(event, events.Key) and event.key in _ENDS


def sent_character(event: events.Event) -> str | None:
    """Return the character a scanner sent with this key, control characters included; `None` for other keys."""
    if not isinstance(event, events.Key):
        return None
    if event.is_printable:
        return event.character
    control, _, letter = event.key.partition("+")
    if control == "ctrl" and len(letter) == 1 and letter.isascii() and letter.isalpha():
        return chr(ord(letter) & 0x1F)
    return _NAMED_CONTROLS.get(event.key)


def pasted_code(text: str) -> str:
    """Return the code in a paste; empty when it is none: it has one line, and no control character but separators."""
    lines = [line for line in split_lines(text) if line.strip()]
    if len(lines) != 1 or len(lines[0]) > MAX_LENGTH:
        return ""
    line = lines[0].strip()
    return strip_aim_prefix(line) if all(one.isprintable() or one in _SEPARATORS for one in line) else ""


def code_character(event: events.Event) -> str | None:
    """Return the character if it may stand in a code: a printable one, or a separator such as GS."""
    character = sent_character(event)
    if character is None or character.isprintable() or character in _SEPARATORS:
        return character
    return None


def detect_frame(waiting: Iterable[events.Event], scanner: Scanner, now: float) -> KeyBurst:
    """Read a framed code at the front: its prefix was recognized, and timing plays no part up to its suffix."""
    text = ""
    keys, last = 0, 0.0
    for event in waiting:
        if keys and event.time - last > FRAME_TIMEOUT:
            return KeyBurst(keys, "cut", text, last=last)
        if keys and scanner.ends_frame(event):
            code = strip_aim_prefix(text)
            return KeyBurst(keys + 1, "scan" if code else "cut", code, ended=True, last=event.time)
        character = code_character(event) if keys else ""
        if character is None or len(text) > MAX_LENGTH:
            return KeyBurst(keys, "cut", text, last=last)
        text += character
        keys, last = keys + 1, event.time
    if now - last > FRAME_TIMEOUT:
        return KeyBurst(keys, "cut", text, last=last)
    return KeyBurst(keys, "open", text, last=last, expires=last + FRAME_TIMEOUT)


def detect_scan(waiting: Iterable[events.Event], scanner: Scanner, now: float) -> KeyBurst:
    """Judge the keys at the front of the queue, in their order.

    A scan has at least four characters, or two with a digit among them and an end, and is not one key held down. Fewer
    may have been typed ahead while the line stood still.
    """
    text = ""
    times: list[float] = []
    for event in waiting:
        if times and event.time - times[-1] > _timeout(text, scanner):
            return _closed(text, times, scanner)
        if times and scanner.ends_scan(event):
            return _ended(text, [*times, event.time], scanner)
        character = code_character(event)
        if character is None:
            return _closed(text, times, scanner)
        text += character
        times.append(event.time)
        if (
            text[0] in NEVER_FIRST
            or (_is_repeated(text) and len(text) >= _PACE_SAMPLE)
            or (len(times) >= _PACE_SAMPLE and not _is_fast(times, scanner))
        ):
            return _keys(text, times, fast=False)
    if not times:
        return KeyBurst(0, "keys")
    expires = times[-1] + _timeout(text, scanner)
    if now > expires:
        return _closed(text, times, scanner)
    return KeyBurst(len(times), "open", text, first=times[0], last=times[-1], expires=expires)


def _timeout(text: str, scanner: Scanner) -> float:
    """Seconds that the key behind these may be late."""
    if len(text) == 1 or _is_repeated(text):
        return scanner.gap
    return PAIR_TIMEOUT if len(text) == 2 else SCAN_TIMEOUT


def _closed(text: str, times: Sequence[float], scanner: Scanner) -> KeyBurst:
    """Judge keys without an end, behind which nothing came in time."""
    fast = _is_fast(times, scanner)
    if len(text) >= MIN_LENGTH and fast and (code := strip_aim_prefix(text)):
        return KeyBurst(len(times), "scan", code, fast=True, first=times[0], last=times[-1])
    return _keys(text, times, fast=fast)


def _ended(text: str, times: Sequence[float], scanner: Scanner) -> KeyBurst:
    """Judge keys with an end; its time is the last."""
    fast = _is_fast(times, scanner)
    least = _LEAST_ENDED if any(character.isdigit() for character in text) else MIN_LENGTH
    if len(text) >= least and fast and (code := strip_aim_prefix(text)):
        return KeyBurst(len(times), "scan", code, ended=True, fast=True, first=times[0], last=times[-1])
    return _keys(text, times[:-1], fast=fast)._replace(ended=fast)


def _keys(text: str, times: Sequence[float], *, fast: bool) -> KeyBurst:
    first, last = (times[0], times[-1]) if times else (0.0, 0.0)
    return KeyBurst(len(times), "keys", text, fast=fast, first=first, last=last)


def _is_repeated(text: str) -> bool:
    """Whether it may be one key held down, or pressed again and again; digits are no keys of ours."""
    return len(set(text)) == 1 and not text.isdigit()


def _is_fast(times: Sequence[float], scanner: Scanner) -> bool:
    """Whether keys came at a scanner's pace: one at most stalled on the way, the others are fast on average."""
    gaps = [after - before for before, after in pairwise(times)]
    quick = [gap for gap in gaps if gap <= scanner.gap]
    if not quick or len(quick) < len(gaps) - 1:
        return False
    return sum(quick) / len(quick) <= scanner.pace
