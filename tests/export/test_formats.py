"""Export formats keep every value and contain nothing that a spreadsheet or terminal would run."""

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.export.cells import CONTROLS, TERMINAL_CONTROLS, UNENCODABLE, replace_chars
from app.export.formats import CsvFormat, Format, JsonFormat, JsonLinesFormat
from app.models.customer import Customer, NumberText
from app.models.fields import FIELDS, WIRE_FIELDS
from tests.customers import TEXTS, customer

#: Beginnings of a cell that a spreadsheet runs as a formula.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0")

RECORDS = st.lists(
    st.fixed_dictionaries(
        {name: st.one_of(TEXTS, st.builds(str.__add__, st.sampled_from(FORMULA_STARTS), TEXTS)) for name in WIRE_FIELDS}
        | {"active": st.booleans()}
    ),
    max_size=5,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=10,
)


def whole(form: Format, records: list[Any]) -> bytes:
    """The exported bytes of these records, written in two batches."""
    customers = [Customer.from_wire(record) for record in records]
    half = len(customers) // 2
    return b"".join((form.header(), form.rows(customers[:half]), form.rows(customers[half:]), *form.footer()))


def read(data: bytes) -> list[list[str]]:
    """The rows of a CSV file below its header."""
    header, *rows = csv.reader(io.StringIO(data.decode(), newline=""), strict=True)
    assert header == list(WIRE_FIELDS)
    return rows


def cell_texts(record: dict[str, Any]) -> list[str]:
    return [{True: "true", False: "false"}[record[name]] if name == "active" else record[name] for name in WIRE_FIELDS]


def test_columns_are_contract_fields() -> None:
    assert sorted(WIRE_FIELDS) == sorted(field.name for field in FIELDS)


@pytest.mark.promise("T9")
@given(RECORDS)
def test_raw_csv_keeps_received_values(records: list[dict[str, Any]]) -> None:
    rows = read(whole(CsvFormat(raw=True), records))
    assert rows == [[replace_chars(word, UNENCODABLE) for word in cell_texts(record)] for record in records]


@pytest.mark.promise("T9", "T1")
@given(RECORDS, st.booleans())
def test_csv_cells_are_never_formulas_or_controls(records: list[dict[str, Any]], terminal: bool) -> None:
    data = whole(CsvFormat(terminal=terminal), records)
    rows = read(data)
    assert len(rows) == len(records)
    for record, row in zip(records, rows, strict=True):
        for word, cell in zip(cell_texts(record), row, strict=True):
            assert not cell.startswith((*FORMULA_STARTS, "＝", "＋", "－", "＠"))
            assert cell.startswith("'") or not word.startswith(FORMULA_STARTS)
            assert cell.removeprefix("'") == replace_chars(
                word, TERMINAL_CONTROLS if terminal else CONTROLS
            ).removeprefix("'")
    if terminal:
        assert not TERMINAL_CONTROLS.search(data.decode().replace("\r\n", ""))
    assert b"\0" not in data


def test_csv_follows_rfc_4180() -> None:
    record = customer("A", name='Say "Hi", Ltd', address1="1\r\n2", zip=" 01234 ", city="=1+1").received
    first, second = whole(CsvFormat(), [record]).split(b"\r\n", 1)
    assert (
        first
        == b"shortID,name,address1,address2,city,state,zip,country,phone,fax,email,contact,active,created,modified"
    )
    assert second == (
        b'A,"Say ""Hi"", Ltd","1\r\n2",,\'=1+1,, 01234 ,,,,,,true,2024-01-01T00:00:00,2024-01-01T00:00:00\r\n'
    )


@pytest.mark.promise("T5")
def test_odd_values_become_text_in_csv() -> None:
    odd = {"shortID": 5, "name": None, "zip": ["a"], "active": "no", "phone": NumberText("1e999"), "fax": -1}
    form = CsvFormat()
    (row,) = read(whole(form, [odd]))
    cells = dict(zip(WIRE_FIELDS, row, strict=True))
    assert {name: text for name, text in cells.items() if text} == {
        "shortID": "5",
        "zip": '["a"]',
        "active": "no",
        "phone": "1e999",
        "fax": "'-1",
    }
    assert form.notes() == []


@pytest.mark.promise("T9")
def test_csv_reports_changed_and_omitted_values() -> None:
    record = customer("A", name="a\x1b[2Jb\ud800", region="x").received
    form = CsvFormat()
    assert "a␛[2Jb‹D800›".encode() in whole(form, [record])
    left_out, signs = form.notes()
    assert "region" in left_out
    assert "cells: 1" in signs
    raw = CsvFormat(raw=True)
    assert "a\x1b[2Jb‹D800›".encode() in whole(raw, [record])
    assert len(raw.notes()) == 2


@given(st.lists(st.dictionaries(TEXTS, JSON, max_size=4) | st.fixed_dictionaries({"shortID": TEXTS}), max_size=4))
@example([{"shortID": "\u2028\x85\x9b31m\ud800"}])
@pytest.mark.parametrize("lines", [True, False])
def test_json_keeps_received_values(lines: bool, records: list[dict[str, Any]]) -> None:
    text = whole(JsonLinesFormat() if lines else JsonFormat(), records).decode()
    if lines:
        assert [json.loads(line) for line in text.splitlines()] == records
        assert text.endswith("\n") or not records
    else:
        assert json.loads(text) == records
    assert not TERMINAL_CONTROLS.search(text.replace("\n", ""))


def test_json_numbers_stay_numbers() -> None:
    record = {"zip": NumberText("0.10"), "fax": [NumberText("1E5")], "phone": NumberText("1e999")}
    assert json.loads(whole(JsonFormat(), [record])) == [{"zip": 0.1, "fax": [100000.0], "phone": "1e999"}]


def test_truncated_json_export_is_invalid() -> None:
    form = JsonFormat()
    cut = form.header() + form.rows([customer("A"), customer("B")])
    with pytest.raises(json.JSONDecodeError):
        json.loads(cut)
