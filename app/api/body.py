"""Bodies, there and back: how large one may be, how it is unpacked, and which JSON is read."""

import json
import zlib
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from app.exact import from_json, to_json
from app.models import NumberText

#: The most that is read of one answer, in bytes after decompression.
MAX_BODY: Final = 32 * 2**20
#: The most that is read of an answer to a request for a token.
MAX_TOKEN_BODY: Final = 64 * 2**10

_STEP: Final = 2**18
_MAX_DEPTH: Final = 32
_OUTER: Final = frozenset({dict, list})


class UnreadableBody(ValueError):
    """The body is not what it claims to be; the text says in what way."""


class OversizedBody(ValueError):
    """The body is larger than the limit."""


async def read_body(chunks: AsyncIterator[bytes], encoding: str, limit: int) -> bytes:
    """Read a body of at most `limit` bytes after decompression.

    httpx would unpack each chunk whole before anybody could count it, and 64 kB may hold 64 MB: so the raw chunks
    are unpacked here, step by step.
    """
    packing = encoding.strip().lower()
    if packing not in ("", "identity", "gzip", "x-gzip"):
        raise UnreadableBody(f"it is packed as {packing}, which was not asked for")
    gunzip = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS) if packing.endswith("gzip") else None
    body = bytearray()
    came = False
    async for chunk in chunks:
        came = came or bool(chunk)
        if gunzip is None:
            body += chunk
        else:
            _unpack(gunzip, chunk, body, limit)
        if len(body) > limit:
            raise OversizedBody
    if gunzip is not None and came and not gunzip.eof:
        raise UnreadableBody("its gzip packing is cut")
    return bytes(body)


def _unpack(gunzip: "zlib._Decompress", packed: bytes, body: bytearray, limit: int) -> None:
    """Unpack onto the body, in steps, to at most one byte beyond the limit."""
    while len(body) <= limit:
        room = min(_STEP, limit + 1 - len(body))
        try:
            piece = gunzip.decompress(packed, room)
        except zlib.error:
            raise UnreadableBody("its gzip packing is damaged") from None
        body += piece
        packed = gunzip.unconsumed_tail
        if not packed and len(piece) < room:
            break
    if gunzip.unused_data:
        raise UnreadableBody("something follows its gzip packing")


def decode(body: bytes) -> Any:
    """Read JSON as UTF-8, with or without a byte order mark.

    Numbers that cannot be held (`NaN`, `1e999`, thousands of digits), and what is nested more than 32 deep, are kept
    as their own text, so that one odd record does not cost the page. Of a key that comes twice, the last counts.
    """
    try:
        value = from_json(body.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise UnreadableBody("it is not UTF-8") from None
    except RecursionError:
        raise UnreadableBody("it is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise UnreadableBody("it is empty" if not body.strip() else f"it is not JSON ({error.msg})") from None
    _flatten(value)
    return value


def encode(body: Mapping[str, Any]) -> bytes:
    """Write JSON in ASCII, so that whatever was received, lone surrogates included, can go back as it came."""
    return to_json(dict(body)).encode("ascii")


def _flatten(value: Any) -> None:
    """Make what is nested too deeply its own text, as for odd numbers: what follows reads values recursively."""
    level = [value] if isinstance(value, dict | list) else []
    for depth in range(_MAX_DEPTH):
        below: list[Any] = []
        for outer in level:
            # Most records hold texts alone, and this is asked of every one.
            if _OUTER.isdisjoint(map(type, outer.values() if isinstance(outer, dict) else outer)):
                continue
            for key, inner in list(outer.items() if isinstance(outer, dict) else enumerate(outer)):
                if not isinstance(inner, dict | list):
                    continue
                if depth == _MAX_DEPTH - 1:
                    outer[key] = NumberText(json.dumps(inner))
                else:
                    below.append(inner)
        level = below
