"""A stock Textual app for comparison: header, a DataTable of 25 customers in seven columns, footer, a modal, a notice.

With an argument it is bare: `bare` shows one Static, `imported` the same after importing what asks a server, and
`client` after making a model, too: pydantic loads next to nothing of itself before that.
"""

import sys

from textual.app import App, ComposeResult
from textual.screen import ModalScreen
from textual.widgets import Button, DataTable, Footer, Header, Input, Label, Static

COLUMNS = ("ID", "Name", "City", "St", "Phone", "Contact", "Status")


class Dialog(ModalScreen[None]):
    """A translucent dialog with an input."""

    CSS = "Dialog { align: center middle; } Dialog > * { width: 60; }"
    BINDINGS = [("escape", "dismiss", "Close")]

    def compose(self) -> ComposeResult:
        yield Label("Discontinue this customer?")
        yield Input()
        yield Button("Keep")


class Stock(App[None]):
    """The table made of Textual's own widgets."""

    BINDINGS = [("d", "dialog", "Dialog"), ("n", "notice", "Notice"), ("ctrl+q", "quit", "Quit")]

    def compose(self) -> ComposeResult:
        yield Header()
        yield DataTable[str](cursor_type="row")
        yield Footer()

    def on_mount(self) -> None:
        table = self.query_one(DataTable)
        table.add_columns(*COLUMNS)
        for n in range(100):
            table.add_row(
                f"CUST-{n:04}", f"Customer {n} of Somewhere", "Springfield", "IL", f"555-{n:04}", "Jane", "active"
            )
        table.focus()

    def action_dialog(self) -> None:
        self.push_screen(Dialog())

    def action_notice(self) -> None:
        self.notify("Saved.", timeout=1)


class Bare(App[None]):
    """One Static."""

    def compose(self) -> ComposeResult:
        yield Static("bare")


if __name__ == "__main__":
    kind = sys.argv[1] if len(sys.argv) > 1 else "stock"
    if kind in ("imported", "client"):
        import httpx  # noqa: F401 - what it costs to have it is measured
        import pydantic
    if kind == "client":

        class Customer(pydantic.BaseModel):
            """One field is enough."""

            name: str

    (Stock() if kind == "stock" else Bare()).run(mouse=False)
