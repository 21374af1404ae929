"""Reads a test scan: what the scanner sends, what dockbook makes of it, and the settings that fit it."""

import math
from collections.abc import Sequence
from itertools import pairwise, takewhile
from typing import Final, NamedTuple

from textual import events

from app.terminal.barcode import ETX, MIN_LENGTH, STX, Scanner, detect_frame, detect_scan, is_end, sent_character
from app.text.sanitize import sanitize

#: Milliseconds; the limits of the setting `scan_gap_ms`, and the steps it is proposed in.
_LEAST_GAP: Final = 30
_LONGEST_GAP: Final = 200
_STEP: Final = 10
#: How much slower than in the test a scan may be.
_MARGIN: Final = 1.5

_ENDS: Final = {"enter": "Enter", "tab": "Tab", "ctrl+j": "line feed"}
_NAMES: Final = {"\x01": "SOH", STX: "STX", ETX: "ETX", "\x04": "EOT", "\x1c": "FS", "\x1d": "GS", "\x1e": "RS"}


class ScannerReport(NamedTuple):
    """What a test scan showed: lines of a label and a text, made safe, and the settings that fit the scanner.

    `fits` is `None` when no settings would have its codes taken whole.
    """

    lines: Sequence[tuple[str, str]]
    fits: Scanner | None


def report_scan(keys: Sequence[events.Event], scanner: Scanner) -> ScannerReport:
    """Report on the keys of one test scan; `scanner` are the settings as they are now."""
    ends = [_ENDS[key.key] for key in takewhile(is_end, reversed(keys)) if isinstance(key, events.Key)][::-1]
    sent = [sent_character(key) or "" for key in keys[: len(keys) - len(ends)]]
    prefix = sent[0] if len(sent) > MIN_LENGTH and _frames(sent[0]) else ""
    suffix = sent[-1] if len(sent) > MIN_LENGTH and _frames(sent[-1]) and (prefix or not sent[-1].isprintable()) else ""
    fits = _fitting(keys, scanner, prefix, suffix, ends=bool(ends))
    lines = [
        ("Arrived", sanitize("".join(sent)) or "nothing that could be a code"),
        ("Pauses", _pauses(keys)),
        ("Before it", _name(prefix) or "nothing"),
        ("Behind it", ", ".join(filter(None, [_name(suffix), *ends])) or "nothing"),
        ("dockbook", _verdict(keys, fits)),
    ]
    if fits is not None:
        lines.append(("Settings", _settings(fits)))
    return ScannerReport(lines, fits)


def _frames(character: str) -> bool:
    return bool(character) and not character.isalnum() and character not in " -_./]\x1c\x1d\x1e\x1f"


def _name(character: str) -> str:
    return _NAMES.get(character, sanitize(character))


def _gaps(keys: Sequence[events.Event]) -> list[float]:
    return [after.time - before.time for before, after in pairwise(keys)]


def _pauses(keys: Sequence[events.Event]) -> str:
    gaps = [gap * 1000 for gap in _gaps(keys)]
    if not gaps:
        return "only one key came"
    return f"{min(gaps):.0f} to {max(gaps):.0f} ms between two keys, {sum(gaps) / len(gaps):.0f} ms on average"


def _fitting(keys: Sequence[events.Event], scanner: Scanner, prefix: str, suffix: str, *, ends: bool) -> Scanner | None:
    if prefix and (suffix or ends):
        return Scanner(scanner.gap, "" if prefix == STX else prefix, "" if suffix == ETX else suffix)
    gaps = _gaps(keys)
    if len(gaps) < MIN_LENGTH:
        return None
    needed = math.ceil(round(max(gaps) * _MARGIN * 1000 / _STEP, 3)) * _STEP
    if needed > _LONGEST_GAP:
        return None
    fits = Scanner(max(_LEAST_GAP, needed) / 1000, "", suffix if suffix != ETX else "")
    return fits if detect_scan(keys, fits, math.inf).verdict == "scan" else None


def _verdict(keys: Sequence[events.Event], fits: Scanner | None) -> str:
    if fits is None:
        return "takes this for typing. Set the scanner to send STX before and ETX behind a code, or to be faster."
    if fits.begins_frame(keys[0]):
        return f"takes it as the code {sanitize(detect_frame(keys, fits, math.inf).text)}, by its frame: at any speed."
    burst = detect_scan(keys, fits, math.inf)
    waits = "" if burst.ended else " Nothing ends it, so each scan waits 1.2 s; set the scanner to send Enter."
    return f"takes it as the code {sanitize(burst.text)}, by its speed.{waits}"


def _settings(fits: Scanner) -> str:
    parts = [f"scan_gap_ms = {round(fits.gap * 1000)}"]
    if fits.prefix:
        parts.append(f"scan_prefix = {_name(fits.prefix)}")
    if fits.suffix:
        parts.append(f"scan_suffix = {_name(fits.suffix)}")
    return ", ".join(parts)
