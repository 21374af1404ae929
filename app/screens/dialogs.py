"""What dialogs share: the last lines of the screen, below a rule with the title, and answers that keys reach."""

from typing import ClassVar, Final, Generic, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from app.screens.base import BaseScreen
from app.screens.latest_size import LatestSizeScreen
from app.screens.styles import STYLES
from app.text.sanitize import shorten, width
from app.widgets.cached_lines import CachedLines
from app.widgets.line_limit import fold_all

Result = TypeVar("Result")

_LONGEST: Final = 600  # cells of a line
#: Cells around the text of an answer, and between answers; styles/dialogs.tcss says the same.
_AROUND_ANSWER: Final = 4
_BETWEEN_ANSWERS: Final = 2
#: Seconds between two keys of a hand, at least: a scanner's Tab and Enter come faster.
BY_HAND: Final = 0.15


class DialogRule(CachedLines):
    """`── Title ──────── keys ──`: divides a dialog from the rows above it.

    A title that is too long for that has lines of its own below the rule.
    """

    title = reactive("", layout=True)
    keys = reactive("")

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self.lines(container.width))

    def render(self) -> Content:
        return Content("\n").join(self.lines(self.size.width))

    def lines(self, cells: int) -> list[Content]:
        """Return the lines in a dialog this many cells wide."""
        if width(self.title) + 6 > cells:
            folded = Content.styled(self.title, "bold").wrap(max(1, cells - 2))
            return [Content.styled("─" * cells, "$accent"), *(Content(" ") + line for line in folded)]
        keys = f" {self.keys} ──" if self.fits(cells) and self.keys else ""
        rule = "─" * (cells - width(self.title) - width(keys) - 4)
        return [Content.assemble(("── ", "$accent"), (self.title, "bold"), (f" {rule}", "$accent"), (keys, "dim"))]

    def fits(self, cells: int) -> bool:
        """Whether there is room for the keys beside the title."""
        return width(self.title) + width(self.keys) + 10 <= cells


class Dialog(LatestSizeScreen[Result], ModalScreen[Result], Generic[Result]):
    """Takes the last lines of the screen; the title is never outside text. Escape, F3 and F12 answer with `None`."""

    CSS_PATH = [STYLES / "dialogs.tcss"]

    #: The keys that work here, shown beside the title, or below where that has no room for them.
    KEYS: ClassVar[str] = "⏎ choose · Esc cancel"

    #: The lines that the keys may take below.
    MOST_KEY_LINES: ClassVar[int] = 1

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f3,f12", "cancel", "Cancel", id="cancel"),
        Binding("f10,ctrl+s", "save", "Save", id="save", priority=True),
        Binding("f1,question_mark", "say_how_to_go_on", "Help", id="help"),
    ]

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = title
        self._rule = DialogRule()
        self._foot = Static(classes="foot", markup=False)
        self._usual_keys = self._shown_keys = self.KEYS

    def compose_body(self) -> ComposeResult:
        """What stands below the rule."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        below = next((screen for screen in self.app.screen_stack if isinstance(screen, BaseScreen)), None)
        # What a person must always see is in a header that a dialog may cover.
        flags = below.context.flags if below is not None else ()
        self._rule.title = "  ".join((self._title, *flags))
        with Vertical(classes="box"):
            yield self._rule
            yield from self.compose_body()
            yield self._foot

    def on_mount(self) -> None:
        self._show_keys(self._shown_keys)

    def on_resize(self) -> None:
        self._show_keys(self._shown_keys)

    @property
    def cells(self) -> int:
        """The cells of a line; styles/dialogs.tcss says the same."""
        return self.app.size.width - 2

    def remark(self, text: str) -> None:
        """Show a remark in place of the keys."""
        self._show_keys(text)

    def action_cancel(self) -> None:
        self.dismiss(None)

    def action_save(self) -> None:
        """Save, where that is an answer: by habit the key of the form below is pressed here too."""
        self.action_say_how_to_go_on()

    def action_say_how_to_go_on(self) -> None:
        """A key of the screen below was pressed: remark that the dialog comes first, and the keys that close it."""
        # The remark may have room for the keys only.
        self.app.bell()
        self.remark(" · ".join(["Close this first", *self._usual_keys.split(" · ")[-2:]]))

    def lines_for_body(self) -> int:
        """Return how many lines there are beside the rule and the line below it."""
        width, height = self.app.size
        foot = len(self._folded_keys()) if self._foot.display else 0
        return max(1, height - len(self._rule.lines(width)) - foot)

    def _show_keys(self, text: str) -> None:
        """Show the keys; where there is little room the last ones, which say how to leave."""
        self._shown_keys = self._rule.keys = text
        self._foot.display = not self._rule.fits(self.app.size.width)
        self._foot.update(Content("\n".join(self._folded_keys())))

    def _folded_keys(self) -> list[str]:
        """The keys in lines; the last lines if there are too many."""
        lines: list[str] = []
        for part in reversed(self._shown_keys.split(" · ")):
            longer = f"{part} · {lines[0]}" if lines else part
            if lines and width(longer) <= self.cells:
                lines[0] = longer
            elif len(lines) < self.MOST_KEY_LINES:
                lines.insert(0, part)
            else:
                break
        return lines


class ConfirmDialog(Dialog[str]):
    """A question with a few answers; the first has the focus, and does no harm.

    Answers that do not fit beside each other stand one below the other. `lines` may hold outside text. The result is
    the key of the answer chosen, or `None`; `escape` says what Esc does, if that is not the first answer.

    The key that saves in a form gives the answer `save`. Arrows and Tab move, and the underlined letter of an answer
    chooses it. A scanner sends letters, Tab and Enter, and must never answer a question: a letter counts when no scan
    follows it, Enter only at the pace of a hand.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,up,shift+tab", "app.focus_previous", "Previous answer", id="answer-previous"),
        Binding("right,down,tab", "app.focus_next", "Next answer", id="answer-next"),
    ]

    #: The answers that no letter chooses: the key that opened the dialog must not, nor a letter of outside text.
    WITHOUT_LETTER: ClassVar[frozenset[str]] = frozenset()

    class LetterPressed(Message):
        """The letter of an answer was pressed; it counts unless it was the first key of a scan."""

        def __init__(self, dialog: "ConfirmDialog", answer: str) -> None:
            super().__init__()
            self.dialog = dialog
            self.answer = answer

    def __init__(self, title: str, lines: list[str], answers: dict[str, str], escape: str = "") -> None:
        super().__init__(title)
        self._lines = [shorten(line, _LONGEST) for line in lines]
        self._answers = answers
        self._letters = _letters({key: answers[key] for key in answers if key not in self.WITHOUT_LETTER})
        self._usual_keys = self._shown_keys = (
            f"←→ move · ⏎ choose · Esc {escape or next(iter(answers.values())).lower()}"
        )
        self._last_key = ""
        self._times = (float("-inf"), float("-inf"))

    def compose_body(self) -> ComposeResult:
        yield Static(classes="lines")
        with Container(classes="answers"):
            for key in self._answers:
                yield Button("", id=f"answer-{key}", compact=True)

    def on_mount(self) -> None:
        self._button().focus()
        self._arrange()

    def on_resize(self) -> None:
        self._arrange()

    def note_key(self, event: events.Key) -> None:
        self._last_key, self._times = event.key, (self._times[1], event.time)

    def on_key(self, event: events.Key) -> None:
        answer = self._letters.get((event.character or "").lower())
        if answer is not None:
            event.stop()
            self.post_message(self.LetterPressed(self, answer))

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        before, now = self._times
        if event.button is not self._button() and self._last_key == "enter" and now - before < BY_HAND:
            self.remark("Too fast for a hand: press ⏎ again")
            return
        self.answer((event.button.id or "").removeprefix("answer-"))

    def action_save(self) -> None:
        if "save" in self._answers:
            self.answer("save")
        else:
            self.action_say_how_to_go_on()

    def answer(self, key: str) -> None:
        """Answer the question, unless that was done already."""
        if self.is_current:
            self.dismiss(key)

    def mark_letter(self, key: str) -> None:
        """Show which answer is about to be given."""
        self._button(key).focus()
        self.remark("any other key takes it back")

    def take_back_letter(self) -> None:
        """Another key followed the letter of an answer."""
        if self.is_current:
            self._button().focus()
            self.remark(self._usual_keys)

    def _button(self, key: str = "") -> Button:
        return self.query_one(f"#answer-{key or next(iter(self._answers))}", Button)

    def _arrange(self) -> None:
        """Put the answers beside each other, or where there is no room one below the other."""
        needed = [width(label) + _AROUND_ANSWER for label in self._answers.values()]
        stacked = sum(needed) + _BETWEEN_ANSWERS * (len(needed) - 1) > self.cells
        self.query_one(".answers").set_class(stacked, "-stacked")
        rows = len(needed) if stacked else 1
        lines = fold_all(self._lines, self.cells, self.lines_for_body() - rows)
        self.query_one(".lines", Static).update(Content("\n").join(lines))
        of_answer = {answer: letter for letter, answer in self._letters.items()}
        for key, label in self._answers.items():
            shown = Content(shorten(label, self.cells - _AROUND_ANSWER))
            at = shown.plain.lower().find(of_answer.get(key, "\0"))
            self._button(key).label = shown.stylize("underline", at, at + 1) if at >= 0 else shown


def _letters(answers: dict[str, str]) -> dict[str, str]:
    """The letter of each answer: the first of its label that is still free, or none; the first answer has Esc."""
    letters: dict[str, str] = {}
    for key in (*list(answers)[1:], *list(answers)[:1]):
        letters.setdefault(answers[key][0].lower(), key)
    return letters
