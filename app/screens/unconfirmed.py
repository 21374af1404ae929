"""What becomes of writes that are not confirmed: told on whatever screen is open, in My changes and in the draft."""

from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from app.drafts.draft import DraftChanged, new_id
from app.errors import DockbookError, EditConflict, Interrupted
from app.models.fields import ID_FIELD
from app.repository.history import SavedChange
from app.repository.save_result import SaveResult
from app.repository.unconfirmed import UnconfirmedWrite
from app.repository.writer import SaveObserver
from app.screens.base import DockScreen
from app.screens.messages import level_of, told
from app.text.sanitize import sanitize_id

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from textual.app import App

    from app.drafts.draft import Draft
    from app.screens.context import Desk

#: A write that went out longer ago than this is looked for once, and then whenever its customer is read.
_LATE: Final = timedelta(minutes=1)


def onlooker_of(screen: DockScreen[Any]) -> SaveObserver:
    """For a write without a form: says on the screen that it is not confirmed, and notes it in My changes."""

    def unconfirmed(write: UnconfirmedWrite) -> None:
        note(screen.desk, write)
        screen.say(f"{write.error.title}: not confirmed. dockbook looks for it for a minute.", "warning")

    return SaveObserver(on_unconfirmed=unconfirmed, key=new_id())


def note(desk: "Desk", write: UnconfirmedWrite) -> None:
    """Note in My changes that a write is not confirmed."""
    from app.models.customer import Customer

    before = write.base
    customer = Customer.from_wire(write.body) if before is None else before
    old = {name: "" if before is None else before.value(name) for name in write.body if name != ID_FIELD}
    new = {name: text for name, text in write.body.items() if name != ID_FIELD}
    desk.changes.add(SavedChange(_now(), "unconfirmed", customer, old, new, write.key))


def look_for(screen: DockScreen[Any], draft: "Draft") -> None:
    """Find out, in the background, what came of the write that was on its way when the draft was left."""
    write, sent = _write_of(draft), draft.pending_write
    if write is not None and sent is not None and not screen.repository.is_being_confirmed(write.short_id):
        patient = _now() - sent.at < _LATE
        screen.write(partial(_look_for, screen.app, screen.desk, write, patient=patient))


def report_saved(app: "App[Any]", desk: "Desk", write: UnconfirmedWrite, saved: SaveResult) -> None:
    """Tell that a write was carried out after all: in its form where that is open, or else on the screen there is."""
    from app.screens.form import FormScreen

    for screen in app.screen_stack:
        if isinstance(screen, FormScreen) and screen.keeping.key == write.key:
            screen.confirm(write, saved)
            return
    report: Callable[[], Awaitable[None]] = partial(_report_saved, app, desk, write, saved)
    app.run_worker(report, group="writes", exit_on_error=False)


def report_open(app: "App[Any]", desk: "Desk", short_id: str, key: str, error: DockbookError) -> None:
    """Tell on the screen there is that the write with this key is still not confirmed."""
    text = error.what if isinstance(error, EditConflict) else error.text
    draft = " Its draft is kept: w shows it." if _draft_of(desk, key) is not None else ""
    screens = [screen for screen in app.screen_stack if isinstance(screen, DockScreen)]
    if screens:
        screens[-1].say(f"The change of {sanitize_id(short_id)} is not confirmed. {text}{draft}", "warning")


async def _look_for(app: "App[Any]", desk: "Desk", write: UnconfirmedWrite, *, patient: bool) -> None:
    try:
        saved = await desk.repository.resolve_pending(write, patient=patient)
    except DockbookError as error:
        report_open(app, desk, write.short_id, write.key, error)
    else:
        report_saved(app, desk, write, saved)


async def _report_saved(app: "App[Any]", desk: "Desk", write: UnconfirmedWrite, saved: SaveResult) -> None:
    if write.is_discontinuation:
        text = (
            f"{sanitize_id(write.short_id)} is now discontinued ({saved.confirmed_by_reread}, but the server has it)."
        )
        change = SavedChange(_now(), "discontinued", saved.customer, key=write.key)
    else:
        text = " ".join(part for part in (told(saved, new=write.is_new), await _settle(desk, write, saved)) if part)
        change = SavedChange.of(saved, _now(), new=write.is_new, key=write.key)
    app.post_message(DockScreen.Written(saved.customer, text, level_of(saved), change, aloud=True))


async def _settle(desk: "Desk", write: UnconfirmedWrite, saved: SaveResult) -> str:
    """Remove the draft of a write that was carried out, but for what was typed since; tells what became of it."""
    draft = _draft_of(desk, write.key)
    if draft is None or desk.drafts is None:
        return ""
    try:
        taken = await desk.drafts.claim(draft)
    except (DraftChanged, OSError):
        taken = None
    if taken is None:
        return ""
    left = {
        name: text
        for name, text in taken.edits.items()
        if name != ID_FIELD and text not in (write.body.get(name), saved.customer.value(name))
    }
    if left:
        short_id, base = saved.customer.short_id, saved.customer.received
        desk.drafts.release(
            taken._replace(short_id=short_id, base=base, edits=left, state="editing", pending_write=None)
        )
        return "What was typed after that is still a draft."
    desk.drafts.delete(taken)
    return "The draft is gone."


def _draft_of(desk: "Desk", key: str) -> "Draft | None":
    """The draft of the write with this key, where no form has it open."""
    drafts = desk.drafts
    return None if drafts is None else next((one for one in drafts.unclaimed if one.id == key), None)


def _write_of(draft: "Draft") -> UnconfirmedWrite | None:
    from app.models.customer import Customer

    sent = draft.pending_write
    if sent is None or (sent.record is None and not sent.body.get(ID_FIELD, "").strip()):
        return None
    made_on = None if sent.record is None else Customer.from_wire(sent.record)
    error = Interrupted("The program ended before the answer came.")
    return UnconfirmedWrite(made_on, sent.body, error, key=draft.id)


def _now() -> datetime:
    return datetime.now().astimezone()
