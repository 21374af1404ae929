"""The layout of a record: everything is shown, and nothing beyond the width, on every terminal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.models.customer import Customer
from app.models.fields import FIELDS, WIRE_FIELDS
from app.text.sanitize import sanitize, width
from app.widgets.record_layout import FieldEntry, Line, lay_out

ACME = Customer.from_wire(
    {
        "shortID": "ACME",
        "name": "Acme",
        "address1": "1 Way",
        "city": "Springfield",
        "state": "",
        "zip": "62701",
        "phone": "555-0100",
        "active": True,
    }
)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=60).map(lambda text: sanitize(" ".join(text.split())))


def entries(values: dict[str, str], remarks: dict[str, str]) -> list[FieldEntry]:
    return [
        FieldEntry(
            field.name, field.group, field.label, values.get(field.name, ""), values.get(field.name) or "–", remark
        )
        for field in FIELDS
        for remark in (remarks.get(field.name, ""),)
    ]


def lines_of(rows: list[tuple[Line, ...]]) -> list[Line]:
    """The lines of the columns, one column after the other."""
    return [line for column in zip(*rows, strict=True) for line in column]


def text_of(line: Line) -> str:
    return "".join(run.text for run in line.runs)


def remark_of(line: Line) -> str:
    return "".join(run.text.strip().removeprefix("! ") for run in line.runs if run.look == "remark")


def squeezed(text: str) -> str:
    return "".join(text.split())


@given(
    values=st.dictionaries(st.sampled_from(WIRE_FIELDS), TEXTS),
    remarks=st.dictionaries(st.sampled_from(WIRE_FIELDS), TEXTS),
    cells=st.integers(24, 200),
)
def test_every_field_is_whole_and_fits(values: dict[str, str], remarks: dict[str, str], cells: int) -> None:
    shown = entries(values, remarks)
    lines = lines_of(lay_out(shown, cells))
    room = cells - 1 if cells < 60 else cells // (2 if cells >= 120 else 1) - 22
    for line in lines:
        assert line.cells <= room, (text_of(line), room)
    for index, entry in enumerate(shown):
        value = "".join(run.text for line in lines for run in line.runs if run.entry == index and run.look != "remark")
        assert squeezed(entry.shown) in squeezed(value)
        assert squeezed(entry.remark) in squeezed("".join(map(remark_of, lines)))
        assert sum(index in line.heads for line in lines) == 1


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (80, ["1 Way · Address 2 –", "Springfield · State – · 62701 · Country –"]),
        (24, ["1 Way · Address 2 –", "Springfield · State –", "62701 · Country –"]),
    ],
)
def test_empty_field_is_named_where_it_would_stand(cells: int, expected: list[str]) -> None:
    shown = entries({name: ACME.value(name) for name in WIRE_FIELDS}, {})
    texts = [text_of(line) for line in lines_of(lay_out(shown, cells))]
    at = texts.index(expected[0])
    assert texts[at : at + len(expected)] == expected


def test_remark_names_its_field_where_no_label_does() -> None:
    shown = entries({"city": "12345", "phone": "1"}, {"city": "a number, not text", "phone": "a number, not text"})
    texts = [text_of(line) for line in lines_of(lay_out(shown, 80))]
    assert "12345  ! City: a number, not text" in texts
    assert "1  ! a number, not text" in texts


def test_room_is_measured_in_cells() -> None:
    name = "长城电子有限公司青岛市山东省"
    assert width(name) > 23
    lines = lines_of(lay_out(entries({"name": name}, {}), 24))
    assert max(line.cells for line in lines) <= 23
