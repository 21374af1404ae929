"""My changes: what was written in this session, with old and new values, and undoing it."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, ClassVar, TypeVar

from textual.binding import Binding, BindingType

from app.errors import DockbookError, EditConflict, OutcomeUnknown
from app.models.fields import BY_NAME
from app.repository.history import SavedChange
from app.screens.bulk_edit import ask_undo_all
from app.screens.comparison import ComparisonScreen
from app.screens.dialogs import ConfirmDialog
from app.screens.messages import changed_by_others, field_list
from app.screens.requests import EditUndo, OpenId
from app.screens.unconfirmed import report_unconfirmed, save_observer
from app.text.sanitize import sanitize_id
from app.widgets.comparison_view import ComparisonRow

if TYPE_CHECKING:
    from app.repository.save_result import SaveResult
    from app.screens.base import BaseScreen

Result = TypeVar("Result")


class HistoryScreen(ComparisonScreen[None]):
    """The last writes of this session, newest first."""

    HELP_TEXT = (
        "What you saved since you started dockbook, newest first, field by field. Enter opens the customer. u undoes "
        "one change: what was there before is saved again. What others changed since then is not overwritten."
    )

    HEADINGS = ("Field", "  Was", "  Became")
    LABEL_CELLS = 22
    FOOTER = ("open", "undo", "leave")

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open", id="open", tooltip="Open the customer"),
        Binding("u,delete", "undo_this", "Undo", id="undo", tooltip="Undo this change"),
        Binding("escape,f3,q,f12", "leave", "Back", id="leave"),
    ]

    def on_mount(self) -> None:
        super().on_mount()
        self.header.title = "My changes"
        self.set_intro("Saved in this session, newest first.")
        self.set_footnote()
        self._fill()

    def apply_saved(self, message: "BaseScreen.CustomerSaved") -> None:
        self.show_notice(message.text, message.level)
        self._fill()

    def action_open(self) -> None:
        if (change := self._current) is not None:
            self.post_message(OpenId(self, change.customer.short_id))

    def action_undo_this(self) -> None:
        if (change := self._current) is not None:
            undo(self, change)

    def action_leave(self) -> None:
        self.dismiss(None)

    @property
    def _current(self) -> SavedChange | None:
        """The change under the cursor."""
        row = self.view.current
        return None if row is None else list(self.context.history)[int(row.name)]

    def _fill(self) -> None:
        self.view.show(
            [row for number, change in enumerate(self.context.history) for row in self._rows(str(number), change)]
        )

    def _rows(self, name: str, change: SavedChange) -> Iterator[ComparisonRow]:
        who = f"{change.at:%H:%M} {sanitize_id(change.customer.short_id)}"
        undone = self.context.history.is_undone(change)
        if change.kind == "created":
            yield ComparisonRow(name, who, ("created", "", change.customer.name))
        elif change.kind == "existed":
            yield ComparisonRow(name, who, ("saved over theirs", None, change.customer.name))
        elif change.kind == "discontinued":
            yield ComparisonRow(name, who, ("Status", "active", "discontinued"))
        open_ = change.kind == "unconfirmed"
        if open_ and not change.old:
            yield ComparisonRow(name, who, ("not confirmed", "", ""), marked=True)
        for index, (field, was) in enumerate(change.old.items()):
            label = BY_NAME[field].label + (" (not confirmed)" if open_ else " (undone)" if undone else "")
            yield ComparisonRow(name, "" if index else who, (label, was, change.new[field]), marked=open_)


def show_history(screen: "BaseScreen[Result]") -> None:
    """Show what was written in this session."""
    if not list(screen.context.history):
        screen.show_hint("Nothing was saved in this session yet.")
    else:
        screen.app.push_screen(HistoryScreen(screen.context))


def undo_last(screen: "BaseScreen[Result]") -> None:
    """Undo the last save of this session, after a question."""
    change = screen.context.history.last_undoable
    if change is None:
        screen.show_hint("Nothing to undo.")
        return
    together = screen.context.history.undoable_with(change)
    if len(together) < 2:
        undo(screen, change)
    elif screen.can_write():
        ask_undo_all(screen, together)


def undo(screen: "BaseScreen[Result]", change: SavedChange) -> None:
    """Ask, then write the values from before through the way of every save."""
    who = sanitize_id(change.customer.short_id)
    if change.kind == "unconfirmed":
        screen.show_notice(f"The save of {who} is not confirmed yet. Undo it when it is.", "warning")
    elif change.kind == "existed":
        screen.show_notice(f"What {who} was before is not known here: it cannot be put back.", "warning")
    elif change.kind == "discontinued":
        screen.show_notice("Discontinuing cannot be undone here.", "warning")
    elif change.kind == "created":
        screen.show_notice(f"{who} was created. That cannot be undone here. Press d to discontinue it.", "warning")
    elif screen.context.history.is_undone(change):
        screen.show_hint("That change is undone already.")
    elif screen.can_write():
        _ask(screen, change, who)


def _ask(screen: "BaseScreen[Result]", change: SavedChange, who: str) -> None:
    def answered(answer: str | None) -> None:
        if answer == "undo":
            screen.show_notice(f"Undoing {field_list(change.old)} of {who}…")
            screen.run_write(partial(_undo, screen, change))

    back = [
        f"{BY_NAME[name].label}: {change.new[name] or '(empty)'} → {was or '(empty)'}"
        for name, was in change.old.items()
    ]
    screen.app.push_screen(
        ConfirmDialog(f"Undo the save of {change.at:%H:%M}?", [who, *back], {"keep": "Cancel", "undo": "Undo"}),
        answered,
    )


async def _undo(screen: "BaseScreen[Result]", change: SavedChange) -> None:
    observer = save_observer(screen)
    try:
        saved = await screen.repository.save(change.customer, change.old, observer)
    except EditConflict as overlap:
        screen.call_when_active(partial(_open_conflict, screen, change, overlap))
    except OutcomeUnknown as error:
        report_unconfirmed(screen.app, screen.context, change.customer.short_id, observer.key, error)
    except DockbookError as error:
        screen.show_error(error, "Not undone.")
    else:
        screen.context.history.mark_undone(change)
        screen.app.post_message(_saved_message(screen, change, saved, observer.key))


def _saved_message(
    screen: "BaseScreen[Result]", change: SavedChange, saved: "SaveResult", key: str
) -> "BaseScreen.CustomerSaved":
    who = sanitize_id(saved.customer.short_id)
    parts = [f"{field_list(change.old)} of {who} is as it was before your save."]
    parts += changed_by_others(saved.customer, saved.merged_from_others)
    return screen.CustomerSaved(
        saved.customer, " ".join(parts), change=SavedChange.of(saved, datetime.now().astimezone(), undone=True, key=key)
    )


def _open_conflict(screen: "BaseScreen[Result]", change: SavedChange, overlap: EditConflict) -> None:
    """Others changed the same field since then: have a form opened with the values from before."""
    screen.post_message(EditUndo(screen, change, overlap))
