"""My changes: what was written in this session, with old and new values, and undoing it."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, ClassVar, TypeVar

from textual.binding import Binding, BindingType

from app.errors import DockbookError, EditConflict, OutcomeUnknown
from app.models.fields import BY_NAME
from app.repository.history import SavedChange
from app.screens.comparison import ReviewScreen
from app.screens.dialogs import Question
from app.screens.messages import changed_by_others, labels
from app.screens.unconfirmed import onlooker_of, report_open
from app.text.sanitize import sanitize_id
from app.widgets.comparison_view import Compared

if TYPE_CHECKING:
    from app.repository.save_result import SaveResult
    from app.screens.base import DockScreen

Result = TypeVar("Result")


class ChangesScreen(ReviewScreen[None]):
    """The last writes of this session, newest first."""

    ABOUT = (
        "What was saved in this session, newest first, field by field. u undoes the change under the cursor: the "
        "values from before are saved the same way as any edit, so what others changed since then is not overwritten."
    )

    HEADINGS = ("Field", "  Was", "  Became")
    LABEL_CELLS = 22
    BAR = ("undo", "leave")

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("u,delete", "undo_this", "Undo", id="undo", tooltip="Undo this change"),
        Binding("escape,f3,q,f12", "leave", "Back", id="leave"),
    ]

    def on_mount(self) -> None:
        super().on_mount()
        self.header.title = "My changes"
        self.tell_before("Saved in this session, newest first.")
        self.tell_after()
        self._fill()

    def show_written(self, message: "DockScreen.Written") -> None:
        self.say(message.text, message.level)
        self._fill()

    def action_undo_this(self) -> None:
        row = self.view.current
        if row is not None:
            undo(self, list(self.desk.changes)[int(row.name)])

    def action_leave(self) -> None:
        self.dismiss(None)

    def _fill(self) -> None:
        self.view.show(
            [row for number, change in enumerate(self.desk.changes) for row in self._rows(str(number), change)]
        )

    def _rows(self, name: str, change: SavedChange) -> Iterator[Compared]:
        who = f"{change.at:%H:%M} {sanitize_id(change.customer.short_id)}"
        undone = self.desk.changes.is_undone(change)
        if change.kind == "created":
            yield Compared(name, who, ("created", "", change.customer.name))
        elif change.kind == "existed":
            yield Compared(name, who, ("saved over theirs", None, change.customer.name))
        elif change.kind == "discontinued":
            yield Compared(name, who, ("Status", "active", "discontinued"))
        open_ = change.kind == "unconfirmed"
        if open_ and not change.old:
            yield Compared(name, who, ("not confirmed", "", ""), marked=True)
        for index, (field, was) in enumerate(change.old.items()):
            label = BY_NAME[field].label + (" (not confirmed)" if open_ else " (undone)" if undone else "")
            yield Compared(name, "" if index else who, (label, was, change.new[field]), marked=open_)


def show_changes(screen: "DockScreen[Result]") -> None:
    """Show what was written in this session."""
    if not list(screen.desk.changes):
        screen.say("Nothing was saved in this session yet.")
    else:
        screen.app.push_screen(ChangesScreen(screen.desk))


def undo_last(screen: "DockScreen[Result]") -> None:
    """Undo the last save of this session, after a question."""
    change = screen.desk.changes.last_undoable
    if change is None:
        screen.say("There is nothing to undo: nothing was saved in this session that was not undone.")
    else:
        undo(screen, change)


def undo(screen: "DockScreen[Result]", change: SavedChange) -> None:
    """Ask, then write the values from before through the way of every save."""
    who = sanitize_id(change.customer.short_id)
    if change.kind == "unconfirmed":
        screen.say(f"The save of {who} is not confirmed so far: there is nothing certain to undo.", "warning")
    elif change.kind == "existed":
        screen.say(f"What {who} held before is not known here: it cannot be put back.", "warning")
    elif change.kind == "discontinued":
        screen.say(f"{who} was discontinued. Discontinuing cannot be undone here.", "warning")
    elif change.kind == "created":
        screen.say(f"{who} was created: that cannot be undone, the API removes nobody.", "warning")
    elif screen.desk.changes.is_undone(change):
        screen.say("This change is undone already.")
    elif screen.may_write():
        _ask(screen, change, who)


def _ask(screen: "DockScreen[Result]", change: SavedChange, who: str) -> None:
    def answered(answer: str | None) -> None:
        if answer == "undo":
            screen.say(f"Undoing {labels(change.old)} of {who}…")
            screen.write(partial(_carry_out, screen, change))

    back = [
        f"{BY_NAME[name].label}: {change.new[name] or '(empty)'} → {was or '(empty)'}"
        for name, was in change.old.items()
    ]
    screen.app.push_screen(
        Question(f"Undo the save of {change.at:%H:%M}?", [who, "", *back], {"keep": "Leave it", "undo": "Undo"}),
        answered,
    )


async def _carry_out(screen: "DockScreen[Result]", change: SavedChange) -> None:
    onlooker = onlooker_of(screen)
    try:
        saved = await screen.repository.save(change.customer, change.old, onlooker)
    except EditConflict as overlap:
        screen.once_on_top(partial(_settle, screen, change, overlap))
    except OutcomeUnknown as error:
        report_open(screen.app, screen.desk, change.customer.short_id, onlooker.key, error)
    except DockbookError as error:
        screen.say_error(error, "Not undone.")
    else:
        screen.desk.changes.mark_undone(change)
        screen.app.post_message(_told(screen, change, saved, onlooker.key))


def _told(screen: "DockScreen[Result]", change: SavedChange, saved: "SaveResult", key: str) -> "DockScreen.Written":
    who = sanitize_id(saved.customer.short_id)
    parts = [f"{labels(change.old)} of {who} is as it was before your save."]
    parts += changed_by_others(saved.customer, saved.merged_from_others)
    return screen.Written(
        saved.customer, " ".join(parts), change=SavedChange.of(saved, datetime.now().astimezone(), undone=True, key=key)
    )


def _settle(screen: "DockScreen[Result]", change: SavedChange, overlap: EditConflict) -> None:
    """Somebody changed the same field since then: a form with the values from before, and the conflict on it."""
    from app.screens.form import Begun, FormScreen

    form = FormScreen(screen.desk, change.customer, begun=Begun(change.old, overlap=overlap))
    screen.app.push_screen(form)
