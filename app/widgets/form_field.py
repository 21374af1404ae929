"""One field of a form: label, an input that never shows a control character, what it was, and what is said of it."""

import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from rich.cells import cell_len
from rich.segment import Segment
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Region, Spacing
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Input

from app.text.sanitize import clean_paste, fit, sanitize, shorten, width
from app.widgets.narrow import is_narrow

if TYPE_CHECKING:
    from textual import events

#: Characters; a longer value is kept unchanged, and a longer paste is refused.
MOST_TYPED: Final = 5_000
#: Cells of the label, its mark and the bracket behind it.
_LABEL_CELLS: Final = 14
_NARROW_LABEL_CELLS: Final = 9
#: Cells beside a field, for what it was and for a remark; a new customer's field was nothing.
_NOTE_CELLS: Final = 29
_NEW_NOTE_CELLS: Final = 17
#: Cells for the text of a field, unless it needs more; the fewest; and the fewest for a note beside it.
_MOST_TEXT: Final = 48
_LEAST_TEXT: Final = 24
_LEAST_NOTE: Final = 6
_LONGEST_ERROR: Final = 500  # cells
_MOST_ERRORS: Final = 10


class SafeInput(Input):
    """An input whose value may hold anything, and which shows it one safe sign a character."""

    class PasteChanged(Message):
        """What was pasted does not stand in the field as it came; `remark` says what was changed."""

        def __init__(self, remark: str) -> None:
            super().__init__()
            self.remark = remark

    class PasteRefused(Message):
        """What was pasted is too long for any field, and none of it was taken."""

        def __init__(self, characters: int) -> None:
            super().__init__()
            self.characters = characters

    class LinesPasted(Message):
        """Several lines were pasted into `input`; `insert_paste` puts them into it as one."""

        def __init__(self, field: "SafeInput", text: str) -> None:
            super().__init__()
            self.input = field
            self.text = text

    #: Whether the screen decides what becomes of several pasted lines.
    offers_lines = False

    def __init__(self, value: str, placeholder: str = "") -> None:
        self._signs = ("", "")
        super().__init__(value, placeholder, select_on_focus=False, compact=True)
        self.cursor_blink = False

    @property
    def _value(self) -> Text:
        return Text(self._shown, no_wrap=True, overflow="ignore", end="")

    @property
    def _shown(self) -> str:
        """The value in signs, worked out once for each value: some are very long."""
        if self._signs[0] != self.value:
            self._signs = (self.value, _signs(self.value))
        return self._signs[1]

    def on_focus(self) -> None:
        # A value that is longer than the field is not yet scrolled to its cursor when the form opens.
        self.call_after_refresh(self._follow_cursor)

    def on_resize(self) -> None:
        self._follow_cursor()

    def on_blur(self) -> None:
        # A longer value is known by its beginning.
        self.scroll_to(0, animate=False)

    def watch_value(self) -> None:
        # Textual scrolls by the length of the text before.
        if not 0 <= self._cursor_offset - self.scroll_offset.x < self.size.width:
            self.call_after_refresh(self._follow_cursor)

    def _follow_cursor(self) -> None:
        if self.has_focus:
            self.scroll_to_region(Region(self._cursor_offset, 0, 1, 1), force=True, animate=False)

    def render_line(self, y: int) -> Strip:
        """The input's line, with `…` where more of the value lies beyond its edges."""
        strip = super().render_line(y)
        cells, hidden = self.size.width, self.scroll_offset.x
        more = Strip([Segment("…", self.rich_style)])
        cursor = self._cursor_offset - hidden if self.has_focus else -1
        if hidden and cursor != 0:
            strip = Strip.join([more, strip.crop(1)])
        if self.content_width - 1 > hidden + cells and cursor < cells - 1:
            strip = Strip.join([strip.crop(0, cells - 1), more])
        return strip

    def _position_to_cell(self, position: int) -> int:
        return cell_len(self._shown[:position])

    def _on_paste(self, event: "events.Paste") -> None:
        event.stop()
        event.prevent_default()
        if len(event.text) > MOST_TYPED:
            self.post_message(self.PasteRefused(len(event.text)))
        elif self.offers_lines and clean_paste(event.text).lines > 1:
            self.post_message(self.LinesPasted(self, event.text))
        else:
            self.insert_paste(event.text)

    def insert_paste(self, text: str) -> None:
        """Insert a pasted text as one line, and say what was changed."""
        pasted = clean_paste(text)
        if pasted.remark:
            self.post_message(self.PasteChanged(pasted.remark))
        self.replace(pasted.text, *self.selection)


class FieldInput(SafeInput):
    """The input of a field in a form."""

    # Textual's own input would scroll with these keys.
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "screen.move(-1)", "Field up", id="form-up"),
        Binding("down", "screen.move(1)", "Field down", id="form-down"),
    ]


class FormField(Widget):
    """A field of the form. `was` is the value before; a new customer has none (`None`).

    Brackets show how far the field reaches; they cost a sixth of the bytes of a line under it. A text that is longer
    takes the whole width. `expected` says beside an empty field whether it is needed.

    The row draws label, mark, note and remarks itself and holds only the input: a form of 12 opens at once.
    """

    class FieldMessage(Message):
        """Something happened in a row."""

        def __init__(self, row: "FormField") -> None:
            super().__init__()
            self.row = row

    class Edited(FieldMessage):
        """The value changed."""

    class Entered(FieldMessage):
        """The field was left with Enter."""

    class Focused(FieldMessage):
        """The field has the focus now."""

    class Blurred(FieldMessage):
        """The field has lost the focus."""

    def __init__(
        self, name: str, label: str, value: str, *, was: str | None, short_label: str = "", expected: str = ""
    ) -> None:
        super().__init__(id=f"field-{name}")
        self.field = name
        self.label = label
        self.original = was
        self._short_label = short_label or label
        self._expected = expected
        self._oversized_value = _kept(value)
        self._input = FieldInput("" if self._oversized_value else value, _placeholder(self._oversized_value))
        self._input.offers_lines = True
        self._errors: tuple[str, ...] = ()
        self._warning = ""
        self._advice = ""
        self._note = Content("")
        self._below: list[Content] = []

    def compose(self) -> ComposeResult:
        yield self._input

    def on_resize(self) -> None:
        self._update_below()

    def render(self) -> Content:
        return Content("\n").join([self._head(), *self._below])

    @property
    def value(self) -> str:
        """The text in the field; for a value too long to edit, the text typed in its place, if any."""
        return self._input.value or self._oversized_value

    @value.setter
    def value(self, text: str) -> None:
        self._oversized_value = _kept(text)
        self._input.placeholder = _placeholder(self._oversized_value)
        self._input.value = "" if self._oversized_value else text

    @property
    def changed(self) -> bool:
        """Whether the text differs from what it was; in a new customer, whether there is any."""
        return self.value != (self.original or "")

    @property
    def original_is_cut(self) -> bool:
        """Whether the original value beside the field is cut."""
        return self.changed and width(self.original_note) > self._note_room

    @property
    def original_note(self) -> str:
        """What the value was, if it is changed."""
        if not self.changed or self.original is None:
            return ""
        return f"was {sanitize(self.original[:MOST_TYPED])}" if self.original else "was empty"

    @property
    def _is_narrow(self) -> bool:
        return is_narrow(self.size.width)

    @property
    def _label_cells(self) -> int:
        return _NARROW_LABEL_CELLS if self._is_narrow else _LABEL_CELLS

    @property
    def _text_cells(self) -> int:
        """The cells between the brackets: as many as are usual, or for a longer text all that there are."""
        room = max(1, self.size.width - self._label_cells - 1)
        if self._is_narrow:
            return room
        beside = _NEW_NOTE_CELLS if self.original is None else _NOTE_CELLS
        usual = min(_MOST_TEXT, max(_LEAST_TEXT, room - beside))
        needed = self._input.content_width
        note = width(self.original_note)
        return next((cells for cells in (usual, room - note - 2) if needed <= cells), room)

    @property
    def _note_room(self) -> int:
        """The cells beside the field, in which it is said what it was."""
        room = self.size.width - self._label_cells - self._text_cells - 2
        return room if room >= _LEAST_NOTE else 0

    @property
    def errors(self) -> tuple[str, ...]:
        """What was said against the value."""
        return self._errors

    def focus_input(self) -> None:
        """Put the cursor into the field."""
        self._input.focus()

    def set_hint(self, text: str) -> None:
        """Say what looks odd about the value; it can be saved all the same."""
        self._warning = text
        self._update_below()

    def set_advice(self, text: str) -> None:
        """Show what a key offers for the value."""
        if text != self._advice:
            self._advice = text
            self._update_below()

    def set_errors(self, messages: Sequence[str]) -> None:
        """Show what the server, or the form, has against the value until it is changed."""
        self._errors = tuple(messages)
        self._update_below()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._errors = ()
        self._warning = ""
        self._update_below()
        self.post_message(self.Edited(self))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Entered(self))

    def on_descendant_focus(self) -> None:
        self.refresh()
        self.post_message(self.Focused(self))

    def on_descendant_blur(self) -> None:
        self.refresh()
        self.post_message(self.Blurred(self))

    def _update_below(self) -> None:
        """Work out what stands beside and below the input, and take as many lines as that needs."""
        margin = Spacing(0, self.size.width - self._label_cells - self._text_cells, 0, self._label_cells)
        if self.size.width and self._input.styles.margin != margin:
            self._input.styles.margin = margin
        self._note, remarks = self._remarks()
        before = self._label_cells if not self._is_narrow else 1
        cells = max(10, self.size.width - before - 1)
        folded = [line for text, style in remarks for line in Content.styled(text, style).wrap(cells)]
        self._below = [Content(" " * before) + line for line in folded]
        self.styles.height = 1 + len(self._below)
        self.refresh()

    def _remarks(self) -> tuple[Content, list[tuple[str, str]]]:
        room = self._note_room
        was = shorten(self.original_note, room) if room else ""
        if room and not self.value and self._expected:
            was = self._expected
        # Beside what is wrong with the value, what looks odd about it would be noise.
        odd = "" if self._errors else self._warning
        warning = f"? {sanitize(odd)}" if odd else sanitize(self._advice)
        style = "$warning" if odd else "$accent"
        below = [(f"! {shorten(text, _LONGEST_ERROR)}", "bold $error") for text in self._errors[:_MOST_ERRORS]]
        # What it was stands beside the field; a remark goes below where there is no room for both.
        if warning and width(was) + (2 if was else 0) + width(warning) > room:
            below.append((warning, style))
            warning = ""
        gap = "  " if was and warning else ""
        return Content.assemble((was, "dim"), gap, (warning, style)), below

    def _head(self) -> Content:
        mark, label = ("•", self._short_label) if self._is_narrow else (" • ", self.label)
        cells = self._label_cells - 1 - len(mark)
        return Content.assemble(
            (mark if self.changed else " " * len(mark), "bold $accent"),
            (fit(label, cells), "bold $accent" if self.has_focus_within else "dim"),
            "[",
            " " * self._text_cells,
            "] ",
            self._note,
        )


def _kept(text: str) -> str:
    """The text when it is too long to be typed."""
    return text if len(text) > MOST_TYPED else ""


def _placeholder(kept: str) -> str:
    return f"{len(kept):,} characters, kept; type to replace them" if kept else ""


def _signs(text: str) -> str:
    """The text with every character that is not safe to show as one sign, so that positions stay the same."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character if index and unicodedata.category(character) in ("Mn", "Mc", "Me") else _sign(character)
        for index, character in enumerate(text)
    )


def _sign(character: str) -> str:
    shown = sanitize(character)
    return shown if len(shown) == 1 else "\N{REPLACEMENT CHARACTER}"
