"""The client against a real socket: truncated, silent, endless, compressed and misleading responses."""

import asyncio
import itertools
import json
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app.api.body import MAX_BODY, dump_json
from app.api.client import CustomerApi, Deadlines
from app.errors import (
    ConnectionFailed,
    ConnectionLost,
    DeadlineExceeded,
    DockbookError,
    ResponseTooLarge,
    TransportError,
    UnexpectedResponse,
)
from app.models.fields import PageRequest
from tests.fakes import ACME, EMPTY_PAGE, RawHttpServer, RawReply, client, gzip_bomb, gzipped, raw_reply, raw_response

SHORT = Deadlines(read=0.05, page=0.05, write=0.05, token=0.05)
#: A request has left by then, also on a busy machine.
ENOUGH_TO_SEND = Deadlines(read=0.5, page=0.5, write=0.5, token=0.5)
ANSWER = raw_response(200, ACME, {"etag": '"1"'})
CHUNKED = (
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    + b"".join(b"1\r\n%c\r\n" % byte for byte in json.dumps(ACME).encode())
    + b"0\r\n\r\n"
)


async def read(api: CustomerApi) -> None:
    """Read one customer."""
    await api.get("ACME-CORP")


async def page(api: CustomerApi) -> None:
    """Read a page."""
    await api.list_page(PageRequest())


async def save(api: CustomerApi) -> None:
    """Save a customer."""
    await api.upsert(ACME)


async def discontinue(api: CustomerApi) -> None:
    """Discontinue a customer."""
    await api.discontinue("ACME-CORP")


CALLS = [read, page, save, discontinue]


@pytest.mark.promise("N2")
@pytest.mark.parametrize("then", ["close", "reset"])
@pytest.mark.parametrize("answer", [ANSWER, CHUNKED], ids=["length", "chunked"])
async def test_post_with_cut_response_is_sent_once(answer: bytes, then: str) -> None:
    cuts = iter(range(len(answer)))
    async with RawHttpServer(lambda _: RawReply(iter([answer[: next(cuts)]]), then=then)).serving() as server:
        async with client(server.base) as api:
            for _ in range(len(answer)):
                with pytest.raises(TransportError) as caught:
                    await save(api)
                assert caught.value.outcome_unknown
        assert len(server.seen) == len(answer)


async def test_whole_chunked_response_is_read() -> None:
    async with RawHttpServer(lambda _: RawReply(iter([CHUNKED]))).serving() as server, client(server.base) as api:
        assert (await api.upsert(ACME)).name == "Acme Corporation"


@pytest.mark.promise("N5")
async def test_cut_body_without_length_is_not_data() -> None:
    head = b"HTTP/1.1 200 OK\r\n\r\n"
    body = json.dumps(ACME).encode()
    cuts = iter(range(len(body)))
    reply: Callable[[object], RawReply] = lambda _: RawReply(iter([head + body[: next(cuts)]]), then="close")  # noqa: E731
    async with RawHttpServer(reply).serving() as server, client(server.base) as api:
        for _ in range(len(body)):
            with pytest.raises(UnexpectedResponse):
                await save(api)


@pytest.mark.promise("N1")
async def test_cut_read_is_retried() -> None:
    replies = iter([RawReply(iter([ANSWER[:-5]]), then="close"), RawReply(iter([ANSWER]))])
    async with RawHttpServer(lambda _: next(replies)).serving() as server, client(server.base) as api:
        assert (await api.get("ACME-CORP")).etag == '"1"'


@pytest.mark.promise("N2")
async def test_write_uses_fresh_connection() -> None:
    async with RawHttpServer(lambda seen: raw_reply(200, ACME)).serving() as server, client(server.base) as api:
        for call in (read, read, save, save, read, discontinue):
            await call(api)
        reading = {seen.connection for seen in server.seen if seen.method == "GET"}
        writing = [seen.connection for seen in server.seen if seen.method != "GET"]
        assert len(reading) == 1
        assert len(set(writing)) == 3
        assert not reading & set(writing)


@pytest.mark.promise("N1")
async def test_closed_keep_alive_connection_costs_no_read() -> None:
    async with RawHttpServer(lambda _: RawReply(iter([ANSWER]), then="close")).serving() as server:
        async with client(server.base) as api:
            for _ in range(5):
                await read(api)
                await save(api)
        assert len(server.seen) == 10


@pytest.mark.promise("N3")
@pytest.mark.parametrize("call", CALLS)
async def test_drip_feed_ends_by_deadline(call: Callable[[CustomerApi], Any]) -> None:
    def drip(_: object) -> RawReply:
        spaces: Iterator[bytes] = itertools.repeat(b" ")
        return RawReply(itertools.chain([b"HTTP/1.1 200 OK\r\n\r\n"], spaces), pause=0.001)

    async with RawHttpServer(drip).serving() as server, client(server.base, deadlines=ENOUGH_TO_SEND) as api:
        with pytest.raises(DeadlineExceeded) as caught:
            await call(api)
        assert caught.value.outcome_unknown


@pytest.mark.promise("N3", "N2")
@pytest.mark.parametrize("call", CALLS)
async def test_black_hole_ends_by_deadline(call: Callable[[CustomerApi], Any]) -> None:
    async with RawHttpServer(lambda _: RawReply(iter([]), then="hang")).serving() as server:
        async with client(server.base, deadlines=SHORT) as api:
            with pytest.raises((DeadlineExceeded, ConnectionLost)) as caught:
                await call(api)
        assert caught.value.outcome_unknown
        assert 1 <= len(server.seen) <= 3
        assert call in (read, page) or len(server.seen) == 1


@pytest.mark.promise("N3")
@pytest.mark.parametrize("call", CALLS)
async def test_cancelled_call_ends_within_a_second(call: Callable[[CustomerApi], Any]) -> None:
    arrived = asyncio.Event()

    def reply(_: object) -> RawReply:
        if arrived.is_set():
            return raw_reply(200, EMPTY_PAGE | ACME)
        arrived.set()
        return RawReply(iter([]), then="hang")

    async with RawHttpServer(reply).serving() as server, client(server.base) as api:
        task = asyncio.create_task(call(api))
        await arrived.wait()
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=1)
        assert done
        assert task.cancelled()
        await call(api)


@pytest.mark.promise("N2", "W9")
async def test_refused_connection_is_a_certain_failure() -> None:
    async with RawHttpServer(lambda _: raw_reply(200, ACME)).serving() as server:
        base = server.base
    async with client(base) as api:
        with pytest.raises(ConnectionFailed) as caught:
            await save(api)
    assert not caught.value.outcome_unknown


@pytest.mark.promise("N4")
async def test_gzip_bomb_stays_within_memory_limit() -> None:
    packed = gzip_bomb(200 * 2**20)
    reply = raw_response(200, packed, {"content-encoding": "gzip"})
    async with RawHttpServer(lambda _: RawReply(iter([reply]))).serving() as server, client(server.base) as api:
        await api.close()
        tracemalloc.start()
        try:
            for call in CALLS:
                with pytest.raises(ResponseTooLarge):
                    await call(api)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 64 * 2**20


@pytest.mark.promise("N4")
async def test_concurrent_gzip_bombs_stay_within_memory_limit() -> None:
    bombs = itertools.cycle([gzip_bomb(200 * 2**20), gzip_bomb(MAX_BODY)])
    reply = lambda _: RawReply(iter([raw_response(200, next(bombs), {"content-encoding": "gzip"})]))  # noqa: E731
    async with RawHttpServer(reply).serving() as server, client(server.base) as api:
        # What is imported at the first call is not counted.
        errors: list[object] = [*await asyncio.gather(*(call(api) for call in CALLS), return_exceptions=True)]
        tracemalloc.start()
        try:
            for _ in range(3):
                errors += await asyncio.gather(*(call(api) for call in CALLS), return_exceptions=True)
            left, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert all(isinstance(error, TransportError) for error in errors)
    assert left < 4 * 2**20, "an error does not keep the body alive"
    assert peak < 64 * 2**20


@pytest.mark.promise("N4")
@pytest.mark.parametrize("status", [302, 401, 404, 500])
async def test_gzip_bomb_in_error_response_stays_within_limit(status: int) -> None:
    reply = raw_response(status, gzip_bomb(64 * 2**20), {"content-encoding": "gzip", "location": "/login"})
    async with RawHttpServer(lambda _: RawReply(iter([reply]))).serving() as server, client(server.base) as api:
        tracemalloc.start()
        try:
            with pytest.raises(TransportError):
                await save(api)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 48 * 2**20


@pytest.mark.promise("N4")
async def test_endless_body_ends_at_limit() -> None:
    def endless(_: object) -> RawReply:
        pieces: Iterator[bytes] = itertools.repeat(bytes(2**20))
        return RawReply(itertools.chain([b"HTTP/1.1 200 OK\r\n\r\n"], pieces))

    async with RawHttpServer(endless).serving() as server, client(server.base) as api:
        with pytest.raises(ResponseTooLarge):
            await page(api)


@pytest.mark.promise("N4")
async def test_endless_bytes_after_gzip_are_refused() -> None:
    def endless(_: object) -> RawReply:
        head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n"
        pieces: Iterator[bytes] = itertools.repeat(bytes(2**20))
        return RawReply(itertools.chain([head + gzipped(ACME)], pieces))

    async with RawHttpServer(endless).serving() as server, client(server.base) as api:
        with pytest.raises(UnexpectedResponse):
            await read(api)


@pytest.mark.promise("N4")
async def test_large_page_within_limit_is_read() -> None:
    body = gzipped(EMPTY_PAGE | {"value": [ACME | {"name": "x" * (MAX_BODY // 2)}]})
    packing = {"content-encoding": "gzip"}
    async with RawHttpServer(lambda _: raw_reply(200, body, packing)).serving() as server, client(server.base) as api:
        assert len((await api.list_page(PageRequest())).rows[0].name) == MAX_BODY // 2


@pytest.mark.promise("N5")
@pytest.mark.parametrize("packing", ["br", "zstd", "deflate", "gzip, gzip"])
async def test_unknown_content_encoding_is_not_data(packing: str) -> None:
    answer = raw_response(200, ACME, {"content-encoding": packing})
    async with RawHttpServer(lambda _: RawReply(iter([answer]))).serving() as server, client(server.base) as api:
        with pytest.raises(UnexpectedResponse):
            await read(api)


@pytest.mark.promise("N5")
async def test_damaged_gzip_is_not_data() -> None:
    packed = gzipped(ACME)
    sizes = iter([*range(1, len(packed)), 0])

    def reply(_: object) -> RawReply:
        size = next(sizes)
        body = packed[:size] if size else packed[:15] + b"\xff\xff" + packed[17:]
        return raw_reply(200, body, {"content-encoding": "gzip"})

    async with RawHttpServer(reply).serving() as server, client(server.base) as api:
        for _ in range(len(packed)):
            with pytest.raises(UnexpectedResponse):
                await read(api)


@pytest.mark.promise("N5")
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_bearer_follows_no_redirect(call: Callable[[CustomerApi], Any], status: int) -> None:
    async with RawHttpServer(lambda _: raw_reply(200, ACME)).serving() as other:
        target = other.base.removesuffix("/api/v1") + "/login"
        reply = lambda _: raw_reply(status, b"", {"location": target})  # noqa: E731
        async with RawHttpServer(reply).serving() as server, client(server.base) as api:
            with pytest.raises(UnexpectedResponse) as caught:
                await call(api)
            assert len(server.seen) == 1
        assert other.seen == []
    assert caught.value.status == status
    assert "login" in caught.value.text


@pytest.mark.promise("N5")
@pytest.mark.parametrize("location", ["http://[", "http://x:99999999/", "\x7f", "//", "javascript:alert(1)"])
async def test_redirect_to_invalid_address_is_an_error(location: str) -> None:
    async with RawHttpServer(lambda _: raw_reply(302, b"", {"location": location})).serving() as server:
        async with client(server.base) as api:
            with pytest.raises((UnexpectedResponse, ConnectionLost)):
                await save(api)
        assert len(server.seen) == 1


@pytest.mark.promise("N5")
@pytest.mark.parametrize("answer", [b"SSH-2.0-OpenSSH_9.6\r\n", b"\x15\x03\x01\x00\x02\x02\x46", b"\0" * 200_000])
async def test_server_without_http_is_an_error(answer: bytes) -> None:
    reply = lambda _: RawReply(iter([answer]), then="close")  # noqa: E731
    async with RawHttpServer(reply).serving() as server, client(server.base) as api:
        for call in CALLS:
            with pytest.raises(DockbookError):
                await call(api)
    assert [seen.method for seen in server.seen if seen.method in ("POST", "DELETE")] == ["POST", "DELETE"]


IDS = [
    "ACME-CORP",
    "A/B",
    "A%2FB",
    "a b",
    " a ",
    "ü",
    "?x#y",
    "+",
    "%",
    "%2e%2e",
    "...",
    "../x",
    "all",
    "日本",
    "a;b=c,d:@&$!*'()",
    "\\",
    "😀",
]
PATHS = [
    "ACME-CORP",
    "A%2FB",
    "A%252FB",
    "a%20b",
    "%20a%20",
    "%C3%BC",
    "%3Fx%23y",
    "%2B",
    "%25",
    "%252e%252e",
    "...",
    "..%2Fx",
    "all",
    "%E6%97%A5%E6%9C%AC",
    "a%3Bb%3Dc%2Cd%3A%40%26%24%21%2A%27%28%29",
    "%5C",
    "%F0%9F%98%80",
]


@pytest.mark.parametrize(("short_id", "path"), zip(IDS, PATHS, strict=True))
async def test_id_arrives_as_one_path_segment(short_id: str, path: str) -> None:
    async with RawHttpServer(lambda _: raw_reply(200, ACME)).serving() as server, client(server.base) as api:
        await api.get(short_id)
        await api.discontinue(short_id)
        assert [seen.target for seen in server.seen] == [f"/api/v1/Customer/{path}"] * 2


async def test_upsert_request_has_expected_bytes_and_headers() -> None:
    body = ACME | {"name": "lone \ud800", "fax": None}
    async with RawHttpServer(lambda _: raw_reply(200, ACME)).serving() as server, client(server.base + "/") as api:
        await api.upsert(body, only_new=True)
        seen = server.seen[0]
    assert (seen.method, seen.target) == ("POST", "/api/v1/Customer")
    assert seen.body == dump_json(body)
    assert json.loads(seen.body) == body
    assert {name: seen.headers.get(name) for name in ("authorization", "if-none-match", "accept-encoding")} == {
        "authorization": "Bearer canary-token-1",
        "if-none-match": "*",
        "accept-encoding": "gzip",
    }
    assert seen.headers["user-agent"].startswith("dockbook/")
