"""The format that Excel calls its own, written by XlsxWriter, which is an extra of dockbook."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from app.errors import ExportFailed
from app.export.cells import NOT_XML, replace_chars, text_of
from app.export.formats import DroppedFields
from app.export.output import translate_errors
from app.models.fields import WIRE_FIELDS

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.worksheet import Worksheet

    from app.models.customer import Customer

#: What Excel takes [its "specifications and limits"]: rows of a sheet, without the header, and characters of a cell.
MOST_ROWS: Final = 1_048_576 - 1
LONGEST_CELL: Final = 32_767

_WORKBOOK: Final = "the workbook (in the folder for temporary files)"
_PIECE: Final = 2**16
_WIDTHS: Final = {"shortID": 18, "name": 34, "address1": 30, "email": 34, "contact": 22, "created": 20, "modified": 20}
_WIDTH: Final = 14


@contextmanager
def workbook() -> Iterator["WorkbookFormat"]:
    """A new workbook; raises `ExportFailed` where XlsxWriter is not installed.

    The rows wait in a private folder, on the disk and not in memory, until the file is put together.
    """
    try:
        from xlsxwriter import Workbook
    except ModuleNotFoundError:
        raise ExportFailed(
            "Excel files are not set up here. Use csv, json or jsonl, or ask your administrator to install the package "
            "xlsxwriter."
        ) from None
    with tempfile.TemporaryDirectory(prefix="dockbook-xlsx-") as folder:
        path = Path(folder) / "customers.xlsx"
        made = WorkbookFormat(Workbook(path, {"constant_memory": True, "tmpdir": folder}), path)
        try:
            yield made
        finally:
            made.discard()


def check_rows(rows: int) -> None:
    """Raise `ExportFailed` when there are more than Excel takes."""
    if rows > MOST_ROWS:
        raise ExportFailed(f"Excel takes {MOST_ROWS:,} rows, and there are more customers. Take csv or json.")


class WorkbookFormat:
    """One sheet with a header; every cell but `active` is text, never a formula, a link, a number or a date."""

    def __init__(self, book: "Workbook", path: Path) -> None:
        self._book = book
        self._path = path
        self._sheet: Worksheet = book.add_worksheet("Customers")
        self._bold = book.add_format({"bold": True})
        self._written = 0
        self._escaped = 0
        self._dropped = DroppedFields()

    def header(self) -> bytes:
        """The header, kept."""
        for column, name in enumerate(WIRE_FIELDS):
            self._sheet.set_column(column, column, _WIDTHS.get(name, _WIDTH))
            self._sheet.write_string(0, column, name, self._bold)
        self._sheet.freeze_panes(1, 1)
        return b""

    def rows(self, customers: Sequence["Customer"]) -> bytes:
        """The next rows, kept; raises `ExportFailed` for what Excel cannot take."""
        with translate_errors(_WORKBOOK):
            for customer in customers:
                self._write_row(customer)
        return b""

    def footer(self) -> Iterable[bytes]:
        """The whole file."""
        self._sheet.autofilter(0, 0, self._written, len(WIRE_FIELDS) - 1)
        from xlsxwriter.exceptions import FileCreateError

        with translate_errors(_WORKBOOK):
            try:
                self._book.close()
            except FileCreateError as error:
                raise ExportFailed(f"{_WORKBOOK} cannot be put together: {error}.") from error
        with self._path.open("rb") as file:
            while piece := file.read(_PIECE):
                yield piece

    def discard(self) -> None:
        """Let go of the kept rows, also of those that came to no file."""
        with suppress(OSError):
            self._sheet.row_data_fh.close()

    def notes(self) -> list[str]:
        """What became a sign, and what has no column."""
        notes = self._dropped.notes()
        if self._escaped:
            notes.append(
                f"Signs stand for characters that a workbook cannot hold (cells: {self._escaped:,}); json keeps them."
            )
        return notes

    def _write_row(self, customer: "Customer") -> None:
        self._written += 1
        check_rows(self._written)
        self._dropped.add(customer)
        for column, name in enumerate(WIRE_FIELDS):
            if name == "active" and customer.active is not None:
                self._sheet.write_boolean(self._written, column, customer.active)
            else:
                self._write_text(column, name, customer)

    def _write_text(self, column: int, name: str, customer: "Customer") -> None:
        received = text_of(customer, name)
        if not received:
            return
        text = replace_chars(received, NOT_XML)
        self._escaped += text != received
        # XlsxWriter takes a string of this shape for markup of its own, unescaped; in two pieces it escapes it.
        looks_rich = text.startswith("<r>") and text.endswith("</r>")
        if looks_rich:
            refused = self._sheet.write_rich_string(self._written, column, text[:1], self._bold, text[1:])
        else:
            refused = self._sheet.write_string(self._written, column, text)
        if refused:
            raise ExportFailed(
                f"The field {name} of {customer.short_id} is too long for Excel, which takes {LONGEST_CELL:,} "
                "characters a cell. Take csv or json."
            )
