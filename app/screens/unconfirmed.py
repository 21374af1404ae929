"""Reports what came of unconfirmed writes: on the screen that is open, in My changes, and in the draft."""

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
from app.screens.base import BaseScreen
from app.screens.messages import notice_level, save_summary
from app.text.sanitize import sanitize_id

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from textual.app import App

    from app.drafts.draft import Draft
    from app.screens.context import AppContext

#: A write sent longer ago than this is looked for once, and then whenever its customer is read.
_LATE: Final = timedelta(minutes=1)


def save_observer(screen: BaseScreen[Any]) -> SaveObserver:
    """Return an observer for a write without a form: it reports on the screen and in My changes."""

    def unconfirmed(write: UnconfirmedWrite) -> None:
        note_unconfirmed(screen.context, write)
        screen.show_notice(
            f"{write.error.title}: not confirmed. dockbook looks for it for a minute: please wait.", "warning"
        )

    return SaveObserver(on_unconfirmed=unconfirmed, key=new_id())


def note_unconfirmed(context: "AppContext", write: UnconfirmedWrite) -> None:
    """Note in My changes that a write is not confirmed."""
    from app.models.customer import Customer

    before = write.base
    customer = Customer.from_wire(write.body) if before is None else before
    old = {name: "" if before is None else before.value(name) for name in write.body if name != ID_FIELD}
    new = {name: text for name, text in write.body.items() if name != ID_FIELD}
    context.history.add(SavedChange(_now(), "unconfirmed", customer, old, new, write.key))


def resolve_draft(screen: BaseScreen[Any], draft: "Draft") -> None:
    """Find out in the background what came of the write that was being sent when the draft was left."""
    write, sent = _write_of(draft), draft.pending_write
    if write is not None and sent is not None and not screen.repository.is_being_confirmed(write.short_id):
        patient = _now() - sent.at < _LATE
        screen.run_write(partial(_resolve, screen.app, screen.context, write, patient=patient))


def report_saved(app: "App[Any]", context: "AppContext", write: UnconfirmedWrite, saved: SaveResult) -> None:
    """Report that a write was carried out after all: in its form if that is open, otherwise on the top screen."""
    if any(screen.confirm_write(write, saved) for screen in app.screen_stack if isinstance(screen, BaseScreen)):
        return
    report: Callable[[], Awaitable[None]] = partial(_report_saved, app, context, write, saved)
    app.run_worker(report, group="writes", exit_on_error=False)


def report_unconfirmed(app: "App[Any]", context: "AppContext", short_id: str, key: str, error: DockbookError) -> None:
    """Report on the top screen that the write with this key is still not confirmed."""
    text = error.what if isinstance(error, EditConflict) else error.text
    draft = " Its draft is kept: press w to see it." if _draft_of(context, key) is not None else ""
    screens = [screen for screen in app.screen_stack if isinstance(screen, BaseScreen)]
    if screens:
        screens[-1].show_notice(f"The change of {sanitize_id(short_id)} is not confirmed. {text}{draft}", "warning")


async def _resolve(app: "App[Any]", context: "AppContext", write: UnconfirmedWrite, *, patient: bool) -> None:
    try:
        saved = await context.repository.resolve_pending(write, patient=patient)
    except DockbookError as error:
        report_unconfirmed(app, context, write.short_id, write.key, error)
    else:
        report_saved(app, context, write, saved)


async def _report_saved(app: "App[Any]", context: "AppContext", write: UnconfirmedWrite, saved: SaveResult) -> None:
    if write.is_discontinuation:
        text = (
            f"{sanitize_id(write.short_id)} is now discontinued ({saved.confirmed_by_reread}, but the server has it)."
        )
        change = SavedChange(_now(), "discontinued", saved.customer, key=write.key)
    else:
        text = " ".join(
            part for part in (save_summary(saved, new=write.is_new), await _delete_draft(context, write, saved)) if part
        )
        change = SavedChange.of(saved, _now(), new=write.is_new, key=write.key)
    app.post_message(BaseScreen.CustomerSaved(saved.customer, text, notice_level(saved), change, aloud=True))


async def _delete_draft(context: "AppContext", write: UnconfirmedWrite, saved: SaveResult) -> str:
    """Delete the draft of a write that was carried out, except for later edits; returns what to say about it."""
    draft = _draft_of(context, write.key)
    if draft is None or context.drafts is None:
        return ""
    try:
        taken = await context.drafts.claim(draft)
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
        context.drafts.release(
            taken._replace(short_id=short_id, base=base, edits=left, state="editing", pending_write=None)
        )
        return "What you typed after that is still a draft."
    context.drafts.delete(taken)
    return "The draft is gone."


def _draft_of(context: "AppContext", key: str) -> "Draft | None":
    """The draft of the write with this key, where no form has it open."""
    drafts = context.drafts
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
