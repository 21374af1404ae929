"""Why a server refused, read from the error bodies of other frameworks too: messages at fields, and in one sentence.

Known are the contract's `details`, RFC 9457 problem details with `errors`, ASP.NET's `ModelState`, JSON:API, FastAPI,
Google's nested `error`, and plain maps of fields to texts.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from app.models.fields import BY_NAME

Messages = dict[str, tuple[str, ...]]

#: Tables of field to texts, whatever the fields are called.
_TABLES: Final = frozenset(
    {"details", "errors", "modelstate", "fields", "fielderrors", "validationerrors", "violations"}
)
#: In a list of single messages: what names the field, and what says what is wrong with it.
_FIELD_KEYS: Final = (
    "field",
    "property",
    "propertyname",
    "propertypath",
    "path",
    "pointer",
    "loc",
    "source",
    "parameter",
    "name",
)
_TEXT_KEYS: Final = (
    "message",
    "msg",
    "reason",
    "detail",
    "description",
    "errormessage",
    "defaultmessage",
    "error",
    "title",
)
#: What says in one sentence why a request was refused.
_SENTENCES: Final = ("message", "detail", "title", "errordescription", "error")
_MAX_DEPTH: Final = 5
_MAX_MESSAGES: Final = 50
_PARTS: Final = re.compile(r"[^\w\s-]+")

_BY_PLAIN_NAME: Final = {
    plain: name
    for name, field in BY_NAME.items()
    for plain in (re.sub(r"[\W_]", "", name).lower(), re.sub(r"[\W_]", "", field.label).lower())
}


def field_messages(body: object) -> Messages:
    """Return the messages of the body by field; names of the contract where they mean one, others as they came."""
    found: dict[str, list[str]] = {}
    for name, text in _messages(body, 0):
        texts = found.setdefault(_field_of(name) or name, [])
        if text not in texts and len(found) <= _MAX_MESSAGES:
            texts.append(text)
    return {name: tuple(texts) for name, texts in found.items()}


def summary_sentence(body: object) -> str:
    """Return what the body says in one sentence; empty when it says nothing."""
    if not isinstance(body, dict):
        return ""
    plain = {_plain(name): value for name, value in body.items()}
    for name in _SENTENCES:
        value = plain.get(name)
        if isinstance(value, str) and value.strip():
            return value
        if isinstance(value, dict) and (inner := summary_sentence(value)):
            return inner
    errors = plain.get("errors")
    return next((text for text in errors if isinstance(text, str)), "") if isinstance(errors, list) else ""


def _messages(value: object, depth: int, *, table: bool = False) -> Iterator[tuple[str, str]]:
    """All pairs of a field and a text; in a `table` every key is a field."""
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, list):
        for item in value[:_MAX_MESSAGES]:
            if isinstance(item, dict):
                yield from _single(item) or _messages(item, depth + 1)
        return
    if not isinstance(value, dict):
        return
    for key, inner in value.items():
        name = str(key)
        texts = list(_texts(inner, lists_only=not table))
        if texts and (table or _field_of(name)):
            yield from ((name, text) for text in texts)
        else:
            yield from _messages(inner, depth + 1, table=_plain(name) in _TABLES)


def _single(item: Mapping[str, Any]) -> list[tuple[str, str]]:
    """A message that names its field: `{"loc": ["body", "email"], "msg": "…"}`."""
    plain = {_plain(name): value for name, value in item.items()}
    text = next((plain[key] for key in _TEXT_KEYS if isinstance(plain.get(key), str)), None)
    for key in _FIELD_KEYS:
        name = plain.get(key)
        if isinstance(name, dict):
            name = name.get("pointer") or name.get("parameter")
        if isinstance(name, list):
            name = ".".join(str(part) for part in name)
        if text is not None and isinstance(name, str) and (_field_of(name) or (name and key != "name")):
            return [(name, text)]
    return []


def _texts(value: object, *, lists_only: bool) -> Iterator[str]:
    """The texts of a field; outside of a table a text alone may be an echo of what was sent."""
    if isinstance(value, str):
        if not lists_only:
            yield value
    elif isinstance(value, list):
        for item in value[:_MAX_MESSAGES]:
            if isinstance(item, str):
                yield item
            elif isinstance(item, dict):
                plain = {_plain(name): inner for name, inner in item.items()}
                yield from [plain[key] for key in _TEXT_KEYS if isinstance(plain.get(key), str)][:1]


def _field_of(name: str) -> str | None:
    """The contract's name of the field that a path such as `$.customer.Email` ends in; `None` when it is no field."""
    parts = [part for part in _PARTS.split(name) if part and not part.isdigit()]
    return _BY_PLAIN_NAME.get(_plain(parts[-1])) if parts else None


def _plain(name: object) -> str:
    return re.sub(r"[\W_]", "", str(name)).lower()
