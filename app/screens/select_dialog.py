"""Choosing one of a list: the order, the rows a page, the choices of a field."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from app.screens.dialogs import Dialog
from app.text.folding import fold
from app.text.sanitize import fit, sanitize, shorten, width
from app.widgets.form_field import FieldInput
from app.widgets.option_list import ReverseOptionList

_MOST_LINES: Final = 16
_LONGEST_TYPED: Final = 24  # cells


@dataclass(frozen=True, slots=True)
class Choice:
    """Something to choose: its key, which is the answer, what it is called, and a remark."""

    key: str
    label: str
    remark: str = ""


class SelectDialog(Dialog[str]):
    """A list to choose from with the arrow keys and Enter.

    With `search`, letters typed narrow it; without, pressing the key `again` chooses what is marked.
    """

    KEYS = "↑↓ move · ⏎ choose · Esc cancel"
    SCANS_IN_FIELDS = False

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up", id="choice-up", priority=True),
        Binding("down", "move(1)", "Down", id="choice-down", priority=True),
    ]

    def __init__(
        self, title: str, choices: Sequence[Choice], current: str, *, search: bool = False, confirm_key: str = ""
    ) -> None:
        super().__init__(title)
        self._choices = choices
        self._current = current
        self._search = search
        self._confirm_key = confirm_key

    def compose_body(self) -> ComposeResult:
        if self._search:
            yield FieldInput("", "type to search")
        yield ReverseOptionList(compact=True, markup=False)

    def on_resize(self) -> None:
        self.query_one(OptionList).styles.max_height = min(_MOST_LINES, self.lines_for_body() - self._search)

    def on_mount(self) -> None:
        self._fill(self.matches(""))
        self.query_one(Input if self._search else OptionList).focus()

    def key_s(self) -> None:
        """The key that opened the dialog, pressed again, chooses what is marked."""
        if self._confirm_key == "s":
            self.query_one(OptionList).action_select()

    @on(Input.Changed)
    def narrow(self, event: Input.Changed) -> None:
        """Keep what matches the text, or say that nothing does."""
        typed = event.value.strip()
        hits = self.matches(typed)
        self._fill(hits)
        self.remark(self.KEYS if hits else f'Nothing matches "{shorten(typed, _LONGEST_TYPED)}". Esc cancels.')

    def matches(self, typed: str) -> Sequence[Choice]:
        """Return what contains the text: what it is the key of first, then what begins with it."""
        text = fold(typed)
        ranked = [(rank, choice) for choice in self._choices if (rank := _rank(choice, text)) is not None]
        return [choice for _, choice in sorted(ranked, key=lambda pair: pair[0])]

    def lines(self, choices: Sequence[Choice]) -> Sequence[Content]:
        """Return what is shown of each choice."""
        widest = max((width(choice.label) for choice in choices), default=0)
        remarks = max((width(choice.remark) for choice in choices), default=0)
        if widest + remarks + 4 > self.cells:
            # Without room for columns, the remark follows its label.
            widest = 0
        return [Content(f"{_padded(choice.label, widest)}  {sanitize(choice.remark)}".rstrip()) for choice in choices]

    @on(Input.Submitted)
    def choose_marked(self) -> None:
        """Enter in the search takes what is marked."""
        self.query_one(OptionList).action_select()

    @on(OptionList.OptionSelected)
    def chosen(self, event: OptionList.OptionSelected) -> None:
        """Answer with the key of the choice."""
        self.dismiss(event.option_id)

    def action_move(self, step: int) -> None:
        self.pointed = options = self.query_one(OptionList)
        # Also where there is only one, which is marked already, the terminal's cursor goes there.
        options.refresh()
        if step < 0:
            options.action_cursor_up()
        else:
            options.action_cursor_down()

    def _fill(self, choices: Sequence[Choice]) -> None:
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options(
            Option(line, id=choice.key) for choice, line in zip(choices, self.lines(choices), strict=True)
        )
        keys = [choice.key for choice in choices]
        options.highlighted = keys.index(self._current) if self._current in keys else 0 if keys else None


def _rank(choice: Choice, text: str) -> int | None:
    """How well folded text matches a choice, 0 best: its key, the beginning of its name, of a word, anything in it."""
    key, label = fold(choice.key), fold(choice.label)
    name = label.removeprefix(key).lstrip() or label
    if text in (key, ""):
        return 0
    if name.startswith(text) or label.startswith(text):
        return 1 if name.startswith(text) else 2
    if any(word.startswith(text) for word in name.split()):
        return 3
    return 4 if text in label or text in key else None


def _padded(label: str, cells: int) -> str:
    return fit(label, max(cells, width(label)))
