"""The conflict: two people changed the same field, and a person decides, field by field."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from app.errors import EditConflict
from app.models.fields import BY_NAME
from app.repository.merge import Conflict, merge
from app.screens.comparison import ReviewScreen
from app.screens.context import Desk
from app.screens.dialogs import Dialog
from app.screens.messages import changed_by_others, labels
from app.text.sanitize import sanitize_id
from app.widgets.comparison_view import Compared
from app.widgets.form_field import FieldInput

if TYPE_CHECKING:
    from app.models.customer import Customer

_THEIRS: Final = 1
_YOURS: Final = 2


class TextDialog(Dialog[str]):
    """Asks for the text of a field; Enter answers with it."""

    KEYS = "⏎ take · Esc leave"

    def __init__(self, title: str, text: str) -> None:
        super().__init__(title)
        self._field = FieldInput(text)

    def body(self) -> ComposeResult:
        yield self._field

    def on_mount(self) -> None:
        self._field.focus()

    def on_input_submitted(self) -> None:
        self.dismiss(self._field.value)

    def action_move(self, _step: int) -> None:
        """There is only one field."""


class ConflictScreen(ReviewScreen[Mapping[str, str]]):
    """Decide between `overlap.theirs` and `changes` made on `base`; the result is a text for each field in question."""

    ABOUT = (
        "Somebody else changed the same field as you, and nothing was saved yet. Decide for every field: t takes "
        "theirs, y takes yours, and a third text can be typed. Saving reads the record once more: if it was changed "
        "again, this screen comes again."
    )

    HEADINGS = ("Before", "  Theirs", "  Yours")
    BAR = ("theirs", "yours", "edit", "save", "leave")

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t,left", "take(1)", "Theirs", id="theirs", tooltip="Take theirs"),
        Binding("y,right", "take(2)", "Yours", id="yours", tooltip="Take yours"),
        Binding("e,f2,enter", "edit", "Edit", id="edit", tooltip="Type another text"),
        Binding("f10,ctrl+s", "save", "Save", id="save", tooltip="Save what was decided"),
        Binding("escape,f3,f12", "leave", "Back", id="leave", tooltip="Back to the form; nothing is lost"),
    ]

    def __init__(self, desk: Desk, base: "Customer", changes: Mapping[str, str], overlap: EditConflict) -> None:
        super().__init__(desk)
        self._customer = base
        self._error = overlap
        merged = merge(base, changes, overlap.theirs)
        # What was lost on its way may look like theirs by now: what the server named counts.
        self._overlaps = dict(merged.conflicts) | {
            name: Conflict(base.value(name), overlap.theirs.value(name), changes.get(name, base.value(name)))
            for name in overlap.fields
            if name not in merged.conflicts
        }
        self._kept = merged.theirs_kept
        self._sent_too = merged.to_send
        self._texts = {name: overlap.ours for name, overlap in self._overlaps.items()}
        self._chosen: dict[str, int] = {}

    def on_mount(self) -> None:
        super().on_mount()
        self.header.title = f"Conflict · {sanitize_id(self._customer.short_id)}"
        self.tell_before(f"{self._error.what} Choose which to keep.")
        others = changed_by_others(self._customer, self._kept, "is kept")
        too = [f"Your {labels(self._sent_too)} goes with it: nobody else changed that."] if self._sent_too else []
        self.tell_after(*others, *too)
        self._show()

    def unsaved(self) -> str:
        return ""

    def action_take(self, column: int) -> None:
        row = self.view.current
        if row is not None:
            self._chosen[row.name] = column
            self._show()
            self._go_to_open()

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
                self._go_to_open()

        self.app.push_screen(TextDialog(row.label, self._texts[name]), typed)

    def action_save(self) -> None:
        still_open = [name for name in self._overlaps if name not in self._chosen]
        if still_open:
            self.say(f"Decide about {labels(still_open)} first: t takes theirs, y takes yours.", "warning")
            self._go_to_open()
            return
        self.dismiss(
            {
                name: overlap.theirs if self._chosen[name] == _THEIRS else self._texts[name]
                for name, overlap in self._overlaps.items()
            }
        )

    def action_leave(self) -> None:
        self.dismiss(None)

    def _show(self) -> None:
        self.view.show(
            [
                Compared(
                    name,
                    BY_NAME[name].label,
                    (overlap.base, overlap.theirs, self._texts[name]),
                    self._chosen.get(name),
                    marked=name not in self._chosen,
                )
                for name, overlap in self._overlaps.items()
            ]
        )
        decided, total = len(self._chosen), len(self._overlaps)
        self.status.position = f"{decided} of {total} decided"
        if decided == total:
            self.say("All decided: F10 saves.")

    def _go_to_open(self) -> None:
        """Put the cursor on the next field that nobody decided about."""
        names = list(self._overlaps)
        later = [*range(self.view.cursor, len(names)), *range(self.view.cursor)]
        self.view.cursor = next((row for row in later if names[row] not in self._chosen), self.view.cursor)
