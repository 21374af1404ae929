"""What to export: which customers, in which format, to which file; and the writer."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from app.errors import SettingsError
from app.export.formats import CsvFormat, Format, JsonFormat, JsonLinesFormat
from app.mirror.rows import TEXT_FIELDS
from app.mirror.search.terms import build_search_text, matches_all, parse_query
from app.models.fields import Status

if TYPE_CHECKING:
    from app.export.output import OutputStream
    from app.models.customer import Customer

_BY_SUFFIX: Final = {".csv": "csv", ".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl", ".xlsx": "xlsx"}


@dataclass(frozen=True, slots=True)
class ExportSpec:
    """What to export: the customers of a `status` that match `find`; `raw` defuses nothing in CSV.

    `output` None is standard output.
    """

    format: str
    status: Status = "all"
    raw: bool = False
    output: Path | None = None
    find: str = ""

    @property
    def filtered(self) -> bool:
        """Whether some customers are to be left out."""
        return self.status != "all" or bool(self.find.strip())

    def predicate(self) -> Callable[["Customer"], bool]:
        """Return a function that says whether a customer matches, by the rules of find."""
        # The status is checked here: the server's pages contain all of them.
        terms = parse_query(self.find)

        def wanted(customer: "Customer") -> bool:
            if self.status not in ("all", customer.status):
                return False
            texts = [customer.value(name) for name in TEXT_FIELDS]
            return not terms or matches_all(terms, build_search_text(texts, customer.active))

        return wanted


class ExportWriter:
    """Writes customers in a format to a sink, those that are wanted, and counts them."""

    def __init__(self, spec: ExportSpec, form: Format, output: "OutputStream") -> None:
        self._spec = spec
        self._matches = spec.predicate()
        self._form = form
        self._output = output
        self._read = 0
        self._unknown = 0
        self.written = 0

    def begin(self) -> None:
        """Write what stands before the first customer."""
        self._output.write(self._form.header())

    def write_batch(self, batch: Sequence["Customer"]) -> None:
        """Write what is wanted of these."""
        wanted = [customer for customer in batch if self._matches(customer)]
        self._read += len(batch)
        self.written += len(wanted)
        self._unknown += sum(customer.active is None for customer in batch)
        self._output.write(self._form.rows(wanted))

    def finish(self) -> None:
        """Write what makes the file whole."""
        for piece in self._form.footer():
            self._output.write(piece)

    def summary(self, notes: Sequence[str] = ()) -> list[str]:
        """What was exported, and what a person should know of it, besides the `notes` on how it was read."""
        order = self._spec
        where = "" if order.output is None else f" to {order.output}"
        if not order.filtered:
            return [f"{count_text(self.written)} exported{where}", *notes, *self._form.notes()]
        kind = "" if order.status == "all" else f" {order.status}"
        said = [f"{self.written:,}{kind} of {count_text(self._read)} exported{where}"]
        if self._unknown and order.status != "all":
            said.append(f"{count_text(self._unknown)} left out: the server does not say whether active.")
        return [*said, *notes, *self._form.notes()]


def format_for(output: Path | None) -> str:
    """The format that the name of the file asks for, or CSV; raises SettingsError for an ending that is none."""
    suffix = "" if output is None else output.suffix.lower()
    if suffix not in _BY_SUFFIX and suffix:
        raise SettingsError(f"{suffix[1:]} is not a format. Use csv, json, jsonl or xlsx.")
    return _BY_SUFFIX.get(suffix, "csv")


def open_format(order: ExportSpec, *, terminal: bool = False) -> AbstractContextManager[Format]:
    """The format that was ordered; a `terminal` is spared what it would obey."""
    if order.format == "xlsx":
        from app.export.xlsx import workbook

        return workbook()
    if order.format == "csv":
        return nullcontext(CsvFormat(raw=order.raw, terminal=terminal))
    return nullcontext(JsonFormat() if order.format == "json" else JsonLinesFormat())


def check_capacity(order: ExportSpec, total: int | None) -> None:
    """Raise before the first row if a workbook cannot hold this many."""
    if order.format == "xlsx" and not order.filtered and total is not None:
        from app.export.xlsx import check_rows

        check_rows(total)


def count_text(customers: int) -> str:
    """Return `1 customer` or `48 customers`."""
    return "1 customer" if customers == 1 else f"{customers:,} customers"
