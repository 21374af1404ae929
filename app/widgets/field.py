"""One field of a form: label, an input that never shows a control character, what it was, and what is said of it."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from app.text import shorten, visible, width

if TYPE_CHECKING:
    from textual import events

_NOTE_CELLS: Final = 28  # as wide as `.note` in styles/form.tcss


class FieldInput(Input):
    """An input whose value may hold anything, and which shows it one safe sign a character."""

    @dataclass
    class PastedLines(Message):
        """Several lines were pasted; they stand in the field as one, joined by spaces."""

        lines: int

    def __init__(self, value: str) -> None:
        super().__init__(value, select_on_focus=False, compact=True)
        self.cursor_blink = False

    @property
    def _value(self) -> Text:
        return Text(_signs(self.value), no_wrap=True, overflow="ignore", end="")

    def _position_to_cell(self, position: int) -> int:
        return cell_len(_signs(self.value)[:position])

    def _on_paste(self, event: "events.Paste") -> None:
        event.stop()
        event.prevent_default()
        lines = [line.strip() for line in event.text.splitlines() if line.strip()]
        if not lines:
            return
        self.replace(" ".join(lines).replace("\t", " "), *self.selection)
        if len(lines) > 1:
            self.post_message(self.PastedLines(len(lines)))


class FieldRow(Vertical):
    """A field of the form. `was` is the value before; a new customer has none (`None`)."""

    @dataclass
    class Edited(Message):
        """The value changed."""

        row: "FieldRow"

    @dataclass
    class Entered(Message):
        """The field was left with Enter."""

        row: "FieldRow"

    @dataclass
    class Reached(Message):
        """The field has the focus now."""

        row: "FieldRow"

    @dataclass
    class Left(Message):
        """The field has lost the focus."""

        row: "FieldRow"

    def __init__(self, name: str, label: str, value: str, *, was: str | None) -> None:
        super().__init__(id=f"field-{name}")
        self.field = name
        self.label = label
        self.was = was
        self._input = FieldInput(value)
        self._mark = Static("", classes="mark", markup=False)
        self._note = Static("", classes="note", markup=False)
        self._below = Static("", classes="below", markup=False)
        self._errors: tuple[str, ...] = ()
        self._warning = ""

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield self._mark
            yield Static(self.label, classes="label", markup=False)
            yield self._input
            yield self._note
        yield self._below

    def on_mount(self) -> None:
        self._tell()

    @property
    def value(self) -> str:
        """The text in the field."""
        return self._input.value

    @value.setter
    def value(self, text: str) -> None:
        self._input.value = text

    @property
    def changed(self) -> bool:
        """Whether the text differs from what it was; in a new customer, whether there is any."""
        return self.value != (self.was or "")

    @property
    def errors(self) -> tuple[str, ...]:
        """What was said against the value."""
        return self._errors

    def reach(self) -> None:
        """Put the cursor into the field."""
        self._input.focus()

    def warn(self, text: str) -> None:
        """Say what looks odd about the value; it can be saved all the same."""
        self._warning = text
        self._tell()

    def refuse(self, messages: Sequence[str]) -> None:
        """Show what the server, or the form, has against the value until it is changed."""
        self._errors = tuple(messages)
        self._tell()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._errors = ()
        self._warning = ""
        self._tell()
        self.post_message(self.Edited(self))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Entered(self))

    def on_descendant_focus(self) -> None:
        self.post_message(self.Reached(self))

    def on_descendant_blur(self) -> None:
        self.post_message(self.Left(self))

    def _tell(self) -> None:
        self._mark.update("•" if self.changed else "")
        was = ""
        if self.changed and self.was is not None:
            was = f"was {visible(self.was)}" if self.was else "was empty"
        warning = f"? {visible(self._warning)}" if self._warning else ""
        below = [(f"! {visible(text)}", "bold $error") for text in self._errors]
        # What it was stands beside the field; a remark goes below where there is no room for both.
        if warning and width(was) + width(warning) + 2 > _NOTE_CELLS and was:
            below.append((warning, "$warning"))
            warning = ""
        gap = "  " if was and warning else ""
        self._note.update(Content.assemble((shorten(was, _NOTE_CELLS), "dim"), gap, (warning, "$warning")))
        self._below.update(Content("\n").join([Content.styled(*line) for line in below]))
        self._below.display = bool(below)


def _signs(text: str) -> str:
    """The text with every character that is not safe to show as one sign, so that positions stay the same."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character if index and unicodedata.combining(character) else _sign(character)
        for index, character in enumerate(text)
    )


def _sign(character: str) -> str:
    shown = visible(character)
    return shown if len(shown) == 1 else "\N{REPLACEMENT CHARACTER}"
