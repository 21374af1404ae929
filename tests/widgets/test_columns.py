"""Columns: rows of equal width, whole IDs, and the status always visible."""

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.models.fields import ID_FIELD
from app.text.sanitize import sanitize_id, width
from app.widgets.columns import heading_text, lay_out, row_text
from tests.customers import TEXTS, customer

NAMES = [
    "Acme",
    "株式会社日本通運",
    "동백전자㈜",
    "Boréal Bois d'œuvre",
    "e\u0301\u0301clair",
    "🎉 party 🎉",
    "👩‍💻 dev",
    "ＦＵＬＬ",
]


@given(st.integers(70, 200), st.integers(0, 60))
def test_layout_fits_terminal_and_keeps_main_columns(cells: int, id_width: int) -> None:
    layout = lay_out(cells, id_width)
    assert sum(cell.width for cell in layout) + len(layout) - 1 <= cells
    fields = [cell.column.field for cell in layout]
    assert {ID_FIELD, "name", "city", "state", "phone", "active"} <= set(fields)
    assert all(cell.width >= cell.column.narrow for cell in layout)


def test_wider_terminal_shows_more_columns() -> None:
    counts = [len(lay_out(cells, 14)) for cells in (77, 97, 117, 157, 197, 237)]
    assert counts == sorted(counts)
    assert counts[0] == 6
    assert counts[-1] >= 10


@pytest.mark.promise("T4")
@given(TEXTS, TEXTS, TEXTS, st.integers(77, 160))
def test_rows_are_as_wide_as_layout(name: str, city: str, phone: str, cells: int) -> None:
    layout = lay_out(cells, 14)
    expected = sum(cell.width for cell in layout) + len(layout) - 1
    assert width(row_text(customer("ID-1", name=name, city=city, phone=phone), layout)) == expected
    assert width(heading_text(layout, "name", descending=True)) == expected


@pytest.mark.promise("T3")
@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=50), st.integers(77, 120))
def test_id_is_never_shortened(short_id: str, cells: int) -> None:
    layout = lay_out(cells, 14)
    row = row_text(customer(short_id, name="Name", active=False), layout)
    shown = sanitize_id(short_id)
    if width(shown) <= cells:
        assert row.startswith(shown)


@pytest.mark.promise("T4")
@pytest.mark.parametrize("name", NAMES)
def test_status_column_is_aligned_on_terminal(name: str) -> None:
    screen = pyte.Screen(80, 1)
    layout = lay_out(77, 14)
    pyte.Stream(screen).feed(row_text(customer("ID-1", name=name, city=name, contact=name), layout))
    start = sum(cell.width + 1 for cell in layout[:-1])
    assert "".join(screen.buffer[0][start + index].data for index in range(6)) == "active"
