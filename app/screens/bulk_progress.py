"""A change of many customers: its progress while it runs, then what came of each of them."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

from textual.binding import Binding, BindingType

from app.drafts.draft import new_id
from app.models.fields import BY_NAME, STATUS
from app.repository.bulk import BulkResult, BulkWriter, Outcome
from app.repository.writer import SaveObserver
from app.screens.base import BaseScreen
from app.screens.comparison import ComparisonScreen
from app.screens.messages import changed_by_others
from app.screens.requests import OpenId
from app.screens.unconfirmed import note_unconfirmed
from app.text.sanitize import sanitize_id
from app.widgets.comparison_view import ComparisonRow, ComparisonView

if TYPE_CHECKING:
    from app.models.customer import Customer
    from app.repository.history import SavedChange
    from app.repository.save_result import SaveResult
    from app.repository.unconfirmed import UnconfirmedWrite
    from app.screens.context import AppContext

#: In the order of the summary: what needs a person first. `{}` is what the job does: `saved`.
_OUTCOMES: Final[dict[Outcome, str]] = {
    "unconfirmed": "not confirmed",
    "conflict": "changed by someone else",
    "failed": "not {}",
    "left": "not tried",
    "unchanged": "no change needed",
    "saved": "{}",
}
#: What can be done when it has ended.
_AFTERWARDS: Final = ("open", "undo", "leave")
#: The kind of the notice about a save that is not confirmed.
_LOOKING: Final = "looking for a save"
_NEED_A_PERSON: Final[tuple[Outcome, ...]] = ("unconfirmed", "conflict", "failed", "left")


class BulkJob(NamedTuple):
    """What is done to many customers, and how one of them is written.

    `doing`, `done` and `word` say it (`Setting Phone`, `Phone is 555-0100 in`, `saved`), `rest` what becomes of those
    that are not written. `field` is what changes, by wire name. `change` returns what is to be noted of a save with
    this key. With `undoable`, one undo puts all of them back.
    """

    doing: str
    done: str
    word: str
    rest: str
    undoable: bool
    field: str
    customers: "Sequence[Customer]"
    write: "Callable[[Customer, SaveObserver], Awaitable[SaveResult]]"
    change: "Callable[[SaveResult, str], SavedChange]"


class BulkScreen(ComparisonScreen[list[BulkResult]]):
    """Writes one customer after another while it is on top, and shows what came of each. The answer are the results.

    Esc begins no other write. The one under way is finished in any case; while it is only being looked for, a second
    Esc leaves.
    """

    HELP_TEXT = (
        "The customers are saved one after another. What someone else changed is not overwritten. Esc stops; what is "
        "saved stays saved. The list shows what came of each customer, first those that were not saved: they stay "
        "marked."
    )

    FOOTER = ("stop", "open", "leave", "undo")

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open", id="open", tooltip="Open the customer under the cursor"),
        Binding("u", "undo", "Undo", id="undo", tooltip="Undo all that was saved here"),
        Binding("escape,f3,q,f12", "stop", "Stop", id="stop", tooltip="Save no more customers"),
        Binding("escape,f3,q,f12", "leave", "Back", id="leave"),
    ]

    def __init__(self, context: "AppContext", job: BulkJob) -> None:
        super().__init__(context)
        self.job = job
        label = "Name" if job.field == STATUS else BY_NAME[job.field].label
        self.view = ComparisonView(("Result", label), 18, ("", ""))
        self._writer = BulkWriter(
            job.customers,
            self._write,
            ready=self.until_active,
            on_progress=self._show_progress,
            on_wait=self._show_wait,
            on_result=self._note_result,
        )
        self._in_progress = True
        self._left = False
        self._number = 0
        self._key = ""
        self._batch = context.history.add_batch()
        self._in_doubt: UnconfirmedWrite | None = None

    def on_mount(self) -> None:
        super().on_mount()
        self.header.title = self.job.doing
        self.set_footnote()
        self.run_write(self._run)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While it runs it can only be stopped, and then only be left."""
        if action == "stop":
            return self._in_progress
        if action == "undo" and not (self.job.undoable and self._counts["saved"]):
            return False
        return not (self._in_progress and action in _AFTERWARDS)

    def unsaved_text(self) -> str:
        if not self._in_progress:
            return ""
        saved, total = self._counts["saved"] + self._counts["unchanged"], len(self.job.customers)
        label = BY_NAME[self.job.field].label
        return f"{label} in {total - saved:,} of {total:,} customers, {saved:,} {self.job.word} so far"

    def apply_saved(self, message: BaseScreen.CustomerSaved) -> None:
        if message.text and not self._in_progress:
            self._take_over(message)

    def action_open(self) -> None:
        if (row := self.view.current) is not None:
            self.post_message(OpenId(self, self._writer.results[int(row.name)].customer.short_id))

    async def action_undo(self) -> None:
        await self.app.run_action("undo")

    def action_stop(self) -> None:
        if not self._writer.stopping:
            self._writer.stop()
            self._show_progress(self._number)
        elif self._in_doubt is not None:
            # It is looked for without this screen, and reported where one is then.
            self._left = True
            self.dismiss(list(self._writer.results))

    def action_leave(self) -> None:
        self.dismiss(self._writer.results)

    @property
    def _counts(self) -> Counter[Outcome]:
        return Counter(result.outcome for result in self._writer.results)

    async def _run(self) -> None:
        try:
            await self._writer.run()
        finally:
            self._in_progress = False
            self.refresh_bindings()
        for screen in self.app.screen_stack:
            if isinstance(screen, BaseScreen):
                screen.refresh_if_stale()
        if self._left:
            self._report_elsewhere()
        else:
            self._show_results()

    async def _write(self, customer: "Customer") -> "SaveResult":
        self._key = new_id()
        self._batch.add(self._key)
        return await self.job.write(customer, SaveObserver(on_unconfirmed=self._show_unconfirmed, key=self._key))

    def _note_result(self, result: BulkResult) -> None:
        self._in_doubt = None
        self.status.clear_notice(_LOOKING)
        if result.saved is not None:
            change = self.job.change(result.saved, self._key) if result.outcome == "saved" else None
            self.app.post_message(self.CustomerSaved(result.customer, "", change=change))

    def _show_progress(self, number: int) -> None:
        self._number = number
        what = "Stopping: waiting for the answer" if self._writer.stopping else "Esc stops"
        self._show_line(what)

    def _show_wait(self, seconds: int) -> None:
        self._show_line(f"the server is busy: goes on in {seconds} s · Esc stops")

    def _show_line(self, what: str) -> None:
        if not self._left:
            self.set_intro(f"{self.job.doing}: {self._number:,} of {len(self.job.customers):,} · {what}")

    def _show_unconfirmed(self, write: "UnconfirmedWrite") -> None:
        note_unconfirmed(self.context, write)
        self._in_doubt = write
        self.show_notice(
            f"{write.error.title}: {sanitize_id(write.short_id)} is not confirmed. dockbook looks for it for a minute. "
            "Press Esc twice to leave.",
            "warning",
            _LOOKING,
        )

    def _report_elsewhere(self) -> None:
        """Report on the screen that is open, because this one was left."""
        screens = [screen for screen in self.app.screen_stack if isinstance(screen, BaseScreen)]
        last = self._writer.results[self._number - 1]
        who = sanitize_id(last.customer.short_id)
        if screens:
            screens[-1].show_notice(f"{self.job.doing}: {who} is {self._words(last.outcome)}.", "warning")

    def _show_results(self) -> None:
        counts, total = self._counts, len(self.job.customers)
        done = counts["saved"] + counts["unchanged"]
        lines = [f"{self.job.done} {done:,} of {count_customers(total)}."]
        if counts["saved"] < total:
            parts = [f"{counts[outcome]:,} {self._words(outcome)}" for outcome in _OUTCOMES if counts[outcome]]
            lines.append(f"{' · '.join(parts)}.{f' {self.job.rest}' if done < total else ''}")
        if self._writer.ended_by is not None:
            error = self._writer.ended_by
            lines.append(f"Stopped: {error.title}: {error.text}")
        self.set_intro(*lines)
        self.show_connection(self.repository.connection)
        self.view.show(list(self._rows()))
        self.refresh_bindings()
        self.header.detail = f"{done:,} of {total:,}"

    def _rows(self) -> Iterator[ComparisonRow]:
        order = list(_OUTCOMES)
        results = sorted(enumerate(self._writer.results), key=lambda numbered: order.index(numbered[1].outcome))
        for number, result in results:
            values = (self._result_text(result), self._value_text(number, result))
            marked = result.outcome in _NEED_A_PERSON
            yield ComparisonRow(str(number), sanitize_id(result.customer.short_id), values, marked=marked)

    def _words(self, outcome: Outcome) -> str:
        return _OUTCOMES[outcome].format(self.job.word)

    def _result_text(self, result: BulkResult) -> str:
        words = self._words(result.outcome)
        text = f"{words[:1].upper()}{words[1:]}."
        if result.saved is not None:
            return " ".join([text, *changed_by_others(result.customer, result.saved.merged_from_others)])
        if result.error is None or result.outcome == "conflict":
            return text
        what = "" if result.outcome == "unconfirmed" else f"{result.error.title}: "
        return f"{text} {what}{result.error.text}"

    def _value_text(self, number: int, result: BulkResult) -> str:
        field = self.job.field
        if field == STATUS:
            return result.customer.name
        was, now = self.job.customers[number].value(field), result.customer.value(field)
        return now if was == now else f"{was or '(empty)'} → {now or '(empty)'}"

    def _take_over(self, message: BaseScreen.CustomerSaved) -> None:
        """Show that a customer whose save was not confirmed has been saved after all."""
        for number, result in enumerate(self._writer.results):
            if result.customer.short_id == message.customer.short_id and result.outcome == "unconfirmed":
                self._writer.results[number] = BulkResult(message.customer, "saved")
        self.show_notice(message.text, message.level)
        self._show_results()


def count_customers(count: int) -> str:
    """Return `1 customer`, `2 customers`."""
    return "1 customer" if count == 1 else f"{count:,} customers"
