"""Where the fields of a record stand: values stronger than labels, an address as on a parcel, one or two columns."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, zip_longest
from typing import Final, Literal

from textual.content import Content

from app.models.fields import ID_FIELD
from app.text.sanitize import width
from app.widgets.narrow import is_narrow

#: Cells of a terminal from which on there are two columns.
WIDE: Final = 120
#: Cells before the label, for the mark on the current field, and for the label.
GROUP_CELLS: Final = 9
MARK_CELLS: Final = 2
LABEL_CELLS: Final = 11

_EMPTY: Final = "–"
#: The fields that have their label in a column of its own; of the others the value says what it is.
_LABELLED: Final = frozenset({ID_FIELD, "name", "contact", "phone", "fax", "email"})
#: The fields whose label stands before the value; where there is no column for labels, the fax number's too.
_NAMED: Final = frozenset({"created", "modified"})
_NAMED_NARROW: Final = _NAMED | {"fax"}
#: What divides a field from the one before it on the same line.
_BEFORE: Final = {"state": " ", "zip": " ", "country": " · ", "modified": " · "}
_BESIDE: Final = " · "
_RIGHT_GROUPS: Final = ("Reach", "Record", "More")

Look = Literal["label", "value", "empty", "remark"]


@dataclass(frozen=True, slots=True)
class FieldEntry:
    """A field as shown: `value` is what copying gives, `remark` says what is odd about it."""

    name: str
    group: str
    label: str
    value: str
    shown: str
    remark: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether there is no value."""
        return self.shown.startswith(_EMPTY)


@dataclass(frozen=True, slots=True)
class Run:
    """A piece of a line in one look; it belongs to the entry with this index, if to any."""

    text: str
    look: Look
    entry: int | None = None


@dataclass(slots=True)
class Line:
    """A line of one column. `heads` are the entries that begin on it."""

    group: str = ""
    label: str = ""
    runs: list[Run] = field(default_factory=list)
    heads: list[int] = field(default_factory=list)

    @property
    def cells(self) -> int:
        """The cells of its runs."""
        return sum(width(run.text) for run in self.runs)


def shows_label(entry: FieldEntry) -> bool:
    """Whether the label stands beside the value, where there is a column for labels."""
    return entry.is_empty or entry.name in _LABELLED | _NAMED


def lay_out(entries: Sequence[FieldEntry], cells: int) -> list[tuple[Line, ...]]:
    """Return the rows of a view this wide, each with a line for every column."""
    if is_narrow(cells):
        return [(line,) for line in _lines(list(enumerate(entries)), max(10, cells - 1), narrow=True)]
    columns = 2 if cells >= WIDE else 1
    room = max(10, cells // columns - GROUP_CELLS - MARK_CELLS - LABEL_CELLS - 1)
    parts: list[list[Line]] = [[] for _ in range(columns)]
    for group, members in groupby(enumerate(entries), lambda member: member[1].group):
        part = parts[-1 if group in _RIGHT_GROUPS else 0]
        lines = _lines(list(members), room, narrow=False)
        # A blank line above each group.
        part += [Line(), replace(lines[0], group=group), *lines[1:]]
    return list(zip_longest(*parts, fillvalue=Line()))


def _lines(entries: Iterable[tuple[int, FieldEntry]], room: int, *, narrow: bool) -> list[Line]:
    lines: list[Line] = []
    before: FieldEntry | None = None
    for index, entry in entries:
        labelled = entry.name in _LABELLED and not narrow
        runs = [Run(entry.shown, "empty" if entry.is_empty else "value", index)]
        if not labelled and entry.is_empty:
            runs = [Run(f"{entry.label} {entry.shown}".lstrip(), "empty", index)]
        elif entry.name in (_NAMED_NARROW if narrow else _NAMED):
            runs.insert(0, Run(f"{entry.label} ", "label"))
        between = "" if before is None or before.remark else _between(before, entry, labelled=labelled)
        if between and lines[-1].cells + sum(width(run.text) for run in runs) + width(between) <= room:
            lines[-1].runs += [Run(between, "label"), *runs]
            lines[-1].heads.append(index)
        else:
            folded = _folded(runs, index, room)
            folded[0].label = entry.label if labelled else ""
            lines += folded
        lines += _remark(lines[-1], entry, index, room, labelled=labelled)
        before = entry
    return lines


def _between(before: FieldEntry, entry: FieldEntry, *, labelled: bool) -> str:
    """What divides an entry from the one before on the same line; empty if it begins a line."""
    if labelled or before.group != entry.group:
        return ""
    if entry.is_empty or (before.is_empty and entry.name in _BEFORE):
        return _BESIDE
    return _BEFORE.get(entry.name, "")


def _folded(runs: list[Run], index: int, room: int) -> list[Line]:
    """Break an entry into as many lines as it needs; none of it is left out."""
    text = "".join(run.text for run in runs)
    if width(text) <= room:
        return [Line(runs=runs, heads=[index])]
    lead = len(text) - len(runs[-1].text)
    lines = [Line(runs=[Run(part.plain, runs[-1].look, index)]) for part in Content(text).wrap(room)]
    if lead:
        first = lines[0].runs[0]
        lines[0].runs = [Run(first.text[:lead], "label"), replace(first, text=first.text[lead:])]
    lines[0].heads.append(index)
    return lines


def _remark(line: Line, entry: FieldEntry, index: int, room: int, *, labelled: bool) -> list[Line]:
    """Put the remark beside the value, or return it as lines below; it names the field unless a label does."""
    if not entry.remark:
        return []
    text = entry.remark if labelled or not entry.label else f"{entry.label}: {entry.remark}"
    if line.heads == [index] and line.cells + width(text) + 4 <= room:
        line.runs.append(Run(f"  ! {text}", "remark"))
        return []
    return [Line(runs=[Run(f"! {part.plain}", "remark", index)]) for part in Content(text).wrap(room - 2)]
