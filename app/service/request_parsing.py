"""Parses requests: IDs in raw paths, page parameters, JSON bodies, token forms and preconditions."""

import base64
import binascii
import json
import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, NoReturn
from urllib.parse import parse_qsl, unquote_to_bytes

from starlette.datastructures import QueryParams
from starlette.requests import Request

from app.models.fields import (
    ID_FIELD,
    MAX_FIELD_LENGTH,
    MAX_ID_LENGTH,
    MAX_PAGE_SIZE,
    SORTABLE_FIELDS,
    WRITABLE_FIELDS,
    Direction,
    PageRequest,
)
from app.service.errors import (
    bad_request,
    expectation_failed,
    invalid,
    not_found,
    too_large,
    unsupported_media_type,
)
from app.service.rows import format_timestamp

MAX_BODY: Final = 1024 * 1024
MAX_FORM: Final = 16 * 1024
MAX_PAGE: Final = 2**31 - 1
#: No path can name these: `All` is the list, and clients fold the other two away.
RESERVED_IDS: Final = frozenset({"All", ".", ".."})

_DRAINED: Final = 16 * MAX_BODY
_PAGE_PARAMETERS: Final = ("page", "pageSize", "sort", "direction", "modifiedSince")
_DIRECTIONS: Final[dict[str, Direction]] = {"ASC": "ASC", "DESC": "DESC"}
_TIMESTAMP: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?"
)
#: PostgreSQL cannot store a NUL, and nothing can encode half a surrogate pair.
_NOT_IN_TEXT: Final = re.compile(r"[\x00\ud800-\udfff]")
_NOT_IN_ID: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_ETAG: Final = re.compile(r'\*|(?:W/)?"[^"]*"')


def check_headers(request: Request) -> None:
    """Refuse headers that ask for something else than would be done."""
    authorizations = 0
    for name, value in request.headers.raw:
        if name == b"authorization":
            authorizations += 1
        elif name == b"content-encoding" and value.lower() not in (b"", b"identity"):
            raise unsupported_media_type("Send the body without a Content-Encoding.")
        elif name == b"expect" and value.lower() != b"100-continue":
            raise expectation_failed("Expect can only be 100-continue.")
    if authorizations > 1:
        raise bad_request("Send only one Authorization header.")


def parse_path_id(request: Request, prefix: str) -> str:
    """Return the ID after `prefix` in the path as it was sent, so that `A%2FB` is one ID and not two segments."""
    raw = request.scope.get("raw_path")
    if not isinstance(raw, bytes) or not raw.startswith(prefix.encode()):
        return str(request.path_params["id"])
    try:
        return unquote_to_bytes(raw[len(prefix) :]).decode()
    except UnicodeDecodeError:
        raise not_found() from None


def parse_page_request(request: Request) -> PageRequest:
    """Return the requested page [contract, "Paging"]; a `pageSize` above the maximum is capped."""
    return _parse_page_query(request.scope["query_string"])


@lru_cache(maxsize=64)
def _parse_page_query(text: bytes) -> PageRequest:
    parameters = QueryParams(text)
    given = {name: parameters.getlist(name) for name in _PAGE_PARAMETERS}
    twice = [name for name, values in given.items() if len(values) > 1]
    if twice:
        raise bad_request(f"Give {', '.join(twice)} only once.")
    query = {name: values[0] for name, values in given.items() if values}
    page = _positive_int(query.get("page", "1"), "page")
    if page > MAX_PAGE:
        raise bad_request(f"page is at most {MAX_PAGE}.")
    direction = _DIRECTIONS.get(query.get("direction", "ASC"))
    if direction is None:
        raise bad_request("direction is ASC or DESC.")
    sort = query.get("sort", ID_FIELD)
    if sort not in SORTABLE_FIELDS:
        raise bad_request(f"Sort by one of: {', '.join(SORTABLE_FIELDS)}.")
    since = query.get("modifiedSince")
    return PageRequest(
        page=page,
        page_size=min(_positive_int(query.get("pageSize", "25"), "pageSize"), MAX_PAGE_SIZE),
        sort=sort,
        direction=direction,
        modified_since=None if since is None else _parse_timestamp(since),
    )


async def parse_upsert(request: Request) -> tuple[str, dict[str, str]]:
    """Return the trimmed ID and the fields to write; `null` counts as omitted, unknown fields are ignored."""
    body = _parse_json(await read_body(request, MAX_BODY))
    if not isinstance(body, dict):
        raise bad_request("The body must be a JSON object.")
    texts = {name: value for name in (ID_FIELD, *WRITABLE_FIELDS) if (value := body.get(name)) is not None}
    # Checked by hand: with the contract's own messages a pydantic model is no shorter, and importing pydantic would add
    # 70 ms to the start of `dockbook serve`.
    problems = {name: problem for name, value in texts.items() if (problem := _field_problem(name, value))}
    if ID_FIELD not in texts:
        problems[ID_FIELD] = "is required"
    if problems:
        raise invalid({name: [f"The {name} field {problem}."] for name, problem in problems.items()})
    return texts.pop(ID_FIELD).strip(), texts


async def parse_client_credentials(request: Request) -> tuple[str, str]:
    """Return the client ID and secret of a token request, from HTTP Basic or else from the form."""
    body = await read_body(request, MAX_FORM)
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=64)
    except ValueError:
        raise bad_request("The body must be an application/x-www-form-urlencoded form in UTF-8.") from None
    form = dict(pairs)
    if len(form) != len(pairs):
        raise bad_request("Give every form field only once.")
    if form.get("grant_type") != "client_credentials":
        raise bad_request("grant_type must be client_credentials.")
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        return _parse_basic(encoded)
    if not form.get("client_id") or not form.get("client_secret"):
        raise bad_request("client_id and client_secret are required, in the form or as HTTP Basic.")
    return form["client_id"], form["client_secret"]


def parse_if_match(request: Request) -> frozenset[str] | None:
    """Return the entity tags of `If-Match`, or `*`; `None` without the header. A malformed tag matches nothing."""
    lines = request.headers.getlist("if-match")
    return frozenset(tag for line in lines for tag in _ETAG.findall(line)) if lines else None


def parse_only_new(request: Request) -> bool:
    """Return whether the record must not exist yet: `If-None-Match: *`."""
    return any(line.strip() == "*" for line in request.headers.getlist("if-none-match"))


async def read_body(request: Request, limit: int) -> bytes:
    """Read the body and count its bytes as they arrive: `Content-Length` may lie or be missing."""
    body = bytearray()
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= limit:
            body += chunk
        elif size > _DRAINED:
            break
        # Read and drop the rest: a client that is still sending would not see the answer.
    if size > limit:
        raise too_large(limit)
    return bytes(body)


def _positive_int(text: str, name: str) -> int:
    """Parse a whole number from 1. One of more than 18 digits is beyond every limit, and parsed as 10^18."""
    if not re.fullmatch(r"[0-9]+", text) or not text.strip("0"):
        raise bad_request(f"{name} must be a whole number from 1.")
    return int(text) if len(text) <= 18 else 10**18


def _parse_timestamp(text: str) -> str:
    """Convert to the service's own format; a time without a zone is UTC."""
    if not _TIMESTAMP.fullmatch(text):
        raise bad_request("modifiedSince must be an ISO 8601 date and time.")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise bad_request("modifiedSince is no date and time of the calendar.") from None
    if moment.tzinfo is None:
        return format_timestamp(moment)
    try:
        return format_timestamp(moment.astimezone(UTC).replace(tzinfo=None))
    except OverflowError:
        # Only at the ends of the calendar, where a zone makes no difference.
        return format_timestamp(moment.replace(tzinfo=None))


def _parse_json(body: bytes) -> object:
    try:
        # Decoded here, because json.loads would accept UTF-16 and UTF-32 too.
        value: object = json.loads(body.decode(), parse_constant=_refuse_constant, object_pairs_hook=_unique_keys)
    except (ValueError, RecursionError):
        raise bad_request("The body must be JSON in UTF-8.") from None
    return value


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Refuse a key that stands twice: a proxy or a log may have read the other value."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise bad_request("A key stands twice in one object of the body.")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _field_problem(name: str, value: object) -> str | None:
    if not isinstance(value, str):
        return "must be a string"
    if name == ID_FIELD:
        return _id_problem(value.strip())
    if len(value) > MAX_FIELD_LENGTH:
        return f"must have at most {MAX_FIELD_LENGTH} characters"
    return "must not have NUL or broken characters" if _NOT_IN_TEXT.search(value) else None


def _id_problem(text: str) -> str | None:
    if not 1 <= len(text) <= MAX_ID_LENGTH:
        return f"must have 1 to {MAX_ID_LENGTH} characters"
    if _NOT_IN_ID.search(text):
        return "must not have control or broken characters"
    return 'must not be "All", "." or ".."' if text in RESERVED_IDS else None


def _parse_basic(encoded: str) -> tuple[str, str]:
    try:
        client_id, colon, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        raise bad_request("The Authorization header is not HTTP Basic.") from None
    if not colon:
        raise bad_request("The Authorization header is not HTTP Basic.")
    return client_id, secret
