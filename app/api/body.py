"""Bodies of requests and responses: size limits, decompression, JSON."""

import asyncio
import json
import re
import zlib
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Final

from app.lossless_json import from_json, to_json
from app.models.customer import NumberText

#: The most that is read of one answer, in bytes after decompression.
MAX_BODY: Final = 32 * 2**20
#: The most that is read of an answer to a request for a token.
MAX_TOKEN_BODY: Final = 64 * 2**10
#: The most that is read of an answer that is not a success.
MAX_REFUSAL: Final = 2**20
#: Bodies larger than this are read one at a time.
LARGE_BODY: Final = 4 * 2**20

_STEP: Final = 2**18
_BEGINNING: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s*[\[{]")
_MAX_DEPTH: Final = 32
_CONTAINERS: Final = frozenset({dict, list})


class UnreadableBody(ValueError):
    """The body is not what it claims to be; the text says in what way."""


class OversizedBody(ValueError):
    """The body is larger than the limit."""


class LargeBodyTurn:
    """Lets one large body be read at a time."""

    def __init__(self, lock: asyncio.Lock) -> None:
        self._lock = lock
        self._taken = False

    async def acquire(self) -> None:
        """Wait for it; a second time does nothing."""
        if not self._taken:
            await self._lock.acquire()
            self._taken = True

    def release(self) -> None:
        """Let another have it."""
        if self._taken:
            self._lock.release()
            self._taken = False


async def read_body(chunks: AsyncIterator[bytes], encoding: str, limit: int, room: LargeBodyTurn) -> bytearray:
    """Read a body of at most `limit` bytes after decompression.

    httpx would unpack each chunk whole before anybody could count it, and 64 kB may hold 64 MB: so the raw chunks
    are unpacked here, step by step. A large one takes the `room` for it, and an error holds nothing of what came: so
    several, in a row or side by side, take no more memory than one.
    """
    packing = encoding.strip().lower()
    if packing not in ("", "identity", "gzip", "x-gzip"):
        raise UnreadableBody(f"it is packed as {packing}, which was not asked for")
    gunzip = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS) if packing.endswith("gzip") else None
    body = bytearray()
    try:
        await _read_all(chunks, gunzip, body, limit, room)
    except BaseException:
        body.clear()
        raise
    return body


async def _read_all(
    chunks: AsyncIterator[bytes], gunzip: "zlib._Decompress | None", body: bytearray, limit: int, room: LargeBodyTurn
) -> None:
    came = False
    async for chunk in chunks:
        came = came or bool(chunk)
        for piece in (chunk,) if gunzip is None else _unpacked(gunzip, chunk):
            body += piece
            if len(body) > limit:
                raise OversizedBody
            if len(body) > LARGE_BODY:
                await room.acquire()
                # Let a key be handled.
                await asyncio.sleep(0)
    if gunzip is not None and came and not gunzip.eof:
        raise UnreadableBody("its gzip packing is cut")


def _unpacked(gunzip: "zlib._Decompress", packed: bytes) -> Iterator[bytes]:
    """What is packed in this, in pieces of at most one step."""
    while True:
        try:
            piece = gunzip.decompress(packed, _STEP)
        except zlib.error:
            raise UnreadableBody("its gzip packing is damaged") from None
        yield piece
        packed = gunzip.unconsumed_tail
        if not packed and len(piece) < _STEP:
            break
    if gunzip.unused_data:
        raise UnreadableBody("something follows its gzip packing")


def parse_json(body: bytes | bytearray) -> Any:
    """Read JSON as UTF-8, with or without a byte order mark.

    Numbers that cannot be held (`NaN`, `1e999`, thousands of digits), and what is nested more than 32 deep, are kept
    as their own text, so that one odd record does not cost the page. Of a key that comes twice, the last counts.
    """
    value, trouble = _read(body)
    if trouble:
        # Not where it was found: the errors of the standard library hold the whole text.
        raise UnreadableBody(trouble)
    _stringify_deep(value)
    return value


def _read(body: bytes | bytearray) -> tuple[Any, str]:
    """What stands in the body, or what is wrong with it."""
    if len(body) > LARGE_BODY and not _BEGINNING.match(body):
        # To find that out as text would take as much memory again.
        return None, "it is not JSON"
    try:
        return from_json(body.decode("utf-8-sig")), ""
    except UnicodeDecodeError:
        return None, "it is not UTF-8"
    except RecursionError:
        return None, "it is nested too deeply"
    except json.JSONDecodeError as error:
        return None, "it is empty" if not body.strip() else f"it is not JSON ({error.msg})"


def dump_json(body: Mapping[str, Any]) -> bytes:
    """Return JSON in ASCII, so that everything received, even lone surrogates, can go back as it came."""
    return to_json(dict(body)).encode("ascii")


def _stringify_deep(value: Any) -> None:
    """Make what is nested too deeply its own text, as for odd numbers: what follows reads values recursively."""
    level = [value] if isinstance(value, dict | list) else []
    for depth in range(_MAX_DEPTH):
        below: list[Any] = []
        for outer in level:
            # Most records hold texts alone, and this is asked of every one.
            if _CONTAINERS.isdisjoint(map(type, outer.values() if isinstance(outer, dict) else outer)):
                continue
            for key, inner in list(outer.items() if isinstance(outer, dict) else enumerate(outer)):
                if not isinstance(inner, dict | list):
                    continue
                if depth == _MAX_DEPTH - 1:
                    outer[key] = NumberText(json.dumps(inner))
                else:
                    below.append(inner)
        level = below
