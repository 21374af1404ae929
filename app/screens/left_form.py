"""A form that was left while its save goes on: shows what came of it on the screen one is on, and loses no text."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from app.errors import (
    ApiError,
    BadRequest,
    Conflict,
    ConfusableId,
    CustomerExists,
    DockbookError,
    EditConflict,
    Forbidden,
    IdRefused,
    NotFound,
    ValidationFailed,
)
from app.models.fields import ID_FIELD
from app.repository.history import SavedChange
from app.screens.base import BaseScreen
from app.screens.field_errors import behind_label
from app.screens.messages import notice_level, save_summary
from app.screens.unconfirmed import report_saved, report_unconfirmed
from app.text.sanitize import sanitize_id, shorten

if TYPE_CHECKING:
    from textual.app import App

    from app.drafts.form_draft import FormDraft
    from app.repository.save_result import SaveResult
    from app.repository.unconfirmed import UnconfirmedWrite
    from app.screens.context import AppContext
    from app.widgets.status_line import Level

#: Refusals that are shown in the server's own words.
QUOTED_ERRORS: Final = (BadRequest, ValidationFailed, Conflict, NotFound)
_ID_CELLS: Final = 40


@dataclass(frozen=True, slots=True)
class LeftForm:
    """What remains of the form: its draft, which stays this session's until the save is over, and its `texts`.

    `short_id` is the customer's; `is_new` says whether the save creates it.
    """

    app: "App[Any]"
    draft: "FormDraft"
    short_id: str
    texts: Mapping[str, str]
    is_new: bool

    def show_saving(self) -> None:
        """Say on the screen one returns to that the save goes on."""
        self._show(f"Saving {self._who} … The outcome is shown here.")

    def show_unconfirmed(self, text: str) -> None:
        """Say that the save is not confirmed yet; its draft can be looked at from now on."""
        self.draft.leave()
        self._show(f"{self._who}: {text}", "warning")

    def report(
        self,
        context: "AppContext",
        write: "UnconfirmedWrite | None",
        saved: "SaveResult | None",
        failure: DockbookError | None,
        sent: Mapping[str, str],
    ) -> None:
        """Report what came of the save of `sent`; `write` if it was unconfirmed for a while."""
        if write is not None and saved is not None:
            report_saved(self.app, context, write, saved)
        elif write is not None and failure is not None:
            report_unconfirmed(self.app, context, write.short_id, write.key, failure)
        elif saved is not None:
            self._show_saved(saved, sent)
        elif failure is not None:
            self._show_failure(failure)

    def _show_saved(self, saved: "SaveResult", sent: Mapping[str, str]) -> None:
        """Report the save; what was typed after `sent` was sent stays a draft."""
        text = save_summary(saved, new=self.is_new)
        change = SavedChange.of(saved, _now(), new=self.is_new, key=self.draft.key)
        later = {name: typed for name, typed in self.texts.items() if name != ID_FIELD and typed != sent[name]}
        edits = {name: typed for name, typed in later.items() if typed != saved.customer.value(name)}
        self.draft.mark_saved(saved.customer)
        if edits and self.draft.possible:
            self.draft.update(saved.customer, edits)
            self.draft.leave()
            text += f" The keys you typed while it was saving are a draft: press F2 on {self._who} to go on."
        else:
            self.draft.delete()
        level: Level = "warning" if edits else notice_level(saved)
        self.app.post_message(BaseScreen.CustomerSaved(saved.customer, text, level, change, aloud=True))

    def _show_failure(self, error: DockbookError) -> None:
        """Report why it was not saved, and how to go on."""
        self.draft.mark_failed(error)
        # Without a draft because nothing differs any more, nothing is gone.
        kept = self.draft.exists or self.draft.possible
        self.draft.leave()
        what = "created" if self.is_new else "saved"
        how = "Press w to go on with your draft." if self.is_new else f"Press F2 on {self._who} to go on."
        if not kept:
            how = "What you typed is gone: no drafts are kept here."
        self._show(f"Not {what}: {self._who}. {_reason(error, self.texts)} {how}", "error")

    @property
    def _who(self) -> str:
        return shorten(sanitize_id(self.short_id), _ID_CELLS)

    def _show(self, text: str, level: "Level" = "info") -> None:
        screens = [screen for screen in self.app.screen_stack if isinstance(screen, BaseScreen) and screen.is_attached]
        if screens:
            screens[-1].show_connection(screens[-1].repository.connection)
            screens[-1].show_notice(text, level)


def _reason(error: DockbookError, texts: Mapping[str, str]) -> str:
    match error:
        case EditConflict():
            return error.what.removesuffix(" Nothing was saved.")
        case CustomerExists():
            return "This ID exists already."
        case ApiError() if error.response.details or isinstance(error, QUOTED_ERRORS):
            details = error.response.details.items()
            said = [behind_label(name, text, texts.get(name, "")) for name, messages in details for text in messages]
            return f"The server says: “{' '.join(said) or error.response.message}”"
        case ConfusableId() | IdRefused() | Forbidden():
            return error.text
    return f"{error.title}: {error.text}"


def _now() -> datetime:
    return datetime.now().astimezone()
