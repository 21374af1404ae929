"""Moments as servers write them: naive, with a Z or an offset, or rubbish; never shifted, only compared."""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Final

#: Moments that sort as their texts do, each followed by a blank: all without a zone, or all in whole seconds with a Z.
_ALIKE: Final = re.compile(
    r"(?:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)? )*|(?:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ )*", re.ASCII
)


def parse(text: str) -> datetime | None:
    """The moment, one without a zone taken for UTC; `None` when it is none."""
    try:
        when = datetime.fromisoformat(text)
        return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def days_of(now: datetime, *, week: bool) -> tuple[datetime, datetime]:
    """Return when the calendar day of `now`, or with `week` the week from Monday to that day, begins and ends.

    The clock and calendar are those of this machine's time zone.
    """
    day = now.astimezone().date()
    first = day - timedelta(days=day.weekday()) if week else day
    # Naive midnights become moments by the rules of summer time.
    begin, end = (datetime.combine(one, time.min).astimezone() for one in (first, day + timedelta(days=1)))
    return begin, end


def subtract_seconds(text: str, seconds: float) -> str | None:
    """Return the timestamp this many seconds earlier, in the server's own format; `None` if it is no timestamp."""
    try:
        before = (datetime.fromisoformat(text) - timedelta(seconds=seconds)).replace(microsecond=0)
    except (ValueError, OverflowError):
        return None
    written = before.isoformat()
    return written.removesuffix("+00:00") + "Z" if text.endswith(("Z", "z")) else written


def is_before(text: str, other: str, slack: float = 0.0) -> bool:
    """Whether a moment is more than `slack` seconds before another; false when one of them is none."""
    one, two = parse(text), parse(other)
    return one is not None and two is not None and (two - one).total_seconds() > slack


def any_older(texts: Sequence[str], other: str, slack: float = 0.0) -> bool:
    """Whether any of these moments is more than `slack` seconds before another."""
    if texts and _are_alike(texts) and parse(earliest := min(texts)):
        return is_before(earliest, other, slack)
    return any(is_before(text, other, slack) for text in texts)


def _are_alike(texts: Sequence[str]) -> bool:
    return _ALIKE.fullmatch(" ".join([*texts, ""])) is not None


class HighWaterMark:
    """The newest of many timestamps, in the server's own format; `""` before the first.

    One that lies more than two days ahead of this machine's clock is a slip of somebody's pen, and does not count:
    whoever asked for what changed since would never hear of anything again.
    """

    def __init__(self, now: datetime, text: str = "") -> None:
        self.text = ""
        self._newest = datetime.min.replace(tzinfo=UTC)
        self._latest = now.astimezone(UTC) + timedelta(days=2)
        self.add(text)

    def add_all(self, texts: Iterable[str]) -> None:
        """Take these into account."""
        several = list(texts)
        if several and _are_alike(several) and self.add(max(several)):
            return
        for text in several:
            self.add(text)

    def add(self, text: str) -> bool:
        """Take a timestamp into account; returns whether it counts."""
        when = parse(text) if text else None
        if when is None or when > self._latest:
            return False
        if self._newest < when:
            self._newest = when
            self.text = text
        return True
