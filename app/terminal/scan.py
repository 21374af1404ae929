"""Tells a barcode scanner from a hand: a scanner is a keyboard that types fast and ends with Enter or Tab."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from textual import events

from app.text import code_of

DEFAULT_GAP: Final = 0.030  # seconds between two keys of a scanner, at most
#: Characters of a scan; with a digit in it, which is no key of ours, and an end behind it fewer will do.
LEAST: Final = 4
_LEAST_ENDED: Final = 2

_ENDS: Final = ("enter", "tab")


class Burst(NamedTuple):
    """The keys at the front that came as fast as a scanner types.

    `keys` is how many belong to it, `ended` whether no more can come, and `scan` the code, when it is one.
    """

    keys: int
    ended: bool
    scan: str | None


def read_burst(waiting: Iterable[events.Event], gap: float = DEFAULT_GAP) -> Burst:
    """Judge the keys that wait, in their order, by the times they were read at.

    A scan has at least four characters, or two with a digit among them and an end, and is not one key held down. Fewer
    may be what was typed ahead while the line stood still.
    """
    held: list[events.Key] = []
    for index, event in enumerate(waiting):
        if not isinstance(event, events.Key) or (held and event.time - held[-1].time > gap):
            return Burst(index, ended=True, scan=_scan(held))
        if event.key in _ENDS and held:
            scan = _scan(held, _LEAST_ENDED)
            return Burst(index if scan is None else index + 1, ended=True, scan=scan)
        if not event.is_printable:
            return Burst(index, ended=True, scan=_scan(held))
        held.append(event)
    return Burst(len(held), ended=False, scan=_scan(held))


def is_end(event: events.Event) -> bool:
    """Whether a scanner sends this key after a code."""
    return isinstance(event, events.Key) and event.key in (*_ENDS, "ctrl+j")


def _scan(held: Sequence[events.Key], least: int = LEAST) -> str | None:
    keys = {event.key for event in held}
    digits = any(key.isdigit() for key in keys)
    if len(held) < (least if digits else LEAST) or (len(keys) == 1 and not digits):
        return None
    return code_of("".join(event.character or "" for event in held if event.is_printable))
