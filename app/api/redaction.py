"""Takes secrets out of what is quoted: a server, a proxy or an error may repeat what it was sent."""

import html
import json
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote, quote_plus, urlsplit

_MASK: Final = "•••"
#: What is shorter would be found in any text.
_SHORTEST: Final = 6
#: A run of days uses many tokens; only the last ones can still be repeated.
_MAX_PASSING: Final = 8
_PERCENT: Final = re.compile("%[0-9A-F]{2}")


class Redaction:
    """Replaces the secrets that were sent, in texts that are shown; `longest` is the length of the longest."""

    def __init__(self) -> None:
        self._secrets: dict[str, None] = {}
        self._kept: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self.longest = 0

    def add(self, secret: str, *, keep: bool = False) -> None:
        """Remember a secret that is sent; unless it is to be kept, newer ones take its place some day."""
        if len(secret) < _SHORTEST or secret in self._secrets:
            return
        if keep:
            self._kept.add(secret)
        self._secrets[secret] = None
        passing = [known for known in self._secrets if known not in self._kept]
        for old in passing[:-_MAX_PASSING]:
            del self._secrets[old]
        forms = sorted({form for known in self._secrets for form in _forms(known)}, key=len, reverse=True)
        self.longest = len(forms[0])
        self._pattern = re.compile("|".join(map(re.escape, forms)))

    def __call__(self, text: str) -> str:
        """The text with a mask in place of every secret, however it was written."""
        return text if self._pattern is None else self._pattern.sub(_MASK, text)


def address_without_secrets(address: str) -> str:
    """Where an address leads, without user, password and all that follows a question mark or number sign."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return re.split("[?#]", address, maxsplit=1)[0].rpartition("@")[2]
    host = parts.netloc.rpartition("@")[2]
    start = f"{parts.scheme}://" if parts.scheme and parts.netloc else f"{parts.scheme}:" if parts.scheme else ""
    return f"{start}{host}{parts.path}{'?…' if parts.query else ''}"


def _forms(secret: str) -> Iterator[str]:
    """The ways in which forms, addresses, JSON and pages write a text."""
    yield secret
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield html.escape(secret)
    for encoded in (quote(secret, safe=""), quote(secret), quote_plus(secret)):
        yield encoded
        yield _PERCENT.sub(lambda found: found.group().lower(), encoded)
