"""Columns stay aligned whatever is in a row; IDs are whole, and content comes before further columns."""

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.models.customer import Customer
from app.models.fields import ID_FIELD, STATUS
from app.text.sanitize import sanitize_id, width
from app.widgets.columns import COLUMNS, ColumnWidth, cell_text, heading_text, lay_out, measure, row_parts, row_text
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
ACME = customer(
    "ACME-CORP", name="Acme Corporation", city="Springfield", state="IL", phone="0532-0000 0108", active=False
)


def laid_out(cells: int, *rows: Customer, chosen: tuple[str, ...] | None = None) -> tuple[ColumnWidth, ...]:
    return lay_out(cells, measure(rows, {}), chosen)


@given(st.integers(57, 200), st.text(max_size=60), st.text(max_size=60))
def test_layout_fits_terminal_and_keeps_main_columns(cells: int, name: str, email: str) -> None:
    layout = laid_out(cells, customer("ID-1", name=name, email=email, contact=name, city=name))
    assert sum(cell.width for cell in layout) + len(layout) - 1 <= cells
    fields = {field for cell in layout for field in cell.column.fields}
    assert {ID_FIELD, "name", "city", "state", "phone", STATUS} <= fields
    assert all(cell.width >= cell.column.narrow for cell in layout)


def test_columns_have_room_for_content_before_others_come() -> None:
    rows = [
        ACME,
        customer("GARONNE-FILS", name="Garonne et Fils", contact="Ângela Magalhães", email="o@garonne.example"),
    ]
    counts = set()
    for cells in range(97, 237):
        layout = laid_out(cells, *rows)
        counts.add(len(layout))
        if any(cell.column.priority for cell in layout):
            cut = [cell_text(row, cell.column) for row in rows for cell in layout if cell.width < _content(row, cell)]
            assert not cut, f"cut at {cells} cells"
    assert counts == {7, 8, 9}
    assert "fax" not in [cell.column.field for cell in laid_out(236, *rows)], "nobody has one"


def _content(row: Customer, cell: ColumnWidth) -> int:
    return width(cell_text(row, cell.column))


def test_phone_is_whole_and_state_stands_with_city_at_80_columns() -> None:
    layout = laid_out(77, ACME)
    shown = {part.field: part.text.rstrip() for part in row_parts(ACME, layout)}
    assert shown == {
        ID_FIELD: "ACME-CORP",
        STATUS: "×",
        "name": "Acme Corporation",
        "city": "Springfield IL",
        "phone": "0532-0000 0108",
    }


def test_status_is_shown_whatever_columns_are_chosen() -> None:
    for cells in (57, 77, 97, 157):
        shown = {part.field: part.text.rstrip() for part in row_parts(ACME, laid_out(cells, ACME, chosen=("name",)))}
        assert shown == {ID_FIELD: "ACME-CORP", STATUS: "×", "name": "Acme Corporation"}
    assert "discontinued" in row_text(ACME, laid_out(97, ACME, chosen=("name", STATUS)))


def test_widths_do_not_shrink_with_the_next_page() -> None:
    needs = measure([ACME], {})
    for may_shrink in (False, True):
        after = measure([customer("B", name="B")], needs, may_shrink=may_shrink)
        assert lay_out(77, after) == lay_out(77, needs)


@pytest.mark.parametrize("long", [customer("L" * 20), customer("L", phone="5" * 20)])
def test_long_content_of_another_page_does_not_keep_room_from_other_columns(long: Customer) -> None:
    needs = measure([ACME], {})
    grown = measure([long], needs)
    assert lay_out(77, grown) != lay_out(77, needs)
    assert lay_out(77, measure([ACME], grown, may_shrink=True)) == lay_out(77, needs)
    assert measure([ACME], grown) == grown, "what is found does not move the columns"


@pytest.mark.promise("T4")
@given(TEXTS, TEXTS, TEXTS, st.integers(77, 160))
def test_rows_are_as_wide_as_layout(name: str, city: str, phone: str, cells: int) -> None:
    row = customer("ID-1", name=name, city=city, phone=phone)
    layout = laid_out(cells, row)
    expected = sum(cell.width for cell in layout) + len(layout) - 1
    assert width(row_text(row, layout)) == expected
    assert width(heading_text(layout, "name", descending=True)) == expected


@pytest.mark.promise("T3")
@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=50), st.integers(77, 120))
def test_id_is_never_shortened(short_id: str, cells: int) -> None:
    discontinued = customer(short_id, name="Name", active=False)
    row = row_text(discontinued, laid_out(cells, discontinued))
    shown = sanitize_id(short_id)
    if width(shown) <= cells - 2:
        assert row.startswith(shown)
        assert "×" in row.removeprefix(shown) or "discontinued" in row


@pytest.mark.promise("T4")
@pytest.mark.parametrize("name", NAMES)
def test_status_column_is_aligned_on_terminal(name: str) -> None:
    screen = pyte.Screen(160, 1)
    row = customer("ID-1", name=name, city=name, contact=name)
    layout = laid_out(157, row)
    pyte.Stream(screen).feed(row_text(row, layout))
    start = sum(cell.width + 1 for cell in layout[:-1])
    assert "".join(screen.buffer[0][start + index].data for index in range(6)) == "active"


def test_every_field_has_a_column() -> None:
    assert len({column.field for column in COLUMNS}) == len(COLUMNS) == 15
