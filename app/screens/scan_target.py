"""What a screen does with scans and pastes that are not typed into a field."""

from typing import ClassVar, Final, Generic, TypeVar

from textual import events
from textual.screen import Screen
from textual.widgets import Input

from app.text.sanitize import shorten, shorten_start
from app.widgets.form_field import SafeInput

Result = TypeVar("Result")

_PART_CELLS: Final = 24


class ScanTargetScreen(Screen[Result], Generic[Result]):
    """A screen on which the keys of a scanner are never run as keys; a code goes into the field that has the focus."""

    #: Whether a code may be typed into the fields of this screen.
    SCANS_IN_FIELDS: ClassVar[bool] = True

    def remark(self, text: str) -> None:
        """Show a remark, which may hold outside text made safe, until the next one."""
        raise NotImplementedError

    def captures(self, _event: events.Event) -> bool:
        """Whether the screen takes this key itself, before the bindings."""
        return False

    def key_captured(self, event: events.Event) -> None:
        """Look at a key that was captured."""

    @property
    def detects_scans(self) -> bool:
        """Whether fast keys are held back until it is known whether a scanner typed them."""
        return not (self.SCANS_IN_FIELDS and isinstance(self.focused, Input))

    @property
    def takes_pasted_codes(self) -> bool:
        """Whether a pasted line is a scan."""
        return False

    @property
    def takes_pasted_text(self) -> bool:
        """Whether a paste goes into a field."""
        return isinstance(self.focused, Input)

    def scanned(self, code: str) -> None:
        """Put the code into the field that has the focus, if it may go there."""
        if self.SCANS_IN_FIELDS and isinstance(self.focused, Input):
            self.focused.replace(code, *self.focused.selection)
        else:
            self.app.bell()
            self.remark("Close this first, then scan.")

    def code_typed(self, _typed: str, _code: str) -> bool:
        """Act on a code that a scanner typed into a field, before its end; true if that is all its end is for."""
        return False

    def scan_cut_short(self, part: str) -> None:
        """Say that only this part of a code arrived, with `…` where the rest is missing."""
        self.app.bell()
        cut = shorten(part, _PART_CELLS) if part.endswith("…") else shorten_start(part, _PART_CELLS)
        self.remark(f"Only part of a barcode arrived ({cut}). Scan again.")

    def paste_refused(self) -> None:
        """Say that a paste is no code, or cannot be taken here."""
        what = "What you pasted is not a barcode" if self.takes_pasted_codes else "Nothing can be pasted here"
        self.remark(f"{what}. It was not used.")

    def on_safe_input_paste_changed(self, event: SafeInput.PasteChanged) -> None:
        """Say what became of a paste."""
        self.remark(event.remark)

    def on_safe_input_paste_refused(self, event: SafeInput.PasteRefused) -> None:
        """Say that nothing of a paste was taken."""
        self.remark(f"Nothing was pasted: {event.characters:,} characters are too many for a field.")

    def note_key(self, _event: events.Key) -> None:
        """Called with a key before it is delivered."""

    def typing_began(self) -> None:
        """Called when a person begins to type after a pause."""

    def lines_typed(self, lines: int) -> None:
        """Several lines came as fast as a paste."""
