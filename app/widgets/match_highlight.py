"""Why a row was found: what matched is marked where it stands, and shown where no column shows it."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from app.models.fields import BY_NAME, ID_FIELD, STATUS
from app.models.find_query import FIND_FIELDS, FindWord
from app.text.folding import fold, match_spans
from app.text.sanitize import fit, sanitize, shorten, width
from app.widgets.columns import GAP, CellText, Column, Line, row_parts

if TYPE_CHECKING:
    from app.models.customer import Customer

TextStyle = Literal["", "found", "label"]

#: The fields in which a match is shown, the most useful first.
SEARCHED_FIELDS: Final = (
    *(ID_FIELD, "name", "contact", "phone", "email", "city", "zip", "address1", "address2", "fax", "state", "country"),
)
_MAX_SEARCHED: Final = 1_000  # characters of a value that are looked at
_LEAST_ROOM: Final = 12  # cells; in less no match can be shown


class StyledText(NamedTuple):
    """A stretch of a row with one look: as usual, found, or the name of the field that follows."""

    text: str
    style: TextStyle = ""


def found_spans(text: str, words: Sequence[str]) -> list[tuple[int, int]]:
    """Where the folded words stand in a text."""
    folded = fold(text)
    # Only a number may stand there in another way than it was typed.
    return match_spans(text, [word for word in words if word in folded or any(map(str.isdigit, word))])


#: Where words stand in a cell of a row.
Spans = list[tuple[int, int]]


def highlight_row(customer: "Customer", layout: Sequence[Line], words: Sequence[FindWord]) -> list[list[StyledText]]:
    """The lines of the row in pieces, with what matched marked; a word of a field is marked in that field only.

    A match that no column shows takes the place of the last ones in a line.
    """
    columns = {cell.column.field: cell.column for line in layout for cell in line}
    lines = [row_parts(customer, line) for line in layout]

    def spans_in(part: CellText, words: Sequence[FindWord]) -> Spans:
        return _spans_in(part, columns[part.field], customer, words)

    missing = [word for word in words if not any(spans_in(part, [word]) for line in lines for part in line)]
    note = _hidden_match(customer, missing)
    rooms = [range(0) for _ in lines]
    if note is not None:
        # In a line of its own, what the ID shows as well gives way to what nothing else shows.
        below = [word for word in words if not spans_in(lines[0][0], [word])]
        found = [
            _room_for(parts, [spans_in(part, words if parts is lines[0] else below) for part in parts], note)
            for parts in lines
        ]
        at = next((number for number, room in enumerate(found) if room), 0)
        rooms[at] = found[at]
    return [
        _pieces(parts, [spans_in(part, words) for part in parts], room, note, missing)
        for parts, room in zip(lines, rooms, strict=True)
    ]


def _pieces(
    parts: Sequence[CellText],
    spans: Sequence[Spans],
    replaced: range,
    note: tuple[str, str] | None,
    missing: Sequence[FindWord],
) -> list[StyledText]:
    """A line in pieces; the note takes the place of the cells `replaced`."""
    pieces: list[StyledText] = []
    for index, part in enumerate(parts):
        if note is not None and index in replaced:
            if index == replaced.start:
                cells = sum(parts[n].width for n in replaced) + GAP * (len(replaced) - 1)
                pieces += [StyledText(" " * GAP if index else ""), *_match_snippet(note, missing, cells)]
            continue
        if index:
            pieces.append(StyledText(" " * GAP))
        pieces += _cut(part.text, spans[index])
    return pieces


def _spans_in(part: CellText, column: Column, customer: "Customer", words: Sequence[FindWord]) -> list[tuple[int, int]]:
    """Where words stand in a cell, each in its own field where two share the cell."""
    spans = found_spans(part.text, _of_field(words, column.field if not column.also else ""))
    start = 0
    for field in column.fields if column.also else ():
        end = min(start + len(sanitize(customer.value(field)[:_MAX_SEARCHED])), len(part.text))
        own = [word.text for word in words if word.field and field in FIND_FIELDS[word.field]]
        spans += [(start + first, start + last) for first, last in found_spans(part.text[start:end], own)]
        start = end + 1 if end > start else end
    return _merged(spans)


def _of_field(words: Sequence[FindWord], field: str) -> list[str]:
    """The words that may be in this field."""
    return [word.text for word in words if not word.field or field in FIND_FIELDS[word.field]]


def _merged(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _hidden_match(customer: "Customer", missing: Sequence[FindWord]) -> tuple[str, str] | None:
    """The field, and its text, in which the first of the missing words stands."""
    for word in missing:
        for field in SEARCHED_FIELDS:
            value = customer.value(field)[:_MAX_SEARCHED]
            if value and found_spans(value, _of_field([word], field)):
                return field, sanitize(value)
    return None


def _room_for(parts: Sequence[CellText], spans: Sequence[Spans], note: tuple[str, str]) -> range:
    """The cells that give way: as few as will do, from the right, never ID, status or a cell with a match.

    The name gives way only where it has a line of its own.
    """
    end = len(parts) - 1 if parts[-1].field == STATUS else len(parts)
    kept = (ID_FIELD, STATUS, "name") if len(parts) > 1 else ()
    first = 1 + max((at for at, part in enumerate(parts[:3]) if part.field in kept), default=-1)
    wanted = width(BY_NAME[note[0]].label) + 1 + width(note[1])
    start, cells = end, -GAP
    while start > first and cells < wanted and not spans[start - 1]:
        start -= 1
        cells += parts[start].width + GAP
    return range(start, end) if cells >= _LEAST_ROOM else range(0)


def _match_snippet(note: tuple[str, str], missing: Sequence[FindWord], cells: int) -> list[StyledText]:
    """Return the field's name and its text around the match, in exactly this many cells."""
    field, text = note
    label = BY_NAME[field].label + " "
    room = max(1, cells - width(label))
    words = _of_field(missing, field)
    found = found_spans(text, words)
    if found and width(text[: found[0][1]]) >= room:
        text = "…" + text[max(0, found[0][0] - 2) :]
        found = found_spans(text, words)
    return [StyledText(fit(label, min(cells, width(label))), "label"), *_cut(fit(shorten(text, room), room), found)]


def _cut(text: str, found: Sequence[tuple[int, int]]) -> Iterator[StyledText]:
    end = 0
    for start, stop in found:
        if start > end:
            yield StyledText(text[end:start])
        if start < len(text):
            yield StyledText(text[start:stop], "found")
        end = stop
    if end < len(text):
        yield StyledText(text[end:])
