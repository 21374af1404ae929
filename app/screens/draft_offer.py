"""The offer of a draft: what was typed and not saved, beside the record as it was and as it is now."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from app.changes import Change
from app.errors import DockbookError, NotFound, NotSaved
from app.fields import BY_NAME, KEY, WRITABLE_NAMES
from app.local.draft import Draft, MovedDraft
from app.screens.desk import Desk
from app.screens.dialog import Question
from app.screens.review import ReviewScreen
from app.screens.told import labels, told, when, who_is_drafted
from app.widgets.comparison import Compared

if TYPE_CHECKING:
    from app.models import Customer

_NOT_READ = "The server's record cannot be read now, so the last column is not known."


class DraftOfferScreen(ReviewScreen[Draft]):
    """Offers `draft`; the result is the draft as it was taken up, or nothing."""

    ABOUT = (
        "What was typed and not saved, as it was kept on this machine. Resume opens the form with it, on the record "
        "as it was read then, so that a save finds out what others changed meanwhile. Discard removes it. Later keeps "
        "it: Drafts in the palette has it. Nothing is sent from here."
    )

    TAKES_SCANS = True
    HEADINGS = ("As it was", "  You typed", "  On the server now")
    BAR = ("resume", "discard", "leave")

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,f2,e", "resume", "Resume", id="resume", tooltip="Open the form with it"),
        Binding("delete,d", "discard", "Discard", id="discard", tooltip="Remove the draft"),
        Binding("escape,f3,q,f12", "leave", "Later", id="leave", tooltip="Keep it for later"),
    ]

    def __init__(self, desk: Desk, draft: Draft) -> None:
        super().__init__(desk)
        self.draft = draft
        self._now: Customer | None = None
        self._saved = False

    def on_mount(self) -> None:
        super().on_mount()
        self.header.title = f"Draft · {who_is_drafted(self.draft)}"
        self._tell()
        self.read(self._look, "record")

    def action_resume(self) -> None:
        if self._saved:
            self.dismiss(None)
        elif self.may_write():
            self.act(self._resume, "take")

    def action_discard(self) -> None:
        def answered(answer: str | None) -> None:
            if answer == "discard":
                self.act(self._discard, "take")

        self.app.push_screen(
            Question(
                "Discard this draft?",
                [f"{labels(self.draft.told)} of {who_is_drafted(self.draft)}: what was typed is removed for good."],
                {"keep": "Keep", "discard": "Discard"},
            ),
            answered,
        )

    def action_leave(self) -> None:
        self.desk.postponed.add(self.draft.id)
        self.dismiss(None)

    async def _resume(self) -> None:
        taken = await self._take()
        if taken is not None:
            self.once_on_top(partial(self.dismiss, taken))

    async def _discard(self) -> None:
        taken = await self._take()
        if taken is not None and self.desk.drafts is not None:
            self.desk.drafts.drop(taken)
            self.once_on_top(self.dismiss)

    async def _take(self) -> Draft | None:
        drafts = self.desk.drafts
        if drafts is None:
            return None
        try:
            taken = await drafts.take(self.draft)
        except MovedDraft as moved:
            self.draft = moved.now
            self._tell()
            self.say("Another session went on with this draft. This is how it is now: choose again.", "warning")
            return None
        except OSError as error:
            self.say(f"The draft cannot be opened: {(error.strerror or 'unknown reason').lower()}.", "error")
            return None
        if taken is None:
            self.say("Another session has opened or removed this draft meanwhile.", "warning")
        return taken

    async def _look(self) -> None:
        """Read the record as it is now, and find out what came of a write that got no answer."""
        draft = self.draft
        short_id = draft.short_id or draft.told.get(KEY, "").strip()
        if not short_id:
            self.tell_after()
            return
        try:
            self._now = await self.repository.customer(short_id)
        except NotFound:
            self.tell_after(f"There is no customer {short_id} on the server now.")
        except DockbookError as error:
            self.tell_after(f"{_NOT_READ} {error.title}.")
            self._tell()
            return
        if draft.sent is not None:
            await self._judge(short_id)
        self._tell()

    async def _judge(self, short_id: str) -> None:
        """Tell what came of the write that was on its way when the program ended."""
        from app.models import Customer

        sent = self.draft.sent
        if sent is None:
            return
        made_on = Customer.from_wire(sent.record) if sent.record is not None else None
        try:
            saved = await self.repository.outcome(made_on, sent.body, short_id)
        except NotSaved as error:
            self.say(error.text, "warning")
        except DockbookError as error:
            self.say_error(error)
        else:
            if all(saved.customer.value(name) == text for name, text in self.draft.typed.items() if name != KEY):
                await self._was_saved(told(saved, new=made_on is None), Change.of(saved, sent.at, new=made_on is None))
            else:
                self.say(f"{told(saved, new=made_on is None)} What was typed after that was not saved.", "warning")

    async def _was_saved(self, text: str, change: Change) -> None:
        taken = await self._take()
        if taken is None or self.desk.drafts is None:
            return
        self.desk.drafts.drop(taken)
        self._saved = True
        self.app.post_message(self.Written(change.customer, f"{text} The draft is gone.", change=change))
        self.say(f"{text} The program ended before it could tell; the draft is gone.")

    def _tell(self) -> None:
        draft, now = self.draft, datetime.now().astimezone()
        what = {
            "editing": "and did not save.",
            "sending": "and saved, but whether it arrived was not known when the program ended.",
            "not sent": "but the server could not be reached: not sent.",
        }[draft.state]
        who = who_is_drafted(draft)
        verb = f"changed {labels(draft.told)} of" if draft.base is not None else "typed"
        self.tell_before(f"You {verb} {who} {when(draft.changed, now)} {what}")
        self.view.show(self._rows())
        moved = [label for label in self._moved() if label]
        if moved:
            self.tell_after(f"Changed by others meanwhile: {', '.join(moved)}.")

    def _rows(self) -> Sequence[Compared]:
        names = [name for name in (KEY, *WRITABLE_NAMES) if name in self.draft.told]
        base = self._base()
        rows = []
        for name in names:
            was = base.value(name) if base else ""
            now = self._now.value(name) if self._now else None
            typed = self.draft.told[name]
            marked = now is not None and base is not None and now not in (was, typed)
            rows.append(Compared(name, BY_NAME[name].label, (was, typed, now), 1, marked))
        return rows

    def _moved(self) -> Sequence[str]:
        """What others changed in fields that were not typed in."""
        base, now = self._base(), self._now
        if base is None or now is None:
            return []
        return [
            f"{BY_NAME[name].label} ({base.value(name) or 'empty'} → {now.value(name) or 'empty'})"
            for name in WRITABLE_NAMES
            if name not in self.draft.told and base.value(name) != now.value(name)
        ]

    def _base(self) -> "Customer | None":
        from app.screens.drafts import base_of

        return base_of(self.draft)
