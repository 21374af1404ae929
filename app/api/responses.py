"""What came back, and which of the contract's errors it is."""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from app.api.body import UnreadableBody, parse_json
from app.api.error_details import field_messages, summary_sentence
from app.api.redaction import Redaction
from app.errors import (
    ApiError,
    BadRequest,
    BodyTooLarge,
    Conflict,
    DockbookError,
    ErrorResponse,
    Forbidden,
    GatewayFault,
    NotAvailable,
    NotFound,
    PreconditionFailed,
    RateLimited,
    ServerFault,
    ServerUnavailable,
    Unauthorized,
    UnexpectedResponse,
    ValidationFailed,
)
from app.models.customer import ErrorBody
from app.models.fields import Permission

_BY_STATUS: Final[Mapping[int, type[ApiError]]] = {
    400: BadRequest,
    401: Unauthorized,
    404: NotFound,
    409: Conflict,
    412: PreconditionFailed,
    413: BodyTooLarge,
    429: RateLimited,
    501: NotAvailable,
}
#: What to check when something else answers.
ADVICE: Final = (
    "Is a login page, a proxy or guest Wi-Fi in between? Check the address of this profile too (it ends in /api/v1)."
)
#: Statuses of a gateway that speaks for a server that does not answer.
_GATEWAY: Final = frozenset({502, 503, 504})
#: Statuses with which servers of another shape of errors say that fields are wrong.
_VALIDATION: Final = frozenset({400, 422})
#: Statuses that say enough without the body.
_PLAIN: Final = frozenset({401, 413, 429})
_SHOWN: Final = 150
_SHOWN_TYPE: Final = 40
_QUOTED_BYTES: Final = 8192
_LONGEST_MESSAGE: Final = 500
#: Parts of a web page that are not visible.
_UNSEEN: Final = re.compile(r"<(script|style)\b.*?(</\1\s*>|$)|<!--.*?(-->|$)", re.IGNORECASE | re.DOTALL)
_TAG: Final = re.compile(r"<[^>]*>?")
_TITLE: Final = re.compile(r"<title[^>]*>(.*?)</title\s*>?", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """One answer, read whole: `retry_after` in seconds; `redaction` masks what must not be quoted from it."""

    status: int
    headers: Mapping[str, str]
    content: bytearray = field(repr=False)
    retry_after: float | None = None
    redaction: Redaction = field(default_factory=Redaction, repr=False)

    @property
    def succeeded(self) -> bool:
        """Whether the status is one of success."""
        return 200 <= self.status < 300

    def json(self) -> Any:
        """Return the body as JSON. Raises UnexpectedResponse, with what came instead, if it is no JSON."""
        try:
            return parse_json(self.content)
        except UnreadableBody as error:
            raise self.unexpected(f"Its body cannot be read: {error}.") from None

    def unexpected(self, reason: str = "") -> UnexpectedResponse | ServerUnavailable:
        """The error that says that this is no answer of the customer API, and quotes a little of it.

        A status of 500 or more says that the server is not available, whatever page comes with it.

        The body goes: an error that is kept would keep it too, and it may have 32 MiB.
        """
        text = self.beginning()
        self.content.clear()
        kind = one_line(self.without_secret(self.headers.get("content-type", "")), _SHOWN_TYPE) or "no content type"
        quoted = f": “{text}”" if text else " and no body"
        page = kind.startswith("text/html")
        if self.status >= 500:
            came = "" if page else f" with {kind}"
            return ServerUnavailable(f"The server answered {self.status}{came}{quoted}.", status=self.status)
        came = f"The server answered {self.status} with {kind}{quoted}."
        if page:
            came, reason = f"The server's answer ({self.status}) is a web page, not customer data{quoted}.", ""
        return UnexpectedResponse(" ".join(part for part in (came, reason, ADVICE) if part), status=self.status)

    def without_secret(self, text: str) -> str:
        """The text without a secret that the server may have echoed."""
        return self.redaction(text)

    def beginning(self) -> str:
        """The title of a page and its first line, or the first words of anything else."""
        text = self.without_secret(self.content[:_QUOTED_BYTES].decode("utf-8", errors="replace"))
        if len(self.content) > _QUOTED_BYTES:
            # A secret that is cut there would not be found.
            text = text[: len(text) - self.redaction.longest]
        title = _TITLE.search(text)
        if title is None:
            return one_line(text, _SHOWN)
        body = _TAG.sub("\n", _UNSEEN.sub("", text[title.end() :]))
        first = next((line for line in map(str.strip, body.split("\n")) if line), "")
        named = html.unescape(title.group(1)).strip()
        parts = [named, html.unescape(first)] if first and first not in named else [named]
        return one_line(" · ".join(parts), _SHOWN)


def error_from(answer: ApiResponse, *, permission: Permission) -> DockbookError:
    """The error of an answer that is not a success; `permission` is what the request needed.

    The status decides, then the code. An answer that is neither empty nor JSON comes from something in between: with
    a 4xx it refuses a write for certain, and is quoted.
    """
    refusal = _parse_error(answer)
    if refusal is None and permission == Permission.MODIFY and 400 <= answer.status < 500:
        said = ErrorResponse(
            answer.status, _default_code(answer.status), f"“{answer.beginning()}”", {}, answer.retry_after
        )
        return _BY_STATUS.get(answer.status, ApiError)(said)
    if refusal is None:
        return answer.unexpected()
    if refusal.status == 403:
        return Forbidden(refusal, permission)
    if refusal.code == "validation_error" and 400 <= refusal.status < 500:
        return ValidationFailed(refusal)
    if refusal.details and refusal.status in _VALIDATION and refusal.code == _default_code(refusal.status):
        return ValidationFailed(refusal)
    if refusal.status == 503 and refusal.retry_after is not None and permission == Permission.LIST:
        # Only for a read: that a write was refused for sure, which RateLimited says, a 503 does not promise.
        return RateLimited(refusal)
    if refusal.status in _BY_STATUS:
        return _BY_STATUS[refusal.status](refusal)
    if refusal.status >= 500:
        return GatewayFault(refusal) if refusal.status in _GATEWAY else ServerFault(refusal)
    return ApiError(refusal) if refusal.status >= 400 else answer.unexpected()


def one_line(text: str, length: int) -> str:
    """One line of at most `length` characters without anything that is not printed."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text[: 20 * length]).split())
    return line if len(line) <= length else line[: length - 1] + "…"


def _parse_error(answer: ApiResponse) -> ErrorResponse | None:
    """What a refusing answer says; `None` when it was not the API that wrote it."""
    body: object = {}
    if answer.content.strip():
        try:
            body = parse_json(answer.content)
        except UnreadableBody:
            if answer.status not in _PLAIN:
                return None
    shaped = ErrorBody.from_wire(body)
    code = "" if shaped is None else shaped.code
    message = (shaped.message if shaped is not None else summary_sentence(body)) or _phrase(answer.status)
    return ErrorResponse(
        status=answer.status,
        code=one_line(answer.without_secret(code), _SHOWN) or _default_code(answer.status),
        message=answer.without_secret(message)[:_LONGEST_MESSAGE],
        details={
            answer.without_secret(name): tuple(answer.without_secret(text)[:_LONGEST_MESSAGE] for text in texts)
            for name, texts in field_messages(body).items()
        },
        retry_after=answer.retry_after,
    )


def _default_code(status: int) -> str:
    """What stands for the code where the body has none."""
    return f"status {status}"


def _phrase(status: int) -> str:
    try:
        return f"{HTTPStatus(status).phrase} ({status})."
    except ValueError:
        return f"Status {status}."
