"""One hierarchy of errors; each has a title and a text fit for a person, and says what to do."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

from app.models.fields import BY_NAME, Permission

if TYPE_CHECKING:
    from app.models.customer import Customer


#: Why a person has to decide about fields.
ConflictReason = Literal["changed", "answer lost", "older"]


class DockbookError(Exception):
    """Every error that a person sees: `title` in a few words, `text` with what happened and what to do.

    `text` may quote a server. It is not yet safe for a terminal:
    it passes through `app.text.sanitize` like any text from outside.
    """

    title: ClassVar[str] = "That did not work"

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    @property
    def outcome_unknown(self) -> bool:
        """Whether a write that raised this may have taken effect all the same: then read the record again."""
        return False


class SettingsError(DockbookError):
    """An option, a variable or the config file says something that cannot be."""

    title = "Settings"


class StoreError(DockbookError):
    """The local book cannot be opened, read or written."""

    title = "The local book cannot be used"


class InvalidId(DockbookError):
    """This ID cannot be put into a request path, so nothing was asked."""

    title = "The server cannot be asked for this ID"


class CustomerExists(DockbookError):
    """A new customer was to be created under an ID that is taken; nothing was written."""

    title = "That ID exists already"

    def __init__(self, short_id: str) -> None:
        super().__init__(f"{short_id} is a customer already. Nothing was changed. Open it, or type another ID.")
        self.short_id = short_id


class ConfusableId(DockbookError):
    """A new customer was to be created beside `others` whose IDs resemble the new one; nothing was written."""

    title = "That ID looks like another one"

    def __init__(self, short_id: str, others: "Sequence[Customer]") -> None:
        names = ", ".join(other.short_id for other in others)
        super().__init__(f"{short_id} looks like {names}. Nothing was created.")
        self.short_id = short_id
        self.others = tuple(others)


class TransportError(DockbookError):
    """There was no usable response; `sent` if the request may have reached the server."""

    title = "The server cannot be reached"

    def __init__(self, text: str, *, sent: bool) -> None:
        super().__init__(text)
        self.sent = sent

    @property
    def outcome_unknown(self) -> bool:
        """A request that reached the server may have been carried out."""
        return self.sent


class ConnectionFailed(TransportError):
    """No connection was made: the server certainly did nothing."""

    def __init__(self, text: str) -> None:
        super().__init__(text, sent=False)


class CertificateNotTrusted(ConnectionFailed):
    """The server's certificate was not accepted, so no connection was made."""

    title = "The server's certificate is not trusted"


class ClientCertificateRefused(ConnectionFailed):
    """The server wants a certificate of the client: there is none, or not the right one. It did nothing."""

    title = "The server wants a client certificate"

    def __init__(self, status: int | None = None) -> None:
        answered = "" if status is None else f" ({status})"
        super().__init__(
            f"The server did not get a client certificate that it accepts{answered}. Nothing was done. "
            "Set client_cert and client_key in the profile. If they are set, the certificate may have expired, "
            "or come from another authority."
        )


class ProxyRefused(ConnectionFailed):
    """The proxy of the settings does not pass the request on."""

    title = "The proxy refused"


class ConnectionLost(TransportError):
    """The connection broke after the request went out."""

    title = "The connection broke"

    def __init__(self, text: str) -> None:
        super().__init__(text, sent=True)


class DeadlineExceeded(TransportError):
    """The call did not end within its total deadline."""

    title = "The server takes too long"


class UnexpectedResponse(TransportError):
    """What answered is not the customer API: a login page, a proxy's error, a cut or foreign body."""

    title = "This is not the customer API"

    def __init__(self, text: str, *, sent: bool = True, status: int | None = None) -> None:
        super().__init__(text, sent=sent)
        self.status = status

    @property
    def outcome_unknown(self) -> bool:
        """A 4xx status means that the request was refused, whatever wrote the page; except 408, a timeout."""
        refused = self.status is not None and 400 <= self.status < 500 and self.status != 408
        return self.sent and not refused


class ServerUnavailable(TransportError):
    """A server or gateway answered with a page of its own and a status of 500 or more."""

    title = "The server is not available just now"

    def __init__(self, text: str, *, status: int) -> None:
        super().__init__(f"{text} Try again in a minute.", sent=True)
        self.status = status


class ResponseTooLarge(TransportError):
    """The answer was larger than dockbook reads; the server is there."""

    title = "The answer is too large"

    def __init__(self, text: str) -> None:
        super().__init__(text, sent=True)


class TokenUnavailable(DockbookError):
    """The server answered the request for an access token, and gave none that can be used.

    Unless it may be asked again without a person, an account could be locked by that.
    """

    title = "No access token"

    def __init__(self, text: str, *, retry_allowed: bool = True) -> None:
        super().__init__(text)
        self.retry_allowed = retry_allowed


class UnclearResponse(DockbookError):
    """A write was answered with a success that leaves open whether it was carried out."""

    title = "The server's answer is not clear"

    @property
    def outcome_unknown(self) -> bool:
        """That is what it says."""
        return True


class CredentialsRejected(TokenUnavailable):
    """The server says that this client ID and secret are wrong, or are not valid any more."""

    title = "The login is not accepted"

    def __init__(self, text: str) -> None:
        super().__init__(text, retry_allowed=False)


class ErrorResponse(NamedTuple):
    """What a refusing answer said [contract, "Errors"]: status, code, message and messages per field."""

    status: int
    code: str
    message: str
    details: Mapping[str, tuple[str, ...]]
    retry_after: float | None = None


class ApiError(DockbookError):
    """The server understood and refused: one class for every row of the contract's table."""

    title = "The server refused"
    advice: ClassVar[str] = ""

    def __init__(self, refusal: ErrorResponse) -> None:
        super().__init__(" ".join(part for part in (_sentence(refusal.message), self.advice) if part) or refusal.code)
        self.response = refusal


class BadRequest(ApiError):
    """400 `bad_request`: malformed, or required data missing."""


class ValidationFailed(ApiError):
    """400 `validation_error`: `refusal.details` maps field names to messages."""

    title = "Some fields are not accepted"


class Unauthorized(ApiError):
    """401 `unauthorized`, again, with a new token: so the client ID and secret were accepted just now."""

    title = "The access token is not accepted"
    advice = (
        "The server gave this token itself. Something in between may take it away, the clocks of two servers may "
        "differ, or this user was switched off. Ask the administrator of the warehouse system."
    )


class Forbidden(ApiError):
    """403 `forbidden`: the `permission` is missing."""

    title = "Not permitted"

    def __init__(self, refusal: ErrorResponse, permission: Permission) -> None:
        self.permission = permission
        super().__init__(refusal)
        modify = permission is Permission.MODIFY
        what = "You may look but not change customers here" if modify else "You may not see customers here"
        self.text = f"{what}. Ask your supervisor for the permission “{permission.label}” ({permission:d})."


class IdRefused(DockbookError):
    """The server refuses this ID in an address, so this customer cannot be read; others can."""

    title = "The server cannot be asked for this ID"

    def __init__(self, short_id: str, status: int) -> None:
        super().__init__(
            f"The server does not accept {short_id} in an address ({status}), so it cannot be asked for this customer "
            "alone. You see what the list knows."
        )
        self.short_id = short_id


class NotFound(ApiError):
    """404 `not_found`."""

    title = "Not found"


class Conflict(ApiError):
    """409 `conflict`: conflicts with the current state."""

    title = "The server reports a conflict"


class PreconditionFailed(ApiError):
    """412: the record changed, or appeared, between reading it and writing it."""

    title = "Someone else changed it"


class BodyTooLarge(ApiError):
    """413: what was sent is larger than the server takes."""

    title = "Too much text for the server"


class RateLimited(ApiError):
    """429 `rate_limited`: `wait` is how many seconds the server asked to wait, if it said."""

    title = "The server is busy"

    def __init__(self, refusal: ErrorResponse) -> None:
        super().__init__(refusal)
        self.wait = refusal.retry_after
        how_long = "a moment" if self.wait is None else f"{self.wait:.0f} s"
        self.text = " ".join(part for part in (_sentence(refusal.message), f"Wait {how_long}, then try again.") if part)


class NotAvailable(ApiError):
    """501 `not_implemented`."""

    title = "The server cannot do that"

    @property
    def outcome_unknown(self) -> bool:
        """Only the API itself knows that it did nothing; a gateway's 501 says so of the gateway."""
        return self.response.code != "not_implemented"


class ServerFault(ApiError):
    """500 `internal_error` and what else begins with 5: whether a write took effect is not known.

    `sent` is false when it was the request for a token that failed, and the write never went out.
    """

    title = "The server had an error"

    def __init__(self, refusal: ErrorResponse) -> None:
        super().__init__(refusal)
        self.sent = True

    @property
    def outcome_unknown(self) -> bool:
        """A server may fail after it has written."""
        return self.sent


class GatewayFault(ServerFault):
    """502, 503 or 504: what stands before the server got no answer from it, or it is being restarted."""

    title = "The server is not available just now"
    advice = "Try again in a minute."

    def __init__(self, refusal: ErrorResponse) -> None:
        super().__init__(refusal)
        if str(refusal.status) not in self.text:
            self.text = f"({refusal.status}) {self.text}"


class EditConflict(DockbookError):
    """A person has to decide about `fields` (wire names) before anything is written; `theirs` is the server's record.

    Someone else changed them meanwhile, or the answer to a write was lost, or the server shows an older record.
    """

    title = "Someone else changed it"

    def __init__(
        self,
        theirs: "Customer",
        fields: tuple[str, ...],
        why: ConflictReason = "changed",
    ) -> None:
        names = ", ".join(BY_NAME[name].label for name in fields)
        what = {
            "changed": f"Someone else changed {names}. Nothing was saved.",
            "answer lost": f"The answer to your save was lost, and {names} is now neither as before nor as you "
            "typed it. The server may have changed your text, or someone else changed it.",
            "older": f"The server shows an older {names} than you have seen. It may be late, or someone put the "
            "old text back. Nothing was sent this time.",
        }[why]
        super().__init__(f"{what} Theirs and yours stand side by side: choose, then save.")
        self.what = what
        self.theirs = theirs
        self.fields = fields
        self.answer_lost = why == "answer lost"


class NotSaved(DockbookError):
    """A write that certainly did not take effect."""

    title = "Not saved"


class DraftNotSaved(DockbookError):
    """A write did not go out, because it could not be noted on this machine that it does."""

    title = "Not sent"


class OutcomeUnknown(DockbookError):
    """It is not known whether a write took effect: its answer was lost, and the record does not show it so far."""

    title = "Not confirmed"


class Interrupted(DockbookError):
    """The program ended while a write was on its way, so its answer was lost."""

    title = "dockbook ended while it was saving"


class ReadOnly(DockbookError):
    """This session does not write: it was asked not to, or the permission is missing."""

    title = "Editing is off"


class UnexpectedRecord(DockbookError):
    """The server answered with another customer than requested; nothing was written."""

    title = "The server answered with another customer"

    def __init__(self, asked: str, got: str) -> None:
        super().__init__(f"Asked for {asked}, the server sent {got}. Open the customer again before changing it.")


class ExportFailed(DockbookError):
    """Customers could not be written out whole."""

    title = "The export failed"


class CommandFailed(DockbookError):
    """A command of the settings did not do its work."""

    title = "The command failed"


def _sentence(text: str) -> str:
    """A server's words with a full stop, as something may follow them."""
    text = text.strip()
    return f"{text}." if text and text[-1].isalnum() else text
