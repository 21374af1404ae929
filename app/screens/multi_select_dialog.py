"""Choosing some of a list: Space ticks, Enter takes what is ticked."""

from collections.abc import Collection, Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from app.screens.dialogs import Dialog
from app.screens.select_dialog import Choice
from app.text.sanitize import sanitize
from app.widgets.option_list import ReverseOptionList


class MultiSelectDialog(Dialog[list[str]]):
    """A list in which any number can be ticked; the answer are the keys of those, in the order of the list.

    Taking all ticks away is an answer too: `none` says what that means.
    """

    KEYS = "Space on/off · n clear · ⏎ use these · Esc cancel"
    MOST_KEY_LINES = 3

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "tick", "Tick", id="pick-tick", priority=True),
        Binding("n", "untick", "None, leave it to dockbook", id="pick-none"),
    ]

    def __init__(self, title: str, choices: Sequence[Choice], picked: Collection[str], none: str) -> None:
        super().__init__(title)
        self._none = none
        self._choices = choices
        self._picked = set(picked)

    def compose_body(self) -> ComposeResult:
        options = ReverseOptionList(compact=True, markup=False)
        options.add_options(Option(self._line(choice), id=choice.key) for choice in self._choices)
        yield options

    def on_mount(self) -> None:
        options = self.query_one(OptionList)
        options.highlighted = 0
        options.focus()

    def on_resize(self) -> None:
        self.query_one(OptionList).styles.max_height = self.lines_for_body()

    @on(OptionList.OptionSelected)
    def accept(self) -> None:
        """Answer with what is ticked."""
        self.dismiss([choice.key for choice in self._choices if choice.key in self._picked])

    def action_tick(self) -> None:
        options = self.query_one(OptionList)
        if options.highlighted is not None:
            choice = self._choices[options.highlighted]
            self._picked ^= {choice.key}
            options.replace_option_prompt_at_index(options.highlighted, self._line(choice))
            self._say_none()

    def action_untick(self) -> None:
        self._picked.clear()
        options = self.query_one(OptionList)
        for index, choice in enumerate(self._choices):
            options.replace_option_prompt_at_index(index, self._line(choice))
        self._say_none()

    def _say_none(self) -> None:
        self.remark(self.KEYS if self._picked else self._none)

    def _line(self, choice: Choice) -> Content:
        return Content(f"{'[x]' if choice.key in self._picked else '[ ]'} {sanitize(choice.label)}")
