"""The conflict screen: two people changed the same fields, and the person decides field by field."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from app.errors import EditConflict
from app.models.fields import BY_NAME
from app.repository.merge import FieldConflict, merge
from app.screens.comparison import ComparisonScreen
from app.screens.context import AppContext
from app.screens.dialogs import Dialog
from app.screens.messages import changed_by_others, field_list
from app.text.sanitize import sanitize_id
from app.widgets.comparison_view import ComparisonRow
from app.widgets.form_field import FieldInput

if TYPE_CHECKING:
    from app.models.customer import Customer

_THEIRS: Final = 1
_YOURS: Final = 2


class TextDialog(Dialog[str]):
    """Asks for the text of a field; Enter answers with it."""

    KEYS = "⏎ take · Esc cancel"

    def __init__(self, title: str, text: str) -> None:
        super().__init__(title)
        self._field = FieldInput(text)

    def compose_body(self) -> ComposeResult:
        yield self._field

    def on_mount(self) -> None:
        self._field.focus()

    def on_input_submitted(self) -> None:
        self.dismiss(self._field.value)

    def action_move(self, _step: int) -> None:
        """There is only one field."""


class ConflictScreen(ComparisonScreen[Mapping[str, str]]):
    """Decides between `conflict.theirs` and `changes` made on `base`; the result is a text for each field."""

    HELP_TEXT = (
        "Someone else changed the same field as you. Nothing was saved yet. Choose for every field: press t for "
        "theirs or y for yours, or type another text. Then press F10 to save. If someone changed the customer again, "
        "this screen comes again."
    )

    HEADINGS = ("Before", "  Theirs", "  Yours")
    FOOTER = ("theirs", "yours", "edit", "save", "leave")

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t,left", "take(1)", "Theirs", id="theirs", tooltip="Take theirs"),
        Binding("y,right", "take(2)", "Yours", id="yours", tooltip="Take yours"),
        Binding("e,f2,enter", "edit", "Edit", id="edit", tooltip="Type another text"),
        Binding("f10,ctrl+s", "save", "Save", id="save", tooltip="Save what was chosen"),
        Binding("escape,f3,f12", "leave", "Back", id="leave", tooltip="Back to the form: nothing is lost"),
    ]

    def __init__(
        self, context: AppContext, base: "Customer", changes: Mapping[str, str], conflict: EditConflict
    ) -> None:
        super().__init__(context)
        self._customer = base
        self._error = conflict
        merged = merge(base, changes, conflict.theirs)
        # What was lost on its way may look like theirs by now: what the server named counts.
        self._conflicts = dict(merged.conflicts) | {
            name: FieldConflict(base.value(name), conflict.theirs.value(name), changes.get(name, base.value(name)))
            for name in conflict.fields
            if name not in merged.conflicts
        }
        self._kept = merged.theirs_kept
        self._also_sent = merged.to_send
        self._texts = {name: overlap.ours for name, overlap in self._conflicts.items()}
        self._chosen: dict[str, int] = {}

    def on_mount(self) -> None:
        super().on_mount()
        self.header.title = f"Conflict · {sanitize_id(self._customer.short_id)}"
        self.set_intro(f"{self._error.what} Choose which to keep.")
        others = changed_by_others(self._customer, self._kept, "is kept")
        too = [f"Your {field_list(self._also_sent)} is saved too: nobody else changed it."] if self._also_sent else []
        self.set_footnote(*others, *too)
        self._show()

    def unsaved_text(self) -> str:
        return ""

    def action_take(self, column: int) -> None:
        row = self.view.current
        if row is not None:
            self._chosen[row.name] = column
            self._show()
            self._next_undecided()

    def action_edit(self) -> None:
        row = self.view.current
        if row is None:
            return
        name = row.name

        def typed(text: str | None) -> None:
            if text is not None:
                self._texts[name] = text
                self._chosen[name] = _YOURS
                self._show()
                self._next_undecided()

        self.app.push_screen(TextDialog(row.label, self._texts[name]), typed)

    def action_save(self) -> None:
        still_open = [name for name in self._conflicts if name not in self._chosen]
        if still_open:
            self.show_notice(f"Choose for {field_list(still_open)} first: t takes theirs, y takes yours.", "warning")
            self._next_undecided()
            return
        self.dismiss(
            {
                name: overlap.theirs if self._chosen[name] == _THEIRS else self._texts[name]
                for name, overlap in self._conflicts.items()
            }
        )

    def action_leave(self) -> None:
        self.dismiss(None)

    def _show(self) -> None:
        self.view.show(
            [
                ComparisonRow(
                    name,
                    BY_NAME[name].label,
                    (overlap.base, overlap.theirs, self._texts[name]),
                    self._chosen.get(name),
                    marked=name not in self._chosen,
                )
                for name, overlap in self._conflicts.items()
            ]
        )
        decided, total = len(self._chosen), len(self._conflicts)
        self.status.position = f"{decided} of {total} chosen"
        if decided == total:
            self.show_hint("All chosen. Press F10 to save.")

    def _next_undecided(self) -> None:
        """Put the cursor on the next undecided field."""
        names = list(self._conflicts)
        later = [*range(self.view.cursor, len(names)), *range(self.view.cursor)]
        self.view.cursor = next((row for row in later if names[row] not in self._chosen), self.view.cursor)
