"""The workbook, read back from its XML: cells are text, and Excel's limits are reported."""

import io
import re
import sys
import zipfile
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings

from app.errors import ExportFailed
from app.export.cells import NOT_XML, replace_chars
from app.export.xlsx import LONGEST_CELL, MOST_ROWS, check_rows, workbook
from app.models.fields import WIRE_FIELDS
from tests.customers import customer
from tests.export.test_formats import RECORDS, cell_texts, whole

SHEET = "xl/worksheets/sheet1.xml"
SPACE = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
#: Texts that Excel or XlsxWriter would convert if they were not written as text.
TRAPS = (
    "=1+1",
    "{=1+1}",
    "http://x.example",
    "mailto:a@b.example",
    "internal:Sheet1!A1",
    "0123",
    "1e5",
    "<r><t>x</t></r>",
    "<r></r>",
    "_x0041_",
    " a ",
    "a\r\nb\x1b",
    "&<>\"'",
    "]]>",
)


def written(records: list[Any]) -> bytes:
    with workbook() as form:
        return whole(form, records)


def unescaped(text: str) -> str:
    """Undo Excel's escape for characters that XML cannot hold."""
    return re.sub("_x([0-9A-Fa-f]{4})_", lambda found: chr(int(found[1], 16)), text)


def cells(data: bytes) -> list[dict[int, tuple[str, str]]]:
    """Type and text of the cells of each row below the header, by column."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        sheet = ElementTree.fromstring(archive.read(SHEET))  # noqa: S314 - we wrote it
    rows = []
    for row in sheet.iter(f"{SPACE}row"):
        found = {}
        for cell in row.iter(f"{SPACE}c"):
            assert cell.find(f"{SPACE}f") is None, "a formula"
            column = ord(re.sub("[0-9]", "", cell.attrib["r"])) - ord("A")
            text = "".join(part.text or "" for part in (*cell.iter(f"{SPACE}t"), *cell.iter(f"{SPACE}v")))
            found[column] = (cell.attrib.get("t", "n"), unescaped(text))
        rows.append(found)
    assert [text for _, text in rows[0].values()] == list(WIRE_FIELDS)
    return rows[1:]


@pytest.mark.promise("T9")
@pytest.mark.parametrize("trap", TRAPS)
def test_xlsx_cells_stay_text(trap: str) -> None:
    (row,) = cells(written([customer("A", name=trap, zip=trap).received]))
    assert row[1] == row[6] == ("inlineStr", trap)
    assert row[12] == ("b", "1")


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(RECORDS)
def test_xlsx_keeps_received_values(records: list[dict[str, Any]]) -> None:
    rows = cells(written(records))
    assert len(rows) == len(records)
    for record, row in zip(records, rows, strict=True):
        texts = [row.get(column, ("", ""))[1] for column in range(len(WIRE_FIELDS))]
        texts[12] = {"1": "true", "0": "false"}[texts[12]]
        # XML normalizes line ends unless they are escaped; XlsxWriter escapes CR only.
        assert texts == [replace_chars(word, NOT_XML) for word in cell_texts(record)]


@pytest.mark.promise("T9")
def test_xlsx_contains_no_links() -> None:
    with zipfile.ZipFile(io.BytesIO(written([customer("A", name="http://x.example").received]))) as archive:
        assert "hyperlink" not in archive.read(SHEET).decode()
        assert not [name for name in archive.namelist() if "sheet1.xml.rels" in name]


def test_excel_limits_are_reported() -> None:
    with pytest.raises(ExportFailed, match="1,048,575 rows"):
        check_rows(MOST_ROWS + 1)
    with pytest.raises(ExportFailed, match="name of A is too long"):
        written([customer("A", name="x" * (LONGEST_CELL + 1)).received])
    (row,) = cells(written([customer("A", name="x" * LONGEST_CELL).received]))
    assert len(row[1][1]) == LONGEST_CELL


def test_xlsx_reports_omitted_values() -> None:
    with workbook() as form:
        whole(form, [customer("A", name="\ud800", city="\uffff", region="x").received])
        assert len(form.notes()) == 2


def test_missing_xlsxwriter_names_package_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    # As if the package were not installed.
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    with pytest.raises(ExportFailed, match="install the package xlsxwriter"), workbook():
        raise AssertionError("it was made all the same")
